"""Charts to read values off: Vega-Lite, drawn by the browser from numbers inside the page.

Every series has a colour and a mark of its own, so charts can be read in grey.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from imagenet_transfer.figures.style import SERIES
from imagenet_transfer.labels.manifests import SCRATCH

GAIN = "gain over a random start (points)"
EFFECT = "effect of the part on transfer (points)"
HEIGHT = 300  # pixels; the width is the page's
STEP = 18  # pixels per row of charts with named rows
MOST_ROWS = 60  # named rows that are told apart in one chart
COLOURS = [series.colour for series in SERIES[1:]]  # black vanishes on a dark page
SHAPES = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "stroke"]
DASHES = [[1, 0], [6, 2], [4, 2, 1, 2], [8, 3], [2, 2], [6, 2, 1, 2, 1, 2], [10, 2]]


@dataclass(frozen=True)
class Chart:
    """An interactive chart: a Vega-Lite specification, and what it shows in words."""

    name: str
    spec: Mapping[str, Any]
    about: str


def chart(name: str, drawn: alt.TopLevelMixin, about: str, height: int | None = HEIGHT) -> Chart:
    """Return a chart as wide as the page; `about` is also what screen readers say."""
    size = {"width": "container"} | ({} if height is None else {"height": height})
    spec = drawn.properties(**size, description=about).to_dict()
    return Chart(name, spec, about)


def series_of(field: str, names: Sequence[str]) -> dict[str, Any]:
    """Return the encodings of a series: colour and shape, with one legend."""
    count = len(names)
    scale = {"domain": list(names)}
    repeated = {
        key: [values[i % len(values)] for i in range(count)]
        for key, values in (("colour", COLOURS), ("shape", SHAPES))
    }
    legend = alt.Legend(title=None, orient="top", columns=3, labelLimit=240)
    return {
        "color": alt.Color(
            f"{field}:N", scale=alt.Scale(range=repeated["colour"], **scale), legend=legend
        ),
        "shape": alt.Shape(
            f"{field}:N", scale=alt.Scale(range=repeated["shape"], **scale), legend=legend
        ),
    }


def dash_of(field: str, names: Sequence[str]) -> alt.StrokeDash:
    """Return the dashes of a series' lines."""
    dashes = [DASHES[i % len(DASHES)] for i in range(len(names))]
    return alt.StrokeDash(
        f"{field}:N", scale=alt.Scale(domain=list(names), range=dashes), legend=None
    )


def chooser(field: str, label: str, names: Sequence[str]) -> alt.Parameter:
    """Return a drop-down list that chooses one value of a field."""
    return alt.selection_point(
        fields=[field],
        bind=alt.binding_select(options=list(names), name=f"{label} "),
        value=names[0],
        name=f"choose_{field}",
    )


def with_bounds(frame: pd.DataFrame, mean: str, std: str) -> pd.DataFrame:
    """Return the frame with `low` and `high`: mean ± std, NaN if std is."""
    return frame.assign(low=frame[mean] - frame[std], high=frame[mean] + frame[std])


def rounded(frame: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """Return the frame with fewer digits: the page holds its numbers as text."""
    return frame.round(digits)


# From the CSV files of figures; each takes the frames by ending and the figure's layout


def curve_chart(frames: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]) -> alt.LayerChart:
    """Return accuracy and transfer against the size of the pre-training set."""
    frame = with_bounds(rounded(frames["csv"]), "mean", "std")
    names = list(dict.fromkeys(frame["task"]))
    trained = frame[frame["subset"] != SCRATCH]
    start = frame[frame["subset"] == SCRATCH]
    title = str(layout.get("along", "size")).replace("_", " ")
    x = alt.X("x:Q", scale=alt.Scale(type="log"), axis=alt.Axis(title=f"{title} (log scale)"))
    y = alt.Y("mean:Q", scale=alt.Scale(zero=False), title="percent")
    said = [alt.Tooltip(key) for key in ("task", "subset", "x", "mean", "std", "n", "metric")]
    chosen = alt.selection_point(fields=["task"], bind="legend", name="shown")
    opacity = alt.condition(chosen, alt.value(1), alt.value(0.15))
    series = series_of("task", names)
    lines = alt.Chart(trained).encode(x=x, opacity=opacity, color=series["color"])
    layers = [
        lines.mark_line().encode(y=y, strokeDash=dash_of("task", names)),
        lines.mark_rule().encode(y=alt.Y("low:Q", title="percent"), y2="high:Q"),
        lines.mark_point(size=60, filled=True).encode(y=y, shape=series["shape"], tooltip=said),
    ]
    if len(start):
        rules = alt.Chart(start).mark_rule(strokeDash=[1, 3], strokeWidth=1.6)
        layers.append(rules.encode(y=y, color=series["color"], opacity=opacity, tooltip=said))
    stated = trained[pd.to_numeric(trained["paper"], errors="coerce").notna()]
    if len(stated):
        hollow = alt.Chart(stated).mark_point(size=110, filled=False, strokeWidth=1.4)
        layers.append(
            hollow.encode(
                x=x,
                y=alt.Y("paper:Q", title="percent"),
                opacity=opacity,
                color=series["color"],
                shape=series["shape"],
                tooltip=[alt.Tooltip(key) for key in ("task", "subset", "x", "paper")],
            )
        )
    return alt.layer(*layers).add_params(chosen)


