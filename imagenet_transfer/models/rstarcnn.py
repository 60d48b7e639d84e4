"""R*CNN (Gkioxari, Girshick & Malik 2015): what a person does, judged by two regions.

An action's score is that of the person's own region (the primary one) plus the highest score that
any region around the person (a secondary one) has for it. This follows gkioxari/RstarCNN, without
the offsets of boxes, which that code trains but never uses.
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
    """Regions of one image; boxes are half-open, in pixels."""

    primary: Tensor  # (P,4)
    secondary: Tensor  # (S,4)
    paired: Tensor  # which belong together (P,S)

    def mirrored(self, width: int) -> "Regions":
        """Return the regions in the image's mirror image, which is `width` pixels wide."""
        return Regions(mirrored(self.primary, width), mirrored(self.secondary, width), self.paired)

    def to(self, device: torch.device) -> "Regions":
        """Return the regions on a device."""
        return Regions(*(part.to(device, non_blocking=True) for part in self))


def blanked(image: Tensor, people: Tensor, colour: Sequence[float]) -> Tensor:
    """Return a uint8 RGB image H,W,3 that shows `colour`, rounded, outside people's boxes (N,4)."""
    shown = torch.zeros(image.shape[:2], dtype=torch.bool)
    for left, top, right, bottom in people.round().int().tolist():
        shown[max(top, 0) : bottom, max(left, 0) : right] = True
    blank = torch.tensor(colour, dtype=torch.float32).round().to(torch.uint8)
    return torch.where(shown[..., None], image, blank)


def around(primary: Tensor, boxes: Tensor, config: RStarConfig) -> Tensor:
    """Return which boxes (N,4) may be secondary to which primary ones (P,4), as a mask P,N.

    Without context, none may.
    """
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
    """Return an image's random regions for one step, and the labels (P,) of its primary ones.

    `people` (N,4) have `labels` (N,). People and proposals are candidates for both kinds; a primary
    region has the label of the person that it overlaps most.

    Unlike R*CNN's code, which skips primary regions without secondary ones, this judges them on
    their own. That code also repeats secondary regions where there are too few, which changes no
    maximum except through dropout.
    """
    candidates = torch.cat([people, proposals])
    overlaps, nearest = box_iou(candidates, people).max(1)
    chosen = draw(overlaps >= config.primary_iou, config.primaries, generator)
    primary = candidates[chosen]
    owners, drawn = draw_each(around(primary, candidates, config), config.secondaries, generator)
    paired = owners == torch.arange(len(primary))[:, None]
    return Regions(primary, candidates[drawn], paired), labels[nearest[chosen]]


def testing_regions(people: Tensor, proposals: Tensor, config: RStarConfig) -> Regions:
    """Return people (N,4) as primary regions and the proposals around them, as in R*CNN's code."""
    paired = around(people, proposals, config)
    if config.test_secondaries is not None:
        paired = paired & (paired.cumsum(1) <= config.test_secondaries)
    used = paired.any(0)
    return Regions(people, proposals[used], paired[:, used])


def with_context(primary: Tensor, secondary: Tensor, paired: Tensor) -> Tensor:
    """Return the actions' scores P,K: of primary regions + the maximum of their secondary ones.

    primary P,K; secondary S,K; paired P,S. A primary region without secondary ones keeps its own.
    """
    if len(secondary) == 0:
        return primary
    apart = ~paired
    best = secondary.masked_fill(apart[..., None], -torch.inf).max(1).values
    return primary + best.masked_fill(apart.all(1, keepdim=True), 0)


class RStarCNN(RegionNetwork):
    """A classifier of `num_classes` actions (`other` included) on a network's trunk and head."""

    def __init__(self, backbone: Backbone, num_classes: int, config: RStarConfig):
        super().__init__(backbone, config)
        size = backbone.network.vector_size
        self.primary = new_layer(nn.Linear(size, num_classes), 0.01)
        self.secondary = new_layer(nn.Linear(size, num_classes), 0.01) if config.context else None

    def forward(
        self, images: Tensor, regions: Sequence[Regions], keys: Sequence[Hashable] | None = None
    ) -> Tensor:
        """Return the scores (sum of P, num_classes) of each image's primary regions.

        Images are uint8 RGB N,H,W,3. `keys`: see `view`.
        """
        view = self.view(images, keys)
        if self.secondary is None:
            rois = [image.primary * view.factor for image in regions]
            return self.primary(self.region_features(view.features, rois)).float()
        boxes = [part for image in regions for part in (image.primary, image.secondary)]
        numbers = [len(part) for part in boxes]
        totals = [len(image.primary) + len(image.secondary) for image in regions]
        rois = (torch.cat(boxes) * view.factor).split(totals)
        parts = self.region_features(view.features, rois).split(numbers)
        own = self.primary(torch.cat(parts[::2])).float().split(numbers[::2])
        others = self.secondary(torch.cat(parts[1::2])).float().split(numbers[1::2])
        images_scores = zip(own, others, regions, strict=True)
        return torch.cat([with_context(a, b, image.paired) for a, b, image in images_scores])

    def loss(
        self,
        images: Tensor,
        regions: Sequence[Regions],
        labels: Tensor,
        keys: Sequence[Hashable] | None = None,
    ) -> Tensor:
        """Return the softmax cross-entropy, summed over the primary regions; labels (sum of P,)."""
        return F.cross_entropy(self(images, regions, keys), labels, reduction="sum")
