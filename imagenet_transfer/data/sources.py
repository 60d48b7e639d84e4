"""Where the bytes of a data set's images come from: files of their own, or larger files."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from imagenet_transfer.data.codecs import UnreadableImage
from imagenet_transfer.files import check_regular

MAX_IMAGE_BYTES = 2**28


class Source(Protocol):
    """Gives the bytes of images by the `path` of their listing; several threads may read at once.

    Reading is fast in the order of the listing; any order works. `together` images that follow
    each other take little longer than one of them.
    """

    together: int

    def read(self, path: str) -> bytes:
        """Return an image's file; raise UnreadableImage with the reason if there is none."""


@dataclass(frozen=True)
class Files:
    """Each image is a file; paths are relative to `root`."""

    root: Path
    together: ClassVar[int] = 1

    def read(self, path: str) -> bytes:
        """Return an image's file; UnreadableImage unless it is a regular file of sound size."""
        try:
            file = check_regular(self.root / path)
            check_size(file.stat().st_size)
            return file.read_bytes()
        except OSError as error:
            raise UnreadableImage(error.strerror) from error


def check_size(size: int) -> None:
    """Raise UnreadableImage if this is not the size of an image in bytes."""
    if size > MAX_IMAGE_BYTES:
        raise UnreadableImage(f"more than {MAX_IMAGE_BYTES:,} bytes, too many for an image")
    if size == 0:
        raise UnreadableImage("empty file")