def induction_chart(
    frames: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]
) -> alt.LayerChart:
    """Return the accuracy on classes that were never labels, per label set."""
    keys = ["subset", "n_classes", "k", "network"]
    known = [key for key in keys if key in frames["csv"]]
    frame = frames["csv"].groupby(known, sort=False)["value"].agg(["mean", "std", "count"])
    frame = rounded(with_bounds(frame.reset_index(), "mean", "std"))
    frame["among"] = "top " + frame["k"].astype(str)
    order = list(dict.fromkeys(frame["subset"]))
    frame["who"] = frame["network"].where(frame["network"] == layout["baseline"], "coarse labels")
    among = chooser("among", "Nearest neighbours:", list(dict.fromkeys(frame["among"])))
    names = list(dict.fromkeys(frame["who"]))
    return (
        dots(frame, "subset", order, "who", names, "accuracy (%)")
        .add_params(among)
        .transform_filter(among)
    )


def split_chart(frames: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]) -> alt.LayerChart:
    """Return, for each half of each split, the accuracy of each network."""
    frame = rounded(with_bounds(frames["csv"], "mean", "std"))
    frame["part"] = frame["split"] + ", half " + frame["half"]
    order = list(dict.fromkeys(frame["part"]))
    names = list(dict.fromkeys(frame["network"]))
    return dots(frame, "part", order, "network", names, "accuracy (%)")


def coarse_gain_chart(
    frames: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]
) -> alt.LayerChart:
    """Return, per coarse class, how much better it is known than its sub-classes."""
    columns = ["n_subclasses", "coarse_accuracy", "fine_accuracy", "gain", "similarity"]
    frame = frames["csv"].groupby("class_name", sort=False)[columns].mean().reset_index()
    frame = rounded(frame.sort_values("gain", ascending=False))
    said = [alt.Tooltip(key) for key in ("class_name", *columns)]
    points = alt.Chart(frame).mark_point(size=70, filled=True, color=COLOURS[0])
    return alt.layer(
        points.encode(
            x=alt.X("similarity:Q", title="likeness of the sub-classes"),
            y=alt.Y("gain:Q", title="gain (points)"),
            tooltip=said,
        )
    )


def correlation_chart(
    frames: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]
) -> alt.LayerChart:
    """Return transfer to a task against accuracy, one point per pre-training set."""
    frame = rounded(with_bounds(frames["points"], "transfer", "transfer_std"))
    task = chooser("task", "Task:", list(dict.fromkeys(frame["task"])))
    base = alt.Chart(frame).encode(
        x=alt.X(
            "accuracy:Q", scale=alt.Scale(zero=False), title=f"accuracy on {layout['accuracy']} (%)"
        )
    )
    y = alt.Y("transfer:Q", scale=alt.Scale(zero=False), title="transfer (%)")
    said = [alt.Tooltip(key) for key in ("subset", "accuracy", "transfer", "transfer_std")]
    layers = alt.layer(
        base.mark_rule(color=COLOURS[0]).encode(
            y=alt.Y("low:Q", title="transfer (%)"), y2="high:Q"
        ),
        base.mark_point(filled=True, size=60, color=COLOURS[0]).encode(y=y, tooltip=said),
        base.mark_text(align="left", dx=7, fontSize=10).encode(y=y, text="subset:N"),
    )
    return layers.transform_filter(task).add_params(task)


def coarse_limit_chart(
    frames: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]
) -> alt.LayerChart:
    """Return the gain over a random start against the number of merged classes."""
    frame = rounded(frames["csv"])
    names = list(dict.fromkeys(frame["task"]))
    series = series_of("task", names)
    x = alt.X("n_classes:Q", scale=alt.Scale(type="log"), title="classes (log scale)")
    base = alt.Chart(frame).encode(x=x, color=series["color"])
    y = alt.Y("gain:Q", title=GAIN)
    said = [alt.Tooltip(key) for key in ("task", "subset", "n_classes", "gain", "low", "high")]
    return alt.layer(
        base.mark_line().encode(y=y, strokeDash=dash_of("task", names)),
        base.mark_rule().encode(y=alt.Y("low:Q", title=GAIN), y2="high:Q"),
        base.mark_point(filled=True, size=60).encode(y=y, shape=series["shape"], tooltip=said),
        zero_rule(),
    )


