"""Training states and weights on disk: whole or absent, and never those of another run."""

import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import atomic_write, check_regular, remove_leftovers
from imagenet_transfer.models.backbone import Backbone

ADVICE = "save weights with torch.save(model.state_dict())"
COUNTER = "num_batches_tracked"  # of BatchNorm: the only whole numbers among weights


class StateFile:
    """The state that a killed run continues from.

    The workflow does not know the file, which lies next to the run's outputs and is removed after
    success. `fingerprint` stands for everything that the state was computed from; a state with
    another one is not used.
    """

    def __init__(self, path: Path | str, fingerprint: str):
        self.path = Path(path)
        self.fingerprint = fingerprint

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file by `state`: only tensors, numbers, text, lists and dictionaries."""
        _save(self.path, {"fingerprint": self.fingerprint, **state})

    def load(self) -> tuple[dict[str, Any] | None, str]:
        """Return the state and a sentence about it for the log; None if there is no usable one."""
        if not self.path.exists():
            return None, "Starts from the beginning: there is no saved state."
        found = f"Starts afresh: the saved state {self.path}"
        try:
            state = load_plain(self.path)
        except Unreadable as error:
            return None, f"{found} cannot be read ({error})."
        if not (isinstance(state, dict) and {"fingerprint", "step"} <= state.keys()):
            return None, f"Starts afresh: {self.path} is not a saved state."
        if state["fingerprint"] != self.fingerprint:
            return None, f"{found} was computed from other settings or data."
        return state, f"Continues from step {state['step']} of {self.path}."

    def remove(self) -> None:
        """Delete the file and the leftovers of killed attempts, once the outputs are complete."""
        self.path.unlink(missing_ok=True)
        remove_leftovers(self.path)


def save_weights(path: Path | str, model: torch.nn.Module) -> None:
    """Write a model's parameters and statistics as plain tensors on the CPU."""
    tensors = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict().items()
    }
    _save(path, tensors)


def _save(path: Path | str, content: dict[str, Any]) -> None:
    # Given a path, torch.save would write its name into the file: other bytes each time.
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)


class Unreadable(Exception):
    """A file that torch.load rejects; the text is the reason."""


def load_plain(path: Path | str, allowed: Sequence[type] = ()) -> Any:
    """Return plain types and tensors that `torch.save` wrote; nothing in the file is executed.

    `allowed` are types of objects that may be among them. Raises Unreadable.
    """
    try:
        _check_archive(check_regular(path))
        with warnings.catch_warnings(), torch.serialization.safe_globals(list(allowed)):
            warnings.simplefilter("ignore")  # about torch.jit archives; the error says it too
            return torch.load(path, map_location="cpu", weights_only=True)
    except (Unreadable, MemoryError):
        raise
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    except Exception as error:  # a damaged pickle may raise anything
        reason = " ".join(str(error).split(". ")[0].split())
        raise Unreadable(reason[:150] or type(error).__name__) from error


def _check_archive(path: Path) -> None:
    """Raise Unreadable for an archive that is damaged or unpacks to more than its own size.

    torch.load does not notice flipped bits.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > path.stat().st_size:  # torch.save compresses nothing
                raise Unreadable(f"it would unpack to {size:,} bytes, which torch.save never does")
            if damaged := archive.testzip():
                raise Unreadable(f"the checksum of {damaged} in it differs: the file is damaged")


def load_weights(path: Path | str) -> dict[str, torch.Tensor]:
    """Return the tensors saved by `save_weights`; UserError for anything but plain tensors."""
    try:
        tensors = load_plain(path)
    except Unreadable as error:
        raise UserError(
            f"{path} is not a file of plain tensors ({error}): delete it so that it is trained "
            "again, or put weights there that were saved with torch.save(model.state_dict())."
        ) from error
    plain = isinstance(tensors, dict) and all(isinstance(t, Tensor) for t in tensors.values())
    if not plain:
        raise UserError(f"{path} is not a dictionary of tensors: {ADVICE}.")
    check_plain(path, tensors)
    return tensors


def check_plain(path: Path | str, tensors: Mapping[str, Tensor]) -> None:
    """Raise UserError unless all tensors of a file can be those of a network."""
    for name, tensor in tensors.items():
        if problem := _problem_of(str(name), tensor):
            raise UserError(f"{path}: {name} {problem}; {ADVICE}.")


def _problem_of(name: str, tensor: Tensor) -> str | None:
    """Return why a tensor cannot be one of a network's, or None."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return "is not a plain tensor (it is sparse, quantized or without values)"
    counter = is_counter(name) and tensor.dtype == torch.int64
    if not (tensor.is_floating_point() or counter):
        return f"holds values of type {tensor.dtype}, not floating-point numbers"
    if tensor.untyped_storage().nbytes() < tensor.nbytes:
        return "claims more values than the file holds"
    return None


def is_counter(name: str) -> bool:
    """Return whether a tensor counts the batches that a BatchNorm layer has seen."""
    return name.rpartition(".")[2] == COUNTER


def is_missing_counter(name: str, given: Mapping[str, Tensor]) -> bool:
    """Return whether a tensor is a counter that a file lacks, which it may."""
    return is_counter(name) and name not in given


def copy_weights(model: Backbone, path: Path | str, without: Sequence[str] = ()) -> None:
    """Copy a trained network's tensors into `model`, except those of the parts named in `without`.

    Statistics of normalisation layers are copied too; their counters may be missing, as they are in
    older files of torchvision. Raises UserError if a tensor is missing or has another shape, if the
    file has layers that the network lacks, or if a value is infinite or not a number.
    """
    given = load_weights(path)
    wanted = model.state_dict()
    check_layers(path, given, wanted)
    left_out = tuple(f"{module}." for module in model.network.paths(*without))
    for name, tensor in wanted.items():
        if not (name.startswith(left_out) or is_missing_counter(name, given)):
            tensor.copy_(fitting(path, name, given.get(name), tensor))


def check_layers(
    path: Path | str, given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> None:
    """Raise UserError if a file has layers that the network lacks."""
    known = {name.split(".")[0] for name in wanted}
    for name in given:
        if str(name).split(".")[0] not in known:
            raise UserError(
                f"{path}: it has the layer {name}, so the weights belong to another kind of "
                "network; take those of the config's architecture."
            )


def fitting(path: Path | str, name: str, given: Tensor | None, wanted: Tensor) -> Tensor:
    """Return a file's tensor if it fits the network's, else raise UserError."""
    if given is None or given.shape != wanted.shape:
        found = "nothing" if given is None else tuple(given.shape)
        raise UserError(
            f"{path}: {name} should have shape {tuple(wanted.shape)} but the file holds {found}: "
            "the weights belong to another architecture than the one in the config."
        )
    check_values(path, name, given)
    return given


def check_values(path: Path | str, name: str, given: Tensor) -> None:
    """Raise UserError if a tensor holds values that are infinite or not numbers."""
    if not given.float().isfinite().all():
        raise UserError(
            f"{path}: {name} holds values that are infinite or not numbers: the training diverged; "
            "train the network again."
        )
