"""Faster R-CNN (Ren et al. 2015), trained end to end by approximate joint training.

It follows py-faster-rcnn, which the paper used, and differs from torchvision's detector in these
points: one feature map, no training on anchors that cross the border, max pooling of RoIs, two
scores per anchor, the scales of the losses.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagenet_transfer.errors import UserError
from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.models.boxes import (
    anchor_grid,
    anchor_sides,
    decode,
    draw_balanced,
    encode,
    inside,
    match_anchors,
    smooth_l1,
)
from imagenet_transfer.models.operators import batched_nms, box_iou, clip_to_image, nms
from imagenet_transfer.models.region_configs import DetectorConfig
from imagenet_transfer.models.region_network import RegionNetwork, View, new_layer

# py-faster-rcnn's constants
OFFSET_STD = (0.1, 0.1, 0.2, 0.2)  # units in which the head predicts offsets
RPN_SIGMA = 3.0  # of the smooth L1 losses
HEAD_SIGMA = 1.0


class Objects(NamedTuple):
    """The objects of one image."""

    boxes: Tensor  # (N,4), half-open, in pixels
    labels: Tensor  # class numbers (N,) from 1; 0 is background


class Detections(NamedTuple):
    """What was found in one image, best first."""

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
        sides = anchor_sides(config.anchor_base, config.anchor_scales, config.anchor_ratios)
        self.register_buffer("anchor_sides", sides, persistent=False)
        self.register_buffer("offset_std", torch.tensor(OFFSET_STD), persistent=False)
        self.rpn = RegionProposalNetwork(network.channels, config.rpn_channels, len(sides))
        self.scores = new_layer(nn.Linear(network.vector_size, num_classes + 1), 0.01)
        self.offsets = new_layer(nn.Linear(network.vector_size, 4 * (num_classes + 1)), 0.001)

    def anchors(self, view: View) -> Tensor:
        """Return the anchors (anchors,4) of images of this size, also those across the border."""
        return anchor_grid(self.anchor_sides, *view.features.shape[2:], self.trunk.network.stride)

    def loss(
        self, images: Tensor, objects: Sequence[Objects], keys: Sequence[Hashable] | None = None
    ) -> Tensor:
        """Return the training loss of uint8 RGB images N,H,W,3 of one size.

        Each image has at least one object. The loss is the mean over the images of the sum of four
        losses: scores and offsets of the RPN and of the head. `keys`: see `view`.
        """
        view = self.view(images, keys)
        truth = [Objects(boxes * view.factor, labels) for boxes, labels in objects]
        anchors = self.anchors(view)
        scores, offsets = self.rpn(view.features)
        usable = self.usable(anchors, view.size)
        proposing = [
            self.rpn_loss(scores[i, usable], offsets[i, usable], anchors[usable], boxes)
            for i, (boxes, _) in enumerate(truth)
        ]
        proposals = self.proposals(scores, offsets, anchors, view)
        return torch.stack(proposing).mean() + self.head_loss(view.features, proposals, truth)

    def usable(self, anchors: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the positions of anchors inside an image of this size; UserError if none is."""
        positions = inside(anchors, *size).nonzero().squeeze(1)
        if len(positions) == 0:
            raise UserError(
                f"No anchor fits into an image of {size[1]} x {size[0]} pixels: lower anchor_base "
                "or anchor_scales, or raise short_side and long_side, in the recipe's detector."
            )
        return positions

    def rpn_loss(self, scores: Tensor, offsets: Tensor, anchors: Tensor, boxes: Tensor) -> Tensor:
        """Return the RPN's loss in one image: mean score loss + mean offset loss of a sample."""
        config = self.config
        labels, matched = match_anchors(
            anchors, boxes, config.rpn_positive_iou, config.rpn_negative_iou
        )
        positive, negative = draw_balanced(labels, config.rpn_samples, config.rpn_positive_fraction)
        sampled = torch.cat([positive, negative])
        score_loss = F.cross_entropy(scores[sampled], labels[sampled], reduction="sum")
        targets = encode(boxes[matched[positive]], anchors[positive])
        offset_loss = smooth_l1(offsets[positive], targets, RPN_SIGMA)
        return (score_loss + offset_loss) / max(1, len(sampled))

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
        proposals = []
        for image_boxes, image_scores, mask in zip(candidates, objectness, large, strict=True):
            boxes = image_boxes[mask]
            proposals.append(boxes[nms(boxes, image_scores[mask], config.proposal_nms)[:kept]])
        return proposals

    def numbers_of_proposals(self) -> tuple[int, int]:
        """Return at most how many proposals there are before and after suppression."""
        config = self.config
        if self.training:
            return config.train_proposals_before_nms, config.train_proposals
        return config.test_proposals_before_nms, config.test_proposals

    def sample_rois(self, proposals: Tensor, objects: Objects) -> tuple[Tensor, Tensor, Tensor]:
        """Return RoIs (N,4) to train on, their class numbers (N,) and their offsets (N,4).

        Offsets lead to the object that a RoI overlaps most. The objects themselves are candidates
        too, so that there is foreground in the first step already.
        """
        config = self.config
        candidates = torch.cat([proposals, objects.boxes])
        best, matched = box_iou(candidates, objects.boxes).max(1)
        low, high = config.background_iou
        kind = torch.where((best >= low) & (best < high), 0, -1)
        kind = kind.masked_fill(best >= config.foreground_iou, 1)
        foreground, background = draw_balanced(kind, config.rois, config.foreground_fraction)
        sampled = torch.cat([foreground, background])
        labels = objects.labels[matched[sampled]] * (kind[sampled] > 0)
        rois = candidates[sampled]
        return rois, labels, encode(objects.boxes[matched[sampled]], rois) / self.offset_std

    def head(self, features: Tensor, rois: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return class scores (K,classes + 1) and offsets (K,classes + 1,4) of all images' RoIs."""
        x = self.region_features(features, rois)
        return self.scores(x).float(), self.offsets(x).float().unflatten(1, (-1, 4))

    def head_loss(
        self, features: Tensor, proposals: Sequence[Tensor], objects: Sequence[Objects]
    ) -> Tensor:
        """Return the head's score loss + its offset loss, both divided by the number of RoIs."""
        samples = [self.sample_rois(*image) for image in zip(proposals, objects, strict=True)]
        rois, *others = zip(*samples, strict=True)
        labels, targets = map(torch.cat, others)
        scores, offsets = self.head(features, rois)
        foreground = labels.nonzero().squeeze(1)
        predicted = offsets[foreground, labels[foreground]]
        offset_loss = smooth_l1(predicted, targets[foreground], HEAD_SIGMA)
        return F.cross_entropy(scores, labels) + offset_loss / len(labels)

    @torch.inference_mode()
    def detect(self, images: Tensor) -> list[Detections]:
        """Return what is found in each of the uint8 RGB images N,H,W,3 of one size.

        Boxes are in pixels of these images.
        """
        view = self.view(images)
        proposals = self.proposals(*self.rpn(view.features), self.anchors(view), view)
        scores, offsets = self.head(view.features, proposals)
        boxes = decode(offsets * self.offset_std, torch.cat(proposals)[:, None]) / view.factor
        boxes = clip_to_image(boxes, tuple(images.shape[1:3]))
        counts = [len(image) for image in proposals]
        return list(map(self.select, boxes.split(counts), scores.softmax(1).split(counts)))

    def select(self, boxes: Tensor, scores: Tensor) -> Detections:
        """Return one image's detections above the threshold, after NMS within each class."""
        config = self.config
        roi, label = (scores[:, 1:] > config.score_threshold).nonzero(as_tuple=True)
        label = label + 1
        boxes = boxes[roi, label]
        scores = scores[roi, label]
        kept = batched_nms(boxes, scores, label, config.detection_nms)[: config.max_detections]
        return Detections(boxes[kept], label[kept], scores[kept])
