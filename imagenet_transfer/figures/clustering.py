"""Figure 3: the bottom-up clustering of classes, drawn on a piece of the hierarchy."""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.canvas import (
    LARGE,
    SMALL,
    TEXT,
    fitted,
    inch_canvas,
    place_image,
    readable,
    runs,
    shortened,
    text_width,
    thumbnail,
    tint,
)
from imagenet_transfer.figures.style import (
    DPI,
    GREY,
    INK,
    SERIES,
    TWO_COLUMNS,
    Series,
    styled,
)
from imagenet_transfer.labels.taxonomy import Taxonomy

LEFT, RIGHT, TOP = 0.98, 0.25, 0.78  # inches about the tree
STEP = 0.2  # inches per depth
BAR = 0.21  # inches per row of merged classes


@dataclass(frozen=True)
class Cut:
    """A label set on the drawn classes: the class that each of them counts as (None: left out of the set)."""

    name: str
    total: int  # classes of the whole set
    depth: int  # of its deepest class
    classes: tuple[str | None, ...]
    look: Series


@dataclass(frozen=True)
class Tree:
    """The drawn classes in tree order; its nodes lie at so many inches from the figure's top left corner."""

    taxonomy: Taxonomy
    leaves: tuple[str, ...]
    width: float  # of a leaf's column

    def column(self, place: int) -> float:
        """Return the middle of the column of the leaf at `place`."""
        return LEFT + self.width * (place + 0.5)

    def x(self, node: str) -> float:
        """Return the middle of the columns of the leaves at or below a node."""
        return self.nodes[node]

    def y(self, node: str) -> float:
        """Return the height of the node's depth."""
        return depth_y(self.taxonomy.depth(node))

    @functools.cached_property
    def nodes(self) -> dict[str, float]:
        """Return all nodes at or above the leaves with the middle of their columns."""
        below: dict[str, list[int]] = {}
        for place, leaf in enumerate(self.leaves):
            for node in self.taxonomy.chain(leaf):
                below.setdefault(node, []).append(place)
        return {
            node: (self.column(places[0]) + self.column(places[-1])) / 2
            for node, places in below.items()
        }

    @property
    def deepest(self) -> int:
        """The greatest depth of a leaf."""
        return max(map(self.taxonomy.depth, self.leaves))


def depth_y(depth: int) -> float:
    """Return where a depth lies below the top of Figure 3, in inches."""
    return TOP + STEP * depth


def classes_under(wnids: Iterable[str], taxonomy: Taxonomy, under: str) -> list[str]:
    """Return, in tree order, the classes at or below `under` along the parents. Raises UserError if there is none."""
    chains = sorted(taxonomy.chain(wnid) for wnid in wnids)
    below = [chain[-1] for chain in chains if under in chain]
    if not below:
        raise UserError(
            f"outputs: no class lies below the synset {under} of 'under'; choose one above some class."
        )
    return below


def choose_leaves(classes: Sequence[str], taxonomy: Taxonomy, count: int) -> tuple[str, ...]:
    """Return at most `count` of the classes, in tree order, each branch with a fair share.

    From the root down they are dealt out over the branches of each node, those with most classes first: two a turn, so
    that there is something to merge in every branch shown.
    """
    chains = [taxonomy.chain(wnid) for wnid in classes]
    return tuple(chain[-1] for chain in sorted(_fair_share(chains, 0, max(count, 1))))


