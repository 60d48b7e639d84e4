"""What the drawn pictures share: a canvas measured in inches, names of synsets, text that fits its place."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font
from PIL import Image

from imagenet_transfer.figures.style import DPI

INCH = 72.0  # points
MARGIN = 0.1  # inches about a figure
SMALL = 5.6  # points: the sizes of text
TEXT = 6.5
LARGE = 8.0
PIXELS = 750_000  # of all images of a figure together: photographs make 3 MB of SVG of them
MEASURED = 100.0  # points: text is measured large, where hinting does not round its width


def inch_canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of that size and its only axes: x and y in inches from the top left corner, nothing drawn."""
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return figure, axes


def readable(name: str) -> str:
    """Return an NLTK name as people write it: "toy_terrier.n.01" is "toy terrier"."""
    return name.rsplit(".", 2)[0].replace("_", " ")


def text_width(text: str, size: float) -> float:
    """Return the width in inches of a text's longest line at `size` points. Call it while `styled`."""
    font = get_font(findfont(FontProperties()))
    font.set_size(MEASURED, INCH)
    return max(_line_width(font, line) for line in text.split("\n")) * size / MEASURED


def _line_width(font: FT2Font, line: str) -> float:
    font.set_text(line)
    return (
        font.get_width_height()[0] / 64 / INCH
    )  # FreeType counts in 64ths of a pixel, here of a point


def shortened(text: str, width: float, size: float, least: int = 4) -> str:
    """Return the text, cut with an ellipsis to fit `width` inches; empty if fewer than `least` letters are left."""
    if text_width(text, size) <= width:
        return text
    for length in range(len(text) - 1, least - 1, -1):
        if text_width(cut := text[:length].rstrip() + "…", size) <= width:
            return cut
    return ""


def fitted(text: str, width: float, size: float) -> str:
    """Return the text on one line if it fits `width` inches, on two if these fit, else shortened."""
    if text_width(text, size) <= width:
        return text
    breaks = [place for place, letter in enumerate(text) if letter in " -"]
    lines = [text[: place + 1].rstrip() + "\n" + text[place + 1 :] for place in breaks]
    return next(
        (two for two in lines if text_width(two, size) <= width), shortened(text, width, size)
    )


def tint(colour: str, share: float) -> tuple[float, float, float]:
    """Return the colour mixed with white, `share` of it in 0..1."""
    red, green, blue = 1 - share * (1 - np.array(to_rgb(colour)))
    return float(red), float(green), float(blue)


def runs(values: Sequence[str | None]) -> list[tuple[str, int, int]]:
    """Return (value, first, stop) of each stretch of equal neighbours; stretches of None are left out."""
    grouped = [
        (value, list(places)) for value, places in groupby(range(len(values)), values.__getitem__)
    ]
    return [(value, places[0], places[-1] + 1) for value, places in grouped if value is not None]


def thumbnail(image: np.ndarray, side: int) -> np.ndarray:
    """Return the middle square of a uint8 RGB image with `side` pixels a side."""
    height, width = image.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = Image.fromarray(image[top : top + edge, left : left + edge])
    return np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))


def image_side(inches: float, number: int) -> int:
    """Return the side in pixels that `number` images of a figure may have, each so many inches wide."""
    return max(8, min(round(inches * DPI), int((PIXELS / number) ** 0.5)))


def place_image(axes: Axes, image: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    """Show an image, pixel for pixel, at `extent` (left, right, bottom, top) without changing what the axes show."""
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(image, extent=extent, aspect="auto", interpolation="none", zorder=4)
    axes.set(xlim=limits[0], ylim=limits[1])
