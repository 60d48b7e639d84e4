"""The surface over numbers of classes and of images per class: a map and its best ratios."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, NullLocator

from imagenet_transfer.figures.canvas import INCH, text_width, tint
from imagenet_transfer.figures.chart_parts import in_rows, numeric, unit_label
from imagenet_transfer.figures.panels import (
    ABOVE,
    BELOW,
    IN_A_ROW,
    LEFT,
    SMALL,
    TEXT,
    head,
    page_width,
    panel_width,
    signed,
)
from imagenet_transfer.figures.style import (
    BLUE,
    GREY,
    INK,
    PALE,
    VERMILLION,
    light_grid,
    new_figure,
    styled,
)
from imagenet_transfer.figures.surface_fit import alike
from imagenet_transfer.figures.surface_numbers import CLASSES, IMAGES

MAP_HEIGHT = 1.75  # inches
RATIO_HEIGHT = 1.2
MOST_TICKS = 5  # of ratios
LIGHTEST = 0.06  # shares of the colour of the map
DARKEST = 0.9
NUMBER_WIDTH = 18  # points: "47.2", and some air
WHITE_TEXT = 0.5  # shares of the colour from which text is white
NUMBERS = ("n_classes", "images_per_class", "n_images", "mean")
FITTED = (
    *("n_images", "least_ratio", "most_ratio", "best_ratio", "low", "high"),
    *("best_classes", "best_images_per_class", "slope", "slope_low", "slope_high", "noise"),
)


@styled
def draw_surface(frame: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """Return two charts per task: the map of the grid, and the best ratio against the budget.

    The frames are those of `surface_frames`. On the map, each subset's mean is printed in its
    cell, lines join equal numbers of images, the highest mean on each is bold, and diamonds mark
    where the fitted surface peaks. Below, bars are 95 % ranges, which reach the edge of the
    measured ratios (grey) where they are open; triangles are peaks beyond.
    """
    frame = numeric(frame, NUMBERS)
    fit = numeric(fit, FITTED)
    tasks = list(dict.fromkeys(frame["task"]))
    handles = surface_handles(fit)
    columns = 3 if len(tasks) > 1 else 2
    foot = 0.1 + 0.15 * math.ceil(len(handles) / columns)
    figure, pairs = pair_grid(len(tasks), foot)
    for task, (upper, lower) in zip(tasks, pairs, strict=True):
        rows = frame[frame["task"] == task]
        best = fit[fit["task"] == task]
        width = panel_width(len(tasks))
        unit = unit_label(rows["metric"].iloc[0])
        head(upper, task, slope_text(best), width - text_width(unit, TEXT))
        above = {
            "xycoords": "axes fraction",
            "textcoords": "offset points",
            "fontsize": TEXT,
            "va": "bottom",
        }
        upper.annotate(unit, (1, 1), (0, 14), ha="right", **above)
        draw_map(upper, rows, best, width)
        draw_ratios(lower, best, width)
    legend = {"loc": "lower center", "ncols": columns, "columnspacing": 1.2, "borderaxespad": 0.2}
    figure.legend(handles=handles, **legend)
    return figure


def pair_grid(count: int, foot: float) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Return a figure with a map and a chart below it for each of `count` tasks."""
    columns = IN_A_ROW.get(count, 3)
    page = page_width(count)
    width = panel_width(count)
    line = ABOVE + MAP_HEIGHT + BELOW + RATIO_HEIGHT + BELOW + 0.05
    total = math.ceil(count / columns) * line + foot
    figure = new_figure(page, total)
    figure.set_layout_engine("none")
    pairs = []
    for place in range(count):
        row, column = divmod(place, columns)
        left = column * page / columns + LEFT
        top = total - row * line - ABOVE - MAP_HEIGHT
        below = top - BELOW - RATIO_HEIGHT
        boxes = [
            (left, y, width, height) for y, height in ((top, MAP_HEIGHT), (below, RATIO_HEIGHT))
        ]
        shares = [(x / page, y / total, w / page, h / total) for x, y, w, h in boxes]
        pairs.append(tuple(figure.add_axes(box) for box in shares))
    return figure, pairs


