"""Figure 7: the halves of each split, drawn on the hierarchy."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from imagenet_transfer.figures.canvas import (
    LARGE,
    SMALL,
    TEXT,
    inch_canvas,
    readable,
    runs,
    shortened,
    text_width,
    tint,
)
from imagenet_transfer.figures.style import BLUE, GREY, ORANGE, TWO_COLUMNS, styled
from imagenet_transfer.labels.taxonomy import Taxonomy

HALVES = (BLUE, ORANGE)  # colours of the halves a and b of a split
EMPTY = "#E9E9E9"  # a node that no half holds as a whole
TALLEST = 8.2  # inches: the height of all classes, at most
HEAD = 0.62  # inches above the classes
FOOT = 0.3  # inches below them
NARROWEST = 0.2  # inches: the width of a depth's column
WIDEST = 1.25
STRIP = 0.55  # inches: the width of a split's column
GAP = 0.12  # inches between columns
LEAF_TEXT = 0.09  # inches: the height from which a class has room for its name


@dataclass(frozen=True)
class Icicle:
    """The classes from top to bottom, large families first, each `step` inches high."""

    taxonomy: Taxonomy
    classes: tuple[str, ...]
    step: float

    def name(self, node: str) -> str:
        """Return a node's name as it is read."""
        return readable(self.taxonomy.names[node])

    def nodes(self, depth: int) -> list[tuple[str, int, int]]:
        """Return (node, first, stop) of the classes' ancestors at `depth`.

        A class that ends higher is its own.
        """
        return runs([self.taxonomy.ancestor_at(wnid, depth) for wnid in self.classes])

    def y(self, place: int) -> float:
        """Return the upper edge of the class at `place`, in inches from the top of the figure."""
        return HEAD + self.step * place


def order_classes(wnids: Iterable[str], taxonomy: Taxonomy) -> tuple[str, ...]:
    """Return the classes in tree order, the largest branch of each family first."""
    chains = {wnid: taxonomy.chain(wnid) for wnid in wnids}
    sizes = Counter(node for chain in chains.values() for node in chain)
    return tuple(sorted(chains, key=lambda wnid: [(-sizes[node], node) for node in chains[wnid]]))


@styled
def draw_splits(
    taxonomy: Taxonomy, label_sets: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]
) -> Figure:
    """Return Figure 7 (Section 5.5): the hierarchy down to a depth, and each split's halves.

    layout["splits"] maps each split to the label sets of its halves, [a, b]; layout["depth"] is 6
    by default. A node is a box whose height is its number of classes. Each class is a tick in each
    split's column, in the colour of its half. The split that cuts the fewest nodes comes last;
    nodes that it leaves in one half are tinted in that half's colour.
    """
    halves = {
        split: [frozenset(label_sets[name]["wnid"]) for name in names]
        for split, names in layout["splits"].items()
    }
    classes = order_classes(frozenset().union(*itertools.chain(*halves.values())), taxonomy)
    icicle = Icicle(taxonomy, classes, min(TALLEST / len(classes), 0.125))
    depth = layout.get("depth", 6)
    halves = dict(sorted(halves.items(), key=lambda item: -nodes_cut(icicle, depth, item[1])))
    figure, axes = inch_canvas(TWO_COLUMNS, icicle.y(len(classes)) + FOOT)
    names = _leaf_column(icicle)
    right = TWO_COLUMNS - 0.1 - names - (STRIP + GAP) * len(halves)
    edges = column_edges(icicle, depth, right - 0.1)
    for level, sides in enumerate(itertools.pairwise(edges)):
        _draw_level(axes, icicle, level, sides, list(halves.values())[-1])
    for place, (split, pair) in enumerate(halves.items()):
        _draw_strip(axes, icicle, split, pair, right + GAP + (STRIP + GAP) * place)
    if names:
        _draw_leaf_names(axes, icicle, TWO_COLUMNS - 0.1 - names + 0.05)
    _draw_frame(axes, edges, list(halves)[-1], icicle.y(len(classes)), len(classes))
    return figure


def _leaf_column(icicle: Icicle) -> float:
    """Return the inches that the classes' names take; 0 if the classes are too many to name."""
    if icicle.step < LEAF_TEXT:
        return 0.0
    longest = max(text_width(icicle.name(wnid), SMALL) for wnid in icicle.classes)
    return min(longest, 1.1) + 0.05


def _upright(icicle: Icicle, node: str, rows: int) -> bool:
    """Return whether a box is high enough for its name to be written upwards."""
    return icicle.step * rows > max(1.0, text_width(_caption(icicle, node, rows), TEXT) + 0.1)


def _caption(icicle: Icicle, node: str, rows: int) -> str:
    return f"{icicle.name(node)} {rows}"


def column_edges(icicle: Icicle, depth: int, right: float) -> list[float]:
    """Return the x of the edges of the columns of depths 0 to `depth`, as wide as names need."""
    needs = []
    for level in range(depth + 1):
        boxes = [(node, stop - first) for node, first, stop in icicle.nodes(level)]
        lying = [box for box in boxes if _has_room(icicle, box[1]) and not _upright(icicle, *box)]
        widths = [text_width(_caption(icicle, *box), SMALL) + 0.1 for box in lying]
        needs.append(min(max([*widths, NARROWEST]), WIDEST))
    edges = np.concatenate([[0.0], np.cumsum(needs)]) * (right - 0.1) / sum(needs) + 0.1
    return [float(edge) for edge in edges]


