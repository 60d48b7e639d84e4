"""Local response normalisation across channels (Krizhevsky et al. 2012), three ways.

On a CPU it goes through the map in pieces that stay in the cache. Elsewhere the sum over channels
is a product with a band matrix, the reference; or one kernel does everything (`lrn_kernel.py`).
`nn.LocalResponseNorm` uses 3-d pooling instead, which takes half of a training step.
"""

import importlib.util
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from imagenet_transfer.errors import UserError

# Caffe's constants
LRN_SIZE = 5
LRN_ALPHA = 1e-4
LRN_BETA = 0.75
HALF = LRN_SIZE // 2
ALPHA_EACH = LRN_ALPHA / LRN_SIZE  # Caffe's alpha is that of the mean
SLOPE = 2 * LRN_BETA * ALPHA_EACH
CACHED_BYTES = 1 << 20  # of the map, in one piece: some four of these fit the cache of a core


def local_response_norm(x: Tensor, band: Tensor, fused: bool = False) -> Tensor:
    """Return x (N,C,H,W) normalised across channels: size 5, alpha 1e-4, beta 0.75, k 1.

    `band` is `band_of(C)` or a larger one, on x's device. `fused` takes the kernel on a GPU. Mixed
    precision computes it in float32: next to 1, alpha times a square is below bfloat16's
    resolution. A compiler gets plain operations, which it fuses by itself.
    """
    if torch.compiler.is_compiling():
        return _composed(x.float()).to(x.dtype) if x.dtype == torch.bfloat16 else _composed(x)
    if fused and x.is_cuda:
        from imagenet_transfer.models.lrn_kernel import FusedNorm

        return FusedNorm.apply(x)
    with torch.autocast(x.device.type, enabled=False):
        exact = x.float() if x.dtype == torch.bfloat16 else x
        if x.device.type == "cpu":
            return _PiecewiseNorm.apply(exact).to(x.dtype)
        return _BandNorm.apply(exact, band[: x.shape[1], : x.shape[1]]).to(x.dtype)


def check_triton() -> None:
    """Raise UserError if the kernel's compiler is missing."""
    if importlib.util.find_spec("triton") is None:
        raise UserError(
            "`fused_lrn: true` needs the package triton, which is not installed: install it, or set "
            "fused_lrn to false in the recipe."
        )


def band_of(channels: int) -> Tensor:
    """Return the matrix (channels, channels) of the five channels around each."""
    channel = torch.arange(channels)
    return ((channel[:, None] - channel).abs() <= HALF).float()


def _composed(x: Tensor) -> Tensor:
    padded = F.pad(x * x, (0, 0, 0, 0, HALF, HALF))
    windows = (padded[:, i : i + x.shape[1]] for i in range(LRN_SIZE))
    return x * (1.0 + ALPHA_EACH * sum(windows)) ** -LRN_BETA


class _BandNorm(torch.autograd.Function):
    """The whole map at once; few and large operations."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, band: Tensor) -> Tensor:
        scale = _banded(x * x, band).mul_(ALPHA_EACH).add_(1.0)
        root = scale.rsqrt()
        power = root.sqrt().mul_(root)  # scale ** -0.75
        ctx.save_for_backward(x, scale, power, band)
        return x * power

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        x, scale, power, band = ctx.saved_tensors
        passed = grad * power
        across = _banded((passed * x).div_(scale), band).mul_(x)
        return passed.sub_(across, alpha=SLOPE), None


def _banded(x: Tensor, band: Tensor) -> Tensor:
    return F.linear(x.permute(0, 2, 3, 1), band.to(x.dtype)).permute(0, 3, 1, 2)


class _PiecewiseNorm(torch.autograd.Function):
    """Some pixels with all their channels at a time, small enough for all steps to find in cache.

    Only x is kept: computing the rest again is cheaper than reading it from memory.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        rows = _as_rows(x)
        normalised = torch.empty_like(rows)
        piece = _Piece(rows)
        for part in piece.parts(len(rows)):
            _, power = piece.powers(rows[part])
            torch.mul(rows[part], power, out=normalised[part])
        return _as_map(normalised, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        rows, grads = _as_rows(x), _as_rows(grad)
        changed = torch.empty_like(rows)
        piece = _Piece(rows)
        for part in piece.parts(len(rows)):
            scale, power = piece.powers(rows[part])
            passed = torch.mul(grads[part], power, out=changed[part])
            torch.div(power.copy_(passed).mul_(rows[part]), scale, out=piece.middle(len(scale)))
            across = torch.mul(piece.window_sums(len(scale)), rows[part], out=power)
            passed.sub_(across, alpha=SLOPE)
        return _as_map(changed, x)


def _as_rows(x: Tensor) -> Tensor:
    """Return a map N,C,H,W as its pixels' channels (N*H*W, C)."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _as_map(rows: Tensor, like: Tensor) -> Tensor:
    batch, channels, height, width = like.shape
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


class _Piece:
    """Buffers for some rows of channels.

    Sums over channels are sums of one long vector shifted by 0 to 4: two zeros stand on either side
    of each row. They are added in the order of the channels, as in the product with a band.
    """

    def __init__(self, rows: Tensor):
        number, self.channels = rows.shape
        self.wide = self.channels + 2 * HALF
        self.length = min(number, max(1, CACHED_BYTES // (rows.element_size() * self.channels)))
        self._padded = rows.new_zeros(self.length * self.wide + 2 * HALF)
        self._sums = rows.new_empty(self.length * self.wide)
        self._scale = rows.new_empty(self.length, self.channels)
        self._root = torch.empty_like(self._scale)
        self._power = torch.empty_like(self._scale)

    def parts(self, number: int) -> Iterator[slice]:
        """Yield the pieces of `number` rows."""
        for start in range(0, number, self.length):
            yield slice(start, min(start + self.length, number))

    def middle(self, number: int) -> Tensor:
        """Return the buffer of `number` rows that `window_sums` adds up, without its zeros."""
        padded = self._padded[: number * self.wide].view(number, self.wide)
        return padded[:, HALF : HALF + self.channels]

    def window_sums(self, number: int) -> Tensor:
        """Return the sum over the five channels around each channel of the buffer."""
        length = number * self.wide
        shifted = [self._padded[i : i + length] for i in range(LRN_SIZE)]
        sums = torch.add(*shifted[:2], out=self._sums[:length])
        for values in shifted[2:]:
            sums.add_(values)
        return sums.view(number, self.wide)[:, : self.channels]

    def powers(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return scale, the sum of squares on its way to the power, and scale ** -0.75."""
        number = len(rows)
        scale, root, power = (x[:number] for x in (self._scale, self._root, self._power))
        torch.mul(rows, rows, out=self.middle(number))
        torch.mul(self.window_sums(number), ALPHA_EACH, out=scale).add_(1.0)
        torch.rsqrt(scale, out=root)
        return scale, torch.sqrt(root, out=power).mul_(root)
