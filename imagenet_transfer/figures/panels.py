"""Panels of equal size, one per task.

Their axes are placed in inches, not by a layout engine, so that labels can be measured and kept
apart.
"""

import math
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imagenet_transfer.figures.canvas import shortened
from imagenet_transfer.figures.chart_parts import TITLES
from imagenet_transfer.figures.style import ONE_COLUMN, TWO_COLUMNS, new_figure

LEFT = 0.47  # inches: about the axes of a panel, and their height
RIGHT = 0.1
ABOVE = 0.42
BELOW = 0.4
PANEL_HEIGHT = 1.75
SMALL = 6.0  # points: the sizes of text
TEXT = 7.0
TITLE = 8.0
TICK_STEPS = (1, 2, 5, 10)
IN_A_ROW = {1: 1, 2: 2, 4: 2}  # panels per row, by the number of panels; otherwise three


class Panels(NamedTuple):
    """Axes of one size in rows, that size in inches, and the number of axes per row."""

    axes: list[Axes]
    width: float
    height: float
    columns: int


def page_width(count: int) -> float:
    """Return the width in inches of a figure with `count` panels."""
    return ONE_COLUMN if count == 1 else TWO_COLUMNS


def panel_width(count: int) -> float:
    """Return the width in inches of the axes of each of `count` panels."""
    return page_width(count) / IN_A_ROW.get(count, 3) - LEFT - RIGHT


def panel_grid(count: int, foot: float, below: float = BELOW) -> tuple[Figure, Panels]:
    """Return a figure with `count` axes of equal size and `foot` inches free below them.

    Each has `below` inches for the labels below it.
    """
    columns = IN_A_ROW.get(count, 3)
    lines = math.ceil(count / columns)
    page = page_width(count)
    width = panel_width(count)
    line = ABOVE + PANEL_HEIGHT + below
    total = lines * line + foot
    figure = new_figure(page, total)
    figure.set_layout_engine("none")
    axes = []
    for place in range(count):
        row, column = divmod(place, columns)
        left = column * page / columns + LEFT
        bottom = total - row * line - ABOVE - PANEL_HEIGHT
        box = (left / page, bottom / total, width / page, PANEL_HEIGHT / total)
        axes.append(figure.add_axes(box))
    return figure, Panels(axes, width, PANEL_HEIGHT, columns)


def head(axes: Axes, task: str, line: str, width: float) -> None:
    """Print a panel's title: the task, and in a second line what was found."""
    title = shortened(TITLES.get(task, task), 0.88 * width, TITLE)  # bold is wider
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    axes.annotate(title, (0, 1), (0, 14), fontsize=TITLE, fontweight="bold", **above)
    axes.annotate(line, (0, 1), (0, 4), fontsize=TEXT, **above)


def signed(number: float, digits: int = 2) -> str:
    """Return a number as text, with a minus sign as wide as a plus."""
    return f"{number:.{digits}f}".replace("-", "−")
