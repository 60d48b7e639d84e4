"""Tensors of a given file on their way into a network: which they are, and whether they fit."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from imagenet_transfer.data.layouts.listing import first_names, printable
from imagenet_transfer.errors import UserError
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.training.checkpoints import (
    check_plain,
    check_values,
    is_counter,
    is_missing_counter,
)
from imagenet_transfer.training.misfits import (
    Shapes,
    advice_on,
    advice_on_missing,
    explained,
)

Tensors = Mapping[str, Tensor]


def number_of_classes(path: Path, network: Network, tensors: Tensors) -> int:
    """Return the outputs of a file's last layer; UserError if it has none."""
    name = f"{network.last_module}.weight"
    last = tensors.get(name)
    if last is None:
        problem = (
            f"it holds {first_names(tensors)}, not {name}, the last layer of {network.model}, "
            "which tells the number of classes: take whole weights of this network."
        )
        raise _refusal(path, network, tensors, problem)
    number = len(last) if last.ndim else 1
    if number < 1:
        raise UserError(f"{path}: {name} has no classes: take whole weights of this network.")
    return number


def check_modules(path: Path, network: Network, tensors: Tensors, wanted: Shapes) -> None:
    """Raise UserError for tensors that a module of the network does not have.

    `wanted` are the shapes of the network's tensors. Other modules than the network's may be there:
    heads and the like.
    """
    modules = {name.partition(".")[0] for name in wanted}
    for name in tensors:
        if name not in wanted and name.partition(".")[0] in modules and not is_counter(name):
            advice = advice_on_missing(network, 2, tensors)
            problem = f"{network.model} has no {printable(name)}, which the file holds: {advice}"
            raise _refusal(path, network, tensors, problem)


def fitted(
    path: Path, network: Network, tensors: Tensors, wanted: Shapes
) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor of the network as the file holds it; UserError for one that does not fit.

    Counters of normalisation layers may be missing, as in older files of torchvision.
    """
    num_classes = wanted[f"{network.last_module}.weight"][0]
    for name, shape in wanted.items():
        if is_missing_counter(name, tensors):
            continue
        given = tensors.get(name)
        if given is None:
            advice = advice_on_missing(network, num_classes, tensors)
            problem = f"it lacks {name}, of shape {shape}: {advice}"
            raise _refusal(path, network, tensors, problem)
        found = tuple(given.shape)
        if found != shape:
            advice = advice_on(network, num_classes, name, found)
            problem = f"{name} should have shape {shape} but the file holds {found}: {advice}"
            raise _refusal(path, network, tensors, problem)
        check_plain(path, {name: given})
        check_values(path, name, given)
        yield name, given


def _refusal(path: Path, network: Network, tensors: Tensors, problem: str) -> UserError:
    return UserError(f"{path}: {explained(network, tensors, problem)}")
