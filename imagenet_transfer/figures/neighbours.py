"""Figure 5: the nearest neighbours of queries in each network's features."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from imagenet_transfer.figures.canvas import (
    LARGE,
    MARGIN,
    SMALL,
    TEXT,
    image_side,
    inch_canvas,
    place_image,
    readable,
    shortened,
    text_width,
    thumbnail,
)
from imagenet_transfer.figures.style import (
    DPI,
    GREEN,
    GREY,
    INK,
    ORANGE,
    TWO_COLUMNS,
    VERMILLION,
    styled,
)

LABEL = 0.9  # inches: the networks' names
TILE = 0.6  # inches: at most this from one neighbour to the next
TITLE, BREAK, KEY = 0.3, 0.2, 0.34  # inches: above a query's rows, of the dotted line, of the key
BORDER = 2.0  # points


class Relation(NamedTuple):
    """How a neighbour is marked: colour, line style and mark each suffice to know how right it is."""

    colour: str
    line: str | tuple[int, tuple[float, ...]]
    mark: str
    meaning: str


RELATIONS = {
    "fine": Relation(GREEN, "-", "check", "the query's own class"),
    "coarse": Relation(
        ORANGE, (0, (3, 1)), "tilde", "another class, merged with the query's into one label"
    ),
    "neither": Relation(VERMILLION, (0, (1, 1)), "cross", "another class under another label"),
}
# The marks as strokes within a disc of radius 1, y down: no font has to have them
STROKES = {
    "check": [[(-0.5, 0.05), (-0.12, 0.45), (0.52, -0.42)]],
    "tilde": [[(x / 10, -0.22 * float(np.sin(x / 10 * 5.2))) for x in range(-6, 7)]],
    "cross": [[(-0.42, -0.42), (0.42, 0.42)], [(-0.42, 0.42), (0.42, -0.42)]],
}


class Grid(NamedTuple):
    """Where Figure 5's images lie: `tile` inches from one to the next, `count` neighbours, `side` pixels each."""

    tile: float
    count: int
    side: int

    def x(self, place: int) -> float:
        """Return the left edge of a neighbour's place, in inches from the left of the figure."""
        return MARGIN + 1.25 * self.tile + LABEL + self.tile * place


@styled
def draw_neighbours(
    frame: pd.DataFrame, images: Callable[[str], np.ndarray], layout: Mapping[str, Any]
) -> Figure:
    """Return Figure 5: for each query a row of nearest neighbours in the features of each network.

    `frame` has the columns subset, query_wnid, query_image, rank (from the nearest), image, wnid, relation (fine,
    coarse or neither) and seen (whether the query's class was a training label); `images` returns an image's uint8 RGB
    pixels. The rows are layout["subsets"], fine to coarse, with layout["n_classes"] of each; layout["names"] may give
    the name of a query's wnid. The dotted line stands where a class stops being a label.
    """
    queries = list(dict.fromkeys(zip(frame["query_wnid"], frame["query_image"], strict=True)))
    subsets = [subset for subset in layout["subsets"] if (frame["subset"] == subset).any()]
    count = int(frame.groupby(["subset", "query_wnid"]).size().max())
    tile = min(TILE, (TWO_COLUMNS - 2 * MARGIN - LABEL - 0.08) / (count + 1.25))
    grid = Grid(tile, count, image_side(tile - 0.06, len(queries) * (1 + len(subsets) * count)))
    blocks = {query: frame[frame["query_image"] == query[1]] for query in queries}
    heights = [
        TITLE + len(subsets) * tile + len(_breaks(rows, subsets)) * BREAK + 0.1
        for rows in blocks.values()
    ]
    figure, axes = inch_canvas(TWO_COLUMNS, MARGIN + sum(heights) + KEY)
    top = MARGIN
    for ((wnid, image), rows), height in zip(blocks.items(), heights, strict=True):
        _draw_query(axes, images(image), _query_title(wnid, layout), top, grid)
        _draw_block(axes, rows, subsets, images, layout["n_classes"], top + TITLE, grid)
        top += height
    _draw_key(axes, top + 0.08)
    return figure


def _breaks(rows: pd.DataFrame, subsets: Sequence[str]) -> list[int]:
    """Return the places of the subsets that no longer have the query's class as a label though the one before had."""
    seen = [bool(rows.loc[rows["subset"] == subset, "seen"].all()) for subset in subsets]
    return [place for place in range(1, len(seen)) if seen[place - 1] and not seen[place]]


def _query_title(wnid: str, layout: Mapping[str, Any]) -> str:
    name = layout.get("names", {}).get(wnid, wnid)
    return readable(name) if name.count(".") >= 2 else name


