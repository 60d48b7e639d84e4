"""Boxes of a detector: their coordinates, anchors, offsets, matching and sampling.

Boxes are tensors (...,4) of half-open pixel rectangles x1, y1, x2, y2 with sides x2 - x1 and
y2 - y1. Areas, overlaps and offsets equal those of py-faster-rcnn, whose boxes include the last
pixel and which adds 1 throughout.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from imagenet_transfer.models.operators import box_iou

# Limits how much an offset enlarges a side, as torchvision's `BoxCoder` does: `exp` stays finite
# early in training.
MAX_LOG_SCALE = math.log(1000 / 16)


def from_voc(boxes: Tensor) -> Tensor:
    """Return half-open boxes from VOC's, which count from 1 and include the last pixel."""
    return boxes - boxes.new_tensor([1, 1, 0, 0])


def to_voc(boxes: Tensor) -> Tensor:
    """Return VOC's xmin, ymin, xmax, ymax (from 1, last pixel included) of half-open boxes."""
    return boxes + boxes.new_tensor([1, 1, 0, 0])


def mirrored(boxes: Tensor, width: int) -> Tensor:
    """Return the boxes in the image's mirror image, which is `width` pixels wide."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=-1)


def anchor_sides(base: int, scales: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """Return the anchors' widths and heights (ratios x scales, 2).

    An anchor is a square of side `base` that is reshaped to a ratio (height / width) and then
    enlarged by a scale. As in py-faster-rcnn, sides are rounded before they are enlarged: base 16,
    ratio 0.5 and scale 8 give 184 x 96 pixels.
    """
    widths = [round(math.sqrt(base * base / ratio)) for ratio in ratios]
    shapes = [(width, round(width * ratio)) for width, ratio in zip(widths, ratios, strict=True)]
    return torch.tensor(
        [[w * scale, h * scale] for w, h in shapes for scale in scales], dtype=torch.float32
    )


def anchor_grid(sides: Tensor, height: int, width: int, stride: int) -> Tensor:
    """Return the anchors (height * width * len(sides), 4) of a feature map, row by row.

    As in py-faster-rcnn, they are centred on the `stride` x `stride` pixels of their cell.
    """
    x = (torch.arange(width, device=sides.device) + 0.5) * stride
    y = (torch.arange(height, device=sides.device) + 0.5) * stride
    centres = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[:, :, None]
    corners = torch.cat([centres - sides / 2, centres + sides / 2], dim=-1)
    return corners.reshape(-1, 4)


def inside(boxes: Tensor, height: int, width: int) -> Tensor:
    """Return which boxes (N,4) lie wholly inside an image."""
    return (boxes[:, :2] >= 0).all(1) & (boxes[:, 2] <= width) & (boxes[:, 3] <= height)


def _centres_and_sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    sides = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + sides / 2, sides


def encode(boxes: Tensor, references: Tensor) -> Tensor:
    """Return the offsets (dx, dy, dw, dh) from references to boxes.

    They are defined in Girshick et al. 2014, appendix C.
    """
    centres, sides = _centres_and_sides(boxes)
    reference_centres, reference_sides = _centres_and_sides(references)
    return torch.cat(
        [(centres - reference_centres) / reference_sides, (sides / reference_sides).log()], dim=-1
    )


def decode(offsets: Tensor, references: Tensor) -> Tensor:
    """Return the boxes to which the offsets lead from the references: the inverse of `encode`."""
    reference_centres, reference_sides = _centres_and_sides(references)
    centres = reference_centres + offsets[..., :2] * reference_sides
    sides = reference_sides * offsets[..., 2:].clamp(max=MAX_LOG_SCALE).exp()
    return torch.cat([centres - sides / 2, centres + sides / 2], dim=-1)


class Objects(NamedTuple):
    """The objects of one image, or of several images in turn."""

    boxes: Tensor  # (N,4), half-open, in pixels
    labels: Tensor  # class numbers (N,) from 1; 0 is background


class Candidates(NamedTuple):
    """Boxes of several images in turn, of which some are drawn to train on."""

    kinds: Tensor  # (N,) int64: 1 is an object, 0 background, -1 neither
    matched: Tensor  # (N,) the object, among those of all images, that each overlaps most
    numbers: list[int]  # candidates of each image


def match_anchors(
    anchors: Tensor,
    objects: Tensor,
    numbers: Sequence[int],
    positive_iou: float,
    negative_iou: float,
) -> Candidates:
    """Return what the anchors (A,4) are in each of several images with `numbers` of objects.

    `objects` are the boxes of all images. As in py-faster-rcnn, an anchor is an object if its IoU
    is at least `positive_iou`, or if no anchor overlaps some object more (several may be equal),
    and background if its IoU is below `negative_iou`.
    """
    overlaps = box_iou(anchors, objects)
    top = overlaps.max(0).values
    closest = (overlaps == top) & (top > 0)
    kinds = []
    matched = []
    for own, claims, start in zip(
        overlaps.split(numbers, 1), closest.split(numbers, 1), starts(numbers), strict=True
    ):
        best, nearest = own.max(1)
        kind = torch.where(best < negative_iou, 0, -1)
        kinds.append(kind.masked_fill_(claims.any(1) | (best >= positive_iou), 1))
        matched.append(nearest + start)
    return Candidates(torch.cat(kinds), torch.cat(matched), [len(anchors)] * len(numbers))


def starts(numbers: Sequence[int]) -> list[int]:
    """Return where each image's part starts, of parts of `numbers` that follow each other."""
    return list(itertools.accumulate(numbers[:-1], initial=0))


