"""Figures 1, 2, 4, 6 and 9: pure functions from a tidy frame to a figure. All values are percent."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator, NullLocator

from imagenet_transfer.figures.style import (
    BLUE,
    GREY,
    INK,
    ONE_COLUMN,
    ORANGE,
    PALE,
    SERIES,
    TWO_COLUMNS,
    Series,
    light_grid,
    new_figure,
    styled,
)

SCRATCH = "scratch"
OWN_LABELS = Series(GREY, "x", "--")  # the accuracy of networks as they were pre-trained
TITLES = {
    "imagenet-cls": "ImageNet-CLS",
    "pascal-det": "PASCAL-DET",
    "pascal-act": "PASCAL-ACT-CLS",
    "sun-cls": "SUN-CLS",
}
ALONG = {"images_per_class": "images per class", "classes": "pre-training classes"}
TICK_STEPS = (0.5, 1, 2, 5, 10, 20)  # percentage points
MOST_TICKS = 6
LONGEST_NAME = 30  # characters
WIDEST_LABEL = 24  # characters: two columns of a legend side by side in ONE_COLUMN
LEGEND_LINE = 0.14  # inches
CHARACTER = 0.062  # inches, a digit of a tick label with some air
LABEL_ROWS = 3


# Figures 1 and 2


@styled
def draw_curve(frame: pd.DataFrame, layout: Mapping[str, Any]) -> Figure:
    """Return Figure 1 or 2: ImageNet accuracy and transfer performance against the size of the pre-training set.

    `frame` has the columns x, task, metric, mean, std, n, paper, subset; `layout` has along, tasks and accuracy.
    Accuracies are read on the left, mAP on the right; both axes span equally many points, so that slopes compare.
    Filled marks are means with ± 1 standard deviation, hollow marks the paper's numbers, dotted lines a random start.
    """
    frame = _numbers(frame, ("x", "mean", "std", "n", "paper"))
    tasks = [
        task
        for task in (layout.get("accuracy"), *layout.get("tasks", ()))
        if (frame["task"] == task).any()
    ]
    looks = dict(zip(tasks, _looks(len(tasks), layout.get("accuracy") in tasks), strict=True))
    own = f"{layout.get('accuracy')}:own"
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
    _log_axis(axes, {x: f"{x:,.0f}" for x in sizes})
    axes.set_xlabel(f"{ALONG[layout['along']]} (log scale)")
    _legend_above(figure, handles)
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
    if task.endswith(":own"):
        return "as pre-trained"
    return TITLES.get(task, _short(task, LONGEST_NAME))


def _curve_notes(frame: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entries for spread, random start and the paper's numbers, those that are drawn."""
    notes = _spread_note(frame)
    if (frame["subset"] == SCRATCH).any():
        notes.append(Line2D([], [], color=GREY, linestyle=":", linewidth=1.1, label="random start"))
    if frame["paper"].notna().any():
        notes.append(Line2D([], [], color=GREY, marker="o", label="the paper's number", **_PAPER))
    return notes


# Figure 4


@styled
def draw_induction(frame: pd.DataFrame, layout: Mapping[str, Any]) -> Figure:
    """Return Figure 4: induction accuracy on unseen fine classes against the number of classes trained on.

    `frame` has the columns subset, n_classes, n_unseen, n_queries, k, network, rep and value; rows whose network is not
    the subset are the baseline's, on the same unseen classes. Marks are means over the replicates, bars ± 1 standard
    deviation.
    """
    keys = ["subset", "n_classes", "n_unseen", "k", "network"]
    frame = _over_replicates(
        _numbers(frame, ("n_classes", "n_unseen", "k", "value")), keys, "value"
    )
    figure = new_figure(ONE_COLUMN, 2.9)
    axes = figure.subplots()
    light_grid(axes)
    handles = []
    for k, look in zip(sorted(set(frame["k"]), reverse=True), SERIES[1:], strict=False):
        rows = frame[frame["k"] == k].sort_values(["n_classes", "subset"])
        own = rows["network"] == rows["subset"]
        handles.append(
            _draw_accuracy(axes, rows[~own], look, f"top {k:.0f}, all fine classes", hollow=True)
        )
        handles.append(
            _draw_accuracy(axes, rows[own], look, f"top {k:.0f}, coarse classes", hollow=False)
        )
    unseen = (
        frame.drop_duplicates("n_classes")
        .sort_values("n_classes")
        .set_index("n_classes")["n_unseen"]
    )
    _log_axis(
        axes,
        {x: f"{x:,.0f}" for x in unseen.index},
        {x: f"{count:,.0f}" for x, count in unseen.items()},
    )
    axes.set_xlabel("coarse classes (log scale)")
    axes.set_ylabel("induction accuracy (%)")
    _from_zero(axes, frame["mean"] + frame["std"].fillna(0))
    _legend_above(
        figure, [*handles[:2], *_spread_note(frame), *handles[2:]]
    )  # filled column by column
    return figure


