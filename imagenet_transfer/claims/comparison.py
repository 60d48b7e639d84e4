"""Every number that the paper states, next to ours."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from imagenet_transfer.files import read_table
from imagenet_transfer.resources import RESOURCES

OWN = ":own"  # after the name of an accuracy's task: that of the network as it was pre-trained
COLUMNS = (
    *("where", "statement", "subset", "reference", "task", "metric", "kind"),
    *("paper", "paper_std", "ours", "ours_std", "n", "difference", "note"),
)
NOT_COMPARABLE = (
    "comparing makes no sense: this study's images, classes or networks are not the paper's "
    "(compare_with_paper: false)"
)
NO_RUN = "this study has no such run"
LIKE_THE_MEDIAN = (
    "the gain cannot be negative as defined here; ours is its distance from the median of the "
    "classes"
)
CAVEATS = {  # known differences from the paper's protocol, by task or subset (README, Design)
    "pascal-act": "ours is tested on VOC2012's val images: the labels of test are not public",
    "sun-cls": "ours is SUN397's partition 01: the paper's split was never published",
    "places": "the paper's Places is an earlier edition than Places365",
}
EMPTY = math.nan


class Measured(NamedTuple):
    """Our number: mean, sample standard deviation (NaN for one run) and number of runs."""

    mean: float
    std: float
    n: int


def read_paper_numbers(resources: Path = RESOURCES) -> pd.DataFrame:
    """Return every number of the paper, one per row.

    `paper_numbers.csv` holds the cells of its tables and figures, `paper_statements.csv`
    differences and signs. Columns: where, statement, subset, reference, task, metric, kind, value,
    std.
    """
    columns = ("where", "subset", "task", "metric", "value", "std")
    cells = read_table(resources / "paper_numbers.csv", columns).assign(kind="value", reference="")
    cells["statement"] = [
        f"{value:.1f} {metric}"
        for value, metric in zip(cells["value"], cells["metric"], strict=True)
    ]
    stated = read_table(resources / "paper_statements.csv", COLUMNS[:7], dtype={"value": str})
    return pd.concat([cells, stated], ignore_index=True).fillna({"reference": ""})


def comparison(
    paper_numbers: pd.DataFrame, tables: Mapping[str, pd.DataFrame], compare: bool
) -> pd.DataFrame:
    """Return one row per row of `read_paper_numbers`, with the columns COLUMNS.

    `tables` are the tidy frames of the outputs by name; "runs" (runs.csv) may be among them. A
    statement about a reference is about `subset` less `reference`; `difference` is ours less the
    paper's. If `compare` is false, every note says that comparing makes no sense, and `difference`
    is empty.
    """
    rows = [compared(statement, tables, compare) for statement in paper_numbers.to_dict("records")]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def compared(
    statement: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], compare: bool
) -> dict[str, Any]:
    """Return one row of the comparison."""
    ours = our_number(statement, tables)
    row = {key: statement[key] for key in COLUMNS[:7]}
    row |= {"paper": statement["value"], "paper_std": statement.get("std", EMPTY)}
    row |= {"ours": EMPTY, "ours_std": EMPTY, "n": EMPTY, "difference": EMPTY, "note": NO_RUN}
    if ours is not None:
        row |= {"ours": ours.mean, "ours_std": ours.std, "n": ours.n}
        row["note"] = remark(statement, ours)
        if statement["kind"] != "sign":
            row["difference"] = ours.mean - float(statement["value"])
    if not compare:
        row["difference"] = EMPTY
        row["note"] = NOT_COMPARABLE if ours is not None else f"{NO_RUN}; {NOT_COMPARABLE}"
    return row


def remark(statement: Mapping[str, Any], ours: Measured) -> str:
    """Return the note on one of our numbers."""
    words = [LIKE_THE_MEDIAN] if statement["task"] == "coarse-gain" else []
    if statement["kind"] == "sign" and statement["value"] != "=":
        same = (ours.mean > 0) == (statement["value"] == "+") and ours.mean != 0
        words.insert(0, "the same sign" if same else "not the same sign")
    if statement["value"] == "=":
        words.insert(0, "the paper gives no number for 'comparable'")
    words += [CAVEATS[key] for key in (statement["subset"], statement["task"]) if key in CAVEATS]
    if ours.n == 1:
        words.append("one run: without its spread")
    return "; ".join(words)


# Our numbers


def our_number(statement: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> Measured | None:
    """Return our number for a statement, or None if the study has no such run."""
    match statement["task"]:
        case "induction":
            return _induction(tables.get("figure4"), statement)
        case "coarse-gain":
            return _gain(tables.get("figure6"), statement)
        case "split-accuracy":
            return _split(tables.get("figure9"), statement)
        case "imagenet-cls":
            return own_accuracy(tables, statement["subset"], statement["metric"])
    ours = cell(tables, statement["subset"], statement["task"], statement["metric"])
    if statement["kind"] == "value" or ours is None:
        return ours
    reference = cell(tables, statement["reference"], statement["task"], statement["metric"])
    return None if reference is None else less(ours, reference)


def less(one: Measured, other: Measured) -> Measured:
    """Return the difference of two means; its spread is that of a difference of two single runs."""
    return Measured(one.mean - other.mean, math.hypot(one.std, other.std), min(one.n, other.n))


def cell(
    tables: Mapping[str, pd.DataFrame], subset: str, task: str, metric: str
) -> Measured | None:
    """Return a subset's number on a task from the first output of one architecture that shows it."""
    for frame in tables.values():
        columns = set(frame.columns)
        known = {"subset", "task", "metric", "mean", "std", "n"} <= columns
        if known and "architecture" not in columns:
            of_cell = (frame["subset"] == subset) & (frame["task"] == task)
            rows = frame[of_cell & (frame["metric"] == metric)]
            if len(rows):
                first = rows.iloc[0]
                mean, std = (pd.to_numeric(first[key], errors="coerce") for key in ("mean", "std"))
                return Measured(float(mean), float(std), int(first["n"]))
    return None