def draw(candidates: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Return at most `count` random positions at which the mask `candidates` is true."""
    positions = candidates.nonzero().squeeze(1)
    if len(positions) <= count:
        return positions
    order = torch.randperm(len(positions), device=positions.device, generator=generator)
    return positions[order[:count]]


def draw_each(
    candidates: Tensor, count: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Return rows and columns of up to `count` random true places in each row of a mask (R,N)."""
    keys = torch.rand(candidates.shape, device=candidates.device, generator=generator)
    keys.masked_fill_(~candidates, -1)
    best, columns = keys.topk(min(count, keys.shape[1]))
    drawn = best >= 0
    return drawn.nonzero()[:, 0], columns[drawn]


def draw_balanced(labels: Tensor, count: int, positive_fraction: float) -> tuple[Tensor, Tensor]:
    """Return random positions of positives (label > 0) and negatives (0), `count` in all.

    At most `positive_fraction` of them are positives; there may be fewer than `count` in all.
    """
    positives = draw(labels > 0, round(count * positive_fraction))
    return positives, draw(labels == 0, count - len(positives))


class Sample(NamedTuple):
    """Candidates drawn to train on, image by image, objects before background; on the CPU."""

    positions: Tensor  # (S,) among the candidates of all images
    kinds: Tensor  # (S,) int64: 1 is an object, 0 background
    numbers: list[int]  # of each image
    objects: list[int]  # of each image's, how many are objects

    @property
    def foreground(self) -> Tensor:
        """Return which of the sample are objects, as positions in it."""
        return self.kinds.nonzero().squeeze(1)


def draw_sample(
    kinds: Tensor, numbers: Sequence[int], count: int, positive_fraction: float
) -> Sample:
    """Return `draw_balanced` of each image, given the kinds of `Candidates`, on the CPU."""
    pairs = [draw_balanced(part, count, positive_fraction) for part in kinds.split(numbers)]
    parts = [part + at for pair, at in zip(pairs, starts(numbers), strict=True) for part in pair]
    objects, others = ([len(part) for part in column] for column in zip(*pairs, strict=True))
    lengths = torch.tensor([len(part) for part in parts])
    kinds = torch.tensor([1, 0]).repeat(len(pairs)).repeat_interleave(lengths)
    totals = [sum(pair) for pair in zip(objects, others, strict=True)]
    return Sample(torch.cat(parts), kinds, totals, objects)


def smooth_l1(offsets: Tensor, targets: Tensor, sigma: float) -> Tensor:
    """Return the summed loss, quadratic up to differences of 1 / sigma² and linear beyond."""
    return F.smooth_l1_loss(offsets, targets, reduction="sum", beta=1 / sigma**2)
