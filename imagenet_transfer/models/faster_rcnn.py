"""Faster R-CNN (Ren et al. 2015), trained end to end by approximate joint training.

It follows py-faster-rcnn, which the paper used, and differs from torchvision's detector in these
points: one feature map, no training on anchors that cross the border, max pooling of RoIs, two
scores per anchor, the scales of the losses.
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagenet_transfer.errors import UserError
from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.models.boxes import (
    Candidates,
    Objects,
    Sample,
    anchor_grid,
    anchor_sides,
    decode,
    draw_sample,
    encode,
    inside,
    match_anchors,
    smooth_l1,
)
from imagenet_transfer.models.operators import (
    batched_nms,
    box_iou,
    clip_to_image,
    image_numbers,
    moved,
    nms,
)
from imagenet_transfer.models.region_configs import DetectorConfig
from imagenet_transfer.models.region_network import RegionNetwork, View, new_layer

# py-faster-rcnn's constants
OFFSET_STD = (0.1, 0.1, 0.2, 0.2)  # units in which the head predicts offsets
RPN_SIGMA = 3.0  # of the smooth L1 losses
HEAD_SIGMA = 1.0

KEPT_GRIDS = 64  # sizes of images whose anchors are kept: half a megabyte each in the paper's


class Grid(NamedTuple):
    """The anchors of images of one size."""

    anchors: Tensor  # (A,4), also those across the border
    usable: Tensor  # positions (U,) of those inside the image; on the CPU
    inside: Tensor  # those (U,4)


class Detections(NamedTuple):
    """What was found in one image, best first; on the CPU."""

    boxes: Tensor  # (N,4), half-open, in pixels
    labels: Tensor  # class numbers (N,) from 1
    scores: Tensor  # (N,)


class RegionProposalNetwork(nn.Module):
    """Scores and offsets of the anchors at every cell (Ren et al. 2015, section 3.1)."""

    def __init__(self, in_channels: int, channels: int, num_anchors: int):
        super().__init__()
        self.conv = new_layer(nn.Conv2d(in_channels, channels, 3, padding=1), 0.01)
        self.scores = new_layer(nn.Conv2d(channels, 2 * num_anchors, 1), 0.01)
        self.offsets = new_layer(nn.Conv2d(channels, 4 * num_anchors, 1), 0.01)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return background and object scores (N,anchors,2) and offsets (N,anchors,4).

        Anchors are in the order of `anchor_grid`.
        """
        x = F.relu(self.conv(features))
        scores, offsets = (
            layer(x).float().permute(0, 2, 3, 1).flatten(1) for layer in (self.scores, self.offsets)
        )
        return scores.unflatten(1, (-1, 2)), offsets.unflatten(1, (-1, 4))


