"""Architectures by the name that a config gives them."""

from collections.abc import Mapping
from typing import Any

from imagenet_transfer.models.alexnet import AlexNet

MODELS = {"alexnet": AlexNet}


def build_model(config: Mapping[str, Any], num_classes: int) -> AlexNet:
    """Return a network with first values drawn from torch's generator; `config` is an architecture of the study."""
    return MODELS[config["model"]](config, num_classes)
