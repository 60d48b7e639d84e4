"""Figure 3: the bottom-up clustering of classes, drawn on a part of the hierarchy."""

import functools
import itertools
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

LEFT = 0.98  # inches about the tree
RIGHT = 0.25
TOP = 0.78
STEP = 0.2  # inches per depth
BAR = 0.21  # inches per row of merged classes


@dataclass(frozen=True)
class Cut:
    """A label set on the drawn leaves: the class that each of them has, None without one."""

    name: str
    total: int  # classes of the whole set
    depth: int  # of its deepest class
    classes: tuple[str | None, ...]
    look: Series


@dataclass(frozen=True)
class Tree:
    """The drawn classes in tree order; places are in inches from the figure's top left corner."""

    taxonomy: Taxonomy
    leaves: tuple[str, ...]
    width: float  # of a leaf's column

    def name(self, node: str) -> str:
        """Return a node's name as it is read."""
        return readable(self.taxonomy.names[node])

    def column(self, place: int) -> float:
        """Return the middle of the column of the leaf at `place`."""
        return LEFT + self.width * (place + 0.5)

    def x(self, node: str) -> float:
        """Return the middle of a node, which is that of the columns of its leaves."""
        return self.nodes[node]

    def y(self, node: str) -> float:
        """Return where the node's depth lies."""
        return depth_y(self.taxonomy.depth(node))

    @functools.cached_property
    def nodes(self) -> dict[str, float]:
        """All nodes at or above the leaves, with the middle of their leaves' columns."""
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
        """The depth of the deepest leaf."""
        return max(map(self.taxonomy.depth, self.leaves))


def depth_y(depth: int) -> float:
    """Return where a depth lies, in inches from the top of the figure."""
    return TOP + STEP * depth


def classes_under(wnids: Iterable[str], taxonomy: Taxonomy, under: str) -> list[str]:
    """Return the classes at or below `under` along first parents, in tree order.

    Raises UserError if there are none.
    """
    chains = sorted(taxonomy.chain(wnid) for wnid in wnids)
    below = [chain[-1] for chain in chains if under in chain]
    if not below:
        raise UserError(
            f"outputs: no class lies below the synset {under} of 'under'; "
            "choose one above some class."
        )
    return below


def choose_leaves(classes: Sequence[str], taxonomy: Taxonomy, count: int) -> tuple[str, ...]:
    """Return at most `count` of the classes, in tree order, with a fair share of each branch.

    From the root down, the branches of a node take turns, the one with most classes first. Each
    takes two classes per turn, so that every branch shown has something to merge.
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
    turns = [
        (place // 2, rank, branch)
        for rank, branch in enumerate(order)
        for place in range(len(branches[branch]))
    ]
    shares = Counter(branch for _, _, branch in sorted(turns)[:count])
    chosen = [_fair_share(branches[branch], depth + 1, share) for branch, share in shares.items()]
    return [chain for chains in chosen for chain in chains]


@styled
def draw_clustering(
    taxonomy: Taxonomy,
    label_sets: Mapping[str, pd.DataFrame],
    layout: Mapping[str, Any],
    examples: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Return Figure 3 (Section 4.2): a part of the hierarchy, with label sets' cuts and classes.

    `label_sets` are frames of `build_label_set`. The classes drawn are at most layout["leaves"] of
    those below layout["under"]. `examples` may have a uint8 RGB image for each wnid. Raises
    UserError if no class is below `under`.
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
    """Return each label set's cut through the drawn leaves, from most classes to fewest."""
    nodes = {name: set(frame["class_wnid"]) for name, frame in label_sets.items()}
    order = sorted(nodes, key=lambda name: (-len(nodes[name]), name))
    cuts = []
    for name, look in zip(order, itertools.cycle(SERIES), strict=False):
        above = dict(zip(*(label_sets[name][key] for key in ("wnid", "class_wnid")), strict=True))
        depth = max(map(taxonomy.depth, nodes[name]))
        classes = tuple(above.get(leaf) for leaf in leaves)
        cuts.append(Cut(name, len(nodes[name]), depth, classes, look))
    return cuts


def _draw_heading(axes: Axes, under: str, drawn: int, below: int) -> None:
    shown = f"all {below} classes" if drawn == below else f"{drawn} of the {below} classes"
    left_out = "" if drawn == below else f" ({below - drawn} left out)"
    shown = "the only class" if below == 1 else shown
    title = "Bottom-up clustering by depth"
    axes.text(0.08, 0.12, title, fontsize=LARGE, weight="bold", va="center")
    rule = (
        "A cut turns each class into its ancestor at that depth (filled mark); "
        "one that ends higher stays itself (hollow)."
    )
    for y, text in ((0.3, rule), (0.44, f"Drawn: {shown} below “{under}”{left_out}.")):
        axes.text(0.08, y, text, fontsize=TEXT, va="center", color=GREY)


def _draw_axis(axes: Axes, tree: Tree, cuts: Sequence[Cut]) -> None:
    """Draw the depths on the left; a cut's has its colour and the number of classes of its set."""
    cut_at = {cut.depth: cut for cut in cuts}
    axes.text(LEFT - 0.1, TOP - 0.15, "depth", fontsize=TEXT, ha="right", va="center", color=GREY)
    for depth in range(max(tree.deepest, *cut_at) + 1):
        cut = cut_at.get(depth)
        y = depth_y(depth)
        colour = cut.look.colour if cut else GREY
        axes.text(LEFT - 0.1, y, str(depth), fontsize=TEXT, ha="right", va="center", color=colour)
        axes.plot([LEFT - 0.06, LEFT - 0.02], [y, y], color=colour, linewidth=0.6)
        if cut:
            style = {"fontsize": TEXT, "weight": "bold", "color": colour}
            axes.text(LEFT - 0.28, y, f"{cut.total} classes", ha="right", va="center", **style)


