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
    unit_of,
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

AS_PRE_TRAINED = Series(GREY, "x", "--")  # accuracy of networks as they were pre-trained
ALONG = {"images_per_class": "images per class", "classes": "pre-training classes"}
TICK_STEPS = (0.5, 1, 2, 5, 10, 20)  # percentage points
MOST_TICKS = 6


@styled
def draw_curve(frame: pd.DataFrame, layout: Mapping[str, Any]) -> Figure:
    """Return Figure 1 or 2: accuracy and transfer against the size of the pre-training set.

    `frame` is that of `curve_frame`, `layout` has along, tasks and accuracy. Accuracy has the left
    axis and mAP the right one; both span equally many points, so that slopes compare. Filled marks
    are means with ± 1 standard deviation, hollow ones the paper's numbers, dotted lines a random
    start.
    """
    frame = numeric(frame, ("x", "mean", "std", "n", "paper"))
    looks = _looks_of(frame, layout)
    figure = new_figure(ONE_COLUMN, 2.35)
    axes_of = _value_axes(figure, frame)
    for task, look in looks.items():
        rows = frame[frame["task"] == task].sort_values("x", kind="stable")
        _draw_task(axes_of[unit_of(rows["metric"].iloc[0])], rows, look)
    axes = figure.axes[0]
    sizes = sorted(set(frame.loc[frame["subset"] != SCRATCH, "x"]))
    log_axis(axes, {x: f"{x:,.0f}" for x in sizes})
    axes.set_xlabel(f"{ALONG[layout['along']]} (log scale)")
    legend_above(figure, _curve_handles(frame, looks))
    return figure


def _looks_of(frame: pd.DataFrame, layout: Mapping[str, Any]) -> dict[str, Series]:
    """Return the look of each drawn task's line; the first look is kept for ImageNet accuracy."""
    accuracy = layout.get("accuracy")
    drawn = set(frame["task"])
    tasks = [task for task in (accuracy, *layout.get("tasks", ())) if task in drawn]
    looks = itertools.islice(itertools.cycle(SERIES), 0 if accuracy in drawn else 1, None)
    found = dict(zip(tasks, looks, strict=False))
    own = f"{accuracy}{OWN}"
    return found | ({own: AS_PRE_TRAINED} if own in drawn else {})


def _value_axes(figure: Figure, frame: pd.DataFrame) -> dict[str, Axes]:
    """Return axes by unit: accuracy is on the left, mAP on the right unless it is the only one."""
    units = sorted({unit_of(metric) for metric in frame["metric"]})
    axes = figure.subplots()
    light_grid(axes)
    axes_of = {units[0]: axes}
    if len(units) > 1:
        axes_of[units[1]] = axes.twinx()
    extents = [_extent(frame[frame["metric"].map(unit_of) == unit]) for unit in units]
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
    """Return a tick step and limits on its multiples for each (lowest, highest).

    All limits span equally many steps.
    """
    widest = max(high - low for low, high in extents)
    step = next((step for step in TICK_STEPS if widest <= step * (MOST_TICKS - 1)), TICK_STEPS[-1])
    spans = [_steps(low / step, high / step) for low, high in extents]
    count = max(2, *(needed for _, needed in spans))
    last = max(round(100 / step) - count, 0)  # nothing exceeds 100 %
    starts = [min(max(first - (count - needed) // 2, 0), last) for first, needed in spans]
    return step, [(start * step, (start + count) * step) for start in starts]


def _steps(low: float, high: float) -> tuple[int, int]:
    """Return the first whole step and the number of steps that hold low and high."""
    first = max(math.floor(low), 0)
    return first, max(math.ceil(high) - first, 1)


def _draw_task(axes: Axes, rows: pd.DataFrame, look: Series) -> None:
    start = rows["subset"] == SCRATCH
    for value in rows.loc[start, "mean"]:
        axes.axhline(value, color=look.colour, linestyle=":", linewidth=1.1)
    rows = rows[~start]
    axes.plot(rows["x"], rows["mean"], clip_on=False, **_line(look))
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
    metric_of = frame.drop_duplicates("task").set_index("task")["metric"].map(unit_of)
    both = metric_of.nunique() > 1
    handles = []
    for task, look in looks.items():
        side = {"accuracy": " (left)", "mAP": " (right)"}[metric_of[task]] if both else ""
        handles.append(Line2D([], [], label=_title_of(task) + side, **_line(look)))
    return handles + _curve_notes(frame)


def _line(look: Series) -> dict[str, Any]:
    return {"color": look.colour, "marker": look.mark, "linestyle": look.line}


def _title_of(task: str) -> str:
    if task.endswith(OWN):
        return "as pre-trained"
    return TITLES.get(task, short(task, LONGEST_NAME))


def _curve_notes(frame: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entries for what is drawn: spread, random start, the paper's numbers."""
    notes = spread_note(frame)
    if (frame["subset"] == SCRATCH).any():
        notes.append(Line2D([], [], color=GREY, linestyle=":", linewidth=1.1, label="random start"))
    if frame["paper"].notna().any():
        notes.append(Line2D([], [], color=GREY, marker="o", label="the paper's number", **_PAPER))
    return notes
