"""Examples of detections and actions, right and wrong, with their boxes."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.figures.canvas import (
    INCH,
    LARGE,
    MARGIN,
    SMALL,
    TEXT,
    image_side,
    inch_canvas,
    place_image,
    shortened,
    text_width,
)
from imagenet_transfer.figures.examples_numbers import SORTS
from imagenet_transfer.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    TWO_COLUMNS,
    VERMILLION,
    styled,
)

SHAPE = 4 / 3  # of a picture's place: width to height
AROUND = 2.0  # a picture is this many times as wide and high as the box that it is about
LEAST = 1 / 3  # of an image's width is shown at least
PER_LINE = (4, 6)  # places for pictures, fewest and most
GAP = 0.05  # inches between pictures
TITLE = 0.3  # inches above a network's rows
HEADING = 0.19  # inches above a row
LINE = 0.115  # inches: the height of a line below a picture
EMPTY = 0.16  # inches: the height of a row without pictures
KEY = 0.26  # inches: the height of the key
THICK = 1.7  # points: the box that a picture is about
THIN = 0.7  # the other boxes of a picture, which a weak network has many of


class Look(NamedTuple):
    """How boxes are drawn; colour and line style each tell what they are."""

    colour: str
    line: str | tuple[int, tuple[float, ...]]
    meaning: str
    first: str  # what is shown first


LOOKS = {
    "right": Look(GREEN, "-", "right", "highest scores"),
    "false": Look(VERMILLION, (0, (3, 1.3)), "false", "highest scores"),
    "wrong": Look(VERMILLION, (0, (3, 1.3)), "wrong", "highest scores"),
    "missed": Look(BLUE, (0, (0.9, 0.9)), "missed", "largest objects"),
}
TRUE = "object of the annotation"


@dataclass(frozen=True)
class Block:
    """What is shown of one network.

    `chosen` has the columns sort, rank, image, class, score, `CORNERS` and note of the examples;
    `marks` sort, image and `CORNERS` of all boxes, `true` ones among them, that their pictures
    show. With a `problem`, a sentence, there is nothing but that.
    """

    subset: str
    facts: str
    chosen: pd.DataFrame
    marks: pd.DataFrame
    problem: str = ""


class Grid(NamedTuple):
    """Where pictures lie: `columns` of them per line, `pitch` inches apart, up to `pixels` wide."""

    columns: int
    pitch: float
    pixels: int

    @property
    def width(self) -> float:
        """The width of a picture's place in inches."""
        return self.pitch - GAP

    @property
    def height(self) -> float:
        """The height of a picture's place in inches."""
        return self.width / SHAPE


