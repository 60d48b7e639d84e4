"""The shared look of all charts: colours, marks, type sizes, and saving with equal bytes for equal pictures.

Charts are `matplotlib.figure.Figure` objects; pyplot and its global state are never used.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, ParamSpec

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imagenet_transfer.files import atomic_write

ONE_COLUMN, TWO_COLUMNS = 3.4, 7.0  # inches: the widths of a two-column page
DPI = 200
# Okabe & Ito, Color Universal Design (2008): told apart with every common colour blindness
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
INK, GREY, PALE = "#1A1A1A", "#767676", "#D9D9D9"


class Series(NamedTuple):
    """How one line of a chart looks: colour, mark and line style each suffice to know it."""

    colour: str
    mark: str
    line: str | tuple[int, tuple[float, ...]]


# The first four differ in lightness by at least ten of CIE L*'s hundred steps, so that grey print keeps them apart;
# dotted lines are left for references
SERIES = (
    Series(BLACK, "D", "-"),
    Series(BLUE, "o", (0, (5, 1.3))),
    Series(ORANGE, "s", (0, (4, 1.2, 1, 1.2))),
    Series(GREEN, "^", (0, (8, 1.5))),
    Series(PURPLE, "v", (0, (6, 1.2, 1, 1.2, 1, 1.2))),
    Series(VERMILLION, "P", (0, (2.5, 1.2))),
    Series(SKY, "X", (0, (8, 1.2, 2, 1.2))),
)

_RC = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs on every machine
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.2,
    "errorbar.capsize": 0,
    "hatch.linewidth": 0.5,
    "savefig.dpi": DPI,
    "svg.fonttype": "path",
    "svg.hashsalt": "imagenet_transfer",  # the identifiers within an SVG are random otherwise
}
P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return `draw` run under the shared look, whatever the user's matplotlibrc says."""

    @functools.wraps(draw)
    def with_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.style.context(["default", _RC]):
            return draw(*args, **kwargs)

    return with_style


def new_figure(width: float = ONE_COLUMN, height: float = 2.4) -> Figure:
    """Return an empty figure of that size in inches; its layout keeps texts apart by itself. Call it while `styled`."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def light_grid(axes: Axes, axis: str = "y") -> None:
    """Draw faint guide lines behind the data, across the axis that values are read from."""
    axes.grid(visible=True, axis=axis)


def save_figure(figure: Figure, png: Path | str, svg: Path | str) -> None:
    """Write a figure as PNG (200 dpi) and SVG, each atomically; equal pictures have equal bytes."""
    formats = (("png", png, {"Software": None}), ("svg", svg, {"Date": None, "Creator": None}))
    with matplotlib.style.context(["default", _RC]):
        for kind, path, metadata in formats:
            with atomic_write(path) as temporary:
                figure.savefig(temporary, format=kind, dpi=DPI, metadata=metadata)
