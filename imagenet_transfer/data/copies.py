"""Images that are the same, byte for byte or nearly: what is tested should not be trained on.

Near copies are found by a difference hash (dHash): 64 bits that say whether each cell of a coarse
grey picture is brighter than its left neighbour. Pairs with nearly equal bits are compared once
more by small pictures, as pictures with plain backgrounds have few bits that differ.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

GRID = 8  # cells per side of a hash
THUMBNAIL = 12  # pixels per side of the small pictures
MOST_BITS = 8  # of 64 that may differ between near copies
MOST_DIFFERENCE = 8.0  # mean of 255 grey levels that small pictures of near copies may differ by
ROWS = 512  # of images that are compared with all others at once
BITS = np.array([number.bit_count() for number in range(256)], dtype=np.uint8)


@dataclass(frozen=True)
class Look:
    """What is known of an image's content: digest of its file, size in pixels, hash, thumbnail."""

    digest: bytes
    width: int
    height: int
    bits: bytes
    thumbnail: np.ndarray  # uint8 (THUMBNAIL, THUMBNAIL, 3)


def look_of(data: bytes, pixels: np.ndarray) -> Look:
    """Return the look of a file with these pixels, uint8 (H, W, 3)."""
    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels)
    small = image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=2.0)
    digest = hashlib.blake2b(data, digest_size=16).digest()
    return Look(digest, width, height, difference_hash(image), np.asarray(small))


def difference_hash(image: Image.Image) -> bytes:
    """Return the 8 bytes of an image's difference hash."""
    size = (GRID + 1, GRID)
    grey = image.convert("L").resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    cells = np.asarray(grey).astype(np.int16)
    return np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes()


def exact_copies(one: dict[str, Look], other: dict[str, Look]) -> list[tuple[str, str]]:
    """Return (image, image) for each image of `one` whose file is also in `other`."""
    known = {look.digest: image for image, look in other.items()}
    return [(image, known[look.digest]) for image, look in one.items() if look.digest in known]


def copies_within(looks: dict[str, Look]) -> list[tuple[str, str]]:
    """Return (image, image) for each image whose file is that of an earlier one."""
    first: dict[bytes, str] = {}
    for image, look in looks.items():
        first.setdefault(look.digest, image)
    return [
        (image, first[look.digest]) for image, look in looks.items() if first[look.digest] != image
    ]


def near_copies(one: dict[str, Look], other: dict[str, Look]) -> list[tuple[str, str]]:
    """Return (image, image) for each image of `one` with another file of the same look in `other`."""
    if not one or not other:
        return []
    names = list(other)
    bits = np.frombuffer(b"".join(look.bits for look in other.values()), np.uint8).reshape(-1, 8)
    thumbnails = np.stack([look.thumbnail for look in other.values()])
    pairs = []
    for image, places in _alike(one, bits):
        mine = one[image].thumbnail.astype(np.int16)
        differences = np.abs(thumbnails[places] - mine).mean(axis=(1, 2, 3))
        for place in places[differences <= MOST_DIFFERENCE].tolist():
            if other[names[place]].digest != one[image].digest:
                pairs.append((image, names[place]))
                break
    return pairs


def _alike(looks: dict[str, Look], bits: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each image with the places in `bits` (n, 8) whose hashes nearly equal its own."""
    images = list(looks)
    for start in range(0, len(images), ROWS):
        part = images[start : start + ROWS]
        mine = np.frombuffer(b"".join(looks[image].bits for image in part), np.uint8)
        differing = np.zeros((len(part), len(bits)), np.uint8)
        for byte in range(8):
            differing += BITS[mine.reshape(-1, 8)[:, byte, None] ^ bits[None, :, byte]]
        for image, row in zip(part, differing <= MOST_BITS, strict=True):
            if row.any():
                yield image, np.flatnonzero(row)
