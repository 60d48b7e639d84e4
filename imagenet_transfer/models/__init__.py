"""Networks by the name that a config gives them; torch is imported only to build one."""

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.keys import from_mapping
from imagenet_transfer.models.geometry import Network

if TYPE_CHECKING:
    from imagenet_transfer.models.backbone import Backbone

NETWORKS = {  # model: its description, as module:class
    "alexnet": "imagenet_transfer.models.alexnet:AlexNet",
    "resnet18": "imagenet_transfer.models.resnet18:ResNet18",
    "vgg16": "imagenet_transfer.models.vgg16:VGG16",
}


def network_class(model: str) -> type[Network]:
    """Return the description of a kind of network; UserError for an unknown name."""
    if model not in NETWORKS:
        raise UserError(f"The model '{model}' is unknown: take one of {', '.join(NETWORKS)}.")
    module, _, name = NETWORKS[model].partition(":")
    return getattr(importlib.import_module(module), name)


def network_of(architecture: Network | Mapping[str, Any]) -> Network:
    """Return the description of an architecture in the config; a description stays as it is."""
    if isinstance(architecture, Network):
        return architecture
    what = f"The architecture of model {architecture['model']}"
    return from_mapping(network_class(architecture["model"]), architecture, what)


def build_model(architecture: Network | Mapping[str, Any], num_classes: int) -> "Backbone":
    """Return a network with first values drawn from torch's generator."""
    return network_of(architecture).build(num_classes)


def feature_layers(architectures: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the names of the layers that features of some architectures can be taken from."""
    networks = map(network_of, architectures)
    return {layer for network in networks for layer in network.feature_sizes(num_classes=1)}
