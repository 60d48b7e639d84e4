"""Which arithmetic convolutions and matrix products use; the rest always has float32."""

import contextlib

import torch

FLOAT32 = "float32"  # 24 bits of precision
TF32 = "tf32"  # inputs rounded to 11 bits, sums in float32; NVIDIA GPUs since Ampere
BFLOAT16 = "bfloat16"  # 8 bits, sums in float32: automatic mixed precision


def use_precision(precision: str) -> None:
    """Let this process compute in a recipe's precision on a GPU.

    Without it, PyTorch takes TF32 for convolutions, though not for products.
    """
    torch.backends.cudnn.allow_tf32 = precision == TF32
    torch.backends.cuda.matmul.allow_tf32 = precision == TF32


def mixed(precision: str, device: torch.device) -> contextlib.AbstractContextManager:
    """Return the context in which a loss is computed."""
    if precision != BFLOAT16:
        return contextlib.nullcontext()
    # A cache of converted weights would be recorded with a graph.
    return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)


def arithmetic(precision: str, device: str) -> dict[str, str]:
    """Return what each kind of layer uses, for the record of a run."""
    fast = FLOAT32 if precision == TF32 and device == "cpu" else precision
    kinds = {"convolutions": fast, "products": fast}
    return {**kinds, **dict.fromkeys(("normalisation", "losses", "solver"), FLOAT32)}
