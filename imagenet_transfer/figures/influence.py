"""What classes do for transfer: effects with their intervals in order, a panel per task."""

import math
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from imagenet_transfer.figures.canvas import shortened, text_width
from imagenet_transfer.figures.chart_parts import numeric, unit_of
from imagenet_transfer.figures.influence_numbers import HARMS, HELPS
from imagenet_transfer.figures.panels import (
    ABOVE,
    BELOW,
    RIGHT,
    TEXT,
    TICK_STEPS,
    head,
    page_width,
)
from imagenet_transfer.figures.style import BLUE, INK, VERMILLION, light_grid, new_figure, styled

ROW = 0.19  # inches: a part with two effects; the free room above and below all parts
AIR = 0.08
LABEL = 1.1  # inches at most
IN_A_ROW = 2  # panels
OFFSET = 0.17  # of a row: how far the two effects are from its middle
NUMBERS = (
    *("n_classes_left_out", "effect", "low", "high"),
    *("against_control", "control_low", "control_high"),
)


class Look(NamedTuple):
    """An effect of a part: its columns, how it is drawn, and its name in the legend."""

    value: str
    low: str
    high: str
    verdict: str
    colour: str
    mark: str
    side: float  # up or down from the middle of the row
    label: str


EFFECT = Look(
    *("effect", "low", "high", "verdict"), BLUE, "o", -1, "full set − set without the classes"
)
AGAINST = Look(
    *("against_control", "control_low", "control_high", "control_verdict"),
    *(VERMILLION, "D", 1, "random set of equal size − set without the classes"),
)


@styled
def draw_influence(frame: pd.DataFrame) -> Figure:
    """Return a panel per task with the effect of each part, the most helpful on top.

    `frame` is that of `influence_frame`. Bars are 95 % intervals; marks are filled where Holm's
    adjusted p is at most 0.05, and where there is no interval.
    """
    frame = numeric(frame, NUMBERS)
    tasks = list(dict.fromkeys(frame["task"]))
    handles = influence_handles(frame)
    texts = part_texts(frame)
    label = max(text_width(text, TEXT) for text in texts) + 0.12
    rows = int(frame.groupby("task").size().max())
    figure, panels, width = part_grid(len(tasks), rows, label, 0.1 + 0.15 * len(handles))
    for axes, task in zip(panels, tasks, strict=True):
        chosen = frame[frame["task"] == task]
        head(axes, task, count_text(chosen), width)
        draw_parts(axes, chosen)
    legend = {"loc": "lower center", "ncols": 1, "borderaxespad": 0.2}
    figure.legend(handles=handles, **legend)
    return figure


def part_grid(count: int, rows: int, label: float, foot: float) -> tuple[Figure, list[Axes], float]:
    """Return a figure with `count` axes for as many rows, and their width in inches.

    Each has `label` inches for the names on its left; `foot` inches are free below all.
    """
    columns = min(count, IN_A_ROW)
    page = page_width(count)
    width = page / columns - label - RIGHT
    height = rows * ROW + 2 * AIR
    line = ABOVE + height + BELOW
    total = math.ceil(count / columns) * line + foot
    figure = new_figure(page, total)
    figure.set_layout_engine("none")
    panels = []
    for place in range(count):
        row, column = divmod(place, columns)
        left = column * page / columns + label
        bottom = total - row * line - ABOVE - height
        panels.append(figure.add_axes((left / page, bottom / total, width / page, height / total)))
    return figure, panels, width


def part_texts(rows: pd.DataFrame) -> list[str]:
    """Return the parts' names with their numbers of classes: "boats planes (5)"."""
    texts = []
    for name, classes in zip(rows["name"], rows["n_classes_left_out"], strict=True):
        number = f" ({classes:.0f})"
        room = LABEL - text_width(number, TEXT)
        texts.append(shortened(name.replace("-", " "), room, TEXT) + number)
    return texts


def count_text(rows: pd.DataFrame) -> str:
    """Return how many of a task's parts surely help or harm."""
    if rows["low"].isna().all():
        return f"{len(rows)} parts, no intervals"
    counts = [f"{(rows['verdict'] == word).sum()} {word[:-1]}" for word in (HELPS, HARMS)]
    return f"of {len(rows)} parts, surely {' and '.join(counts)}"


def draw_parts(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw a task's parts from top to bottom."""
    light_grid(axes, "x")
    axes.axvline(0, color=INK, linewidth=0.7, zorder=1)
    both = rows["against_control"].notna().any()
    for look in (EFFECT, AGAINST):
        _draw_effects(axes, rows, look, OFFSET * look.side if both else 0.0)
    axes.set_yticks(range(len(rows)), part_texts(rows), fontsize=TEXT)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.5 + AIR / ROW, -0.5 - AIR / ROW)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=TICK_STEPS))
    axes.set_xlabel(f"effect on {unit_of(rows['metric'].iloc[0])} (points)", labelpad=2)


def _draw_effects(axes: Axes, rows: pd.DataFrame, look: Look, offset: float) -> None:
    places = pd.Series(range(len(rows)), index=rows.index) + offset
    rows = rows[rows[look.value].notna()]
    bars = rows[rows[look.low].notna()]
    axes.hlines(places[bars.index], bars[look.low], bars[look.high], look.colour, linewidth=0.9)
    sure = rows[look.verdict].isin([HELPS, HARMS]) | rows[look.low].isna()
    for chosen, face in ((rows[sure], look.colour), (rows[~sure], "white")):
        mark = _mark(look) | {"markerfacecolor": face}
        axes.plot(chosen[look.value], places[chosen.index], zorder=3, **mark)


def _mark(look: Look) -> dict[str, Any]:
    return {
        **{"color": look.colour, "marker": look.mark, "linestyle": "none"},
        **{"markersize": 4 if look.mark == "o" else 3.4, "markeredgewidth": 0.9},
    }


def influence_handles(frame: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entries for what is drawn."""
    shown = [look for look in (EFFECT, AGAINST) if frame[look.value].notna().any()]
    handles = [Line2D([], [], label=look.label, **_mark(look)) for look in shown]
    if frame["low"].notna().any():
        open_mark = _mark(EFFECT) | {"color": INK, "markerfacecolor": "white"}
        handles.append(
            Line2D([], [], label="hollow: not sure, after Holm's correction", **open_mark)
        )
    return handles
