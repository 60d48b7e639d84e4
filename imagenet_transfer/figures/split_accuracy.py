"""Figure 9: accuracy on the halves of each split, in percent."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from imagenet_transfer.figures.chart_parts import (
    from_zero,
    legend_above,
    numeric,
    short,
    spread_note,
)
from imagenet_transfer.figures.style import (
    BLUE,
    GREY,
    INK,
    ONE_COLUMN,
    ORANGE,
    light_grid,
    new_figure,
    styled,
)

CHARACTERS = 40  # fit side by side in the width of the figure's panels
WIDTH = 0.42  # of a bar and the air about it; halves are 1 apart


@styled
def draw_split_accuracy(frame: pd.DataFrame, layout: Mapping[str, Any]) -> Figure:
    """Return Figure 9: accuracy on each half of each split, trained on that half or on everything.

    `frame` is that of `split_frame`: bars for the networks half and everything, a cross for own;
    whiskers are ± 1 standard deviation.
    """
    frame = numeric(frame, ("n_classes", "mean", "std", "n"))
    figure = new_figure(ONE_COLUMN, 2.5)
    splits = list(dict.fromkeys(frame["split"]))
    panels = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    for axes, split in zip(panels, splits, strict=True):
        _draw_halves(axes, frame[frame["split"] == split], CHARACTERS // len(splits))
        axes.set_title(short(f"{split} split", CHARACTERS // len(splits)), loc="center")
    panels[0].set_ylabel("accuracy on the half (%)")
    from_zero(panels[0], frame["mean"] + frame["std"].fillna(0))
    figure.supxlabel("half (number of classes)", fontsize=7.5)
    handles = [Patch(label=label, **_BARS[network]) for network, label in _NETWORKS.items()]
    own = Line2D([], [], color=GREY, marker="x", linestyle="none", label="half, as pre-trained")
    legend_above(figure, [*handles, own, *spread_note(frame)])
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
    for offset, network in ((-WIDTH / 2, "half"), (WIDTH / 2, "everything")):
        chosen = rows[rows["network"] == network]
        places = [halves.index(half) + offset for half in chosen["half"]]
        _draw_bars(axes, places, chosen, _BARS[network])
    own = rows[rows["network"] == "own"]
    places = [halves.index(half) - 0.84 * WIDTH for half in own["half"]]
    axes.plot(places, own["mean"], "x", color=GREY, markersize=4)
    counts = rows.drop_duplicates("half").set_index("half")["n_classes"]
    names = [half.removeprefix(f"{rows['split'].iloc[0]}-") for half in halves]
    names = [short(name, characters // len(halves)) for name in names]
    labels = [f"{name}\n({counts[half]:,.0f})" for name, half in zip(names, halves, strict=True)]
    axes.set_xticks(range(len(halves)), labels)
    axes.set_xlim(-0.6, len(halves) - 0.4)
    axes.tick_params(axis="x", length=0)


def _draw_bars(
    axes: Axes, places: Sequence[float], rows: pd.DataFrame, look: Mapping[str, Any]
) -> None:
    """Draw bars with whiskers and their values above them."""
    means = rows["mean"]
    axes.bar(places, means, WIDTH * 0.94, linewidth=0.6, **look)
    whiskers = {"fmt": "none", "color": INK, "elinewidth": 0.8, "capsize": 1.6}
    axes.errorbar(places, means, rows["std"], **whiskers)
    above = {"textcoords": "offset points", "ha": "center", "fontsize": 6}
    for x, value, end in zip(places, means, means + rows["std"].fillna(0), strict=True):
        axes.annotate(f"{value:.1f}", (x, end), (0, 2), **above)