class View(NamedTuple):
    """A part of an image (pixels) and its place (inches; `scale` inches per pixel)."""

    window: tuple[int, int, int, int]
    left: float
    top: float
    scale: float

    def place(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        """Return x, y, width and height in inches of a box that counts from 1, ends included."""
        xmin, ymin, xmax, ymax = box
        x = self.left + (xmin - 1 - self.window[0]) * self.scale
        y = self.top + (ymin - 1 - self.window[1]) * self.scale
        return x, y, (xmax - xmin + 1) * self.scale, (ymax - ymin + 1) * self.scale


@styled
def draw_examples(
    blocks: Sequence[Block], images: Callable[[str], np.ndarray], kind: str, count: int
) -> Figure:
    """Return the examples of one or two networks, a block each, a row for each of SORTS[kind].

    `images` returns an image's uint8 RGB pixels by its name; a row has at most `count` pictures.
    """
    columns = min(max(count, PER_LINE[0]), PER_LINE[1])
    pitch = (TWO_COLUMNS - 2 * MARGIN + GAP) / columns
    shown = max(1, sum(len(block.chosen) for block in blocks))
    grid = Grid(columns, pitch, image_side(pitch - GAP, shown))
    heights = [_block_height(block, kind, grid) for block in blocks]
    figure, axes = inch_canvas(TWO_COLUMNS, MARGIN + sum(heights) + KEY)
    top = MARGIN
    for block, height in zip(blocks, heights, strict=True):
        _draw_block(axes, block, images, kind, top, grid)
        top += height
    _draw_key(axes, kind, top + 0.05)
    return figure


def window_around(box: Sequence[float], width: int, height: int) -> tuple[int, int, int, int]:
    """Return the part (left, top, right, bottom, half-open) of an image that is shown of a box.

    It is AROUND times as large as the box, which counts from 1, ends included, and at least LEAST
    of the image; of SHAPE, and the box in its middle, where the image allows it.
    """
    x1, y1, x2, y2 = box[0] - 1, box[1] - 1, box[2], box[3]
    wide = min(width, max(AROUND * (x2 - x1), AROUND * (y2 - y1) * SHAPE, LEAST * width))
    high = min(height, max(wide / SHAPE, 1.2 * (y2 - y1)))
    wide = min(width, max(high * SHAPE, 1.2 * (x2 - x1)))
    sides = (max(1, round(wide)), max(1, round(high)))
    centre = ((x1 + x2) / 2, (y1 + y2) / 2)
    left, top = (
        min(max(0, round(middle - side / 2)), whole - side)
        for middle, side, whole in zip(centre, sides, (width, height), strict=True)
    )
    return left, top, left + sides[0], top + sides[1]


def _lines_below(rows: pd.DataFrame) -> int:
    return 2 if (rows["note"] != "").any() else 1


def _row_height(rows: pd.DataFrame, grid: Grid) -> float:
    """Return the height of a row of examples with its heading."""
    lines = -(-len(rows) // grid.columns)
    each = grid.height + LINE * _lines_below(rows) + 0.06
    return HEADING + (lines * each if lines else EMPTY)


def _block_height(block: Block, kind: str, grid: Grid) -> float:
    if block.problem:
        return TITLE + LINE * len(_wrapped(block.problem)) + 0.15
    return TITLE + sum(_row_height(_rows(block, sort), grid) for sort in SORTS[kind]) + 0.04


def _rows(block: Block, sort: str) -> pd.DataFrame:
    return block.chosen[block.chosen["sort"] == sort].sort_values("rank")


def _draw_block(
    axes: Axes,
    block: Block,
    images: Callable[[str], np.ndarray],
    kind: str,
    top: float,
    grid: Grid,
) -> None:
    right = TWO_COLUMNS - MARGIN
    room = right - MARGIN - text_width(block.facts, TEXT) - 0.2
    title = {"fontsize": LARGE, "weight": "bold", "va": "center"}
    axes.text(MARGIN, top + 0.1, shortened(block.subset, room / 1.15, LARGE), **title)
    axes.text(right, top + 0.1, block.facts, fontsize=TEXT, ha="right", va="center", color=GREY)
    axes.plot([MARGIN, right], [top + 0.22] * 2, color=GREY, linewidth=0.6)
    top += TITLE
    if block.problem:
        text = "\n".join(_wrapped(block.problem))
        axes.text(MARGIN, top, text, fontsize=TEXT, va="top", linespacing=1.25)
        return
    for sort in SORTS[kind]:
        rows = _rows(block, sort)
        _draw_row(axes, block, sort, rows, images, top, grid)
        top += _row_height(rows, grid)


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, 125, break_long_words=True, break_on_hyphens=False)


def _draw_row(
    axes: Axes,
    block: Block,
    sort: str,
    rows: pd.DataFrame,
    images: Callable[[str], np.ndarray],
    top: float,
    grid: Grid,
) -> None:
    """Draw the heading of one sort and its examples, or that there are none."""
    look = LOOKS[sort]
    style = {"fontsize": TEXT, "va": "center"}
    axes.text(MARGIN, top + 0.07, look.meaning, weight="bold", color=INK, **style)
    width = 1.15 * text_width(look.meaning, TEXT)  # bold letters are wider
    said = look.first if len(rows) else "none"
    axes.text(MARGIN + width + 0.07, top + 0.07, said, color=GREY, **style)
    below = grid.height + LINE * _lines_below(rows) + 0.06
    for number, row in enumerate(rows.to_dict("records")):
        line, column = divmod(number, grid.columns)
        x = MARGIN + column * grid.pitch
        y = top + HEADING + line * below
        marks = block.marks[block.marks["image"] == row["image"]]
        view = _draw_picture(axes, images(row["image"]), row, x, y, grid)
        _draw_marks(axes, marks, row, view, f"{block.subset}/{sort}/{row['rank']}")
        _draw_words(axes, row, x + grid.width / 2, y + grid.height, grid.width)


def _draw_picture(
    axes: Axes, image: np.ndarray, row: dict[str, Any], x: float, y: float, grid: Grid
) -> View:
    """Draw the surroundings of an example's box in the middle of its place; return the view."""
    height, width = image.shape[:2]
    window = window_around([row[name] for name in CORNERS], width, height)
    wide = window[2] - window[0]
    high = window[3] - window[1]
    scale = min(grid.width / wide, grid.height / high)
    pixels = scale * grid.pixels / grid.width
    size = (max(1, round(wide * pixels)), max(1, round(high * pixels)))
    part = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, box=window)
    left = x + (grid.width - wide * scale) / 2
    top = y + (grid.height - high * scale) / 2
    extent = (left, left + wide * scale, top + high * scale, top)
    place_image(axes, np.asarray(part), extent)
    return View(window, left, top, scale)


