"""Local response normalisation in one kernel per direction, for GPUs with Triton.

It reads the map once and writes the result once; the reference in `normalisation.py` moves the map
six times as often. Squares of neighbouring channels are read again, from the cache.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from imagenet_transfer.models.normalisation import ALPHA_EACH, HALF, SLOPE

VALUES = 1024  # of a block of pixels and channels, which one program computes


@triton.jit
def _scale(x, rows, channel, channels, inside, alpha, HALF: tl.constexpr):
    """Return 1 + alpha times the sum of squares over the channels around `channel`."""
    total = tl.full(inside.shape, 0.0, tl.float32)
    for shift in tl.static_range(-HALF, HALF + 1):
        other = channel + shift
        there = inside & (other >= 0) & (other < channels)
        value = tl.load(x + rows * channels + other, mask=there, other=0.0).to(tl.float32)
        total += value * value
    return 1.0 + alpha * total


@triton.jit
def _forward(
    x, y, pixels, channels, alpha, HALF: tl.constexpr, ROWS: tl.constexpr, WIDE: tl.constexpr
):
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None].to(tl.int64)
    channel = tl.arange(0, WIDE)[None, :]
    inside = (rows < pixels) & (channel < channels)
    root = 1.0 / tl.sqrt(_scale(x, rows, channel, channels, inside, alpha, HALF))
    value = tl.load(x + rows * channels + channel, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + rows * channels + channel, value * (tl.sqrt(root) * root), mask=inside)


@triton.jit
def _backward(
    x,
    grad,
    changed,
    pixels,
    channels,
    alpha,
    slope,
    HALF: tl.constexpr,
    ROWS: tl.constexpr,
    WIDE: tl.constexpr,
):
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS))[:, None].to(tl.int64)
    channel = tl.arange(0, WIDE)[None, :]
    inside = (rows < pixels) & (channel < channels)
    across = tl.full(inside.shape, 0.0, tl.float32)
    passed = across
    for shift in tl.static_range(-HALF, HALF + 1):
        other = channel + shift
        there = inside & (other >= 0) & (other < channels)
        scale = _scale(x, rows, other, channels, there, alpha, HALF)
        root = 1.0 / tl.sqrt(scale)
        value = tl.load(x + rows * channels + other, mask=there, other=0.0).to(tl.float32)
        slope_here = tl.load(grad + rows * channels + other, mask=there, other=0.0).to(tl.float32)
        through = slope_here * (tl.sqrt(root) * root)
        across += through * value / scale
        if shift == 0:
            passed = through
    value = tl.load(x + rows * channels + channel, mask=inside, other=0.0).to(tl.float32)
    tl.store(changed + rows * channels + channel, passed - slope * across * value, mask=inside)


class FusedNorm(torch.autograd.Function):
    """`local_response_norm` of a map in float32 or bfloat16, computed in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return x (N,C,H,W) normalised."""
        x = x.contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(x)
        y = torch.empty_like(x)
        grid, sizes = _launch(x)
        _forward[grid](x, y, *sizes, ALPHA_EACH, **_shape(x))
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Return the gradient of x."""
        (x,) = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        changed = torch.empty_like(x)
        grid, sizes = _launch(x)
        _backward[grid](x, grad, changed, *sizes, ALPHA_EACH, SLOPE, **_shape(x))
        return changed


def _shape(x: Tensor) -> dict[str, int]:
    wide = triton.next_power_of_2(x.shape[1])
    return {"HALF": HALF, "ROWS": max(1, VALUES // wide), "WIDE": wide}


def _launch(x: Tensor) -> tuple[tuple[int], tuple[int, int]]:
    """Return the number of programs, and the numbers of pixels and channels."""
    pixels, channels = x.numel() // x.shape[1], x.shape[1]
    return (triton.cdiv(pixels, _shape(x)["ROWS"]),), (pixels, channels)
