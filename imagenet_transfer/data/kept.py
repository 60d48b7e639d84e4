"""Images that are decoded once and kept as pixels while a job runs, in memory or in a file."""

import mmap
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np


class Space(Protocol):
    """Room for pixels, by places in bytes."""

    def load(self, start: int, buffer: np.ndarray) -> np.ndarray:
        """Return what was saved at `start`, with the buffer's shape: in the buffer, or where it is.

        Raises OSError if it cannot be read.
        """

    def save(self, start: int, pixels: np.ndarray) -> None:
        """Keep pixels; raise OSError if there is no room for them."""


class MemorySpace:
    """Memory of this process, which the system gives only for what is saved.

    Raises OSError if there is not as much.
    """

    def __init__(self, num_bytes: int):
        # Not from the C library, which may keep freed memory instead of giving it back
        pages = mmap.mmap(-1, num_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            pages.madvise(mmap.MADV_HUGEPAGE)
        self.memory = np.frombuffer(pages, dtype=np.uint8)

    def load(self, start: int, buffer: np.ndarray) -> np.ndarray:
        """Return what was saved, where it is."""
        return self.memory[start : start + buffer.size].reshape(buffer.shape)

    def save(self, start: int, pixels: np.ndarray) -> None:
        """Keep pixels."""
        self.memory[start : start + pixels.size] = pixels.reshape(-1)


class FileSpace:
    """A file without a name: the system removes it when the process ends, in whatever way.

    All of its room is taken at once, so that a disk is found to be too small before the work
    begins. Raises OSError if it is, or if the folder cannot be written.
    """

    def __init__(self, num_bytes: int, folder: Path | str):
        # Open as long as this is, so that no `with` can close it
        self.file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        os.posix_fallocate(self.file.fileno(), 0, num_bytes)

    def load(self, start: int, buffer: np.ndarray) -> np.ndarray:
        """Read what was saved into the buffer."""
        if os.preadv(self.file.fileno(), [buffer], start) != buffer.nbytes:
            raise OSError("the file of kept images ends early")
        return buffer

    def save(self, start: int, pixels: np.ndarray) -> None:
        """Write pixels."""
        if os.pwrite(self.file.fileno(), pixels, start) != pixels.nbytes:
            raise OSError("the disk did not take an image as a whole")


class KeptImages:
    """Some images of a store as pixels, each from the first time that it was decoded.

    `index` has the fields height and width of all records. If the space fails, `on_failure` is told
    once, and from then on all images are decoded.
    """

    def __init__(
        self,
        index: np.ndarray,
        rows: np.ndarray,
        space: Space,
        on_failure: Callable[[OSError], None],
    ):
        self.starts = np.full(len(index), -1, dtype=np.int64)
        sizes = bytes_of(index, rows)
        self.starts[rows] = np.cumsum(sizes) - sizes
        self.there = np.zeros(len(index), dtype=bool)
        self.space = space
        self.on_failure = on_failure

    def get(self, row: int, buffer: np.ndarray) -> np.ndarray | None:
        """Return the image of a record, in the buffer or where it is; None if it is not kept."""
        if not self.there[row]:
            return None
        try:
            return self.space.load(self.starts.item(row), buffer)
        except OSError as error:
            self._give_up(error)
            return None

    def put(self, row: int, pixels: np.ndarray) -> None:
        """Keep the image of a record if it is one of those to keep.

        Several threads may keep the same one, as they all write the same bytes.
        """
        if self.starts[row] < 0 or self.there[row]:
            return
        try:
            self.space.save(self.starts.item(row), pixels)
        except OSError as error:
            self._give_up(error)
            return
        self.there[row] = True

    def _give_up(self, error: OSError) -> None:
        first = (self.starts >= 0).any()
        self.starts[:] = -1
        self.there[:] = False
        if first:
            self.on_failure(error)


def bytes_of(index: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the bytes (N,) that the pixels of some records take."""
    return 3 * index["height"][rows].astype(np.int64) * index["width"][rows]