def _fair_share(chains: list[tuple[str, ...]], depth: int, count: int) -> list[tuple[str, ...]]:
    """Return `count` of the chains, all through one node at `depth`."""
    if count >= len(chains):
        return chains
    branches: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for chain in chains:
        branches.setdefault(chain[: depth + 2], []).append(chain)
    order = sorted(branches, key=lambda branch: (-len(branches[branch]), branch))
    dealt = [
        (place // 2, rank, branch)
        for rank, branch in enumerate(order)
        for place in range(len(branches[branch]))
    ]
    shares = Counter(branch for _, _, branch in sorted(dealt)[:count])
    return [
        chain
        for branch, share in shares.items()
        for chain in _fair_share(branches[branch], depth + 1, share)
    ]


@styled
def draw_clustering(
    taxonomy: Taxonomy,
    label_sets: Mapping[str, pd.DataFrame],
    layout: Mapping[str, Any],
    examples: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Return Figure 3 (Section 4.2): a piece of the hierarchy, the cut of each label set, the classes it merges.

    `label_sets` are frames of `build_label_set`; the classes drawn are those below layout["under"], at most
    layout["leaves"]. `examples` may give a uint8 RGB image for each wnid. Raises UserError if `under` has no class.
    """
    wnids = sorted(set().union(*(frame["wnid"] for frame in label_sets.values())))
    below = classes_under(wnids, taxonomy, layout["under"])
    leaves = choose_leaves(below, taxonomy, layout["leaves"])
    tree = Tree(taxonomy, leaves, min((TWO_COLUMNS - LEFT - RIGHT) / len(leaves), 0.8))
    cuts = find_cuts(taxonomy, label_sets, leaves)
    picture = min(tree.width - 0.02, 0.48) if examples else 0.0
    top = depth_y(max(tree.deepest, *(cut.depth for cut in cuts))) + 0.14
    bars = top + picture + _name_height(tree) + 0.08
    figure, axes = inch_canvas(TWO_COLUMNS, bars + BAR * len(cuts) + 0.06)
    _draw_heading(axes, readable(taxonomy.names[layout["under"]]), len(leaves), len(below))
    _draw_axis(axes, tree, cuts)
    _draw_tree(axes, tree, top)
    _draw_leaves(axes, tree, examples or {}, top, picture, len(wnids))
    for place, cut in enumerate(cuts):
        _draw_cut(axes, tree, cut)
        _draw_bars(axes, tree, cut, bars + BAR * place)
    return figure


def find_cuts(
    taxonomy: Taxonomy, label_sets: Mapping[str, pd.DataFrame], leaves: Sequence[str]
) -> list[Cut]:
    """Return the cut of each label set through the drawn leaves, from most classes to fewest."""
    cuts = []
    for name, frame in label_sets.items():
        above = dict(zip(frame["wnid"], frame["class_wnid"], strict=True))
        nodes = sorted(set(frame["class_wnid"]))
        cuts.append(
            (
                len(nodes),
                max(map(taxonomy.depth, nodes)),
                name,
                tuple(above.get(leaf) for leaf in leaves),
            )
        )
    cuts.sort(key=lambda cut: (-cut[0], cut[2]))
    looks = [SERIES[place % len(SERIES)] for place in range(len(cuts))]
    return [
        Cut(name, n, depth, classes, look)
        for (n, depth, name, classes), look in zip(cuts, looks, strict=True)
    ]


def _draw_heading(axes: Axes, under: str, drawn: int, below: int) -> None:
    shown = f"all {below} classes" if drawn == below else f"{drawn} of the {below} classes"
    left_out = "" if drawn == below else f" ({below - drawn} left out)"
    shown = "the only class" if below == 1 else shown
    axes.text(
        0.08, 0.12, "Bottom-up clustering by depth", fontsize=LARGE, weight="bold", va="center"
    )
    rule = "A cut turns each class into its ancestor at that depth (filled mark); one that ends higher stays itself"
    for y, text in (
        (0.3, f"{rule} (hollow)."),
        (0.44, f"Drawn: {shown} below “{under}”{left_out}."),
    ):
        axes.text(0.08, y, text, fontsize=TEXT, va="center", color=GREY)


def _draw_axis(axes: Axes, tree: Tree, cuts: Sequence[Cut]) -> None:
    """Draw the depths at the left; those with a cut in its colour, with the classes of the whole set."""
    cut_at = {cut.depth: cut for cut in cuts}
    axes.text(LEFT - 0.1, TOP - 0.15, "depth", fontsize=TEXT, ha="right", va="center", color=GREY)
    for depth in range(max(tree.deepest, *cut_at) + 1):
        cut, y = cut_at.get(depth), depth_y(depth)
        colour = cut.look.colour if cut else GREY
        axes.text(LEFT - 0.1, y, str(depth), fontsize=TEXT, ha="right", va="center", color=colour)
        axes.plot([LEFT - 0.06, LEFT - 0.02], [y, y], color=colour, linewidth=0.6)
        if cut:
            style = {"fontsize": TEXT, "weight": "bold", "color": colour}
            axes.text(LEFT - 0.28, y, f"{cut.total} classes", ha="right", va="center", **style)


def _draw_tree(axes: Axes, tree: Tree, bottom: float) -> None:
    """Draw the edges as elbows, the drop from each leaf to its column, and the names that find room."""
    edges = [
        [
            (tree.x(above), tree.y(above)),
            (tree.x(node), tree.y(above)),
            (tree.x(node), tree.y(node)),
        ]
        for node in tree.nodes
        if (above := tree.taxonomy.parent(node))
    ]
    drops = [
        [(tree.x(leaf), tree.y(leaf)), (tree.column(k), bottom)]
        for k, leaf in enumerate(tree.leaves)
    ]
    axes.add_collection(
        LineCollection(drops, colors=GREY, linewidths=0.6, linestyles=":", zorder=1)
    )
    axes.add_collection(LineCollection(edges, colors=INK, linewidths=0.7, zorder=2, gid="edges"))
    for node in sorted(tree.nodes.keys() - set(tree.leaves)):
        _draw_name(axes, tree, node)


def _draw_name(axes: Axes, tree: Tree, node: str) -> None:
    """Print a node's name right of it and above its line, cut where the next branch begins."""
    depth, x = tree.taxonomy.depth(node), tree.x(node)
    beside = [tree.x(tree.taxonomy.ancestor_at(leaf, depth)) for leaf in tree.leaves]
    room = min((other for other in beside if other > x), default=TWO_COLUMNS) - x - 0.05
    text = fitted(readable(tree.taxonomy.names[node]), room, SMALL)
    axes.text(
        x + 0.025,
        tree.y(node) - 0.028,
        text,
        fontsize=SMALL,
        va="bottom",
        linespacing=0.9,
        zorder=5,
    )


def _draw_cut(axes: Axes, tree: Tree, cut: Cut) -> None:
    """Draw the line of the cut, a filled mark on each class that it makes, a hollow one where a class ends above it."""
    colour, y = cut.look.colour, depth_y(cut.depth)
    right = LEFT + tree.width * len(tree.leaves)
    axes.plot(
        [LEFT - 0.02, right],
        [y, y],
        color=colour,
        linewidth=1.8,
        linestyle=cut.look.line,
        alpha=0.55,
        zorder=1,
    )
    kept = {leaf for leaf, node in zip(tree.leaves, cut.classes, strict=True) if node == leaf}
    kept = {leaf for leaf in kept if tree.taxonomy.depth(leaf) < cut.depth}
    made = [(tree.x(node), tree.y(node)) for node in sorted(set(cut.classes) - kept - {None})]
    hollow = [(tree.column(place), y) for place, leaf in enumerate(tree.leaves) if leaf in kept]
    for kind, points, fill in (("made", made, colour), ("kept", hollow, "white")):
        xs, ys = zip(*points, strict=True) if points else ((), ())
        marks = {
            "marker": cut.look.mark,
            "markersize": 3.6,
            "markeredgewidth": 0.6,
            "markerfacecolor": fill,
        }
        axes.plot(xs, ys, linestyle="", color=colour, zorder=6, gid=f"{cut.name}/{kind}", **marks)


def _draw_bars(axes: Axes, tree: Tree, cut: Cut, top: float) -> None:
    """Draw a row with one bar for each class of the set: over all the leaves merged into it, with its name."""
    label = {"fontsize": TEXT, "weight": "bold", "color": cut.look.colour}
    axes.text(LEFT - 0.1, top + BAR / 2, f"{cut.total} classes", ha="right", va="center", **label)
    for node, first, stop in runs(cut.classes):
        x, width = LEFT + tree.width * first + 0.01, tree.width * (stop - first) - 0.02
        itself = node in tree.leaves
        fill = {
            "facecolor": "white" if itself else tint(cut.look.colour, 0.3),
            "edgecolor": cut.look.colour,
        }
        axes.add_patch(
            Rectangle(
                (x, top + 0.02), width, BAR - 0.04, linewidth=0.6, gid=f"{cut.name}/{node}", **fill
            )
        )
        text = "" if itself else fitted(readable(tree.taxonomy.names[node]), width - 0.03, SMALL)
        style = {"fontsize": SMALL, "ha": "center", "va": "center", "linespacing": 0.85}
        axes.text(x + width / 2, top + BAR / 2 + 0.004, text, **style)


def _name_height(tree: Tree) -> float:
    """Return the inches that the longest of the leaves' names takes."""
    names = (readable(tree.taxonomy.names[leaf]) for leaf in tree.leaves)
    return min(max(text_width(name, SMALL) for name in names), 1.1) + 0.08


def _draw_leaves(
    axes: Axes,
    tree: Tree,
    examples: Mapping[str, np.ndarray],
    top: float,
    picture: float,
    total: int,
) -> None:
    """Draw the leaves' examples, `picture` inches wide, and their names below them."""
    height = _name_height(tree)
    middle = top + (picture + height) / 2
    axes.text(
        LEFT - 0.1,
        middle,
        f"{total} classes",
        fontsize=TEXT,
        weight="bold",
        ha="right",
        va="center",
    )
    for place, leaf in enumerate(tree.leaves):
        x = tree.column(place)
        if leaf in examples:
            extent = (x - picture / 2, x + picture / 2, top + picture, top)
            place_image(axes, thumbnail(examples[leaf], round(picture * DPI)), extent)
        text = shortened(readable(tree.taxonomy.names[leaf]), height - 0.04, SMALL)
        axes.text(x, top + picture + 0.04, text, fontsize=SMALL, rotation=90, ha="center", va="top")
