"""Charts that the paper does not draw: accuracy against transfer; the limit of coarse labels.

Axes are placed in inches, not by a layout engine: labels are kept apart by what they measure there.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator

from imagenet_transfer.figures.canvas import INCH, shortened, text_width
from imagenet_transfer.figures.charts import TITLES, stagger
from imagenet_transfer.figures.coarse_limit import classes
from imagenet_transfer.figures.style import (
    BLUE,
    GREY,
    INK,
    ONE_COLUMN,
    PALE,
    TWO_COLUMNS,
    VERMILLION,
    light_grid,
    new_figure,
    styled,
)

# Inches about and within the axes of a panel
LEFT, RIGHT, ABOVE, BELOW = 0.47, 0.1, 0.42, 0.4
PANEL_HEIGHT = 1.75
KEY_LINE = 0.125
FIGURE_SPACE = "\u2007"  # as wide as a digit
SMALL, TEXT, TITLE = 6.0, 7.0, 8.0  # points
TICK_STEPS = (1, 2, 5, 10)
BESIDE = {1: 1, 2: 2, 4: 2}  # panels in a row, by the number of panels; else three


class Panels(NamedTuple):
    """Axes of one size in rows, the size of each in inches, and how many stand in a row."""

    axes: list[Axes]
    width: float
    height: float
    columns: int


def page_width(count: int) -> float:
    """Return the width in inches of a figure with `count` panels."""
    return ONE_COLUMN if count == 1 else TWO_COLUMNS


def panel_width(count: int) -> float:
    """Return the width in inches of the axes of each of `count` panels."""
    return page_width(count) / BESIDE.get(count, 3) - LEFT - RIGHT


def panel_grid(count: int, foot: float, below: float = BELOW) -> tuple[Figure, Panels]:
    """Return a figure with `count` axes of equal size and `foot` inches left free below them.

    `below` inches are kept for the labels below each.
    """
    columns = BESIDE.get(count, 3)
    lines = math.ceil(count / columns)
    page, width = page_width(count), panel_width(count)
    line = ABOVE + PANEL_HEIGHT + below
    total = lines * line + foot
    figure = new_figure(page, total)
    figure.set_layout_engine("none")
    axes = []
    for place in range(count):
        row, column = divmod(place, columns)
        left, bottom = column * page / columns + LEFT, total - row * line - ABOVE - PANEL_HEIGHT
        box = (left / page, bottom / total, width / page, PANEL_HEIGHT / total)
        axes.append(figure.add_axes(box))
    return figure, Panels(axes, width, PANEL_HEIGHT, columns)


def head(axes: Axes, task: str, line: str, width: float) -> None:
    """Print a panel's title in two lines: the task, and what was found."""
    title = shortened(TITLES.get(task, task), 0.88 * width, TITLE)  # bold is wider
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
    axes.annotate(title, (0, 1), (0, 14), fontsize=TITLE, fontweight="bold", **above)
    axes.annotate(line, (0, 1), (0, 4), fontsize=TEXT, **above)


def unit_label(metric: str) -> str:
    """Return the label of an axis of a metric in percent."""
    return f"{'mAP' if metric == 'mAP' else 'accuracy'} (%)"


def signed(number: float, digits: int = 2) -> str:
    """Return a number for print, with a minus sign as wide as a plus."""
    return f"{number:.{digits}f}".replace("-", "−")


# Accuracy against transfer


