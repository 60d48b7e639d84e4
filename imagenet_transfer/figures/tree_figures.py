"""Figure 3, the bottom-up clustering of classes, and Figure 7, the splits: both on the hierarchy itself."""

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.canvas import (
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
    BLUE,
    DPI,
    GREY,
    INK,
    ORANGE,
    SERIES,
    TWO_COLUMNS,
    Series,
    styled,
)
from imagenet_transfer.labels.taxonomy import Taxonomy

HALVES = (BLUE, ORANGE)  # colours of the halves a and b of a split
EMPTY = "#E9E9E9"  # a node that no half holds as a whole
SMALL, TEXT, LARGE = 5.6, 6.5, 8.0  # points


# --- Figure 3 ---------------------------------------------------------------------------------------------------------

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


# --- Figure 7 ---------------------------------------------------------------------------------------------------------

TALLEST, HEAD, FOOT = 8.2, 0.62, 0.3  # inches: of the leaves' column, above and below it
NARROWEST, WIDEST = 0.2, 1.25  # inches of a depth's column
STRIP, GAP = 0.55, 0.12  # inches: of a split's column, between columns
LEAF_TEXT = 0.09  # inches from which a class has room for its name


@dataclass(frozen=True)
class Icicle:
    """The classes from top to bottom, siblings together and large families first; `step` inches each."""

    taxonomy: Taxonomy
    classes: tuple[str, ...]
    step: float

    def nodes(self, depth: int) -> list[tuple[str, int, int]]:
        """Return (node, first, stop) of the classes' ancestors at `depth`; one that ends higher stands for itself."""
        return runs([self.taxonomy.ancestor_at(wnid, depth) for wnid in self.classes])

    def y(self, place: int) -> float:
        """Return the upper edge of the class at `place`, in inches from the top of the figure."""
        return HEAD + self.step * place


def order_classes(wnids: Iterable[str], taxonomy: Taxonomy) -> tuple[str, ...]:
    """Return the classes in the order of the tree, in every family the largest branch first."""
    chains = {wnid: taxonomy.chain(wnid) for wnid in wnids}
    sizes = Counter(node for chain in chains.values() for node in chain)
    return tuple(sorted(chains, key=lambda wnid: [(-sizes[node], node) for node in chains[wnid]]))


@styled
def draw_splits(
    taxonomy: Taxonomy, label_sets: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]
) -> Figure:
    """Return Figure 7 (Section 5.5): the hierarchy down to layout["depth"] (6), and both halves of each split.

    A node is a box as high as its classes are many; each class is a tick in the column of each split, in the colour of
    its half. `layout["splits"]` names the label sets of each split's halves: {split: [a, b]}. The split that cuts the
    fewest nodes comes last, and the boxes of nodes that it leaves in one half have a tint of that half's colour.
    """
    halves = {
        split: [frozenset(label_sets[name]["wnid"]) for name in names]
        for split, names in layout["splits"].items()
    }
    classes = order_classes(
        frozenset().union(*(half for pair in halves.values() for half in pair)), taxonomy
    )
    icicle = Icicle(taxonomy, classes, min(TALLEST / len(classes), 0.125))
    depth = layout.get("depth", 6)
    halves = dict(sorted(halves.items(), key=lambda item: -nodes_cut(icicle, depth, item[1])))
    figure, axes = inch_canvas(TWO_COLUMNS, icicle.y(len(classes)) + FOOT)
    names = _leaf_column(icicle)
    right = TWO_COLUMNS - 0.1 - names - (STRIP + GAP) * len(halves)
    edges = column_edges(icicle, depth, right - 0.1)
    for level, (left, stop) in enumerate(itertools.pairwise(edges)):
        _draw_level(axes, icicle, level, (left, stop), list(halves.values())[-1])
    for place, (split, pair) in enumerate(halves.items()):
        _draw_strip(axes, icicle, split, pair, right + GAP + (STRIP + GAP) * place)
    if names:
        _draw_leaf_names(axes, icicle, TWO_COLUMNS - 0.1 - names + 0.05)
    _draw_frame(axes, edges, list(halves)[-1], icicle.y(len(classes)), len(classes))
    return figure


def _leaf_column(icicle: Icicle) -> float:
    """Return the inches that the classes' names take; 0 if they are too many to be named."""
    if icicle.step < LEAF_TEXT:
        return 0.0
    names = (readable(icicle.taxonomy.names[wnid]) for wnid in icicle.classes)
    return min(max(text_width(name, SMALL) for name in names), 1.1) + 0.05


def _upright(icicle: Icicle, node: str, rows: int) -> bool:
    """Return whether a box is so high that its name may stand upright in it."""
    return icicle.step * rows > max(1.0, text_width(_caption(icicle, node, rows), TEXT) + 0.1)


def _caption(icicle: Icicle, node: str, rows: int) -> str:
    return f"{readable(icicle.taxonomy.names[node])} {rows}"


