"""What drawn pictures share: a canvas in inches, text that fits its place, images, colours."""

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
from imagenet_transfer.labels.taxonomy import readable as readable  # for all drawn pictures

INCH = 72.0  # points
MARGIN = 0.1  # inches about a figure
SMALL = 5.6  # points: the sizes of text
TEXT = 6.5
LARGE = 8.0
PIXELS = 750_000  # of all images of a figure together: photographs make 3 MB of SVG of them
MEASURED = 100.0  # points: text is measured large, where hinting does not round its width


def inch_canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure of that size and its only axes.

    x and y are in inches from the top left corner.
    """
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return figure, axes


def text_width(text: str, size: float) -> float:
    """Return the width in inches of a text's widest line at `size` points, while `styled`."""
    font = get_font(findfont(FontProperties()))
    font.set_size(MEASURED, INCH)
    return max(_line_width(font, line) for line in text.split("\n")) * size / MEASURED


def _line_width(font: FT2Font, line: str) -> float:
    font.set_text(line)
    width, _ = font.get_width_height()
    return width / 64 / INCH  # FreeType counts in 64ths of a pixel, which is a point here


def shortened(text: str, width: float, size: float, least: int = 4) -> str:
    """Return the text, cut with an ellipsis to fit `width` inches.

    Empty if fewer than `least` letters are left.
    """
    if text_width(text, size) <= width:
        return text
    for length in range(len(text) - 1, least - 1, -1):
        if text_width(cut := text[:length].rstrip() + "…", size) <= width:
            return cut
    return ""


def fitted(text: str, width: float, size: float) -> str:
    """Return the text on one line or on two if that fits `width` inches, else shortened."""
    if text_width(text, size) <= width:
        return text
    breaks = [place for place, letter in enumerate(text) if letter in " -"]
    lines = [text[: place + 1].rstrip() + "\n" + text[place + 1 :] for place in breaks]
    return next(
        (two for two in lines if text_width(two, size) <= width), shortened(text, width, size)
    )


def tint(colour: str, share: float) -> tuple[float, float, float]:
    """Return a mixture of colour and white with this share (0..1) of the colour."""
    red, green, blue = 1 - share * (1 - np.array(to_rgb(colour)))
    return float(red), float(green), float(blue)


def runs(values: Sequence[str | None]) -> list[tuple[str, int, int]]:
    """Return (value, first, stop) of each run of equal neighbours, without runs of None."""
    found = []
    for value, group in groupby(range(len(values)), values.__getitem__):
        places = list(group)
        if value is not None:
            found.append((value, places[0], places[-1] + 1))
    return found


def thumbnail(image: np.ndarray, side: int) -> np.ndarray:
    """Return the middle square of a uint8 RGB image, scaled to `side` pixels per side."""
    height, width = image.shape[:2]
    edge = min(height, width)
    top = (height - edge) // 2
    left = (width - edge) // 2
    square = Image.fromarray(image[top : top + edge, left : left + edge])
    return np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))


def image_side(inches: float, number: int) -> int:
    """Return the side in pixels of each of a figure's `number` images, `inches` wide."""
    return max(8, min(round(inches * DPI), int((PIXELS / number) ** 0.5)))


def place_image(axes: Axes, image: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    """Show an image at `extent` (left, right, bottom, top), pixel for pixel.

    The limits of the axes stay as they are.
    """
    xlim = axes.get_xlim()
    ylim = axes.get_ylim()
    axes.imshow(image, extent=extent, aspect="auto", interpolation="none", zorder=4)
    axes.set(xlim=xlim, ylim=ylim)
