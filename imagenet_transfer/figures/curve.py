"""Figures 1 and 2: accuracy and transfer against the size of the pre-training set, in percent."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from imagenet_transfer.claims.comparison import OWN
from imagenet_transfer.figures.chart_parts import (
    LONGEST_NAME,
    TITLES,
    legend_above,
    log_axis,
    numeric,
    short,
    spread_note,
)
from imagenet_transfer.figures.style import (
    GREY,
    ONE_COLUMN,
    SERIES,
    Series,
    light_grid,
    new_figure,
    styled,
)
from imagenet_transfer.labels.manifests import SCRATCH

OWN_LABELS = Series(GREY, "x", "--")  # the accuracy of networks as they were pre-trained
ALONG = {"images_per_class": "images per class", "classes": "pre-training classes"}
TICK_STEPS = (0.5, 1, 2, 5, 10, 20)  # percentage points
MOST_TICKS = 6


@styled
def draw_curve(frame: pd.DataFrame, layout: Mapping[str, Any]) -> Figure:
    """Return Figure 1 or 2: ImageNet accuracy and transfer performance against the size of the pre-training set.

    `frame` has the columns x, task, metric, mean, std, n, paper, subset; `layout` has along, tasks and accuracy.
    Accuracies are read on the left, mAP on the right; both axes span equally many points, so that slopes compare.
    Filled marks are means with ± 1 standard deviation, hollow marks the paper's numbers, dotted lines a random start.
    """
    frame = numeric(frame, ("x", "mean", "std", "n", "paper"))
    tasks = [
        task
        for task in (layout.get("accuracy"), *layout.get("tasks", ()))
        if (frame["task"] == task).any()
    ]
    looks = dict(zip(tasks, _looks(len(tasks), layout.get("accuracy") in tasks), strict=True))
    own = f"{layout.get('accuracy')}{OWN}"
    if (frame["task"] == own).any():
        looks[own] = OWN_LABELS
    handles = _curve_handles(frame, looks)
    figure = new_figure(ONE_COLUMN, 2.35)
    axes_of = _value_axes(figure, frame)
    for task, look in looks.items():
        rows = frame[frame["task"] == task].sort_values("x", kind="stable")
        _draw_task(axes_of[_unit(rows["metric"].iloc[0])], rows, look)
    axes = figure.axes[0]
    sizes = sorted(set(frame.loc[frame["subset"] != SCRATCH, "x"]))
    log_axis(axes, {x: f"{x:,.0f}" for x in sizes})
    axes.set_xlabel(f"{ALONG[layout['along']]} (log scale)")
    legend_above(figure, handles)
    return figure


def _looks(count: int, has_accuracy: bool) -> Sequence[Series]:
    """Return the looks of the lines: the first is kept for ImageNet accuracy, the others for transfer tasks."""
    first = 0 if has_accuracy else 1
    return list(itertools.islice(itertools.cycle(SERIES), first, first + count))


def _unit(metric: str) -> str:
    """Return the axis that a metric is drawn on: mAP's own, which one class's (AP/dog) shares, or that of accuracy."""
    return "mAP" if metric.partition("/")[0] in ("mAP", "AP") else "accuracy"


def _value_axes(figure: Figure, frame: pd.DataFrame) -> dict[str, Axes]:
    """Return one axis for each unit that the frame has: accuracy on the left, mAP on the right (left if alone)."""
    units = sorted({_unit(metric) for metric in frame["metric"]})
    axes = figure.subplots()
    light_grid(axes)
    axes_of = dict(zip(units, (axes, axes.twinx() if len(units) > 1 else None), strict=False))
    extents = [_extent(frame[frame["metric"].map(_unit) == unit]) for unit in units]
    step, limits = equal_spans(extents)
    for (unit, side), (low, high) in zip(axes_of.items(), limits, strict=True):
        side.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
        side.yaxis.set_major_locator(MultipleLocator(step))
        name = "AP" if unit == "mAP" and frame["metric"].str.startswith("AP/").any() else unit
        side.set_ylabel(f"{name} (%)")
    if len(units) > 1:
        axes_of["mAP"].spines["right"].set_visible(True)
    return axes_of


def _extent(rows: pd.DataFrame) -> tuple[float, float]:
    spread = rows["std"].fillna(0)
    values = pd.concat([rows["mean"] - spread, rows["mean"] + spread, rows["paper"]])
    return float(values.min()), float(values.max())


def equal_spans(extents: Sequence[tuple[float, float]]) -> tuple[float, list[tuple[float, float]]]:
    """Return a tick step and, for each (lowest, highest), limits on multiples of it that all span equally far."""
    widest = max(high - low for low, high in extents)
    step = next((step for step in TICK_STEPS if widest <= step * (MOST_TICKS - 1)), TICK_STEPS[-1])
    bottoms = [max(math.floor(low / step), 0) for low, _ in extents]
    tops = [
        max(math.ceil(high / step), bottom + 1)
        for (_, high), bottom in zip(extents, bottoms, strict=True)
    ]
    count = max(2, *(top - bottom for top, bottom in zip(tops, bottoms, strict=True)))
    spare = [count - (top - bottom) for top, bottom in zip(tops, bottoms, strict=True)]
    last = max(round(100 / step) - count, 0)  # nothing exceeds 100 %
    starts = [
        min(max(bottom - extra // 2, 0), last) for bottom, extra in zip(bottoms, spare, strict=True)
    ]
    return step, [(start * step, (start + count) * step) for start in starts]


def _draw_task(axes: Axes, rows: pd.DataFrame, look: Series) -> None:
    start = rows["subset"] == SCRATCH
    for value in rows.loc[start, "mean"]:
        axes.axhline(value, color=look.colour, linestyle=":", linewidth=1.1)
    rows = rows[~start]
    axes.plot(
        rows["x"],
        rows["mean"],
        color=look.colour,
        marker=look.mark,
        linestyle=look.line,
        clip_on=False,
    )
    several = rows[(rows["n"] > 1) & rows["std"].notna()]
    if len(several):
        bars = {"color": look.colour, "fmt": "none", "elinewidth": 0.9, "capsize": 1.4}
        axes.errorbar(several["x"], several["mean"], several["std"], **bars)
    stated = rows[rows["paper"].notna()]
    if len(stated):
        axes.plot(stated["x"], stated["paper"], look.mark, color=look.colour, **_PAPER)


# Larger than our marks, so that both are seen where they agree
_PAPER = {
    "markerfacecolor": "none",
    "markersize": 7.5,
    "markeredgewidth": 0.9,
    "linestyle": "none",
    "clip_on": False,
}


def _curve_handles(frame: pd.DataFrame, looks: Mapping[str, Series]) -> list[Line2D]:
    metric_of = frame.drop_duplicates("task").set_index("task")["metric"].map(_unit)
    both = metric_of.nunique() > 1
    handles = []
    for task, look in looks.items():
        side = {"accuracy": " (left)", "mAP": " (right)"}[metric_of[task]] if both else ""
        label = _title_of(task) + side
        handles.append(
            Line2D([], [], color=look.colour, marker=look.mark, linestyle=look.line, label=label)
        )
    return handles + _curve_notes(frame)


def _title_of(task: str) -> str:
    if task.endswith(OWN):
        return "as pre-trained"
    return TITLES.get(task, short(task, LONGEST_NAME))


def _curve_notes(frame: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entries for spread, random start and the paper's numbers, those that are drawn."""
    notes = spread_note(frame)
    if (frame["subset"] == SCRATCH).any():
        notes.append(Line2D([], [], color=GREY, linestyle=":", linewidth=1.1, label="random start"))
    if frame["paper"].notna().any():
        notes.append(Line2D([], [], color=GREY, marker="o", label="the paper's number", **_PAPER))
    return notes
