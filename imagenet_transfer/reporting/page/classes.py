"""Results per class of detection and action: average precision of each pre-training set."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.reporting.page.charts import (
    Chart,
    chart,
    chooser,
    dots,
    rounded,
    with_bounds,
)

PREFIX = "AP/"  # of the metrics of single classes in runs.csv
OTHER = "other set"


def class_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean, std and n over replicates: task, architecture, class, subset; in percent."""
    chosen = runs[runs["metric"].str.startswith(PREFIX)]
    chosen = chosen.assign(**{"class": chosen["metric"].str.removeprefix(PREFIX)})
    groups = chosen.groupby(["task", "arch", "class", "subset"], sort=False)["value"]
    table = groups.agg(mean="mean", std="std", n="count").reset_index()
    return table.rename(columns={"arch": "architecture"})


def full_set(layouts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the subset that others are compared with in most outputs, None if no output names one.

    Outputs name it as `full`, `baseline` or the first of their `references`.
    """
    named = [
        name
        for layout in layouts.values()
        for name in (layout.get("full"), layout.get("baseline"), *layout.get("references", [])[:1])
        if name and name != SCRATCH
    ]
    return max(dict.fromkeys(named), key=named.count, default=None)


def class_chart(table: pd.DataFrame, full: str | None) -> Chart | None:
    """Return the classes' average precision: the full set, a random start, and one set to choose.

    None if no task has results per class.
    """
    if table.empty:
        return None
    frame = rounded(with_bounds(table, "mean", "std"), 2)
    several = frame["architecture"].nunique() > 1
    frame["task"] += (" (" + frame["architecture"] + ")") if several else ""
    fixed = [name for name in (full, SCRATCH) if name and name in set(frame["subset"])]
    others = [name for name in dict.fromkeys(frame["subset"]) if name not in fixed]
    task = chooser("task", "Task:", list(dict.fromkeys(frame["task"])))
    parts = [frame[frame["subset"].isin(fixed)].assign(other="")]
    names = list(fixed)
    if others:
        parts.append(
            frame[frame["subset"].isin(others)].assign(
                other=lambda rows: rows["subset"], subset=OTHER
            )
        )
        names.append(OTHER)
    drawn = (
        dots(
            pd.concat(parts, ignore_index=True),
            "class",
            sorted(set(frame["class"])),
            "subset",
            names,
            "average precision (%)",
        )
        .transform_filter(task)
        .add_params(task)
    )
    about = "Average precision of each class: mean and standard deviation over replicates."
    if others:
        other = _other(others)
        drawn = drawn.transform_filter(
            "datum.other === '' || datum.other === other_set"
        ).add_params(other)
    return chart("classes-chart", drawn, about, None)


def _other(others: Sequence[str]) -> alt.Parameter:
    return alt.param(
        name="other_set",
        value=others[0],
        bind=alt.binding_select(options=list(others), name="Other set: "),
    )