def column_edges(icicle: Icicle, depth: int, right: float) -> list[float]:
    """Return the x of the edges of the columns of depths 0 to `depth`: as wide as the names in them need."""
    needs = []
    for level in range(depth + 1):
        boxes = [(node, stop - first) for node, first, stop in icicle.nodes(level)]
        lying = [box for box in boxes if _has_room(icicle, box[1]) and not _upright(icicle, *box)]
        needs.append(
            min(
                max(
                    [text_width(_caption(icicle, *box), SMALL) + 0.1 for box in lying] + [NARROWEST]
                ),
                WIDEST,
            )
        )
    edges = np.concatenate([[0.0], np.cumsum(needs)]) * (right - 0.1) / sum(needs) + 0.1
    return [float(edge) for edge in edges]


def _has_room(icicle: Icicle, rows: int) -> bool:
    return icicle.step * rows >= LEAF_TEXT


def half_of(members: Iterable[str], pair: Sequence[frozenset[str]]) -> int | None:
    """Return the half, 0 or 1, that holds all members; None if none does."""
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
    """Draw the boxes of one depth, with their names and numbers of classes where there is room."""
    left, right = sides
    for node, first, stop in icicle.nodes(level):
        top, height = icicle.y(first), icicle.step * (stop - first)
        half = half_of(icicle.classes[first:stop], pair)
        colour = EMPTY if half is None else tint(HALVES[half], 0.28)
        look = {
            "facecolor": colour,
            "edgecolor": "white",
            "linewidth": min(0.6, 12 * height),
            "gid": f"{level}/{node}",
        }
        axes.add_patch(Rectangle((left, top), right - left, height, **look))
        if _has_room(icicle, stop - first) and icicle.taxonomy.depth(node) == level:
            _draw_caption(axes, icicle, node, stop - first, (left, right, top + height / 2))


def _draw_caption(
    axes: Axes, icicle: Icicle, node: str, rows: int, place: tuple[float, float, float]
) -> None:
    left, right, middle = place
    text, upright = _caption(icicle, node, rows), _upright(icicle, node, rows)
    if upright and text_width(text, TEXT) > right - left - 0.08:
        style = {"rotation": 90, "ha": "center", "va": "center", "rotation_mode": "anchor"}
        axes.text((left + right) / 2, middle, text, fontsize=TEXT, **style)
    else:
        size, number = TEXT if upright else SMALL, f" {rows}"
        room, name = right - left - 0.08, text.removesuffix(number)
        short = shortened(name, room - text_width(number, size), size)
        text = short + number if short else shortened(name, room, size)
        axes.text(left + 0.04, middle, text, fontsize=size, va="center_baseline")


def _draw_strip(
    axes: Axes, icicle: Icicle, split: str, pair: Sequence[frozenset[str]], left: float
) -> None:
    """Draw one tick a class in the colour of its half, runs of equal ones as one box; classes of neither stay white."""
    halves = [half_of([wnid], pair) for wnid in icicle.classes]
    for half, colour in enumerate(HALVES):
        stretches = runs(["half" if of == half else None for of in halves])
        boxes = [
            _box(left, icicle.y(first), left + STRIP, icicle.y(stop))
            for _, first, stop in stretches
        ]
        look = {
            "facecolors": colour,
            "edgecolors": "none",
            "antialiaseds": False,
            "gid": f"{split}/{'ab'[half]}",
        }
        axes.add_collection(PolyCollection(boxes, **look), autolim=False)
    axes.text(
        left + STRIP / 2, HEAD - 0.2, split, fontsize=TEXT, weight="bold", ha="center", va="center"
    )
    for half, colour in enumerate(HALVES):
        style = {"fontsize": TEXT, "color": colour, "weight": "bold", "va": "center"}
        x = left + STRIP / 2 + (-0.02, 0.02)[half]
        axes.text(x, HEAD - 0.08, f"{halves.count(half)}", ha=("right", "left")[half], **style)


def _box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _draw_leaf_names(axes: Axes, icicle: Icicle, x: float) -> None:
    for place, wnid in enumerate(icicle.classes):
        text = shortened(readable(icicle.taxonomy.names[wnid]), TWO_COLUMNS - x - 0.02, SMALL)
        axes.text(x, icicle.y(place) + icicle.step / 2, text, fontsize=SMALL, va="center_baseline")


def _draw_frame(axes: Axes, edges: Sequence[float], tinted: str, bottom: float, total: int) -> None:
    """Draw the heading, the depths above their columns and the key below them."""
    text = f"The {total} classes on the hierarchy, and the half of each split that they are in"
    axes.text(0.1, 0.12, text, fontsize=LARGE, weight="bold", va="center")
    for depth, (left, right) in enumerate(itertools.pairwise(edges)):
        axes.text(
            (left + right) / 2,
            HEAD - 0.08,
            str(depth),
            fontsize=TEXT,
            ha="center",
            va="center",
            color=GREY,
        )
    axes.text(edges[0], HEAD - 0.2, "depth", fontsize=TEXT, va="center", color=GREY)
    x = 0.1
    for half, colour in zip("ab", HALVES, strict=True):
        axes.add_patch(Rectangle((x, bottom + 0.1), 0.12, 0.1, facecolor=colour))
        axes.text(x + 0.16, bottom + 0.15, f"half {half}", fontsize=TEXT, va="center")
        x += 0.6
    text = f"Tinted: a node all of whose classes are in one half of the {tinted} split. Numbers: classes below a node."
    axes.text(x + 0.05, bottom + 0.15, text, fontsize=TEXT, va="center", color=GREY)
