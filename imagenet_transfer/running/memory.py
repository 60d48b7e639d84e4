"""How the C library manages the memory of tensors."""

import contextlib
import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # glibc's malloc.h


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for the next tensors, up to 1 GiB, where it is glibc.

    By default it hands large blocks back to the system, which clears every page of the next one: a tenth of a training
    step, and a third of an evaluation, of a small network on a CPU. The most that a process takes stays the same.
    """
    with contextlib.suppress(
        OSError, AttributeError, TypeError
    ):  # another C library, or another system
        change = ctypes.CDLL(None).mallopt
        change(MMAP_THRESHOLD, 32 << 20)  # the highest that it accepts
        change(TRIM_THRESHOLD, 1 << 30)
        change(TOP_PAD, 64 << 20)
