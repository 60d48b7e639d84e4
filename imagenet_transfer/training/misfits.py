"""Why given weights do not fit a network: which network they are of, or which key is wrong."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from imagenet_transfer.keys import training_only
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.training.checkpoints import is_counter

Shapes = Mapping[str, tuple[int, ...]]
NOT_OF_TENSORS = ("model", "image_size")  # keys that change no tensor
LARGE = 10_000  # pixels: no crop is larger
RESNETS = {(2, 2, 2, 2): "ResNet-18", (3, 4, 6, 3): "ResNet-34"}
VGG_LAYERS = (8, 10, 13, 16)  # convolutions of VGG-11, 13, 16, 19


@dataclass(frozen=True)
class Known:
    """A network that the names of its tensors tell, and the model here that has them, if any."""

    name: str
    model: str = ""


def explained(network: Network, tensors: Mapping[str, Tensor], problem: str) -> str:
    """Return why tensors do not fit: that they are of another network if so, else the problem."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    known = recognised(shapes)
    if known is None or known.model == network.model:
        return problem
    if known.model:
        return (
            f"it holds {known.name}, not {network.model}: name it under an architecture of model "
            f"{known.model}."
        )
    if network.has_caffe_layers and "AlexNet" in known.name:
        return (
            f"it holds {known.name}, another network than {network.model} here, which is Caffe's: "
            "take bvlc_alexnet.caffemodel, or torchvision's weights for resnet18 or vgg16."
        )
    return f"it holds {known.name}, which is none of the networks here: take weights of one."


def recognised(shapes: Shapes) -> Known | None:
    """Return which of the networks that are often published has tensors of these names."""
    if "layer1.0.conv1.weight" in shapes:
        return _resnet(shapes)
    if len(shapes.get("features.0.weight", ())) == 4:
        return _of_torchvision(shapes)
    if "conv1_1.weight" in shapes:
        return Known("Caffe's VGG, whose channels are in another order than torchvision's")
    if {"conv1.weight", "conv5.weight", "fc6.weight"} <= shapes.keys():
        return Known("Caffe's AlexNet", "alexnet")
    return None


def _resnet(shapes: Shapes) -> Known:
    if "layer1.0.conv3.weight" in shapes:
        return Known("a ResNet of three convolutions per block, such as ResNet-50")
    found = (re.match(r"layer([1-4])\.(\d+)\.conv1\.weight", name) for name in shapes)
    blocks = Counter(match[1] for match in found if match)
    name = RESNETS.get(tuple(blocks[number] for number in "1234"), "a ResNet")
    return Known(name, "resnet18" if name == "ResNet-18" else "")


def _of_torchvision(shapes: Shapes) -> Known:
    if shapes["features.0.weight"][2:] == (11, 11):
        return Known("torchvision's AlexNet, without groups and local response normalisation")
    number = sum(len(shape) == 4 and name.startswith("features.") for name, shape in shapes.items())
    if number == 13:
        return Known("VGG-16", "vgg16")
    return Known(f"VGG-{number + 3}" if number in VGG_LAYERS else "a network of convolutions")


# Keys of the architecture


def advice_on(network: Network, num_classes: int, name: str, found: Any) -> str:
    """Return which keys of the architecture decide a tensor's shape where it differs from `found`.

    `found` is the shape that the file holds.
    """
    keys = list(_keys_behind(network, num_classes, name, found))
    if not keys:
        return "take weights of the architecture in the config."
    listed = " or ".join(f"`{key}`" for key in keys)
    return f"correct the architecture's {listed}, or take weights of that architecture."


def advice_on_missing(network: Network, num_classes: int, given: Iterable[str]) -> str:
    """Return with which value of which key a file's tensors would be those of the network."""
    names = set(given)
    for key, value, shapes in _changed(network, num_classes):
        if {name for name in shapes if not is_counter(name)} <= names:
            text = str(value).lower() if isinstance(value, bool) else value
            return f"the file fits an architecture with `{key}: {text}`; set it so."
    return "take weights of the architecture in the config."


def _keys_behind(
    network: Network, num_classes: int, name: str, found: tuple[int, ...]
) -> Iterator[str]:
    here = shapes_of(network, num_classes)[name]
    differ = [i for i, size in enumerate(here) if len(found) != len(here) or found[i] != size]
    seen = set()
    for key, _, shapes in _changed(network, num_classes):
        there = shapes.get(name, here)
        if key not in seen and any(there[i] != here[i] for i in differ):
            seen.add(key)
            yield key


def _changed(network: Network, num_classes: int) -> Iterator[tuple[str, Any, Shapes]]:
    """Yield networks with one key changed: the key, its value, and the shapes of the tensors."""
    unused = {*NOT_OF_TENSORS, *training_only(type(network))}
    keys = [item.name for item in fields(network) if item.name not in unused]
    for key in keys:
        for value in _others(getattr(network, key)):
            other = replace(network, **{"image_size": LARGE, key: value})
            if not any(other.problems()):
                yield key, value, shapes_of(other, num_classes)


def _others(value: Any) -> tuple[Any, ...]:
    """Return other values of a key than the present one."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (2 * value, max(value // 2, 1))
    return (2 * value, value / 2) if isinstance(value, float) else ()


def shapes_of(network: Network, num_classes: int) -> Shapes:
    """Return the shapes of a network's tensors by name; none of them gets values."""
    with torch.device("meta"):
        model = network.build(num_classes)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
