"""From an image file of any sort to the record of a store."""

import contextlib
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

RESIZE = "bilinear with antialiasing (Pillow)"  # [ours]: Caffe's OpenCV did not antialias
REENCODE_QUALITY = 95
MAX_SIDE = 2**16 - 1  # of a JPEG file and of the index
Encoder = Callable[[bytes], tuple[bytes, int, int]]


class Unreadable(Exception):
    """An image file that cannot be used; the text is the reason."""


def encoder(spec: Mapping[str, Any]) -> Encoder:
    """Return the function of the spec's codec: file bytes -> (record, height, width), or Unreadable."""
    size, quality = spec.get("size"), spec.get("quality", 90)

    def encode_jpeg(data: bytes) -> tuple[bytes, int, int]:
        return _jpeg(_warped(data, size), quality), size, size

    def encode_raw(data: bytes) -> tuple[bytes, int, int]:
        return _warped(data, size).tobytes(), size, size

    return {"jpeg": encode_jpeg, "raw": encode_raw, "original": _encode_original}[spec["codec"]]


def _encode_original(data: bytes) -> tuple[bytes, int, int]:
    """Keep a baseline RGB or grey JPEG that decodes cleanly, so that boxes and pixels stay as published."""
    pixels, kept = _decoded(data)
    height, width = pixels.shape[:2]
    if max(height, width) > MAX_SIDE:
        raise Unreadable(f"{width}×{height} pixels are too many")
    return data if kept else _jpeg(pixels, REENCODE_QUALITY), height, width


def _decoded(data: bytes) -> tuple[np.ndarray, bool]:
    """Return the pixels, uint8 (H, W, 3) RGB, and whether the file is a sound baseline JPEG as it stands.

    simplejpeg decodes in a fifth (64×64) to four fifths of Pillow's time; Pillow judges whatever it does not take.
    """
    try:
        image = Image.open(io.BytesIO(data))  # reads the header alone
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            with contextlib.suppress(ValueError):
                return simplejpeg.decode_jpeg(data), "progressive" not in image.info
        return np.asarray(image.convert("RGB")), False
    except Exception as error:  # Pillow's readers raise a dozen types on broken bytes
        raise Unreadable(str(error) or type(error).__name__) from error


def _warped(data: bytes, size: int) -> np.ndarray:
    """Return the pixels warped to size×size, uint8 RGB; untouched if they have that size."""
    pixels = _decoded(data)[0]
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    return simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "RGB", "444", fastdct=False)
