"""Transfer against accuracy on the pre-training classes, a panel per task."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from imagenet_transfer.figures.canvas import text_width
from imagenet_transfer.figures.chart_parts import LONGEST_NAME, short, unit_label
from imagenet_transfer.figures.label_places import MARK, RINGS, label_places
from imagenet_transfer.figures.panels import (
    SMALL,
    TICK_STEPS,
    head,
    page_width,
    panel_grid,
    signed,
)
from imagenet_transfer.figures.style import BLUE, GREY, light_grid, styled

KEY_LINE = 0.125  # inches
FIGURE_SPACE = "\u2007"  # as wide as a digit


@styled
def draw_correlation(
    frame: pd.DataFrame, points: pd.DataFrame, accuracy: str = "imagenet-cls"
) -> Figure:
    """Return a panel per task with transfer against each pre-training set's `accuracy`, a task.

    `frame` is that of `correlation_frame`, `points` that of `points_frame`. Sets are numbered by
    ascending accuracy; the key is below the panels. Bars are ± 1 standard deviation.
    """
    tasks = list(dict.fromkeys(points["task"]))
    names = set_numbers(points)
    page = page_width(len(tasks))
    key = key_columns(names, page)
    notes = correlation_notes(frame, points, page)
    figure, panels = panel_grid(len(tasks), KEY_LINE * (len(key[0]) + len(notes)) + 0.12)
    limits = axis_limits(points["accuracy"], points["accuracy_std"])
    facts = frame.set_index("task")
    for place, (axes, task) in enumerate(zip(panels.axes, tasks, strict=True)):
        rows = points[points["task"] == task]
        head(axes, task, r_text(facts.loc[task]), panels.width)
        _draw_points(axes, rows, limits)
        _number_points(axes, rows, names, (panels.width, panels.height))
        axes.set_ylabel(unit_label(rows["metric"].iloc[0]), labelpad=2)
        if place + panels.columns >= len(tasks):
            axes.set_xlabel(f"accuracy on {short(accuracy, LONGEST_NAME)} (%)", labelpad=2)
    _print_key(figure, key, notes)
    return figure


def r_text(row: pd.Series) -> str:
    """Return "r = 0.93 [0.80, 0.98]", or why there is no r."""
    if pd.isna(row["r"]):
        return "no r" if not row["note"] else str(row["note"]).split(":")[0]
    digits = 2 if max(abs(row["r"]), abs(row["high"]), abs(row["low"])) < 0.995 else 3
    r, low, high = (signed(row[key], digits) for key in ("r", "low", "high"))
    return f"r = {r}" if pd.isna(row["low"]) else f"r = {r} [{low}, {high}]"


def set_numbers(points: pd.DataFrame) -> dict[str, int]:
    """Return each set's number: its rank by ascending accuracy, then by name."""
    means = points.groupby("subset")["accuracy"].mean().sort_values(kind="stable")
    return {subset: place for place, subset in enumerate(means.index, 1)}


def correlation_notes(frame: pd.DataFrame, points: pd.DataFrame, page: float) -> list[str]:
    """Return the lines below the key, which say what the drawn bars and brackets are."""
    notes = []
    repeats = sorted({int(n) for n in (*points["accuracy_n"], *points["transfer_n"]) if n > 1})
    if repeats:
        span = f"{repeats[0]}" if len(repeats) == 1 else f"{repeats[0]} to {repeats[-1]}"
        notes.append(f"Bars: ± standard deviation of {span} replicates.")
    if frame["low"].notna().any():
        notes.append("Brackets: 95 % interval over sets (Fisher's z).")
    fits = text_width(" ".join(notes), SMALL) < page - 0.24
    return [" ".join(notes)] if notes and fits else notes


def axis_limits(means: pd.Series, stds: pd.Series) -> tuple[float, float]:
    """Return limits that leave some air about means and their spread."""
    spread = stds.fillna(0)
    low = float((means - spread).min())
    high = float((means + spread).max())
    air = 0.09 * (high - low) or 1.0
    return low - air, high + air