@styled
def draw_correlation(frame: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """Return a panel per task: transfer against ImageNet accuracy of each pre-training set.

    `frame` is that of `correlation_frame`, `points` that of `points_frame`. Numbers name the sets,
    in the order of their accuracies; the key is below. Bars are ± 1 standard deviation.
    """
    tasks = list(dict.fromkeys(points["task"]))
    names = set_numbers(points)
    page = page_width(len(tasks))
    key, notes = key_columns(names, page), correlation_notes(frame, points, page)
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
            axes.set_xlabel("ImageNet accuracy (%)", labelpad=2)
    _print_key(figure, key, notes)
    return figure


def r_text(row: pd.Series) -> str:
    """Return "r = 0.93 [0.80, 0.98]", or why there is none."""
    if pd.isna(row["r"]):
        return "no r" if not row["note"] else str(row["note"]).split(":")[0]
    digits = 2 if max(abs(row["r"]), abs(row["high"]), abs(row["low"])) < 0.995 else 3
    r, low, high = (signed(row[key], digits) for key in ("r", "low", "high"))
    return f"r = {r}" if pd.isna(row["low"]) else f"r = {r} [{low}, {high}]"


def set_numbers(points: pd.DataFrame) -> dict[str, int]:
    """Return the number of each set: its place by ascending accuracy, equal ones by name."""
    means = points.groupby("subset")["accuracy"].mean().sort_values(kind="stable")
    return {subset: place for place, subset in enumerate(means.index, 1)}


def correlation_notes(frame: pd.DataFrame, points: pd.DataFrame, page: float) -> list[str]:
    """Return the lines below the key: what bars and brackets are, those that are drawn."""
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
    """Return limits with some air about means and their spread."""
    spread = stds.fillna(0)
    low, high = float((means - spread).min()), float((means + spread).max())
    air = 0.09 * (high - low) or 1.0
    return low - air, high + air


def _draw_points(axes: Axes, rows: pd.DataFrame, limits: tuple[float, float]) -> None:
    light_grid(axes, "both")
    bars = {"fmt": "none", "color": BLUE, "elinewidth": 0.7, "alpha": 0.55, "zorder": 2}
    spread = rows[["transfer_std", "accuracy_std"]].fillna(0)
    x, y = rows["accuracy"], rows["transfer"]
    axes.errorbar(x, y, spread["transfer_std"], spread["accuracy_std"], **bars)
    axes.plot(x, y, "o", color=BLUE, markersize=MARK, zorder=3)
    axes.set(xlim=limits, ylim=axis_limits(rows["transfer"], rows["transfer_std"]))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=TICK_STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=TICK_STEPS))


MARK = 3.4  # points: the diameter of a set's mark


def _number_points(
    axes: Axes,
    rows: pd.DataFrame,
    names: Mapping[str, int],
    size: tuple[float, float],
) -> None:
    """Print each point's number next to it, with a line where only places further off were free."""
    texts = [str(names[subset]) for subset in rows["subset"]]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
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


# Where labels may stand: directions by preference, distances from the point in inches
SIDES, DIAGONALS, BETWEEN = (90, 270, 0, 180), (45, 135, 315, 225), (22.5, 67.5, 112.5, 157.5)
DIRECTIONS = np.deg2rad([*SIDES, *DIAGONALS, *BETWEEN, 202.5, 247.5, 292.5, 337.5])
RINGS = (0.085, 0.11, 0.15, 0.2, 0.26, 0.33, 0.42, 0.52)
LABEL_HEIGHT = SMALL / INCH
AIR = 0.012


def label_places(
    anchors: np.ndarray, reach: np.ndarray, widths: Sequence[float], size: tuple[float, float]
) -> np.ndarray:
    """Return the centres (n, 2) of labels of these widths next to their points, all in inches.

    `anchors` and `reach` (n, 2) are the points and how far their bars go to each side; `size` is
    that of the axes. Labels cover neither marks nor each other while there is any such place; they
    keep off bars where that costs little. The most crowded points choose first.
    """
    near = np.hypot(*(anchors[:, None] - anchors[None]).transpose(2, 0, 1)) < 2 * RINGS[0]
    centres = np.full_like(anchors, np.nan, dtype=float)
    taken: list[np.ndarray] = []
    for i in np.argsort(-near.sum(axis=1), kind="stable"):
        half = np.array([widths[i] / 2, LABEL_HEIGHT / 2]) + AIR
        costs = [
            (_cost(centre, half, i, anchors, reach, taken, size) + distance + 0.002 * rank, *centre)
            for distance in RINGS
            for rank, centre in enumerate(_ring(anchors[i], distance, half))
        ]
        centres[i] = min(costs)[1:]
        taken.append(np.concatenate([centres[i] - half, centres[i] + half]))
    return centres


def _ring(anchor: np.ndarray, distance: float, half: np.ndarray) -> np.ndarray:
    """Return centres about a point; sideways a wide label is moved off by half its width."""
    directions = np.stack([np.cos(DIRECTIONS), np.sin(DIRECTIONS)], axis=1)
    stretch = np.array([distance + max(half[0] - half[1], 0), distance])
    return anchor + directions * stretch


