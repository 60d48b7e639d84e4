"""Products of features in full float32, whatever a process allows otherwise.

The bounds of the neighbour search, and the stopping rules of fits, are those of float32. TF32 and
bfloat16 keep 11 and 8 of its 24 bits.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

FULL = "ieee"  # torch's name for float32 without a shortcut


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Compute matrix products of float32 numbers in float32; also a decorator."""
    before = [(part, part.fp32_precision) for part in _products()]
    legacy = None if before else torch.get_float32_matmul_precision()
    try:
        _set([(part, FULL) for part, _ in before], "highest")
        yield
    finally:
        _set(before, legacy)


def _products() -> list[Any]:
    """Return torch's settings of products on NVIDIA GPUs and on CPUs; none before torch 2.9."""
    parts = [torch.backends.cuda.matmul, getattr(torch.backends.mkldnn, "matmul", None)]
    return [part for part in parts if hasattr(part, "fp32_precision")]


def _set(parts: list[tuple[Any, str]], legacy: str | None) -> None:
    for part, precision in parts:
        part.fp32_precision = precision
    if not parts:
        torch.set_float32_matmul_precision(legacy)
