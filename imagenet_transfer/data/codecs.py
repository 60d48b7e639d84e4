"""Encoding of image files of any kind as records of a store."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from imagenet_transfer.files import check_regular

RESIZE = "bilinear with antialiasing (Pillow)"  # our choice: Caffe's OpenCV did not antialias
REENCODE_QUALITY = 95
REVISION = 2  # of the records' bytes; unfinished builds of another revision start afresh
MAX_SIDE = 2**16 - 1  # pixels; the limit of JPEG files and of the index
MAX_PIXELS = 2**30 // 12  # 89 million, the most that Pillow takes without a warning
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")  # not EPS: Pillow would run Ghostscript
Encoder = Callable[[bytes], tuple[bytes, int, int]]  # file -> record, height, width


class UnreadableImage(Exception):
    """An image file that cannot be used; the text is the reason."""


@contextlib.contextmanager
def pillow_limits() -> Iterator[None]:
    """Make Pillow refuse decompression bombs (> 89 megapixels) and hide its other warnings."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def encoder(spec: Mapping[str, Any]) -> Encoder:
    """Return the encoder for the spec's codec, size and quality; it may raise UnreadableImage."""
    size = spec.get("size")
    quality = spec.get("quality", 90)

    def encode_jpeg(data: bytes) -> tuple[bytes, int, int]:
        return _jpeg(_warped(data, size), quality), size, size

    def encode_raw(data: bytes) -> tuple[bytes, int, int]:
        return _warped(data, size).tobytes(), size, size

    return {"jpeg": encode_jpeg, "raw": encode_raw, "original": _encode_original}[spec["codec"]]


def decode(data: bytes) -> np.ndarray:
    """Return an image file's pixels, uint8 (H, W, 3) RGB; raise UnreadableImage with the reason."""
    return _decoded(data)[0]


def _encode_original(data: bytes) -> tuple[bytes, int, int]:
    """Return a sound baseline JPEG as it is, and any other image as a JPEG of the same size."""
    pixels, kept = _decoded(data)
    height, width = pixels.shape[:2]
    if max(height, width) > MAX_SIDE:
        raise UnreadableImage(f"{width}×{height} pixels are too many")
    return data if kept else _jpeg(pixels, REENCODE_QUALITY), height, width


def _decoded(data: bytes) -> tuple[np.ndarray, bool]:
    """Return the pixels, uint8 (H, W, 3) RGB, and whether the file is a sound baseline JPEG.

    simplejpeg takes a fifth (64×64 pixels) to four fifths of Pillow's time; Pillow decodes what
    simplejpeg refuses.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)  # reads only the header
        _check_sides(*image.size)
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            with contextlib.suppress(ValueError):
                return simplejpeg.decode_jpeg(data), "progressive" not in image.info
        return _pixels(image), False
    except (UnreadableImage, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UnreadableImage(
            f"more than {MAX_PIXELS:,} pixels, as in a decompression bomb"
        ) from error
    except Image.UnidentifiedImageError as error:
        raise UnreadableImage(
            f"cannot identify the image format: it begins with {data[:16]!r}"
        ) from error
    except Exception as error:  # broken bytes make Pillow raise errors of a dozen types
        raise UnreadableImage(" ".join(str(error).split())[:200] or type(error).__name__) from error


def size_in_header(path: Path) -> tuple[int, int] | None:
    """Return an image file's width and height; None if it is not one, and packing says why."""
    try:
        with Image.open(check_regular(path), formats=FORMATS) as image:
            return image.size
    except Exception:  # as above
        return None


def _check_sides(width: int, height: int) -> None:
    if min(width, height) < 1 or width * height > MAX_PIXELS:
        raise UnreadableImage(
            f"{width}×{height} pixels are too {'many' if width * height else 'few'}"
        )


def _pixels(image: Image.Image) -> np.ndarray:
    """Return the image's first frame as uint8 RGB; of 16 bits, the upper 8."""
    if image.mode == "F":
        raise UnreadableImage("its pixels are floating-point numbers of unknown range")
    if image.mode.startswith("I"):
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() >= 2**16:
            raise UnreadableImage("its pixels have more than 16 bits")
        return np.repeat((grey // 256).astype(np.uint8)[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


def _warped(data: bytes, size: int) -> np.ndarray:
    """Return the pixels as uint8 RGB, warped to size×size unless they have that size."""
    pixels = _decoded(data)[0]
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    return simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality, "RGB", "444", fastdct=False
    )