def _cost(
    centre: np.ndarray,
    half: np.ndarray,
    own: int,
    anchors: np.ndarray,
    reach: np.ndarray,
    taken: Sequence[np.ndarray],
    size: tuple[float, float],
) -> float:
    """Return how bad a place for the label of the point `own` is.

    Each mark or label that it covers and each side that it crosses costs 10; bars, and standing so
    near to another point that it might be that one's, cost as much as a few tenths of an inch.
    """
    low, high = centre - half, centre + half
    outside = int((low < 0).sum() + (high > size).sum())
    labels = sum(bool((low < box[2:]).all() and (high > box[:2]).all()) for box in taken)
    mark = MARK / INCH / 2
    marks = int(((low < anchors + mark) & (high > anchors - mark)).all(axis=1).sum())
    bars = 0
    for axis in (0, 1):
        arm = reach * np.eye(2)[axis]
        bars += int(((low < anchors + arm) & (high > anchors - arm)).all(axis=1).sum())
    to_others = np.hypot(*(anchors - centre).T)
    unclear = bool((np.delete(to_others, own) < 1.35 * to_others[own]).any())
    return 10.0 * (outside + labels + marks) + 0.12 * (bars + 2 * unclear)


def key_columns(names: Mapping[str, int], page: float) -> list[list[str]]:
    """Return the key's entries in columns of nearly equal length, as many as fit the page."""
    digits = len(str(len(names)))
    numbers = [f"{number:>{digits}}".replace(" ", FIGURE_SPACE) for number in names.values()]
    entries = [f"{number}  {name}" for number, name in zip(numbers, names, strict=True)]
    entries = [without_middle(entry, page - 0.3, SMALL) for entry in entries]
    widest = max((text_width(entry, SMALL) for entry in entries), default=1) + 0.16
    columns = max(1, min(int((page - 0.2) / widest), len(entries)))
    lines = math.ceil(len(entries) / columns)
    return [entries[start : start + lines] for start in range(0, len(entries), lines)] or [[]]


def without_middle(text: str, width: float, size: float) -> str:
    """Return the text, its middle cut to fit `width` inches: long names often differ at the end."""
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


# The limit of coarse labels


@styled
def draw_coarse_limit(frame: pd.DataFrame) -> Figure:
    """Return a panel per task: the gain over a random start against the number of classes.

    `frame` is that of `coarse_limit_frame`. Bars are 95 % intervals; marks are filled where these
    leave zero out. The limit is a dashed line in its range, which is open where the numbers are.
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
    """Return what was found for one task in a few words: "limit 8.2 classes [5.1, 21]".

    Limits and ends of the range outside the measured numbers read "< 3" or "> 64".
    """
    row, ordered = rows.iloc[0], rows.sort_values("n_classes", kind="stable")
    sizes, gains = ordered["n_classes"], ordered.groupby("n_classes")["gain"].mean()
    first, last = f"< {classes(sizes.iloc[0])}", f"> {classes(sizes.iloc[-1])}"
    beyond = first if gains.iloc[-1] > 0 else last
    text = f"limit {beyond if pd.isna(row['limit']) else classes(row['limit'])} classes"
    if ordered["low"].isna().all():
        return text
    if row["limit_high"] == sizes.iloc[0]:
        return f"{text} [{first}]"
    if row["limit_low"] == sizes.iloc[-1]:
        return f"{text} [{last}]"
    low = first if pd.isna(row["limit_low"]) else classes(row["limit_low"])
    high = last if pd.isna(row["limit_high"]) else classes(row["limit_high"])
    return f"{text} [{low}, {high}]"


class ClassTicks(NamedTuple):
    """The axis of numbers of classes: limits, ticks, and their labels (empty without room)."""

    limits: tuple[float, float]
    places: list[float]
    labels: list[str]


def class_ticks(sizes: Iterable[float], width: float) -> ClassTicks:
    """Return a logarithmic axis `width` inches wide; labels that would touch take lower rows."""
    texts = {float(size): f"{size:,.0f}" for size in sorted(set(sizes))}
    low, high = math.log10(min(texts)), math.log10(max(texts))
    margin = 0.07 * (high - low) or 0.1
    row_of = stagger(texts, width / (high - low + 2 * margin))
    labels = ["\n" * row_of[x] + text if x in row_of else "" for x, text in texts.items()]
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
    """Return the legend's entries, those that are drawn."""
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