def _draw_query(axes: Axes, image: np.ndarray, title: str, top: float, grid: Grid) -> None:
    axes.text(MARGIN, top + 0.1, f"Query: {title}", fontsize=LARGE, weight="bold", va="center")
    axes.text(grid.x(0) + 0.03, top + 0.1, "nearest first", fontsize=TEXT, va="center", color=GREY)
    axes.plot([MARGIN, TWO_COLUMNS - MARGIN], [top + 0.22] * 2, color=GREY, linewidth=0.6)
    y, edge = top + TITLE, 1.15 * grid.tile
    place_image(axes, thumbnail(image, round(edge * DPI)), (MARGIN, MARGIN + edge, y + edge, y))
    axes.add_patch(
        Rectangle((MARGIN, y), edge, edge, fill=False, edgecolor=INK, linewidth=1.2, zorder=5)
    )


def _draw_block(
    axes: Axes,
    rows: pd.DataFrame,
    subsets: Sequence[str],
    images: Callable[[str], np.ndarray],
    n_classes: Mapping[str, int],
    top: float,
    grid: Grid,
) -> None:
    """Draw the rows of one query, with a dotted line where its class stops being a label."""
    breaks = _breaks(rows, subsets)
    for place, subset in enumerate(subsets):
        if place in breaks:
            _draw_break(axes, top + BREAK / 2, grid)
            top += BREAK
        _draw_network(axes, subset, n_classes[subset], grid.x(0) - 0.08, top + grid.tile / 2)
        neighbours = rows[rows["subset"] == subset].sort_values("rank")
        for number, row in enumerate(neighbours.itertuples()):
            x, y, edge = grid.x(number) + 0.03, top + 0.03, grid.tile - 0.06
            place_image(axes, thumbnail(images(row.image), grid.side), (x, x + edge, y + edge, y))
            _draw_border(
                axes, row.relation, x, y, edge, gid=f"{subset}/{row.query_wnid}/{row.rank}"
            )
        top += grid.tile


def _draw_network(axes: Axes, subset: str, n_classes: int, right: float, middle: float) -> None:
    style = {"fontsize": TEXT, "ha": "right", "va": "center"}
    axes.text(right, middle - 0.06, shortened(subset, LABEL - 0.1, TEXT), **style)
    axes.text(right, middle + 0.07, f"{n_classes} classes", weight="bold", **style)


def _draw_border(axes: Axes, kind: str, x: float, y: float, side: float, gid: str) -> None:
    """Draw a border round an image and the mark of the relation in its corner."""
    relation = RELATIONS[kind]
    white = {"fill": False, "edgecolor": "white", "linewidth": BORDER, "zorder": 5}
    axes.add_patch(Rectangle((x, y), side, side, **white))
    look = {
        "fill": False,
        "edgecolor": relation.colour,
        "linestyle": relation.line,
        "linewidth": BORDER,
        "zorder": 6,
    }
    axes.add_patch(Rectangle((x, y), side, side, gid=gid, **look))
    _draw_mark(axes, relation, x + side - 0.07, y + side - 0.07)


def _draw_mark(axes: Axes, relation: Relation, x: float, y: float, radius: float = 0.065) -> None:
    axes.add_patch(
        Circle(
            (x, y), radius, facecolor=relation.colour, edgecolor="white", linewidth=0.6, zorder=7
        )
    )
    for stroke in STROKES[relation.mark]:
        xs, ys = zip(*stroke, strict=True)
        points = [x + radius * u for u in xs], [y + radius * v for v in ys]
        axes.plot(*points, color="white", linewidth=1.1, solid_capstyle="round", zorder=8)


def _draw_break(axes: Axes, y: float, grid: Grid) -> None:
    left, right = grid.x(0) - LABEL + 0.05, grid.x(grid.count)
    text = "from here on the query's class is no training label: it is merged with others"
    axes.plot(
        [left, right],
        [y + 0.06] * 2,
        color=INK,
        linewidth=1.2,
        linestyle=(0, (1, 1.6)),
        gid="break",
    )
    axes.text(right, y - 0.03, text, fontsize=SMALL, ha="right", va="center", style="italic")


def _draw_key(axes: Axes, y: float) -> None:
    x = MARGIN
    for kind, relation in RELATIONS.items():
        _draw_border(axes, kind, x + 0.02, y, 0.18, gid=f"key/{kind}")
        axes.text(x + 0.28, y + 0.09, relation.meaning, fontsize=TEXT, va="center")
        x += 0.28 + text_width(relation.meaning, TEXT) + 0.25