def _draw_points(axes: Axes, rows: pd.DataFrame, limits: tuple[float, float]) -> None:
    light_grid(axes, "both")
    bars = {"fmt": "none", "color": BLUE, "elinewidth": 0.7, "alpha": 0.55, "zorder": 2}
    spread = rows[["transfer_std", "accuracy_std"]].fillna(0)
    x = rows["accuracy"]
    y = rows["transfer"]
    axes.errorbar(x, y, spread["transfer_std"], spread["accuracy_std"], **bars)
    axes.plot(x, y, "o", color=BLUE, markersize=MARK, zorder=3)
    axes.set(xlim=limits, ylim=axis_limits(rows["transfer"], rows["transfer_std"]))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=TICK_STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=TICK_STEPS))


def _number_points(
    axes: Axes, rows: pd.DataFrame, names: Mapping[str, int], size: tuple[float, float]
) -> None:
    """Print each point's number next to it, with a line to it where near places were taken."""
    texts = [str(names[subset]) for subset in rows["subset"]]
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    scale = np.array([size[0] / (right - left), size[1] / (top - bottom)])
    corner = np.array([left, bottom])
    anchors = (rows[["accuracy", "transfer"]].to_numpy() - corner) * scale
    reach = rows[["accuracy_std", "transfer_std"]].fillna(0).to_numpy() * scale
    widths = [text_width(text, SMALL) for text in texts]
    centres = label_places(anchors, reach, widths, size)
    for text, anchor, centre in zip(texts, anchors, centres, strict=True):
        x, y = centre / scale + corner
        axes.text(x, y, text, fontsize=SMALL, ha="center", va="center_baseline", zorder=4)
        if np.hypot(*(centre - anchor)) > RINGS[1] + 0.01:
            ends = np.stack([anchor, anchor + 0.72 * (centre - anchor)]) / scale + corner
            axes.plot(*ends.T, color=GREY, linewidth=0.4, zorder=1)


def key_columns(names: Mapping[str, int], page: float) -> list[list[str]]:
    """Return the key's entries in nearly equal columns, as many columns as fit the page."""
    digits = len(str(len(names)))
    numbers = [f"{number:>{digits}}".replace(" ", FIGURE_SPACE) for number in names.values()]
    entries = [f"{number}  {name}" for number, name in zip(numbers, names, strict=True)]
    entries = [without_middle(entry, page - 0.3, SMALL) for entry in entries]
    widest = max((text_width(entry, SMALL) for entry in entries), default=1) + 0.16
    columns = max(1, min(int((page - 0.2) / widest), len(entries)))
    lines = math.ceil(len(entries) / columns)
    return [entries[start : start + lines] for start in range(0, len(entries), lines)] or [[]]


def without_middle(text: str, width: float, size: float) -> str:
    """Return the text, its middle cut to fit `width` inches; long names often differ at the end."""
    for kept in range(len(text), 1, -1):
        end = kept // 2
        cut = text if kept == len(text) else text[: kept - end] + "…" + text[len(text) - end :]
        if text_width(cut, size) <= width:
            return cut
    return ""


def _print_key(figure: Figure, columns: Sequence[Sequence[str]], notes: Sequence[str]) -> None:
    """Print the key and the notes at the foot of a figure."""
    width, height = figure.get_size_inches()
    top = 0.08 + KEY_LINE * (len(columns[0]) + len(notes))
    x = 0.12
    for column in columns:
        for line, entry in enumerate(column):
            y = (top - KEY_LINE * line) / height
            figure.text(x / width, y, entry, fontsize=SMALL, va="top")
        x += max((text_width(entry, SMALL) for entry in column), default=0) + 0.16
    for line, note in enumerate(notes, len(columns[0])):
        y = (top - 0.03 - KEY_LINE * line) / height
        figure.text(0.12 / width, y, note, fontsize=SMALL, va="top", color=GREY)
