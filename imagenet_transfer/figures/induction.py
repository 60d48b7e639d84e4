"""Figure 4: induction accuracy on unseen fine classes, in percent."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imagenet_transfer.figures.chart_parts import (
    axis_above,
    from_zero,
    legend_above,
    log_axis,
    numeric,
    over_replicates,
    spread_note,
)
from imagenet_transfer.figures.style import (
    ONE_COLUMN,
    SERIES,
    Series,
    light_grid,
    new_figure,
    styled,
)


@styled
def draw_induction(frame: pd.DataFrame, layout: Mapping[str, Any]) -> Figure:
    """Return Figure 4: accuracy on unseen fine classes against the number of coarse classes.

    `frame` is that of `induction_frame`; rows whose network is not the subset are the baseline's,
    on the same unseen classes. Marks are means over replicates, bars ± 1 standard deviation.
    """
    keys = ["subset", "n_classes", "n_unseen", "k", "network"]
    frame = numeric(frame, ("n_classes", "n_unseen", "k", "value"))
    frame["n_unseen"] = frame.groupby("subset")["n_unseen"].transform("mean")  # drawn labels differ
    frame = over_replicates(frame, keys, "value")
    figure = new_figure(ONE_COLUMN, 2.9)
    axes = figure.subplots()
    light_grid(axes)
    handles = []
    for k, look in zip(sorted(set(frame["k"]), reverse=True), SERIES[1:], strict=False):
        rows = frame[frame["k"] == k].sort_values(["n_classes", "subset"])
        own = rows["network"] == rows["subset"]
        for drawn, name, hollow in ((~own, "all fine", True), (own, "coarse", False)):
            label = f"top {k:.0f}, {name} classes"
            handles.append(_draw_accuracy(axes, rows[drawn], look, label, hollow))
    sizes = frame.drop_duplicates("n_classes").sort_values("n_classes")
    unseen = dict(zip(sizes["n_classes"], sizes["n_unseen"], strict=True))
    log_axis(axes, {x: f"{x:,.0f}" for x in unseen})
    axis_above(axes, {x: f"{count:,.0f}" for x, count in unseen.items()}, "unseen fine classes")
    axes.set_xlabel("coarse classes (log scale)")
    axes.set_ylabel("induction accuracy (%)")
    from_zero(axes, frame["mean"] + frame["std"].fillna(0))
    # The legend is filled column by column: one column for each k, the note below the first
    legend_above(figure, [*handles[:2], *spread_note(frame), *handles[2:]])
    return figure


def _draw_accuracy(
    axes: Axes, rows: pd.DataFrame, look: Series, label: str, hollow: bool
) -> Line2D:
    """Draw one line of Figure 4 and return its handle; the baseline is hollow and thin."""
    x = rows["n_classes"]
    y = rows["mean"]
    axes.errorbar(x, y, rows["std"], color=look.colour, fmt="none", elinewidth=0.8)
    face = "white" if hollow else look.colour
    line = {"linestyle": look.line, "linewidth": 0.8} if hollow else {"linestyle": "-"}
    marks = {"marker": look.mark, "markerfacecolor": face, "markeredgewidth": 0.9, "clip_on": False}
    (drawn,) = axes.plot(x, y, color=look.colour, label=label, **marks, **line)
    return drawn
