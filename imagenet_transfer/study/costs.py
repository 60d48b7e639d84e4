"""Multiply-adds and parameters of networks from their config, without building them: a plan scales rates by them."""

import operator
from collections.abc import Mapping
from typing import Any

# Output channels, kernels and groups of conv1..conv5 [caffe], as in models/alexnet.py, which imports torch.
CHANNELS, KERNELS, GROUPS = (96, 256, 384, 384, 256), (0, 5, 3, 3, 3), (1, 2, 1, 2, 2)
BACKWARD = 3  # a training step's work in forward passes: gradients of activations and of weights cost one each
ASPECT = 4 / 3  # of PASCAL's photographs (500x375)


def channels(architecture: Mapping[str, Any]) -> list[int]:
    """Return the output channels of conv1..conv5."""
    return [max(2, round(c * architecture["width"] / 2) * 2) for c in CHANNELS]


def _pooled(side: int) -> int:
    return -(-(side - 3) // 2) + 1  # 3x3, stride 2, rounded up


def _conv1_side(architecture: Mapping[str, Any]) -> int:
    return (architecture["input_size"] - architecture["conv1_kernel"]) // architecture[
        "conv1_stride"
    ] + 1


def pool5_size(architecture: Mapping[str, Any]) -> int:
    """Return the side of pool5's output in cells: 6 for 227-pixel images."""
    return _pooled(_pooled(_pooled(_conv1_side(architecture))))


def _kernel_sizes(architecture: Mapping[str, Any]) -> list[int]:
    """Return the weights of one output unit of conv1..conv5."""
    widths = [3, *channels(architecture)]
    kernels = [architecture["conv1_kernel"], *KERNELS[1:]]
    return [kernels[i] ** 2 * widths[i] // GROUPS[i] for i in range(5)]


def _linear_sizes(architecture: Mapping[str, Any]) -> tuple[int, int]:
    """Return the weights of fc6 and fc7."""
    width = architecture["fc_width"]
    return channels(architecture)[-1] * pool5_size(architecture) ** 2 * width, width * width


def _trunk(architecture: Mapping[str, Any], cells: tuple[float, float, float]) -> float:
    """Return the multiply-adds of conv1..conv5, given the cells of conv1, of conv2, and of conv3 to conv5."""
    at = (cells[0], cells[1], cells[2], cells[2], cells[2])
    widths, sizes = channels(architecture), _kernel_sizes(architecture)
    return sum(at[i] * widths[i] * sizes[i] for i in range(5))


def image_gmacs(architecture: Mapping[str, Any], num_classes: int = 1000) -> float:
    """Return the billions of multiply-adds of one forward pass of one image: 0.72 for the paper's AlexNet."""
    first = _conv1_side(architecture)
    second = _pooled(first)
    trunk = _trunk(architecture, (first**2, second**2, _pooled(second) ** 2))
    return (trunk + sum(_linear_sizes(architecture)) + architecture["fc_width"] * num_classes) / 1e9


def region_gmacs(
    architecture: Mapping[str, Any], short_side: int, long_side: int, regions: int, rpn: int
) -> float:
    """Return the billions of multiply-adds of one forward pass of one photograph with so many regions.

    `rpn` is the number of channels of the region proposal network (0: none); the photograph is of 4:3.
    """
    long = min(short_side * ASPECT, long_side)
    cells = long * (long / ASPECT) / architecture["conv1_stride"] ** 2
    last = cells / 16  # two pools of stride 2
    trunk = _trunk(architecture, (cells, cells / 4, last))
    proposals = last * rpn * 9 * channels(architecture)[-1]
    return (trunk + proposals + regions * sum(_linear_sizes(architecture))) / 1e9


def work_of(recipe: Mapping[str, Any]) -> str:
    """Return which kind of work a recipe is: train, last-layer, detection or action."""
    if "detector" in recipe:
        return "detection"
    if "rstarcnn" in recipe:
        return "action"
    return "last-layer" if recipe.get("layers", "all") == "last" else "train"


def work_gmacs(work: str, architecture: Mapping[str, Any], recipe: Mapping[str, Any]) -> float:
    """Return the billions of multiply-adds that one image of a kind of work costs, the backward pass included."""
    if work in ("embed", "last-layer"):
        return image_gmacs(architecture)
    if work == "detection":
        detector = {
            "short_side": 600,
            "long_side": 1000,
            "rois": 128,
            "rpn_channels": 256,
            **recipe["detector"],
        }
        sides = detector["short_side"], detector["long_side"]
        return BACKWARD * region_gmacs(
            architecture, *sides, detector["rois"], detector["rpn_channels"]
        )
    if work == "action":
        config = {
            "short_side": 600,
            "long_side": 1000,
            "primaries": 15,
            "secondaries": 10,
            **recipe["rstarcnn"],
        }
        regions = config["primaries"] * (
            1 + config["secondaries"] * bool(config.get("context", True))
        )
        return BACKWARD * region_gmacs(
            architecture, config["short_side"], config["long_side"], regions, 0
        )
    return BACKWARD * image_gmacs(architecture)


def parameters(architecture: Mapping[str, Any], num_classes: int) -> int:
    """Return the number of weights and biases: 60,965,224 for the paper's AlexNet with 1000 classes."""
    widths, width = channels(architecture), architecture["fc_width"]
    weights = (
        sum(map(operator.mul, widths, _kernel_sizes(architecture)))
        + sum(_linear_sizes(architecture))
        + width * num_classes
    )
    return weights + sum(widths) + 2 * width + num_classes
