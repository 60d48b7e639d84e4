"""Training states and weights on disk: whole or absent, and never of another run."""

import pickle
from pathlib import Path
from typing import Any

import torch

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import atomic_write


class StateFile:
    """The state that a killed run continues from: an undeclared sibling of its outputs, removed after success.

    `fingerprint` stands for everything that the state was computed from; a state with another one is not used.
    """

    def __init__(self, path: Path | str, fingerprint: str):
        self.path = Path(path)
        self.fingerprint = fingerprint

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file by `state` (tensors, numbers, text, lists and dictionaries only)."""
        _save(self.path, {"fingerprint": self.fingerprint, **state})

    def load(self) -> tuple[dict[str, Any] | None, str]:
        """Return the state, or None if there is none to continue from, and a sentence about it for the log."""
        if not self.path.exists():
            return None, "Starts from the beginning: there is no saved state."
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            saved_by = state["fingerprint"]
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, OSError) as error:
            return None, f"Starts afresh: the saved state {self.path} cannot be read ({type(error).__name__})."
        if saved_by != self.fingerprint:
            return None, f"Starts afresh: the saved state {self.path} was computed from other settings or data."
        return state, f"Continues from step {state['step']} of {self.path}."

    def remove(self) -> None:
        """Delete the file: the run's outputs are complete."""
        self.path.unlink(missing_ok=True)


def save_weights(path: Path | str, model: torch.nn.Module) -> None:
    """Write a model's parameters as plain float tensors on the CPU."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    _save(path, tensors)


def _save(path: Path | str, content: dict[str, Any]) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)  # given a path, it would write the path's name into the file: other bytes each time


def load_weights(path: Path | str) -> dict[str, torch.Tensor]:
    """Return the parameters saved by `save_weights`; raise UserError for anything that is not plain tensors."""
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{path} is not a file of plain tensors ({reason}): delete it so that it is trained again, or put weights "
            "there that were saved with torch.save(model.state_dict())."
        ) from error
    if not isinstance(tensors, dict) or not all(isinstance(t, torch.Tensor) for t in tensors.values()):
        raise UserError(f"{path} holds no dictionary of tensors: save weights with torch.save(model.state_dict()).")
    return tensors


def copy_weights(model: torch.nn.Module, path: Path | str, without: tuple[str, ...]) -> None:
    """Copy a trained network's parameters into `model`, all but those whose layer is named in `without`.

    Raises UserError if a layer is missing in the file or has another shape.
    """
    given, wanted = load_weights(path), model.state_dict()
    for name, tensor in wanted.items():
        if name.split(".")[0] in without:
            continue
        if name not in given or given[name].shape != tensor.shape:
            found = tuple(given[name].shape) if name in given else "nothing"
            raise UserError(
                f"{path}: {name} should have shape {tuple(tensor.shape)} but the file holds {found}: "
                "the weights belong to another architecture than the one in the config."
            )
        tensor.copy_(given[name])