def _draw_tree(axes: Axes, tree: Tree, bottom: float) -> None:
    """Draw the edges as elbows, a dotted line from each leaf down to `bottom`, and nodes' names."""
    edges = []
    for node in tree.nodes:
        if above := tree.taxonomy.parent(node):
            elbow = (tree.x(node), tree.y(above))
            edges.append([(tree.x(above), tree.y(above)), elbow, (tree.x(node), tree.y(node))])
    ends = [(tree.x(leaf), tree.y(leaf)) for leaf in tree.leaves]
    drops = [[end, (tree.column(place), bottom)] for place, end in enumerate(ends)]
    dotted = {"colors": GREY, "linewidths": 0.6, "linestyles": ":", "zorder": 1}
    axes.add_collection(LineCollection(drops, **dotted))
    axes.add_collection(LineCollection(edges, colors=INK, linewidths=0.7, zorder=2, gid="edges"))
    for node in sorted(tree.nodes.keys() - set(tree.leaves)):
        _draw_name(axes, tree, node)


def _draw_name(axes: Axes, tree: Tree, node: str) -> None:
    """Print a node's name to its right above its line, cut where the next branch begins."""
    depth = tree.taxonomy.depth(node)
    x = tree.x(node)
    level = [tree.x(tree.taxonomy.ancestor_at(leaf, depth)) for leaf in tree.leaves]
    room = min((other for other in level if other > x), default=TWO_COLUMNS) - x - 0.05
    style = {"fontsize": SMALL, "va": "bottom", "linespacing": 0.9, "zorder": 5}
    axes.text(x + 0.025, tree.y(node) - 0.028, fitted(tree.name(node), room, SMALL), **style)


def _draw_cut(axes: Axes, tree: Tree, cut: Cut) -> None:
    """Draw a cut's line with marks: filled on classes it makes, hollow on those ending above it."""
    colour = cut.look.colour
    y = depth_y(cut.depth)
    line = {"linewidth": 1.8, "linestyle": cut.look.line, "alpha": 0.55, "zorder": 1}
    right = LEFT + tree.width * len(tree.leaves)
    axes.plot([LEFT - 0.02, right], [y, y], color=colour, **line)
    kept = {leaf for leaf, node in zip(tree.leaves, cut.classes, strict=True) if node == leaf}
    kept = {leaf for leaf in kept if tree.taxonomy.depth(leaf) < cut.depth}
    made = [(tree.x(node), tree.y(node)) for node in sorted(set(cut.classes) - kept - {None})]
    hollow = [(tree.column(place), y) for place, leaf in enumerate(tree.leaves) if leaf in kept]
    for kind, points, fill in (("made", made, colour), ("kept", hollow, "white")):
        xs, ys = zip(*points, strict=True) if points else ((), ())
        marks = {"marker": cut.look.mark, "markersize": 3.6, "markeredgewidth": 0.6}
        marks |= {"markerfacecolor": fill, "color": colour, "gid": f"{cut.name}/{kind}"}
        axes.plot(xs, ys, linestyle="", zorder=6, **marks)


def _draw_bars(axes: Axes, tree: Tree, cut: Cut, top: float) -> None:
    """Draw a row with a named bar per class of the set, below the leaves that it merges."""
    label = {"fontsize": TEXT, "weight": "bold", "color": cut.look.colour}
    axes.text(LEFT - 0.1, top + BAR / 2, f"{cut.total} classes", ha="right", va="center", **label)
    for node, first, stop in runs(cut.classes):
        x = LEFT + tree.width * first + 0.01
        width = tree.width * (stop - first) - 0.02
        itself = node in tree.leaves
        face = "white" if itself else tint(cut.look.colour, 0.3)
        look = {"facecolor": face, "edgecolor": cut.look.colour, "linewidth": 0.6}
        place = ((x, top + 0.02), width, BAR - 0.04)
        axes.add_patch(Rectangle(*place, gid=f"{cut.name}/{node}", **look))
        text = "" if itself else fitted(tree.name(node), width - 0.03, SMALL)
        style = {"fontsize": SMALL, "ha": "center", "va": "center", "linespacing": 0.85}
        axes.text(x + width / 2, top + BAR / 2 + 0.004, text, **style)


def _name_height(tree: Tree) -> float:
    """Return the inches that the leaves' names take, which are written upwards."""
    longest = max(text_width(tree.name(leaf), SMALL) for leaf in tree.leaves)
    return min(longest, 1.1) + 0.08


def _draw_leaves(
    axes: Axes,
    tree: Tree,
    examples: Mapping[str, np.ndarray],
    top: float,
    picture: float,
    total: int,
) -> None:
    """Draw the leaves' examples, `picture` inches wide, with the leaves' names below."""
    height = _name_height(tree)
    middle = top + (picture + height) / 2
    style = {"fontsize": TEXT, "weight": "bold", "ha": "right", "va": "center"}
    axes.text(LEFT - 0.1, middle, f"{total} classes", **style)
    for place, leaf in enumerate(tree.leaves):
        x = tree.column(place)
        if leaf in examples:
            extent = (x - picture / 2, x + picture / 2, top + picture, top)
            place_image(axes, thumbnail(examples[leaf], round(picture * DPI)), extent)
        text = shortened(tree.name(leaf), height - 0.04, SMALL)
        axes.text(x, top + picture + 0.04, text, fontsize=SMALL, rotation=90, ha="center", va="top")