def influence_chart(
    frames: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]
) -> alt.LayerChart:
    """Return the effect of each part of WordNet on a task, sorted."""
    frame = rounded(frames["csv"])
    task = chooser("task", "Task:", list(dict.fromkeys(frame["task"])))
    order = list(dict.fromkeys(frame["name"]))
    y = alt.Y("name:N", sort=alt.EncodingSortField("effect", order="descending"), title=None)
    base = alt.Chart(frame, height=alt.Step(STEP)).encode(y=y)
    x = alt.X("effect:Q", title=EFFECT)
    columns = ("name", "effect", "low", "high", "n_classes_left_out", "verdict")
    said = [alt.Tooltip(key) for key in columns]
    layers = alt.layer(
        base.mark_rule(color=COLOURS[0]).encode(x=alt.X("low:Q", title=EFFECT), x2="high:Q"),
        base.mark_point(filled=True, size=60, color=COLOURS[0]).encode(x=x, tooltip=said),
        zero_rule("x"),
        height=alt.Step(STEP) if len(order) <= MOST_ROWS else HEIGHT,
    )
    return layers.transform_filter(task).add_params(task)


def surface_chart(frames: Mapping[str, pd.DataFrame], layout: Mapping[str, Any]) -> alt.LayerChart:
    """Return transfer against the ratio of classes to images per class, a line per budget."""
    frame = rounded(with_bounds(frames["csv"], "mean", "std"))
    frame["ratio"] = (frame["n_classes"] / frame["images_per_class"]).round(4)
    frame["budget"] = frame["n_images"].map("{:,} images".format)
    task = chooser("task", "Task:", list(dict.fromkeys(frame["task"])))
    names = list(dict.fromkeys(frame.sort_values("n_images")["budget"]))
    series = series_of("budget", names)
    x = alt.X("ratio:Q", scale=alt.Scale(type="log"), title="classes per image of a class (log)")
    y = alt.Y("mean:Q", scale=alt.Scale(zero=False), title="percent")
    columns = ("subset", "n_classes", "images_per_class", "mean", "std", "n")
    base = alt.Chart(frame).encode(x=x, color=series["color"])
    layers = alt.layer(
        base.mark_line().encode(y=y, strokeDash=dash_of("budget", names)),
        base.mark_rule().encode(y=alt.Y("low:Q", title="percent"), y2="high:Q"),
        base.mark_point(filled=True, size=60).encode(
            y=y, shape=series["shape"], tooltip=[alt.Tooltip(key) for key in columns]
        ),
    )
    return layers.transform_filter(task).add_params(task)


def zero_rule(along: str = "y") -> alt.Chart:
    """Return a thin line at zero."""
    return (
        alt.Chart(pd.DataFrame({"zero": [0]}))
        .mark_rule(strokeWidth=0.7)
        .encode(**{along: "zero:Q"})
    )


def dots(
    frame: pd.DataFrame,
    row: str,
    order: Sequence[str],
    series: str,
    names: Sequence[str],
    title: str,
) -> alt.LayerChart:
    """Return a dot plot with a named row per `row`: means with ± 1 standard deviation."""
    looks = series_of(series, names)
    base = alt.Chart(frame).encode(
        y=alt.Y(f"{row}:N", sort=list(order), title=None, axis=alt.Axis(labelLimit=260)),
        yOffset=alt.YOffset(f"{series}:N", sort=list(names)),
        color=looks["color"],
    )
    columns = [row, series, "mean", "std", *(key for key in ("n", "count") if key in frame)]
    x = alt.X("mean:Q", scale=alt.Scale(zero=False), title=title)
    return alt.layer(
        base.mark_rule().encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        base.mark_point(filled=True, size=60).encode(
            x=x, shape=looks["shape"], tooltip=[alt.Tooltip(key) for key in columns]
        ),
        height=alt.Step(STEP),
    )


Draw = Callable[[Mapping[str, pd.DataFrame], Mapping[str, Any]], alt.TopLevelMixin]
CHARTS: Mapping[str, Draw] = {  # by the builder of the figure
    "curve": curve_chart,
    "induction": induction_chart,
    "coarse-gain": coarse_gain_chart,
    "split-accuracy": split_chart,
    "correlation": correlation_chart,
    "coarse-limit": coarse_limit_chart,
    "surface": surface_chart,
    "influence": influence_chart,
}
WITH_ROWS = ("induction", "split-accuracy", "influence")  # whose height follows from their rows


def figure_chart(
    name: str, frames: Mapping[str, pd.DataFrame], layout: Mapping[str, Any], caption: str
) -> Chart | None:
    """Return the interactive twin of a figure, None if its builder has none or it has no numbers."""
    draw = CHARTS.get(layout["builder"])
    if draw is None or any(frame.empty for frame in frames.values()):
        return None
    height = None if layout["builder"] in WITH_ROWS else HEIGHT
    return chart(name, draw(frames, layout), caption, height)