def slope_text(fit: pd.DataFrame) -> str:
    """Return a task's slope in short: "slope 0.10 [−0.30, 0.50]", or why there is none."""
    row = fit.iloc[0]
    if pd.isna(row["slope"]):
        return "no peak on the grid"
    text = f"slope {signed(row['slope'])}"
    if pd.isna(row["slope_low"]) or pd.isna(row["slope_high"]):
        return f"{text} ({str(row['note']).partition(':')[0]})"
    return f"{text} [{signed(row['slope_low'])}, {signed(row['slope_high'])}]"


# The map


class Levels(NamedTuple):
    """The ascending sizes of one direction of the grid, and the edges of their cells."""

    sizes: list[float]
    edges: list[float]

    def cell(self, size: float) -> tuple[float, float]:
        """Return the edges of the cell in which a size lies."""
        place = int(np.searchsorted(self.edges, size)) - 1
        return self.edges[place], self.edges[place + 1]


def levels_of(sizes: Sequence[float]) -> Levels:
    """Return the levels of a logarithmic axis; sizes that count as equal share one."""
    means = [float(np.mean(group)) for group in alike(sizes)]
    logs = np.log2(means)
    steps = np.diff(logs) if len(logs) > 1 else np.ones(1)
    inner = logs[:-1] + steps / 2 if len(logs) > 1 else np.array([])
    edges = [logs[0] - steps[0] / 2, *inner, logs[-1] + steps[-1] / 2]
    return Levels(means, [float(2**edge) for edge in edges])


def draw_map(axes: Axes, rows: pd.DataFrame, fit: pd.DataFrame, width: float) -> None:
    """Draw a task's cells on logarithmic axes `width` inches wide, equal budgets and peaks.

    Numbers are in the corner of their cell that the line of its budget does not touch.
    """
    across = levels_of(rows["n_classes"])
    upwards = levels_of(rows["images_per_class"])
    _map_axes(axes, across, upwards)
    shares = shares_of(rows["mean"])
    bold = set(fit["best_measured"])
    offset = min(4.5, (INCH * width / len(across.sizes) - NUMBER_WIDTH) / 3)
    for row, share in zip(rows.itertuples(), shares, strict=True):
        left, right = across.cell(row.n_classes)
        bottom, top = upwards.cell(row.images_per_class)
        box = {"facecolor": tint(BLUE, share), "edgecolor": "white", "linewidth": 0.6}
        axes.add_patch(Rectangle((left, bottom), right - left, top - bottom, **box))
        place = {"xytext": (offset, 3), "textcoords": "offset points", "fontsize": SMALL}
        weight = "bold" if row.subset in bold else "normal"
        colour = "white" if share > WHITE_TEXT else INK
        text = f"{row.mean:.1f}"
        axes.annotate(text, (left, bottom), color=colour, fontweight=weight, zorder=4, **place)
    ends = np.array(axes.get_xlim())
    for budget in fit["n_images"]:
        line = {"color": GREY, "linewidth": 0.5, "scalex": False, "scaley": False}
        axes.plot(ends, budget / ends, zorder=2, **line)
    axes.plot(fit["best_classes"], fit["best_images_per_class"], **_PEAK, zorder=5)


def shares_of(means: pd.Series) -> list[float]:
    """Return how much of the map's colour each mean has: LIGHTEST to DARKEST."""
    low = means.min()
    span = (means.max() - low) or 1.0
    return [float(LIGHTEST + (DARKEST - LIGHTEST) * (mean - low) / span) for mean in means]


_PEAK = {
    "color": VERMILLION,
    "marker": "D",
    "linestyle": "none",
    "markersize": 4.2,
    "markeredgecolor": "white",
    "markeredgewidth": 0.6,
}


def _map_axes(axes: Axes, across: Levels, upwards: Levels) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set(xlim=(across.edges[0], across.edges[-1]), ylim=(upwards.edges[0], upwards.edges[-1]))
    for axis, levels in ((axes.xaxis, across), (axes.yaxis, upwards)):
        axis.set_major_locator(FixedLocator(levels.sizes))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda size, _: f"{size:.0f}")
    axes.set_xlabel("classes (log scale)", labelpad=2)
    axes.set_ylabel("images per class (log scale)", labelpad=2)


# Best ratios


