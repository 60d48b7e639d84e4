"""How much replicates differ: what a replicate shifts in all cells, and what is left in each."""

import math
from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd

from imagenet_transfer.claims.noise import least_difference, samples_of
from imagenet_transfer.claims.prior import prior_of
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.reporting.page.charts import Chart, chart, chooser, rounded

COLUMNS = (
    *("task", "architecture", "metric", "cells", "replicates"),
    *("shared", "own", "scratch", "least"),
)


def spread_table(runs: pd.DataFrame, metrics: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per task and architecture (COLUMNS), in points; `metrics` are the tasks'.

    - shared: the standard deviation that a replicate has in common over all pre-trained cells
      (first values, draws and order are the same for all of a replicate);
    - own: that of what is left in each cell; both are components of a two-way analysis of variance;
    - scratch: the standard deviation of random starts;
    - least: the smallest difference of two cells that is told from noise (median over pairs).
    """
    rows = []
    for (task, architecture), group in runs[runs["task"] != ""].groupby(
        ["task", "arch"], sort=False
    ):
        if task in metrics:
            rows.append(_row(group, task, architecture, metrics[task]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(runs: pd.DataFrame, task: str, architecture: str, metric: str) -> tuple:
    chosen = runs[runs["metric"] == metric]
    values = chosen.pivot_table(index="subset", columns="rep", values="value")
    trained = values.drop(index=SCRATCH, errors="ignore").dropna()
    start = values.loc[SCRATCH].std(ddof=1) if SCRATCH in values.index else math.nan
    shared, own = components(trained.to_numpy())
    samples = [
        one for one in samples_of(runs, list(trained.index), task, metric) if len(one.values) > 1
    ]
    least = (
        least_difference(samples, prior_of(samples, (SCRATCH,))) if len(samples) > 1 else math.nan
    )
    return (task, architecture, metric, len(trained), values.shape[1], shared, own, start, least)


def components(values: np.ndarray) -> tuple[float, float]:
    """Return the standard deviations (shared by a replicate, of each cell's own) of cells × replicates.

    By the expected mean squares of a two-way layout without repetition (Searle, Casella & McCulloch
    1992, chapter 4); a negative variance counts as 0. NaN with fewer than two cells or replicates.
    """
    cells, replicates = values.shape
    if cells < 2 or replicates < 2:
        return math.nan, math.nan
    shifts = values.mean(axis=0)
    residuals = values - values.mean(axis=1, keepdims=True) - shifts + values.mean()
    own = (residuals**2).sum() / ((cells - 1) * (replicates - 1))
    between = cells * shifts.var(ddof=1)
    return math.sqrt(max(between - own, 0.0) / cells), math.sqrt(own)


def replicates_chart(runs: pd.DataFrame, metrics: Mapping[str, str]) -> Chart | None:
    """Return every run's value, one row per pre-training set; None without runs of the tasks."""
    chosen = runs[runs["task"].map(metrics) == runs["metric"]]
    if chosen.empty:
        return None
    frame = rounded(chosen[["task", "arch", "subset", "rep", "value", "seed"]])
    frame["seed"] = frame["seed"].astype(str)
    frame["replicate"] = frame["rep"].astype(str)
    several = frame["arch"].nunique() > 1
    frame["task"] += (" (" + frame["arch"] + ")") if several else ""
    task = chooser("task", "Task:", list(dict.fromkeys(frame["task"])))
    points = (
        alt.Chart(frame)
        .mark_text(fontSize=12, fontWeight="bold")
        .encode(
            x=alt.X("value:Q", scale=alt.Scale(zero=False), title="percent"),
            y=alt.Y(
                "subset:N",
                title=None,
                sort=alt.EncodingSortField("value", op="mean", order="descending"),
            ),
            text="replicate:N",
            tooltip=[alt.Tooltip(key) for key in ("subset", "replicate", "value", "seed")],
        )
    )
    about = "The value of every run; the number is its replicate. Sets are sorted by their mean."
    drawn = points.transform_filter(task).add_params(task).properties(height=alt.Step(20))
    return chart("replicates", drawn, about, None)
