"""The look that all figures share, and saving them: equal figures have equal bytes.

Figures are `matplotlib.figure.Figure` objects; pyplot and its global state are never used.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, ParamSpec

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imagenet_transfer.files import atomic_write

ONE_COLUMN = 3.4  # inches: the widths of a two-column page
TWO_COLUMNS = 7.0
DPI = 200
# Okabe & Ito, Color Universal Design (2008): distinct under every common colour blindness
BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
INK = "#1A1A1A"
GREY = "#767676"
PALE = "#D9D9D9"


class Series(NamedTuple):
    """How one line of a chart looks; its colour, mark or line style each identifies it."""

    colour: str
    mark: str
    line: str | tuple[int, tuple[float, ...]]


# The first four differ in lightness by at least 10 of CIE L*'s 100 steps, so that they differ in
# grey print; dotted lines are kept for references
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
    "font.family": "DejaVu Sans",  # comes with matplotlib: same glyphs on all machines
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
    "pdf.fonttype": 42,  # TrueType, as it is: publishers refuse Type 3
}
P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return `draw` with the shared look, whatever the user's matplotlibrc says."""

    @functools.wraps(draw)
    def with_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.style.context(["default", _RC]):
            return draw(*args, **kwargs)

    return with_style


def new_figure(width: float = ONE_COLUMN, height: float = 2.4) -> Figure:
    """Return an empty figure of that size in inches, whose layout keeps texts apart.

    Call it while `styled`.
    """
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def light_grid(axes: Axes, axis: str = "y") -> None:
    """Draw faint lines behind the data, at the ticks of the axis that values are read from."""
    axes.grid(visible=True, axis=axis)


def save_pdf(figure: Figure, pdf: Path | str) -> None:
    """Write a figure as PDF with its fonts, atomically; equal figures have equal bytes."""
    undated = dict.fromkeys(("CreationDate", "Creator", "Producer"))
    with matplotlib.style.context(["default", _RC]), atomic_write(pdf) as temporary:
        figure.savefig(temporary, format="pdf", dpi=DPI, metadata=undated)


def save_figure(figure: Figure, png: Path | str, svg: Path | str) -> None:
    """Write a figure as PNG (200 dpi) and SVG, each atomically; equal figures have equal bytes."""
    formats = (("png", png, {"Software": None}), ("svg", svg, {"Date": None, "Creator": None}))
    with matplotlib.style.context(["default", _RC]):
        for kind, path, metadata in formats:
            with atomic_write(path) as temporary:
                figure.savefig(temporary, format=kind, dpi=DPI, metadata=metadata)