def _draw_accuracy(
    axes: Axes, rows: pd.DataFrame, look: Series, label: str, hollow: bool
) -> Line2D:
    """Draw one line of Figure 4 and return its handle; the baseline is hollow and thin."""
    axes.errorbar(
        rows["n_classes"], rows["mean"], rows["std"], color=look.colour, fmt="none", elinewidth=0.8
    )
    face = "white" if hollow else look.colour
    line = {"linestyle": look.line, "linewidth": 0.8} if hollow else {"linestyle": "-"}
    marks = {"marker": look.mark, "markerfacecolor": face, "markeredgewidth": 0.9, "clip_on": False}
    (drawn,) = axes.plot(
        rows["n_classes"], rows["mean"], color=look.colour, label=label, **marks, **line
    )
    return drawn


# Figure 6


@styled
def draw_coarse_gain(frame: pd.DataFrame, layout: Mapping[str, Any]) -> Figure:
    """Return Figure 6: the coarse classes that gain most and least over the mean accuracy of their sub-classes.

    `frame` has the columns class_wnid, class_name, n_subclasses, coarse_accuracy, fine_accuracy and gain, and may have
    similarity (printed if so) and rep (gains are means over replicates, with ± 1 standard deviation); the first and
    last `layout["shown"]` classes are drawn, all of them if they are fewer.
    """
    frame = mean_gains(
        _numbers(frame, ("n_subclasses", "coarse_accuracy", "fine_accuracy", "gain"))
    )
    ordered = frame.sort_values(["gain", "class_wnid"], ascending=[False, True], ignore_index=True)
    rows, skipped = _ends(ordered, layout["shown"])
    figure = new_figure(TWO_COLUMNS, 0.75 + 0.19 * (rows["y"].max() + 1))
    has_similarity = "similarity" in rows and rows["similarity"].notna().any()
    ratios = (1, 1, 0.2) if has_similarity else (1, 1)
    left, right, *margin = figure.subplots(1, len(ratios), sharey=True, width_ratios=ratios)
    _draw_gains(left, rows)
    _draw_accuracies(right, rows)
    for axes in margin:
        _print_similarities(axes, rows.dropna(subset="similarity"))
    if skipped:
        between = f"{skipped} more {'class' if skipped == 1 else 'classes'}"
        left.text(0, layout["shown"], f"  ⋮  {between}", va="center", color=GREY, fontsize=6.5)
    left.set_ylim(rows["y"].max() + 0.6, -0.6)
    return figure


def mean_gains(frame: pd.DataFrame) -> pd.DataFrame:
    """Return Figure 6's classes with the means of their replicates, and the standard deviation of the gain as `std`."""
    keys = ["class_wnid", "class_name", "n_subclasses"]
    values = [
        name for name in ("coarse_accuracy", "fine_accuracy", "gain", "similarity") if name in frame
    ]
    groups = frame.groupby(keys, sort=False)
    return groups[values].mean().assign(std=groups["gain"].std()).reset_index()


def _ends(ordered: pd.DataFrame, shown: int) -> tuple[pd.DataFrame, int]:
    """Return the first and last rows with their place `y` (one is left empty between them) and how many are skipped."""
    if len(ordered) <= 2 * shown:
        return ordered.assign(y=np.arange(len(ordered))), 0
    places = np.r_[np.arange(shown), np.arange(shown) + shown + 1]
    return pd.concat([ordered.head(shown), ordered.tail(shown)]).assign(y=places), len(
        ordered
    ) - 2 * shown


def _draw_gains(axes: Axes, rows: pd.DataFrame) -> None:
    light_grid(axes, "x")
    spread = rows["std"] if rows["std"].notna().any() else None
    bars = axes.barh(
        rows["y"], rows["gain"], height=0.66, color=BLUE, xerr=spread, error_kw=_WHISKERS
    )
    axes.bar_label(
        bars, [f"{gain:+.1f}".replace("-", "−") for gain in rows["gain"]], padding=2, fontsize=6.5
    )
    names = [
        class_title(name, count)
        for name, count in zip(rows["class_name"], rows["n_subclasses"], strict=True)
    ]
    axes.set_yticks(rows["y"], names)
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.spines["left"].set_visible(False)
    reach = rows["std"].fillna(0)
    low, high = min((rows["gain"] - reach).min(), 0), max((rows["gain"] + reach).max(), 1)
    room = 0.14 * (high - low)
    axes.set_xlim(low - (room if low < 0 else 0), high + room)
    axes.set_xlabel("gain: coarse − mean fine accuracy (points)")


