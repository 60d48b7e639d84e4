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

LABEL = 0.9  # inches: the width of the networks' names
TILE = 0.6  # inches from one neighbour to the next, at most
TITLE = 0.3  # inches above a query's rows
BREAK = 0.2  # inches: the height of the dotted line and its text
KEY = 0.34  # inches: the height of the key
BORDER = 2.0  # points


class Relation(NamedTuple):
    """How a neighbour is marked; colour, line style or mark each identifies the relation."""

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
# The marks as strokes within a disc of radius 1, y down, as fonts may lack them
STROKES = {
    "check": [[(-0.5, 0.05), (-0.12, 0.45), (0.52, -0.42)]],
    "tilde": [[(x / 10, -0.22 * float(np.sin(x / 10 * 5.2))) for x in range(-6, 7)]],
    "cross": [[(-0.42, -0.42), (0.42, 0.42)], [(-0.42, 0.42), (0.42, -0.42)]],
}


class Grid(NamedTuple):
    """Where the images lie: `count` neighbours, `tile` inches apart, of `side` pixels per side."""

    tile: float
    count: int
    side: int

    def x(self, place: int) -> float:
        """Return the left edge of a neighbour's place, in inches from the figure's left."""
        return MARGIN + 1.25 * self.tile + LABEL + self.tile * place


@styled
def draw_neighbours(
    frame: pd.DataFrame, images: Callable[[str], np.ndarray], layout: Mapping[str, Any]
) -> Figure:
    """Return Figure 5: each query's nearest neighbours in the features of each network.

    `frame` has the columns subset, query_wnid, query_image, rank (starting at the nearest), image,
    wnid, relation (fine, coarse or neither) and seen (whether the query's class was a training
    label); `images` returns an image's uint8 RGB pixels. A query's rows are layout["subsets"], from
    fine to coarse, with the layout's `n_classes`; its `names` may name the wnids of queries. A
    dotted line shows where the query's class stops being a label.
    """
    queries = list(dict.fromkeys(zip(frame["query_wnid"], frame["query_image"], strict=True)))
    subsets = [subset for subset in layout["subsets"] if (frame["subset"] == subset).any()]
    count = int(frame.groupby(["subset", "query_wnid"]).size().max())
    tile = min(TILE, (TWO_COLUMNS - 2 * MARGIN - LABEL - 0.08) / (count + 1.25))
    grid = Grid(tile, count, image_side(tile - 0.06, len(queries) * (1 + len(subsets) * count)))
    blocks = [frame[frame["query_image"] == image] for _, image in queries]
    breaks = [len(_breaks(rows, subsets)) for rows in blocks]
    heights = [TITLE + len(subsets) * tile + number * BREAK + 0.1 for number in breaks]
    figure, axes = inch_canvas(TWO_COLUMNS, MARGIN + sum(heights) + KEY)
    top = MARGIN
    for (wnid, image), rows, height in zip(queries, blocks, heights, strict=True):
        _draw_query(axes, images(image), _query_title(wnid, layout), top, grid)
        _draw_block(axes, rows, subsets, images, layout["n_classes"], top + TITLE, grid)
        top += height
    _draw_key(axes, top + 0.08)
    return figure


def _breaks(rows: pd.DataFrame, subsets: Sequence[str]) -> list[int]:
    """Return the places of subsets at which the query's class has just stopped being a label."""
    seen = [bool(rows.loc[rows["subset"] == subset, "seen"].all()) for subset in subsets]
    return [place for place in range(1, len(seen)) if seen[place - 1] and not seen[place]]


def _query_title(wnid: str, layout: Mapping[str, Any]) -> str:
    name = layout.get("names", {}).get(wnid, wnid)
    return readable(name) if name.count(".") >= 2 else name


def _draw_query(axes: Axes, image: np.ndarray, title: str, top: float, grid: Grid) -> None:
    axes.text(MARGIN, top + 0.1, f"Query: {title}", fontsize=LARGE, weight="bold", va="center")
    axes.text(grid.x(0) + 0.03, top + 0.1, "nearest first", fontsize=TEXT, va="center", color=GREY)
    axes.plot([MARGIN, TWO_COLUMNS - MARGIN], [top + 0.22] * 2, color=GREY, linewidth=0.6)
    y = top + TITLE
    edge = 1.15 * grid.tile
    place_image(axes, thumbnail(image, round(edge * DPI)), (MARGIN, MARGIN + edge, y + edge, y))
    border = {"fill": False, "edgecolor": INK, "linewidth": 1.2, "zorder": 5}
    axes.add_patch(Rectangle((MARGIN, y), edge, edge, **border))


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
            x = grid.x(number) + 0.03
            y = top + 0.03
            edge = grid.tile - 0.06
            place_image(axes, thumbnail(images(row.image), grid.side), (x, x + edge, y + edge, y))
            gid = f"{subset}/{row.query_wnid}/{row.rank}"
            _draw_border(axes, row.relation, x, y, edge, gid)
        top += grid.tile


def _draw_network(axes: Axes, subset: str, n_classes: int, right: float, middle: float) -> None:
    style = {"fontsize": TEXT, "ha": "right", "va": "center"}
    axes.text(right, middle - 0.06, shortened(subset, LABEL - 0.1, TEXT), **style)
    axes.text(right, middle + 0.07, f"{n_classes} classes", weight="bold", **style)


def _draw_border(axes: Axes, kind: str, x: float, y: float, side: float, gid: str) -> None:
    """Draw a border around an image and the relation's mark in its corner."""
    relation = RELATIONS[kind]
    white = {"fill": False, "edgecolor": "white", "linewidth": BORDER, "zorder": 5}
    axes.add_patch(Rectangle((x, y), side, side, **white))
    look = {"edgecolor": relation.colour, "linestyle": relation.line, "gid": gid, "zorder": 6}
    axes.add_patch(Rectangle((x, y), side, side, **white | look))
    _draw_mark(axes, relation, x + side - 0.07, y + side - 0.07)


def _draw_mark(axes: Axes, relation: Relation, x: float, y: float, radius: float = 0.065) -> None:
    disc = {"facecolor": relation.colour, "edgecolor": "white", "linewidth": 0.6, "zorder": 7}
    axes.add_patch(Circle((x, y), radius, **disc))
    for stroke in STROKES[relation.mark]:
        xs = [x + radius * u for u, _ in stroke]
        ys = [y + radius * v for _, v in stroke]
        axes.plot(xs, ys, color="white", linewidth=1.1, solid_capstyle="round", zorder=8)


def _draw_break(axes: Axes, y: float, grid: Grid) -> None:
    left = grid.x(0) - LABEL + 0.05
    right = grid.x(grid.count)
    text = "from here on the query's class is not a training label: it is merged with others"
    dotted = {"color": INK, "linewidth": 1.2, "linestyle": (0, (1, 1.6)), "gid": "break"}
    axes.plot([left, right], [y + 0.06] * 2, **dotted)
    axes.text(right, y - 0.03, text, fontsize=SMALL, ha="right", va="center", style="italic")


def _draw_key(axes: Axes, y: float) -> None:
    x = MARGIN
    for kind, relation in RELATIONS.items():
        _draw_border(axes, kind, x + 0.02, y, 0.18, f"key/{kind}")
        axes.text(x + 0.28, y + 0.09, relation.meaning, fontsize=TEXT, va="center")
        x += 0.28 + text_width(relation.meaning, TEXT) + 0.25