def draw_ratios(axes: Axes, fit: pd.DataFrame, width: float) -> None:
    """Draw a task's best ratios against the budget, with their ranges and their slope."""
    axes.set(xscale="log", yscale="log")
    budgets = fit["n_images"]
    light_grid(axes)
    reach = 10 ** (0.35 * np.diff(np.log10(budgets)).min()) if len(budgets) > 1 else 1.5
    for row in fit.itertuples():
        left, right = row.n_images / reach**0.8, row.n_images * reach**0.8
        axes.fill_between([left, right], row.least_ratio, row.most_ratio, **_MEASURED)
        if not pd.isna(row.noise):
            _draw_range(axes, row)
        if row.beyond in _BEYOND:
            end = row.most_ratio if row.beyond == CLASSES else row.least_ratio
            axes.plot(row.n_images, end, marker=_BEYOND[row.beyond], **_OUTSIDE)
    _draw_slope(axes, fit)
    axes.plot(budgets, fit["best_ratio"], **_PEAK, zorder=5)
    axes.set_xlim(budgets.min() / reach**1.2, budgets.max() * reach**1.2)
    decades = math.log10(budgets.max() / budgets.min()) + 2.4 * math.log10(reach)
    labels = in_rows({size: f"{size:,.0f}" for size in budgets}, width / decades)
    axes.set_xticks(list(budgets), labels)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(FixedLocator(ratio_ticks(fit)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda ratio, _: ratio_text(ratio))
    axes.set_xlabel("images (log scale)", labelpad=2)
    axes.set_ylabel("best ratio (log scale)", labelpad=2)


def ratio_ticks(fit: pd.DataFrame) -> list[float]:
    """Return the ticks of an axis of ratios: powers of the first base that makes few of them."""
    low, high = fit["least_ratio"].min(), fit["most_ratio"].max()
    for base in (2, 4, 10, 100):
        first = math.ceil(math.log(low, base))
        ticks = [
            float(base) ** power for power in range(first, math.floor(math.log(high, base)) + 1)
        ]
        if len(ticks) <= MOST_TICKS:
            return ticks
    return ticks


def ratio_text(ratio: float) -> str:
    """Return a power as text: "4" or "1/4"."""
    return f"{ratio:.0f}" if ratio >= 1 else f"1/{1 / ratio:.0f}"


_MEASURED = {"facecolor": PALE, "alpha": 0.6, "edgecolor": "none", "zorder": 1}
_BEYOND = {CLASSES: "^", IMAGES: "v"}
_OUTSIDE = {"color": VERMILLION, "linestyle": "none", "markersize": 4.5, "zorder": 5}
_SLOPE = {"color": INK, "linestyle": (0, (4, 1.5)), "linewidth": 0.9}


def _draw_range(axes: Axes, row) -> None:
    """Draw the 95 % range of a best ratio, with a cap at each end that is not open."""
    low = row.least_ratio if pd.isna(row.low) else row.low
    high = row.most_ratio if pd.isna(row.high) else row.high
    axes.plot([row.n_images] * 2, [low, high], color=VERMILLION, linewidth=1.2, zorder=3)
    caps = [end for end in (row.low, row.high) if not pd.isna(end)]
    axes.plot([row.n_images] * len(caps), caps, "_", color=VERMILLION, markersize=5, zorder=3)


def _draw_slope(axes: Axes, fit: pd.DataFrame) -> None:
    """Draw the line of the slope through the best ratio of the middle budget."""
    known = fit[fit["best_ratio"].notna()]
    if known.empty or pd.isna(fit["slope"].iloc[0]):
        return
    middle = math.sqrt(fit["n_images"].min() * fit["n_images"].max())
    nearest = known.iloc[(np.log(known["n_images"]) - math.log(middle)).abs().argmin()]
    ends = np.array([fit["n_images"].min(), fit["n_images"].max()])
    line = nearest["best_ratio"] * (ends / nearest["n_images"]) ** fit["slope"].iloc[0]
    axes.plot(ends, line, zorder=2, scaley=False, **_SLOPE)


def surface_handles(fit: pd.DataFrame) -> list[Line2D | Patch]:
    """Return the legend's entries for what is drawn."""
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=GREY, linewidth=0.6, label="equally many images"),
        Line2D([], [], label="fitted best ratio", **_PEAK),
    ]
    if fit["noise"].notna().any():
        handles.append(Line2D([], [], color=VERMILLION, linewidth=1.2, label="95 % range"))
    if fit["beyond"].isin(list(_BEYOND)).any():
        handles.append(Line2D([], [], label="beyond what was measured", marker="^", **_OUTSIDE))
    handles.append(Patch(label="measured ratios", **_MEASURED))
    if fit["slope"].notna().any():
        handles.append(Line2D([], [], label="slope", **_SLOPE))
    return handles
