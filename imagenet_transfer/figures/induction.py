"""Figure 4: induction accuracy on unseen fine classes, in percent."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imagenet_transfer.figures.chart_parts import (
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
    """Return Figure 4: induction accuracy on unseen fine classes against the number of classes trained on.

    `frame` has the columns subset, n_classes, n_unseen, n_queries, k, network, rep and value; rows whose network is not
    the subset are the baseline's, on the same unseen classes. Marks are means over the replicates, bars ± 1 standard
    deviation.
    """
    keys = ["subset", "n_classes", "n_unseen", "k", "network"]
    frame = over_replicates(numeric(frame, ("n_classes", "n_unseen", "k", "value")), keys, "value")
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
    log_axis(
        axes,
        {x: f"{x:,.0f}" for x in unseen.index},
        {x: f"{count:,.0f}" for x, count in unseen.items()},
    )
    axes.set_xlabel("coarse classes (log scale)")
    axes.set_ylabel("induction accuracy (%)")
    from_zero(axes, frame["mean"] + frame["std"].fillna(0))
    legend_above(
        figure, [*handles[:2], *spread_note(frame), *handles[2:]]
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
