"""Figure 6: the coarse classes that gain most and least, in percentage points."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imagenet_transfer.figures.canvas import readable
from imagenet_transfer.figures.chart_parts import LONGEST_NAME, numeric, short
from imagenet_transfer.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    TWO_COLUMNS,
    light_grid,
    new_figure,
    styled,
)


@styled
def draw_coarse_gain(frame: pd.DataFrame, layout: Mapping[str, Any]) -> Figure:
    """Return Figure 6: the coarse classes that gain most and least over their sub-classes' mean.

    `frame` has the columns class_wnid, class_name, n_subclasses, coarse_accuracy, fine_accuracy and
    gain; it may have rep (means over replicates are drawn, with ± 1 standard deviation) and
    similarity (printed). The first and the last layout["shown"] classes are drawn, or all if they
    are fewer.
    """
    frame = mean_gains(numeric(frame, ("n_subclasses", "coarse_accuracy", "fine_accuracy", "gain")))
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
    """Return Figure 6's classes with means over replicates and the gain's standard deviation."""
    groups = frame.groupby(["class_wnid", "class_name", "n_subclasses"], sort=False)
    values = ("coarse_accuracy", "fine_accuracy", "gain", "similarity")
    means = groups[[name for name in values if name in frame]].mean()
    return means.assign(std=groups["gain"].std()).reset_index()


def _ends(ordered: pd.DataFrame, shown: int) -> tuple[pd.DataFrame, int]:
    """Return the first and last rows, and how many between them are skipped.

    The column `y` is a row's place from the top; a place between the two groups stays empty.
    """
    skipped = len(ordered) - 2 * shown
    if skipped <= 0:
        return ordered.assign(y=np.arange(len(ordered))), 0
    places = np.r_[np.arange(shown), np.arange(shown) + shown + 1]
    return pd.concat([ordered.head(shown), ordered.tail(shown)]).assign(y=places), skipped


def _draw_gains(axes: Axes, rows: pd.DataFrame) -> None:
    light_grid(axes, "x")
    spread = {"xerr": rows["std"], "error_kw": _WHISKERS} if rows["std"].notna().any() else {}
    bars = axes.barh(rows["y"], rows["gain"], height=0.66, color=BLUE, **spread)
    gains = [f"{gain:+.1f}".replace("-", "−") for gain in rows["gain"]]
    axes.bar_label(bars, gains, padding=2, fontsize=6.5)
    named = zip(rows["class_name"], rows["n_subclasses"], strict=True)
    axes.set_yticks(rows["y"], [class_title(name, count) for name, count in named])
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.spines["left"].set_visible(False)
    reach = rows["std"].fillna(0)
    low = min((rows["gain"] - reach).min(), 0)
    high = max((rows["gain"] + reach).max(), 1)
    room = 0.14 * (high - low)
    axes.set_xlim(low - (room if low < 0 else 0), high + room)
    axes.set_xlabel("gain: coarse − mean fine accuracy (points)")


_WHISKERS = {"elinewidth": 0.8, "capsize": 1.4, "ecolor": INK}


def _draw_accuracies(axes: Axes, rows: pd.DataFrame) -> None:
    light_grid(axes, "x")
    y, fine, coarse = (rows[name] for name in ("y", "fine_accuracy", "coarse_accuracy"))
    axes.hlines(y, fine, coarse, color=PALE, linewidth=2.2)
    hollow = {"color": ORANGE, "markerfacecolor": "white", "markeredgewidth": 1.1, "clip_on": False}
    axes.plot(fine, y, "s", **hollow, label="fine classes (mean)")
    axes.plot(coarse, y, "o", color=BLUE, clip_on=False, label="coarse class")
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy (%)")
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 2}
    axes.legend(borderaxespad=0.2, handletextpad=0.2, **place)


def _print_similarities(axes: Axes, rows: pd.DataFrame) -> None:
    """Print how similar each row's sub-classes are, in a column."""
    axes.axis("off")
    above = {"transform": axes.transAxes, "ha": "center", "va": "bottom"}
    axes.text(0.5, 1.02, "similarity", fontsize=7, **above)
    for y, value in zip(rows["y"], rows["similarity"], strict=True):
        axes.text(0.5, y, f"{value:.2f}".replace("-", "−"), va="center", ha="center", fontsize=6.5)


def class_title(name: str, count: float) -> str:
    """Return a synset's name with its number of sub-classes: "home appliance (12)"."""
    return f"{short(readable(name), LONGEST_NAME)} ({count:,.0f})"
