"""torchvision's compiled operators, without importing torchvision.

`import torchvision` takes three seconds, most of them for compilers that a fine-tuning run never
calls, and every run of a study is a process. Loading only the library with the operators takes a
hundredth of that.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def _load() -> None:
    spec = importlib.util.find_spec("torchvision")  # finds the package without running it
    libraries = sorted(Path(spec.origin).parent.glob("_C*.so")) if spec and spec.origin else []
    if libraries:
        torch.ops.load_library(libraries[0])
    else:
        import torchvision  # noqa: F401 - registers them by other means, as on Windows


_load()


def moved(device: torch.device, *parts: Tensor) -> tuple[Tensor, ...]:
    """Return tensors (N,...) of the CPU on a device: one copy, for which nobody waits."""
    joined = torch.cat(parts).to(device, non_blocking=True)
    return joined.split([len(part) for part in parts])


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Return the numbers of the boxes (N,4) that non-maximum suppression leaves, best first."""
    return torch.ops.torchvision.nms(boxes, scores, iou_threshold)


def batched_nms(boxes: Tensor, scores: Tensor, groups: Tensor, iou_threshold: float) -> Tensor:
    """Return what `nms` leaves if boxes of different `groups` (N,) never suppress each other."""
    apart = groups.to(boxes) * (boxes.max() + 1) if len(boxes) else groups.to(boxes)
    return nms(boxes + apart[:, None], scores, iou_threshold)


def roi_pool(features: Tensor, rois: list[Tensor], size: int, scale: float) -> Tensor:
    """Return the maxima of `size` x `size` bins of each RoI: sum of RoIs, channels, size, size.

    `features` is N,C,H,W; `rois` holds a tensor (R,4) in pixels per image; `scale` is cells per
    pixel.
    """
    boxes = torch.cat(rois)
    images = image_numbers([len(box) for box in rois]).to(boxes.dtype)[:, None]
    numbered = torch.cat([images.to(boxes.device, non_blocking=True), boxes], dim=1)
    return _RoIPool.apply(features, numbered, size, scale)


class _RoIPool(torch.autograd.Function):
    """RoI pooling with its gradient, which newer releases register only in Python."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, numbered: Tensor, size: int, scale: float) -> Tensor:
        pooled, winners = torch.ops.torchvision.roi_pool(features, numbered, scale, size, size)
        ctx.save_for_backward(numbered, winners)
        ctx.shape = features.shape
        ctx.size = size
        ctx.scale = scale
        return pooled

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        backward = torch.ops.torchvision._roi_pool_backward
        features_grad = backward(
            grad, *ctx.saved_tensors, ctx.scale, ctx.size, ctx.size, *ctx.shape
        )
        return features_grad, None, None, None


def image_numbers(numbers: Sequence[int]) -> Tensor:
    """Return the image (sum of `numbers`,), from 0, of each of `numbers` things per image."""
    return torch.arange(len(numbers)).repeat_interleave(torch.tensor(numbers))


def box_iou(one: Tensor, other: Tensor) -> Tensor:
    """Return the intersection over union (N,M) of half-open boxes (N,4) and (M,4)."""
    ends = torch.min(one[:, None, 2:], other[:, 2:])
    overlap = (ends - torch.max(one[:, None, :2], other[:, :2])).clamp(min=0)
    shared = overlap[..., 0] * overlap[..., 1]
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in (one, other)]
    return shared / (areas[0][:, None] + areas[1] - shared)


def clip_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return boxes (...,4) cut to an image of `size` (height, width) in pixels."""
    height, width = size
    x = boxes[..., 0::2].clamp(0, width)
    y = boxes[..., 1::2].clamp(0, height)
    return torch.stack([x, y], dim=-1).flatten(-2)