def own_accuracy(tables: Mapping[str, pd.DataFrame], subset: str, metric: str) -> Measured | None:
    """Return the accuracy of a subset's networks as they were pre-trained.

    A recipe's reference accuracy is theirs; the task "imagenet-cls" is about re-trained last
    layers.
    """
    runs = tables.get("runs")
    if runs is not None:
        of_subset = (runs["stage"] == "pretrain") & (runs["subset"] == subset)
        found = runs[of_subset & (runs["metric"] == metric)]
        if len(found):
            return measured(found["value"])
    return cell(tables, subset, "imagenet-cls" + OWN, metric)


def measured(values: pd.Series) -> Measured:
    """Return our number from its replicates."""
    return Measured(float(values.mean()), float(values.std()), len(values))


def _induction(frame: pd.DataFrame | None, statement: Mapping[str, Any]) -> Measured | None:
    """Return a network's induction accuracy less the baseline's, in points, by replicate."""
    if frame is None:
        return None
    k = int(statement["metric"].removeprefix("top"))
    rows = frame[(frame["subset"] == statement["subset"]) & (frame["k"] == k)]
    if not {statement["subset"], statement["reference"]} <= set(rows["network"]):
        return None
    values = rows.pivot(index="rep", columns="network", values="value")
    return measured(values[statement["subset"]] - values[statement["reference"]])


def _gain(frame: pd.DataFrame | None, statement: Mapping[str, Any]) -> Measured | None:
    """Return a class's gain in Figure 6 less the median gain, replicate by replicate."""
    if frame is None or statement["reference"] not in set(frame["class_wnid"]):
        return None
    gains = frame.pivot(index="rep", columns="class_wnid", values="gain")
    return measured(gains[statement["reference"]] - gains.median(axis=1))


def _split(frame: pd.DataFrame | None, statement: Mapping[str, Any]) -> Measured | None:
    """Return the accuracy of a half's own network less that of the network trained on all."""
    split, _, half = statement["subset"].partition("-")
    if frame is None:
        return None
    rows = frame[(frame["split"] == split) & (frame["half"] == half)].itertuples(index=False)
    bars = {row.network: Measured(row.mean, row.std, int(row.n)) for row in rows}
    if not bars:
        return None
    return less(bars["half"], bars["everything"])
