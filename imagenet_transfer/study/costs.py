"""Multiply-adds of training and embedding, by which a plan scales measured rates."""

from collections.abc import Mapping
from typing import Any

from imagenet_transfer.models import network_of
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.models.region_configs import DetectorConfig, RegionConfig, RStarConfig
from imagenet_transfer.training.recipe import Recipe

BACKWARD = 3  # a training step in forward passes: itself, gradients of activations and of weights
ASPECT = 4 / 3  # of PASCAL's photographs (500x375)
GIGA = 1e9
RPN_KERNEL = 9  # cells of the 3x3 convolution of the region proposal network


def image_gmacs(architecture: Network | Mapping[str, Any], num_classes: int = 1000) -> float:
    """Return the billions of multiply-adds of an image's forward pass: 0.72 for AlexNet."""
    return network_of(architecture).image_macs(num_classes) / GIGA


def region_gmacs(
    architecture: Network | Mapping[str, Any], config: RegionConfig, regions: int, rpn: int = 0
) -> float:
    """Return the billions of multiply-adds of a 4:3 photograph's forward pass.

    `regions` go through the network's head; `rpn` is the number of channels of the region proposal
    network (0: none).
    """
    network = network_of(architecture)
    pixels = photograph_pixels(config)
    proposals = pixels / network.stride**2 * rpn * RPN_KERNEL * network.channels
    return (network.trunk_macs(pixels) + proposals + regions * network.head_macs()) / GIGA


def detector_gmacs(network: Network, config: DetectorConfig) -> float:
    """Return the billions of multiply-adds of a forward pass of the detector."""
    return region_gmacs(network, config, config.rois, config.rpn_channels)


def action_gmacs(network: Network, config: RStarConfig) -> float:
    """Return the billions of multiply-adds of a forward pass of R*CNN."""
    return region_gmacs(network, config, action_regions(config))


def action_regions(config: RStarConfig) -> int:
    """Return how many regions R*CNN looks at in an image."""
    return config.primaries * (1 + config.secondaries * config.context)


def photograph_pixels(config: RegionConfig) -> float:
    """Return the pixels of a 4:3 photograph as networks that judge regions see it."""
    long = min(config.short_side * ASPECT, config.long_side)
    return long * (long / ASPECT)


def work_outputs(
    work: str, architecture: Network | Mapping[str, Any], recipe: Recipe | Mapping[str, Any] | None
) -> float:
    """Return how many numbers the layers with weights put out for an image, in a forward pass.

    `work` is embed or the recipe's kind of work.
    """
    network = network_of(architecture)
    head = sum(layer.side**2 * layer.units for part in network.head() for layer in part.layers)
    trunk = [layer for part in network.trunk() for layer in part.layers]
    if work not in ("detection", "action"):
        return sum(layer.side**2 * layer.units for layer in trunk) + head
    recipe = Recipe.of(recipe)
    config = recipe.detector or recipe.rstarcnn
    regions = config.rois if work == "detection" else action_regions(config)
    pixels = photograph_pixels(config)
    return sum(pixels / layer.stride**2 * layer.units for layer in trunk) + regions * head


def work_gmacs(
    work: str, architecture: Network | Mapping[str, Any], recipe: Recipe | Mapping[str, Any] | None
) -> float:
    """Return the billions of multiply-adds of an image, including its backward pass if any.

    `work` is embed or the recipe's kind of work.
    """
    network = network_of(architecture)
    if work in ("embed", "last-layer"):
        return image_gmacs(network)
    if work == "detection":
        return BACKWARD * detector_gmacs(network, Recipe.of(recipe).detector)
    if work == "action":
        return BACKWARD * action_gmacs(network, Recipe.of(recipe).rstarcnn)
    return BACKWARD * image_gmacs(network)