def _has_room(icicle: Icicle, rows: int) -> bool:
    return icicle.step * rows >= LEAF_TEXT


def half_of(members: Iterable[str], pair: Sequence[frozenset[str]]) -> int | None:
    """Return the half, 0 or 1, that holds all members; None if neither does."""
    members = set(members)
    return next((half for half, wnids in enumerate(pair) if members <= wnids), None)


def nodes_cut(icicle: Icicle, depth: int, pair: Sequence[frozenset[str]]) -> int:
    """Return how many nodes down to a depth have classes in both halves of a split."""
    nodes = [node for level in range(depth + 1) for node in icicle.nodes(level)]
    members = [frozenset(icicle.classes[first:stop]) for _, first, stop in nodes]
    return sum(all(wnids & half for half in pair) for wnids in members)


def _draw_level(
    axes: Axes,
    icicle: Icicle,
    level: int,
    sides: tuple[float, float],
    pair: Sequence[frozenset[str]],
) -> None:
    """Draw the boxes of one depth, with their names and numbers of classes where they have room."""
    left, right = sides
    for node, first, stop in icicle.nodes(level):
        top = icicle.y(first)
        height = icicle.step * (stop - first)
        half = half_of(icicle.classes[first:stop], pair)
        colour = EMPTY if half is None else tint(HALVES[half], 0.28)
        look = {"facecolor": colour, "edgecolor": "white", "linewidth": min(0.6, 12 * height)}
        box = ((left, top), right - left, height)
        axes.add_patch(Rectangle(*box, gid=f"{level}/{node}", **look))
        if _has_room(icicle, stop - first) and icicle.taxonomy.depth(node) == level:
            _draw_caption(axes, icicle, node, stop - first, (left, right, top + height / 2))


def _draw_caption(
    axes: Axes, icicle: Icicle, node: str, rows: int, place: tuple[float, float, float]
) -> None:
    left, right, middle = place
    text = _caption(icicle, node, rows)
    upright = _upright(icicle, node, rows)
    if upright and text_width(text, TEXT) > right - left - 0.08:
        style = {"rotation": 90, "ha": "center", "va": "center", "rotation_mode": "anchor"}
        axes.text((left + right) / 2, middle, text, fontsize=TEXT, **style)
    else:
        size = TEXT if upright else SMALL
        number = f" {rows}"
        room = right - left - 0.08
        short = shortened(icicle.name(node), room - text_width(number, size), size)
        text = short + number if short else shortened(icicle.name(node), room, size)
        axes.text(left + 0.04, middle, text, fontsize=size, va="center_baseline")


def _draw_strip(
    axes: Axes, icicle: Icicle, split: str, pair: Sequence[frozenset[str]], left: float
) -> None:
    """Draw a split's column: a tick per class in the colour of its half, white without a half.

    Equal neighbours are one box.
    """
    halves = [half_of([wnid], pair) for wnid in icicle.classes]
    for half, colour in enumerate(HALVES):
        equal = runs(["half" if of == half else None for of in halves])
        right = left + STRIP
        boxes = [_box(left, icicle.y(first), right, icicle.y(stop)) for _, first, stop in equal]
        look = {"facecolors": colour, "edgecolors": "none", "antialiaseds": False}
        ticks = PolyCollection(boxes, gid=f"{split}/{'ab'[half]}", **look)
        axes.add_collection(ticks, autolim=False)
    middle = left + STRIP / 2
    style = {"fontsize": TEXT, "weight": "bold", "va": "center"}
    axes.text(middle, HEAD - 0.2, split, ha="center", **style)
    for half, (side, offset) in enumerate((("right", -0.02), ("left", 0.02))):
        style |= {"color": HALVES[half], "ha": side}
        axes.text(middle + offset, HEAD - 0.08, f"{halves.count(half)}", **style)


def _box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _draw_leaf_names(axes: Axes, icicle: Icicle, x: float) -> None:
    for place, wnid in enumerate(icicle.classes):
        text = shortened(icicle.name(wnid), TWO_COLUMNS - x - 0.02, SMALL)
        axes.text(x, icicle.y(place) + icicle.step / 2, text, fontsize=SMALL, va="center_baseline")


def _draw_frame(axes: Axes, edges: Sequence[float], tinted: str, bottom: float, total: int) -> None:
    """Draw the heading, the depths above their columns, and the key below."""
    text = f"The {total} classes on the hierarchy, and the half of each split that they are in"
    axes.text(0.1, 0.12, text, fontsize=LARGE, weight="bold", va="center")
    for depth, (left, right) in enumerate(itertools.pairwise(edges)):
        style = {"fontsize": TEXT, "ha": "center", "va": "center", "color": GREY}
        axes.text((left + right) / 2, HEAD - 0.08, str(depth), **style)
    axes.text(edges[0], HEAD - 0.2, "depth", fontsize=TEXT, va="center", color=GREY)
    x = 0.1
    for half, colour in zip("ab", HALVES, strict=True):
        axes.add_patch(Rectangle((x, bottom + 0.1), 0.12, 0.1, facecolor=colour))
        axes.text(x + 0.16, bottom + 0.15, f"half {half}", fontsize=TEXT, va="center")
        x += 0.6
    text = (
        f"Tinted: a node all of whose classes are in one half of the {tinted} split. "
        "Numbers: classes below a node."
    )
    axes.text(x + 0.05, bottom + 0.15, text, fontsize=TEXT, va="center", color=GREY)
