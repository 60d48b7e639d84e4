"""Local response normalisation: each way of computing it against torch's, in values and gradients."""

import pytest
import torch
from torch import nn

from imagenet_transfer.errors import UserError
from imagenet_transfer.models import normalisation
from imagenet_transfer.models.normalisation import (
    _BandNorm,
    _composed,
    _PiecewiseNorm,
    band_of,
    local_response_norm,
)

WAYS = {
    "piecewise": _PiecewiseNorm.apply,
    "band": lambda x: _BandNorm.apply(x, band_of(x.shape[1])),
    "composed": _composed,
}


def both(norm, x):
    """Return normalised values and gradients of a weighted sum of them."""
    x = x.detach().requires_grad_()
    y = norm(x)
    weight = torch.sin(torch.arange(y.numel(), dtype=x.dtype)).view(y.shape)
    (gradient,) = torch.autograd.grad((weight * y).sum(), x)
    return y.detach(), gradient


@pytest.fixture
def maps():
    """Maps of few and of many channels, in both memory formats; the largest values matter."""
    draw = torch.Generator().manual_seed(0)
    shapes = [(2, 9, 4, 5), (3, 1, 1, 1), (1, 2, 3, 1), (2, 96, 3, 7), (1, 300, 2, 2)]
    plain = [100 * torch.randn(shape, dtype=torch.float64, generator=draw) for shape in shapes]
    return plain + [x.to(memory_format=torch.channels_last) for x in plain]


@pytest.mark.parametrize("way", WAYS)
def test_it_equals_torchs(way, maps):
    torchs = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
    for x in maps:
        ours, theirs = both(WAYS[way], x), both(torchs, x)
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        assert not torch.allclose(ours[0], x), "the normalisation matters"


def test_pieces_of_any_size_give_the_same_bits(maps, monkeypatch):
    whole = [both(_PiecewiseNorm.apply, x.float()) for x in maps]
    for size in (1, 100, 5000):
        monkeypatch.setattr(normalisation, "CACHED_BYTES", size)
        for x, expected in zip(maps, whole, strict=True):
            assert all(map(torch.equal, both(_PiecewiseNorm.apply, x.float()), expected))


def test_a_missing_triton_is_a_sentence(monkeypatch):
    monkeypatch.setattr(normalisation.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs the package triton"):
        normalisation.check_triton()


def test_mixed_precision_computes_it_in_float32():
    x = torch.randn(2, 8, 3, 3, generator=torch.Generator().manual_seed(0)).mul_(100).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = local_response_norm(x, band_of(8))
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, local_response_norm(x.float(), band_of(8)).bfloat16())
