"""How a network starts: from the weights of a pre-trained one, or at random."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagenet_transfer.models import build_model
from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.training.checkpoints import copy_weights


def classifier(
    architecture: Network | Mapping[str, Any], num_classes: int, weights: Path | str | None
) -> Backbone:
    """Return a network with the weights of a file, except those of the last layer.

    Without a file, it starts at random; torch's generator draws the values.
    """
    model = build_model(architecture, num_classes)
    if weights is not None:
        copy_weights(model, weights, without=(model.network.last,))
    return model


def region_backbone(
    architecture: Network | Mapping[str, Any],
    num_classes: int,
    weights: Path | str | None,
    copy_head: bool,
) -> Backbone:
    """Return a network for judging regions, with the weights of a file or a random start.

    The last layer is not copied, and the head only with `copy_head`. A pre-trained network keeps
    the statistics of its normalisation layers: the regions of a few images are too alike to measure
    them. A random start has none to keep.
    """
    model = build_model(architecture, num_classes)
    if weights is not None:
        network = model.network
        head = () if copy_head else tuple(part.name for part in network.head())
        copy_weights(model, weights, without=(*head, network.last))
        model.keep_statistics()
    return model
