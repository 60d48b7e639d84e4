"""R*CNN (Gkioxari, Girshick & Malik 2015) on AlexNet: what a person does, judged by the person and one region beside.

An action's score is that of the person's own region plus the highest that any region around the person gets for it.
It follows gkioxari/RstarCNN, less the offsets of boxes, which that code trains beside the scores and never uses.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.models.boxes import draw, draw_each, mirrored
from imagenet_transfer.models.operators import box_iou
from imagenet_transfer.models.region_configs import RStarConfig
from imagenet_transfer.models.region_network import RegionNetwork, new_layer


class Regions(NamedTuple):
    """Regions of one image, half-open boxes in pixels: primary (P,4), secondary (S,4), which belong together (P,S)."""

    primary: Tensor
    secondary: Tensor
    paired: Tensor

    def mirrored(self, width: int) -> "Regions":
        """Return the regions in the image's mirror image, which is `width` pixels wide."""
        return Regions(mirrored(self.primary, width), mirrored(self.secondary, width), self.paired)

    def to(self, device: torch.device) -> "Regions":
        """Return the regions on a device."""
        return Regions(*(part.to(device, non_blocking=True) for part in self))


def blanked(image: Tensor, people: Tensor, colour: Sequence[float]) -> Tensor:
    """Return a uint8 RGB image H,W,3 that shows `colour` outside the boxes (N,4) of all people."""
    shown = torch.zeros(image.shape[:2], dtype=torch.bool)
    for left, top, right, bottom in people.round().int().tolist():
        shown[max(top, 0) : bottom, max(left, 0) : right] = True
    return torch.where(shown[..., None], image, torch.tensor(colour, dtype=torch.uint8))


def around(primary: Tensor, boxes: Tensor, config: RStarConfig) -> Tensor:
    """Return which boxes (N,4) may be secondary to which primary ones (P,4), as P,N; none without context."""
    low, high = config.secondary_iou
    overlaps = box_iou(primary, boxes)
    return (overlaps >= low) & (overlaps <= high) & config.context


def training_regions(
    people: Tensor,
    labels: Tensor,
    proposals: Tensor,
    config: RStarConfig,
    generator: torch.Generator,
) -> tuple[Regions, Tensor]:
    """Return an image's regions for one step, drawn at random, and the labels (P,) of its primary ones.

    `people` (N,4) with `labels` (N,). People and proposals are candidates for both kinds; a primary one has the label
    of the person that it overlaps most. R*CNN repeats secondary regions where there are fewer than wanted, which
    changes no maximum but by dropout, and skips primary ones that have none; here these are judged alone [ours].
    """
    candidates = torch.cat([people, proposals])
    overlaps, nearest = box_iou(candidates, people).max(1)
    chosen = draw(overlaps >= config.primary_iou, config.primaries, generator)
    primary = candidates[chosen]
    owners, drawn = draw_each(around(primary, candidates, config), config.secondaries, generator)
    paired = owners == torch.arange(len(primary))[:, None]
    return Regions(primary, candidates[drawn], paired), labels[nearest[chosen]]


def testing_regions(people: Tensor, proposals: Tensor, config: RStarConfig) -> Regions:
    """Return the people themselves (N,4) as primary regions, and the proposals around any of them, as in R*CNN."""
    paired = around(people, proposals, config)
    if config.test_secondaries is not None:
        paired = paired & (paired.cumsum(1) <= config.test_secondaries)
    used = paired.any(0)
    return Regions(people, proposals[used], paired[:, used])


def with_context(primary: Tensor, secondary: Tensor, paired: Tensor) -> Tensor:
    """Return the scores of actions P,K: those of the primary regions + the maximum over their secondary ones.

    primary P,K; secondary S,K; paired P,S. A primary region without any secondary one keeps its own scores.
    """
    if len(secondary) == 0:
        return primary
    best = secondary.masked_fill(~paired[..., None], -torch.inf).max(1).values
    return primary + torch.where(paired.any(1, keepdim=True), best, 0)


class RStarCNN(RegionNetwork):
    """A classifier of `num_classes` actions (`other` included) on the layers of `trunk`, whose fc8 it drops."""

    def __init__(self, backbone: Backbone, num_classes: int, config: RStarConfig):
        super().__init__(backbone, config)
        self.primary = new_layer(nn.Linear(backbone.network.vector_size, num_classes), 0.01)
        self.secondary = (
            new_layer(nn.Linear(backbone.network.vector_size, num_classes), 0.01)
            if config.context
            else None
        )

    def forward(
        self, images: Tensor, regions: Sequence[Regions], keys: Sequence[Hashable] | None = None
    ) -> Tensor:
        """Return the scores (sum of P,num_classes) of each image's primary regions; images uint8 RGB N,H,W,3.

        `keys`: see `view`.
        """
        view = self.view(images, keys)
        if self.secondary is None:
            rois = [image.primary * view.factor for image in regions]
            return self.primary(self.region_features(view.features, rois)).float()
        rois = [torch.cat([image.primary, image.secondary]) * view.factor for image in regions]
        numbers = [len(part) for image in regions for part in (image.primary, image.secondary)]
        parts = self.region_features(view.features, rois).split(numbers)
        own, beside = (
            self.primary(torch.cat(parts[::2])).float(),
            self.secondary(torch.cat(parts[1::2])).float(),
        )
        scores = zip(own.split(numbers[::2]), beside.split(numbers[1::2]), regions, strict=True)
        return torch.cat(
            [with_context(mine, others, image.paired) for mine, others, image in scores]
        )

    def loss(
        self,
        images: Tensor,
        regions: Sequence[Regions],
        labels: Tensor,
        keys: Sequence[Hashable] | None = None,
    ) -> Tensor:
        """Return the softmax cross-entropy summed over the primary regions, labels (sum of P,)."""
        return F.cross_entropy(self(images, regions, keys), labels, reduction="sum")