def _draw_marks(
    axes: Axes, marks: pd.DataFrame, row: dict[str, Any], view: View, name: str
) -> None:
    """Draw the boxes of a picture, that of the example last and thick."""
    own = [row[corner] for corner in CORNERS]
    for mark in marks.to_dict("records"):
        box = [mark[corner] for corner in CORNERS]
        if mark["sort"] == "true":
            _draw_true(axes, box, view)
        elif box != own or mark["sort"] != row["sort"]:
            _draw_box(axes, LOOKS[mark["sort"]], box, view, THIN)
    _draw_box(axes, LOOKS[row["sort"]], own, view, THICK, gid=name)


def _draw_true(axes: Axes, box: Sequence[float], view: View) -> None:
    _draw_edge(axes, box, view, edgecolor=INK, linewidth=1.3, alpha=0.6)
    _draw_edge(axes, box, view, edgecolor="white", linewidth=0.7)


def _draw_box(
    axes: Axes, look: Look, box: Sequence[float], view: View, width: float, gid: str | None = None
) -> None:
    """Draw a box on a white line, which parts it from any picture."""
    _draw_edge(axes, box, view, edgecolor="white", linewidth=1.5 * width)
    drawn = {"edgecolor": look.colour, "linestyle": look.line, "gid": gid}
    _draw_edge(axes, box, view, linewidth=width, **drawn)


def _draw_edge(axes: Axes, box: Sequence[float], view: View, **style: Any) -> None:
    """Draw the edge of a box; what lies outside the picture is cut off."""
    x, y, width, height = view.place(box)
    edge = Rectangle((x, y), width, height, fill=False, zorder=6, **style)
    axes.add_patch(edge)
    left, top, right, bottom = view.window
    slack = THICK / INCH / 2  # a line at the border of the image is seen whole
    corner = (view.left - slack, view.top - slack)
    sides = ((right - left) * view.scale, (bottom - top) * view.scale)
    frame = Rectangle(corner, *(side + 2 * slack for side in sides), transform=axes.transData)
    edge.set_clip_path(frame)


def _draw_words(axes: Axes, row: dict[str, Any], middle: float, top: float, width: float) -> None:
    """Write class and score below a picture, and the note below them."""
    score = "" if np.isnan(row["score"]) else f" {row['score']:.2f}"
    width -= 0.05  # letters are placed by whole pixels
    name = shortened(row["class"], width - text_width(score, TEXT), TEXT)
    style = {"ha": "center", "va": "center"}
    axes.text(middle, top + 0.08, name + score, fontsize=TEXT, **style)
    note = shortened(row["note"], width, SMALL)
    axes.text(middle, top + 0.08 + LINE, note, fontsize=SMALL, color=GREY, **style)


def _draw_key(axes: Axes, kind: str, y: float) -> None:
    x = MARGIN
    sorts = list(SORTS[kind])
    for sort in [*sorts, "true"] if "missed" in sorts else sorts:
        box = (0.5, 0.5, 20.5, 12.5)
        view = View((0, 0, 21, 13), x, y, 0.011)
        if sort == "true":
            axes.add_patch(Rectangle((x, y), 0.24, 0.15, facecolor=GREY, edgecolor="none"))
            _draw_true(axes, (3, 3, 19, 11), view)
        else:
            _draw_box(axes, LOOKS[sort], box, view, THICK, gid=f"key/{sort}")
        words = TRUE if sort == "true" else LOOKS[sort].meaning
        axes.text(x + 0.32, y + 0.075, words, fontsize=TEXT, va="center")
        x += 0.32 + text_width(words, TEXT) + 0.25
