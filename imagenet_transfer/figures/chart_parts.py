"""What several charts share: numbers from a table, legends, logarithmic axes with readable labels."""

import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator, NullLocator

from imagenet_transfer.figures.style import GREY

TITLES = {
    "imagenet-cls": "ImageNet-CLS",
    "pascal-det": "PASCAL-DET",
    "pascal-act": "PASCAL-ACT-CLS",
    "sun-cls": "SUN-CLS",
}
LONGEST_NAME = 30  # characters
WIDEST_LABEL = 24  # characters: two columns of a legend side by side in ONE_COLUMN
LEGEND_LINE = 0.14  # inches
CHARACTER = 0.062  # inches, a digit of a tick label with some air
LABEL_ROWS = 3


def numeric(frame: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return the frame with numbers in these columns; an empty text, as in a frame not yet written, becomes NaN."""
    return frame.assign(
        **{column: pd.to_numeric(frame[column], errors="coerce") for column in columns}
    )


def over_replicates(frame: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Return mean, std (NaN for one) and n of `value` over the rows that share `keys`."""
    groups = frame.groupby(list(keys), sort=False)[value]
    return groups.agg(["mean", "std", "count"]).rename(columns={"count": "n"}).reset_index()


def spread_note(frame: pd.DataFrame) -> list[Line2D]:
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


def short(text: str, length: int) -> str:
    """Return the text, cut with an ellipsis to at most `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def legend_above(figure: Figure, handles: Sequence[Artist]) -> None:
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


def log_axis(
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


def from_zero(axes: Axes, values: pd.Series) -> None:
    """Let y run from 0 to just above the largest value."""
    axes.set_ylim(0, min(max(values.max() * 1.12, 5), 112))
    axes.yaxis.set_major_locator(
        MultipleLocator(next(s for s in (1, 2, 5, 10, 20) if s * 6 >= min(values.max(), 100)))
    )