_WHISKERS = {"elinewidth": 0.8, "capsize": 1.4, "ecolor": INK}


def _draw_accuracies(axes: Axes, rows: pd.DataFrame) -> None:
    light_grid(axes, "x")
    axes.hlines(
        rows["y"], rows["fine_accuracy"], rows["coarse_accuracy"], color=PALE, linewidth=2.2
    )
    hollow = {"color": ORANGE, "markerfacecolor": "white", "markeredgewidth": 1.1, "clip_on": False}
    axes.plot(rows["fine_accuracy"], rows["y"], "s", **hollow, label="fine classes (mean)")
    axes.plot(
        rows["coarse_accuracy"], rows["y"], "o", color=BLUE, clip_on=False, label="coarse class"
    )
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy (%)")
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, borderaxespad=0.2, handletextpad=0.2
    )


def _print_similarities(axes: Axes, rows: pd.DataFrame) -> None:
    """Print each row's similarity of sub-classes in a column."""
    axes.axis("off")
    axes.text(
        0.5, 1.02, "similarity", transform=axes.transAxes, ha="center", va="bottom", fontsize=7
    )
    for y, value in zip(rows["y"], rows["similarity"], strict=True):
        axes.text(0.5, y, f"{value:.2f}".replace("-", "−"), va="center", ha="center", fontsize=6.5)


def class_title(name: str, count: float) -> str:
    """Return a synset's name for print with its number of sub-classes: "home appliance (12)"."""
    return f"{_short(name.split('.')[0].replace('_', ' '), LONGEST_NAME)} ({count:,.0f})"


# Figure 9


