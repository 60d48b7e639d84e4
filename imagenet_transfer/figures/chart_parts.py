"""What charts share: numbers from tables, legends, axes with readable labels."""

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
CHARACTER = 0.062  # inches: a digit of a tick label with some air
LABEL_ROWS = 3
AROUND = 1  # inch: about what margins and labels take of a figure's width


def unit_of(metric: str) -> str:
    """Return the axis that shows a metric: "mAP", also for one class's AP/dog, or "accuracy"."""
    return "mAP" if metric.partition("/")[0] in ("mAP", "AP") else "accuracy"


def unit_label(metric: str) -> str:
    """Return the label of an axis of a metric in percent."""
    return f"{'AP' if metric.startswith('AP/') else unit_of(metric)} (%)"


def numeric(frame: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return the frame with numbers in these columns.

    An empty text, as in a frame that was not read from its CSV, becomes NaN.
    """
    return frame.assign(**{name: pd.to_numeric(frame[name], errors="coerce") for name in columns})


def over_replicates(frame: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Return mean, std (NaN for one) and n of `value` over the rows that share `keys`."""
    groups = frame.groupby(list(keys), sort=False)[value]
    return groups.agg(["mean", "std", "count"]).rename(columns={"count": "n"}).reset_index()


def spread_note(frame: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entry for bars of one standard deviation, if any are drawn."""
    several = sorted({int(n) for n in frame.loc[frame["std"].notna(), "n"]})
    if not several:
        return []
    runs = f"{several[0]}" if len(several) == 1 else f"{several[0]} to {several[-1]}"
    mark = {"color": GREY, "marker": "|", "markersize": 7, "linestyle": "none"}
    return [Line2D([], [], label=f"± std of {runs} runs", **mark)]


def short(text: str, length: int) -> str:
    """Return the text, cut with an ellipsis to at most `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def legend_above(figure: Figure, handles: Sequence[Artist]) -> None:
    """Put the legend above the axes, in two columns if they fit.

    The figure grows by the legend's lines.
    """
    columns = 2 if max(len(handle.get_label()) for handle in handles) <= WIDEST_LABEL else 1
    lines = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE * lines)
    place = {"loc": "outside upper center", "ncols": columns}
    figure.legend(handles=handles, handlelength=2.6, columnspacing=1.4, **place)


def log_axis(axes: Axes, labels: Mapping[float, str]) -> None:
    """Make x logarithmic, with a tick and a label at each key of `labels`.

    Labels that would touch take lower rows; without room in any row a tick has no label.
    """
    low = math.log10(min(labels))
    high = math.log10(max(labels))
    margin = 0.05 * (high - low) or 0.1
    axes.set_xscale("log")
    axes.set_xlim(10 ** (low - margin), 10 ** (high + margin))
    axes.set_xticks(list(labels), in_rows(labels, _inches_per_decade(axes)))
    axes.xaxis.set_minor_locator(NullLocator())


def axis_above(axes: Axes, labels: Mapping[float, str], title: str) -> None:
    """Draw a second x axis on top of axes from `log_axis`, with labels of its own."""
    rows = stagger(labels, _inches_per_decade(axes))
    texts = [text + "\n" * rows[x] if x in rows else "" for x, text in labels.items()]
    top = axes.secondary_xaxis("top")
    top.set_xticks(list(labels), texts)
    top.xaxis.set_minor_locator(NullLocator())
    top.set_xlabel(title)


def _inches_per_decade(axes: Axes) -> float:
    left, right = axes.get_xlim()
    return (axes.get_figure().get_figwidth() - AROUND) / math.log10(right / left)


def in_rows(labels: Mapping[float, str], inches_per_decade: float) -> list[str]:
    """Return the labels below a logarithmic axis, moved to lower rows where they would touch.

    Labels without room are empty.
    """
    rows = stagger(labels, inches_per_decade)
    return ["\n" * rows[x] + text if x in rows else "" for x, text in labels.items()]


def stagger(labels: Mapping[float, str], inches_per_decade: float) -> dict[float, int]:
    """Return the row of each label such that none touch on a logarithmic axis.

    The largest and the smallest choose first, then the others from the largest down. Labels without
    room are left out.
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
