"""The limit of coarse labels: gains against the number of classes, a panel per task."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator

from imagenet_transfer.figures.chart_parts import in_rows
from imagenet_transfer.figures.coarse_limit_numbers import classes
from imagenet_transfer.figures.panels import BELOW, TICK_STEPS, head, panel_grid, panel_width
from imagenet_transfer.figures.style import BLUE, INK, PALE, VERMILLION, light_grid, styled


@styled
def draw_coarse_limit(frame: pd.DataFrame) -> Figure:
    """Return a panel per task with the gain over a random start against the number of classes.

    `frame` is that of `coarse_limit_frame`. Bars are 95 % intervals; marks are filled where these
    exclude zero. A dashed line marks the limit and a shaded band its range, which reaches the edge
    where it is open.
    """
    tasks = list(dict.fromkeys(frame["task"]))
    ticks = class_ticks(frame["n_classes"], panel_width(len(tasks)))
    handles = limit_handles(frame)
    columns = len(handles) if len(tasks) > 1 else 2
    foot = 0.1 + 0.15 * math.ceil(len(handles) / columns)
    rows_below = max(text.count("\n") for text in ticks.labels)
    figure, panels = panel_grid(len(tasks), foot, BELOW + 0.11 * rows_below)
    for place, (axes, task) in enumerate(zip(panels.axes, tasks, strict=True)):
        rows = frame[frame["task"] == task]
        head(axes, task, limit_text(rows), panels.width)
        _class_axis(axes, ticks)
        _draw_limit(axes, rows.iloc[0])
        _draw_gains(axes, rows)
        axes.set_ylabel("gain over a random start (points)", labelpad=2)
        if place + panels.columns >= len(tasks):
            axes.set_xlabel("pre-training classes (log scale)", labelpad=2)
    legend = {"loc": "lower center", "ncols": columns, "columnspacing": 1.4, "borderaxespad": 0.2}
    figure.legend(handles=handles, **legend)
    return figure


def limit_text(rows: pd.DataFrame) -> str:
    """Return what was found for one task in short: "limit 8.2 classes [5.1, 21]".

    A limit or an end of its range outside the measured numbers reads "< 3" or "> 64".
    """
    row = rows.iloc[0]
    gains = rows.groupby("n_classes")["gain"].mean()  # by ascending number of classes
    fewest = gains.index[0]
    most = gains.index[-1]
    first = f"< {classes(fewest)}"
    last = f"> {classes(most)}"
    beyond = first if gains.iloc[-1] > 0 else last
    text = f"limit {beyond if pd.isna(row['limit']) else classes(row['limit'])} classes"
    if rows["low"].isna().all():
        return text
    if row["limit_high"] == fewest:
        return f"{text} [{first}]"
    if row["limit_low"] == most:
        return f"{text} [{last}]"
    low = first if pd.isna(row["limit_low"]) else classes(row["limit_low"])
    high = last if pd.isna(row["limit_high"]) else classes(row["limit_high"])
    return f"{text} [{low}, {high}]"


class ClassTicks(NamedTuple):
    """A logarithmic axis of numbers of classes; labels without room are empty."""

    limits: tuple[float, float]
    places: list[float]
    labels: list[str]


def class_ticks(sizes: Iterable[float], width: float) -> ClassTicks:
    """Return an axis `width` inches wide; labels that would touch take lower rows."""
    texts = {float(size): f"{size:,.0f}" for size in sorted(set(sizes))}
    low = math.log10(min(texts))
    high = math.log10(max(texts))
    margin = 0.07 * (high - low) or 0.1
    labels = in_rows(texts, width / (high - low + 2 * margin))
    return ClassTicks((10 ** (low - margin), 10 ** (high + margin)), list(texts), labels)


def _class_axis(axes: Axes, ticks: ClassTicks) -> None:
    axes.set_xscale("log")
    axes.set_xlim(ticks.limits)
    axes.set_xticks(ticks.places, ticks.labels)
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_limit(axes: Axes, row: pd.Series) -> None:
    """Mark a task's limit and its range; an open end reaches the edge of the axes."""
    left, right = axes.get_xlim()
    if pd.notna(row["limit_low"]) or pd.notna(row["limit_high"]):
        low = row["limit_low"] if pd.notna(row["limit_low"]) else left
        high = row["limit_high"] if pd.notna(row["limit_high"]) else right
        axes.axvspan(low, high, **_RANGE)
    if pd.notna(row["limit"]):
        axes.axvline(row["limit"], **_LIMIT)


_RANGE = {"facecolor": PALE, "alpha": 0.6, "edgecolor": "none", "zorder": 0}
_LIMIT = {"color": VERMILLION, "linestyle": (0, (4, 1.5)), "linewidth": 1.1, "zorder": 1}


def _draw_gains(axes: Axes, rows: pd.DataFrame) -> None:
    light_grid(axes)
    axes.axhline(0, color=INK, linewidth=0.7, zorder=1)
    line = rows.groupby("n_classes")["gain"].mean()
    axes.plot(line.index, line, color=BLUE, linewidth=0.9, alpha=0.6, zorder=2)
    known = rows[rows["low"].notna()]
    lengths = [known["gain"] - known["low"], known["high"] - known["gain"]]
    bars = {"fmt": "none", "color": BLUE, "elinewidth": 0.9, "capsize": 1.6, "zorder": 3}
    axes.errorbar(known["n_classes"], known["gain"], lengths, **bars)
    sure = (rows["low"] > 0) | (rows["high"] < 0) | rows["low"].isna()
    for chosen, face in ((rows[sure], BLUE), (rows[~sure], "white")):
        marks = {"markerfacecolor": face, "markersize": 4, "markeredgewidth": 0.9, "zorder": 4}
        axes.plot(chosen["n_classes"], chosen["gain"], "o", color=BLUE, **marks)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=TICK_STEPS))


def limit_handles(frame: pd.DataFrame) -> list[Line2D | Patch]:
    """Return the legend's entries for what is drawn."""
    known = frame["low"].notna()
    unsure = known & (frame["low"] <= 0) & (frame["high"] >= 0)
    mark = {"color": BLUE, "marker": "o", "linestyle": "none", "markersize": 4}
    label = "gain, 95 % interval" if known.any() else "gain (one replicate)"
    handles: list[Line2D | Patch] = [Line2D([], [], label=label, **mark)]
    if unsure.any():
        label = "zero is in the interval"
        handles.append(Line2D([], [], label=label, markerfacecolor="white", **mark))
    if frame["limit"].notna().any():
        handles.append(Line2D([], [], label="limit", **_LIMIT))
    if frame[["limit_low", "limit_high"]].notna().any(axis=None):
        handles.append(Patch(label="95 % range of the limit", **_RANGE))
    return handles