class FasterRCNN(RegionNetwork):
    """A detector of `num_classes` classes (without background) on a network's trunk and head."""

    def __init__(self, backbone: Backbone, num_classes: int, config: DetectorConfig):
        super().__init__(backbone, config)
        network = backbone.network
        self.config = config
        shapes = config.anchor_base, config.anchor_scales, config.anchor_ratios
        self._anchor_sides = anchor_sides(*shapes)
        self._grid = lru_cache(maxsize=KEPT_GRIDS)(self._grid)
        self.register_buffer("offset_std", torch.tensor(OFFSET_STD), persistent=False)
        number = len(self._anchor_sides)
        self.rpn = RegionProposalNetwork(network.channels, config.rpn_channels, number)
        self.scores = new_layer(nn.Linear(network.vector_size, num_classes + 1), 0.01)
        self.offsets = new_layer(nn.Linear(network.vector_size, 4 * (num_classes + 1)), 0.001)

    def grid(self, view: View) -> Grid:
        """Return the anchors of images of this size."""
        return self._grid(view.features.shape[2:], view.size, view.features.device)

    @torch.inference_mode(False)
    def _grid(self, cells: torch.Size, size: tuple[int, int], device: torch.device) -> Grid:
        anchors = anchor_grid(self._anchor_sides, *cells, self.trunk.network.stride)
        usable = inside(anchors, *size).nonzero().squeeze(1)
        here, inside_here = (
            part.to(device, non_blocking=True) for part in (anchors, anchors[usable])
        )
        return Grid(here, usable, inside_here)

    def loss(
        self, images: Tensor, objects: Sequence[Objects], keys: Sequence[Hashable] | None = None
    ) -> Tensor:
        """Return the training loss of uint8 RGB images N,H,W,3 of one size.

        Each image has at least one object. The loss is the mean over the images of the sum of four
        losses: scores and offsets of the RPN and of the head. `keys`: see `view`. Raises UserError
        if no anchor fits into the images.
        """
        view = self.view(images, keys)
        grid = self.grid(view)
        _check_usable(grid, view.size)
        numbers = [len(image.labels) for image in objects]
        boxes, labels = (
            torch.cat(parts).to(images.device, non_blocking=True)
            for parts in zip(*objects, strict=True)
        )
        truth = Objects(boxes * view.factor, labels)
        scores, offsets = self.rpn(view.features)
        anchors = self.label_anchors(grid, truth, numbers)
        proposals = self.proposals(scores, offsets, grid.anchors, view)
        boxes, rois = self.label_rois(proposals, truth, numbers)
        samples = self.draw_samples(anchors, rois)
        rpn_loss = self.rpn_loss(scores, offsets, grid, anchors, samples[0], truth)
        return rpn_loss + self.head_loss(view.features, boxes, rois, samples[1], truth)

    def label_anchors(self, grid: Grid, truth: Objects, numbers: Sequence[int]) -> Candidates:
        """Return what usable anchors are in images with these `numbers` of objects in turn."""
        ious = self.config.rpn_positive_iou, self.config.rpn_negative_iou
        return match_anchors(grid.inside, truth.boxes, numbers, *ious)

    def draw_samples(self, anchors: Candidates, rois: Candidates) -> tuple[Sample, Sample]:
        """Return random anchors and RoIs to train on.

        All images' candidates are read at once, as each reading waits for the GPU, and the draws
        are the CPU's: how many there are to draw from is known only then.
        """
        config = self.config
        kinds = torch.cat([anchors.kinds, rois.kinds]).cpu()
        of_anchors, of_rois = kinds.split([len(anchors.kinds), len(rois.kinds)])
        rpn_share, roi_share = config.rpn_positive_fraction, config.foreground_fraction
        return (
            draw_sample(of_anchors, anchors.numbers, config.rpn_samples, rpn_share),
            draw_sample(of_rois, rois.numbers, config.rois, roi_share),
        )

    def rpn_loss(
        self,
        scores: Tensor,
        offsets: Tensor,
        grid: Grid,
        anchors: Candidates,
        sample: Sample,
        truth: Objects,
    ) -> Tensor:
        """Return the RPN's loss: the mean over images of mean score loss + mean offset loss."""
        image = sample.positions // len(grid.usable)
        places = grid.usable[sample.positions % len(grid.usable)]
        rows = image * len(grid.anchors) + places  # of the scores of all images
        foreground = sample.foreground
        parts = (
            rows,
            sample.kinds,
            *(part[foreground] for part in (rows, places, sample.positions)),
        )
        rows, labels, positive, places, matched = moved(scores.device, *parts)
        targets = encode(truth.boxes[anchors.matched[matched]], grid.anchors[places])
        images = zip(
            scores.flatten(0, 1)[rows].split(sample.numbers),
            labels.split(sample.numbers),
            offsets.flatten(0, 1)[positive].split(sample.objects),
            targets.split(sample.objects),
            strict=True,
        )
        return torch.stack([_sampled_loss(*image) for image in images]).mean()

    @torch.no_grad()
    def proposals(
        self, scores: Tensor, offsets: Tensor, anchors: Tensor, view: View
    ) -> list[Tensor]:
        """Return each image's proposals (P,4), best first; the config limits their number."""
        config = self.config
        before, kept = self.numbers_of_proposals()
        objectness, order = (scores[..., 1] - scores[..., 0]).topk(min(before, len(anchors)))
        candidates = decode(offsets.gather(1, order[..., None].expand(-1, -1, 4)), anchors[order])
        candidates = clip_to_image(candidates, view.size)
        sides = candidates[..., 2:] - candidates[..., :2]
        large = (sides >= config.proposal_min_side * view.factor).all(-1)
        rows = [image.nonzero().squeeze(1) for image in large.cpu()]  # read once for all images
        proposals = []
        for image, at in enumerate(moved(scores.device, *rows)):
            boxes = candidates[image, at]
            best = nms(boxes, objectness[image, at], config.proposal_nms)[:kept]
            proposals.append(boxes[best])
        return proposals

    def numbers_of_proposals(self) -> tuple[int, int]:
        """Return at most how many proposals there are before and after suppression."""
        config = self.config
        if self.training:
            return config.train_proposals_before_nms, config.train_proposals
        return config.test_proposals_before_nms, config.test_proposals

    def label_rois(
        self, proposals: Sequence[Tensor], truth: Objects, numbers: Sequence[int]
    ) -> tuple[Tensor, Candidates]:
        """Return boxes (N,4) that may become RoIs, and what they are.

        They are each image's proposals and objects (`numbers` of them in turn): with these, there
        is foreground in the first step already.
        """
        pairs = zip(proposals, truth.boxes.split(numbers), strict=True)
        parts = [torch.cat(pair) for pair in pairs]
        boxes = torch.cat(parts)
        counts = [len(part) for part in parts]
        others = image_numbers(counts)[:, None] != image_numbers(numbers)
        overlaps = box_iou(boxes, truth.boxes)
        overlaps.masked_fill_(others.to(boxes.device, non_blocking=True), -1)
        best, matched = overlaps.max(1)
        low, high = self.config.background_iou
        kinds = torch.where((best >= low) & (best < high), 0, -1)
        kinds = kinds.masked_fill(best >= self.config.foreground_iou, 1)
        return boxes, Candidates(kinds, matched, counts)

    def head(self, features: Tensor, rois: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return class scores (K,classes + 1) and offsets (K,classes + 1,4) of all images' RoIs."""
        x = self.region_features(features, rois)
        return self.scores(x).float(), self.offsets(x).float().unflatten(1, (-1, 4))

    def head_loss(
        self, features: Tensor, boxes: Tensor, rois: Candidates, sample: Sample, truth: Objects
    ) -> Tensor:
        """Return the head's score loss + its offset loss, both divided by the number of RoIs."""
        chosen, labels, targets = self.roi_targets(boxes, rois, sample, truth)
        scores, offsets = self.head(features, chosen.split(sample.numbers))
        (foreground,) = moved(boxes.device, sample.foreground)
        predicted = offsets[foreground, labels[foreground]]
        offset_loss = smooth_l1(predicted, targets[foreground], HEAD_SIGMA)
        return F.cross_entropy(scores, labels) + offset_loss / len(labels)

    def roi_targets(
        self, boxes: Tensor, rois: Candidates, sample: Sample, truth: Objects
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return RoIs (S,4) to train on, their class numbers (S,) and their offsets (S,4).

        Offsets lead to the object that a RoI overlaps most.
        """
        positions, kinds = moved(boxes.device, sample.positions, sample.kinds)
        matched = rois.matched[positions]
        chosen = boxes[positions]
        targets = encode(truth.boxes[matched], chosen) / self.offset_std
        return chosen, truth.labels[matched] * kinds, targets

    @torch.inference_mode()
    def detect(self, images: Tensor) -> list[Detections]:
        """Return what is found in each of the uint8 RGB images N,H,W,3 of one size.

        Boxes are in pixels of these images.
        """
        view = self.view(images)
        proposals = self.proposals(*self.rpn(view.features), self.grid(view).anchors, view)
        scores, offsets = self.head(view.features, proposals)
        boxes = decode(offsets * self.offset_std, torch.cat(proposals)[:, None]) / view.factor
        boxes = clip_to_image(boxes, tuple(images.shape[1:3]))
        both = torch.cat([boxes, scores.softmax(1)[..., None]], dim=2).cpu()  # read once
        images = both.split([len(image) for image in proposals])
        return [self.select(image[..., :4], image[..., 4]) for image in images]

    def select(self, boxes: Tensor, scores: Tensor) -> Detections:
        """Return one image's detections above the threshold, after NMS within each class."""
        config = self.config
        roi, label = (scores[:, 1:] > config.score_threshold).nonzero(as_tuple=True)
        label = label + 1
        boxes = boxes[roi, label]
        scores = scores[roi, label]
        kept = batched_nms(boxes, scores, label, config.detection_nms)[: config.max_detections]
        return Detections(boxes[kept], label[kept], scores[kept])


def _sampled_loss(scores: Tensor, labels: Tensor, offsets: Tensor, targets: Tensor) -> Tensor:
    """Return mean score loss + mean offset loss of the anchors drawn in one image."""
    score_loss = F.cross_entropy(scores, labels, reduction="sum")
    return (score_loss + smooth_l1(offsets, targets, RPN_SIGMA)) / max(1, len(labels))


def _check_usable(grid: Grid, size: tuple[int, int]) -> None:
    """Raise UserError if no anchor fits into an image of `size` (height, width)."""
    if len(grid.usable) == 0:
        raise UserError(
            f"No anchor fits into an image of {size[1]} x {size[0]} pixels: lower anchor_base "
            "or anchor_scales, or raise short_side and long_side, in the recipe's detector."
        )
