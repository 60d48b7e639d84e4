"""The fused normalisation without a GPU: Triton interprets it, and compiles it for GPUs."""

import importlib

import pytest
import torch
from torch import nn

triton = pytest.importorskip("triton")
SHAPES = [(2, 9, 4, 5), (1, 300, 2, 2), (3, 1, 1, 1), (2, 96, 5, 7)]


@pytest.fixture
def interpreted(monkeypatch):
    from imagenet_transfer.models import lrn_kernel

    monkeypatch.setenv("TRITON_INTERPRET", "1")
    yield importlib.reload(lrn_kernel)
    monkeypatch.undo()
    importlib.reload(lrn_kernel)


def both(norm, x, weight):
    x = x.clone().requires_grad_()
    y = norm(x)
    return y.detach(), torch.autograd.grad(y, x, weight)[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_equals_torchs(interpreted, shape):
    draw = torch.Generator().manual_seed(0)
    x, weight = (100 * torch.randn(shape, generator=draw) for _ in range(2))
    ours = both(interpreted.FusedNorm.apply, x, weight)
    theirs = both(nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0), x, weight)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


def test_bfloat16_is_computed_in_float32(interpreted):
    draw = torch.Generator().manual_seed(0)
    x, weight = (100 * torch.randn(2, 9, 4, 5, generator=draw) for _ in range(2))
    coarse, coarse_weight = x.bfloat16(), weight.bfloat16()
    exact = both(interpreted.FusedNorm.apply, coarse.float(), coarse_weight.float())
    found = both(interpreted.FusedNorm.apply, coarse, coarse_weight)
    for ours, theirs in zip(found, exact, strict=True):
        assert ours.dtype == torch.bfloat16
        torch.testing.assert_close(ours.float(), theirs, rtol=2**-7, atol=1e-5)  # it cuts off


@pytest.mark.parametrize("generation", [80, 90], ids=["A100", "H100"])
def test_it_compiles_for_gpus(generation):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from imagenet_transfer.models import lrn_kernel

    sizes = {"pixels": "i32", "channels": "i32", "alpha": "fp32"}
    constants = {"HALF": 2, "ROWS": 2, "WIDE": 128}
    maps = {"_forward": ("x", "y"), "_backward": ("x", "grad", "changed")}
    for name, pointers in maps.items():
        signature = {**dict.fromkeys(pointers, "*bf16"), **sizes}
        if name == "_backward":
            signature["slope"] = "fp32"
        signature |= dict.fromkeys(constants, "constexpr")
        source = ASTSource(getattr(lrn_kernel, name), signature, constexprs=constants)
        made = triton.compile(source, target=GPUTarget("cuda", generation, 32))
        assert len(made.asm["cubin"]) > 1000