@styled
def draw_split_accuracy(frame: pd.DataFrame, layout: Mapping[str, Any]) -> Figure:
    """Return Figure 9: accuracy on each half of each split, trained on that half only or on everything.

    `frame` has the columns split, half, n_classes, network (half, everything; own: a cross), mean, std and n; whiskers
    are ± 1 standard deviation.
    """
    frame = _numbers(frame, ("n_classes", "mean", "std", "n"))
    figure = new_figure(ONE_COLUMN, 2.5)
    splits = list(dict.fromkeys(frame["split"]))
    panels = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    for axes, split in zip(panels, splits, strict=True):
        _draw_halves(axes, frame[frame["split"] == split], 40 // len(splits))
        axes.set_title(_short(f"{split} split", 40 // len(splits)), loc="center")
    panels[0].set_ylabel("accuracy on the half (%)")
    _from_zero(panels[0], frame["mean"] + frame["std"].fillna(0))
    figure.supxlabel("half (number of classes)", fontsize=7.5)
    handles = [Patch(label=label, **_BARS[network]) for network, label in _NETWORKS.items()]
    own = Line2D([], [], color=GREY, marker="x", linestyle="none", label="half, as pre-trained")
    _legend_above(figure, [*handles, own, *_spread_note(frame)])
    return figure


_NETWORKS = {"half": "trained on the half", "everything": "trained on everything"}
_BARS = {
    "half": {"facecolor": BLUE, "edgecolor": BLUE},
    "everything": {"facecolor": "#F7D99A", "edgecolor": ORANGE, "hatch": "////"},
}


def _draw_halves(axes: Axes, rows: pd.DataFrame, characters: int) -> None:
    """Draw the bars of one split; `characters` fit below them."""
    light_grid(axes)
    halves = list(dict.fromkeys(rows["half"]))
    width = 0.42
    for offset, network in ((-width / 2, "half"), (width / 2, "everything")):
        chosen = rows[rows["network"] == network]
        places = [halves.index(half) + offset for half in chosen["half"]]
        axes.bar(places, chosen["mean"], width * 0.94, linewidth=0.6, **_BARS[network])
        tops = chosen["mean"] + chosen["std"].fillna(0)
        axes.errorbar(
            places,
            chosen["mean"],
            chosen["std"],
            fmt="none",
            color=INK,
            elinewidth=0.8,
            capsize=1.6,
        )
        for x, value, end in zip(places, chosen["mean"], tops, strict=True):
            axes.annotate(
                f"{value:.1f}",
                (x, end),
                (0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=6,
            )
    own = rows[rows["network"] == "own"]
    axes.plot(
        [halves.index(half) - 0.84 * width for half in own["half"]],
        own["mean"],
        "x",
        color=GREY,
        markersize=4,
    )
    counts = rows.drop_duplicates("half").set_index("half")["n_classes"]
    names = [half.removeprefix(f"{rows['split'].iloc[0]}-") for half in halves]
    names = [_short(name, characters // len(halves)) for name in names]
    axes.set_xticks(
        range(len(halves)),
        [f"{name}\n({counts[half]:,.0f})" for name, half in zip(names, halves, strict=True)],
    )
    axes.set_xlim(-0.6, len(halves) - 0.4)
    axes.tick_params(axis="x", length=0)


# Shared


def _numbers(frame: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return the frame with numbers in these columns; an empty text, as in a frame not yet written, becomes NaN."""
    return frame.assign(
        **{column: pd.to_numeric(frame[column], errors="coerce") for column in columns}
    )


def _over_replicates(frame: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Return mean, std (NaN for one) and n of `value` over the rows that share `keys`."""
    groups = frame.groupby(list(keys), sort=False)[value]
    return groups.agg(["mean", "std", "count"]).rename(columns={"count": "n"}).reset_index()


def _spread_note(frame: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entry for bars of one standard deviation, if there are any."""
    several = sorted({int(n) for n in frame.loc[frame["std"].notna(), "n"]})
    if not several:
        return []
    runs = f"{several[0]}" if len(several) == 1 else f"{several[0]} to {several[-1]}"
    return [
        Line2D(
            [],
            [],
            color=GREY,
            marker="|",
            markersize=7,
            linestyle="none",
            label=f"± std of {runs} runs",
        )
    ]


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _legend_above(figure: Figure, handles: Sequence[Artist]) -> None:
    """Put the legend above the axes, in two columns if they are narrow enough; the figure grows by its lines."""
    columns = 2 if max(len(handle.get_label()) for handle in handles) <= WIDEST_LABEL else 1
    lines = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE * lines)
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=columns,
        handlelength=2.6,
        columnspacing=1.4,
    )


def _log_axis(
    axes: Axes, labels: Mapping[float, str], above: Mapping[float, str] | None = None
) -> None:
    """Make x logarithmic with a tick at each key of `labels`; `above` has other labels of the same ticks, drawn on top.

    Labels that would touch take lower rows; where no row has room the tick has no label.
    """
    low, high = math.log10(min(labels)), math.log10(max(labels))
    margin = 0.05 * (high - low) or 0.1
    axes.set_xscale("log")
    axes.set_xlim(10 ** (low - margin), 10 ** (high + margin))
    per_decade = (axes.get_figure().get_figwidth() - 1) / (high - low + 2 * margin)
    row_of = stagger(labels, per_decade)
    axes.set_xticks(
        list(labels), ["\n" * row_of[x] + text if x in row_of else "" for x, text in labels.items()]
    )
    axes.xaxis.set_minor_locator(NullLocator())
    if above:
        row_of = stagger(above, per_decade)
        top = axes.secondary_xaxis("top")
        top.set_xticks(
            list(above),
            [text + "\n" * row_of[x] if x in row_of else "" for x, text in above.items()],
        )
        top.xaxis.set_minor_locator(NullLocator())
        top.set_xlabel("unseen fine classes")


def stagger(labels: Mapping[float, str], inches_per_decade: float) -> dict[float, int]:
    """Return the row of each label, such that none touch on a logarithmic axis.

    The largest and the smallest come first, then the others from the largest down; without room, none is given.
    """
    width = {x: CHARACTER * (len(text) + 1) for x, text in labels.items()}
    row_of: dict[float, int] = {}
    for x in dict.fromkeys([max(labels), min(labels), *sorted(labels, reverse=True)]):
        near = {
            row
            for other, row in row_of.items()
            if abs(math.log10(x / other)) * inches_per_decade < (width[x] + width[other]) / 2
        }
        free = [row for row in range(LABEL_ROWS) if row not in near]
        if free:
            row_of[x] = free[0]
    return row_of


def _from_zero(axes: Axes, values: pd.Series) -> None:
    """Let y run from 0 to just above the largest value."""
    axes.set_ylim(0, min(max(values.max() * 1.12, 5), 112))
    axes.yaxis.set_major_locator(
        MultipleLocator(next(s for s in (1, 2, 5, 10, 20) if s * 6 >= min(values.max(), 100)))
    )
