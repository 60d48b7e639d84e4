"""The numbers behind Figures 1, 2, 4 and 9, from the metrics of finished runs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.claims.comparison import OWN
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_table
from imagenet_transfer.reporting.tables import (
    COLUMNS,
    cell,
    collect_runs,
    paper_numbers,
    subset_sizes,
    table,
)

INDUCTION_COLUMNS = (
    "subset",
    "n_classes",
    "n_fine",
    "n_unseen",
    "n_queries",
    "k",
    "network",
    "rep",
    "value",
)
SPLIT_COLUMNS = ("split", "half", "n_classes", "network", "mean", "std", "n")


def curve_frame(
    layout: Mapping[str, Any], metrics: Iterable[Path | str], manifests: Iterable[Path | str]
) -> pd.DataFrame:
    """Return the points of Figure 1 or 2: x and the columns of a table, one row per subset and task, by ascending x.

    x is the number of images per class or of classes; 0 for a random start. The task `accuracy` re-trains the last
    layer of every network; the accuracy of a network as it was pre-trained has the same name with ":own" after it,
    where its labels are all classes (`own` in the layout, with the number of its replicates).
    """
    runs, sizes = collect_runs(metrics), subset_sizes(manifests)
    _check_given(layout, sizes)
    paper, accuracy = paper_numbers(layout["paper"]), layout["accuracy"]
    own = dict(layout["own"])
    runs.loc[(runs["stage"] == "pretrain") & runs["subset"].isin(own), "task"] = accuracy + OWN
    metric, trained = (
        layout["metrics"][accuracy],
        [name for name in layout["subsets"] if name in sizes],
    )
    transfer = {task: layout["metrics"][task] for task in layout["tasks"]}
    frames = [
        table(layout["subsets"], transfer, layout["replicates"], runs, sizes, paper),
        table(trained, {accuracy: metric}, layout["replicates"], runs, sizes, paper),
        *(
            table([name], {accuracy + OWN: metric}, {accuracy + OWN: own[name]}, runs, sizes, None)
            for name in own
        ),
    ]
    frame = pd.concat(frames)
    frame.insert(0, "x", [_place(layout["along"], sizes.get(subset)) for subset in frame["subset"]])
    return frame.sort_values("x", kind="stable", ignore_index=True)[["x", *COLUMNS]]


def _place(along: str, size: Mapping[str, int] | None) -> int:
    if size is None:
        return 0
    return size["n_classes"] if along == "classes" else round(size["n_images"] / size["n_classes"])


def _check_given(layout: Mapping[str, Any], sizes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UserError for a network that was given without the number of its images, which the curve needs."""
    for subset, size in sizes.items():
        if size["n_images"] == "" and layout["along"] == "images_per_class":
            raise UserError(
                f"{layout['name']}: the network '{subset}' was given without its metrics.json, which says how many "
                "images it was trained on: put that file next to its weights, or take the subset out of this figure."
            )


def induction_frame(
    layout: Mapping[str, Any], accuracies: Sequence[Path | str], manifests: Iterable[Path | str]
) -> pd.DataFrame:
    """Return the points of Figure 4, columns INDUCTION_COLUMNS, by ascending number of classes.

    `accuracies` are the tables of `analyses.induction`, one per subset of the layout and replicate, in that order. A
    network's rows stand next to the baseline's on the same unseen classes.
    """
    sizes, replicates = subset_sizes(manifests), layout["networks"]
    names = [
        (subset, rep) for subset in layout["subsets"] for rep in range(1, replicates[subset] + 1)
    ]
    parts = []
    for (subset, rep), path in zip(names, accuracies, strict=True):
        part = read_table(path, ("network", "k", "value", "n_queries", "n_classes"))
        part = part.rename(columns={"n_classes": "n_unseen"})
        part["network"] = part["network"].map({"subset": subset, "baseline": layout["baseline"]})
        known = {
            "n_classes": sizes[subset]["n_classes"],
            "n_fine": sizes[layout["baseline"]]["n_classes"],
        }
        parts.append(part.assign(subset=subset, rep=rep, **known))
    frame = pd.concat(parts).sort_values("n_classes", kind="stable", ignore_index=True)
    return frame[list(INDUCTION_COLUMNS)]


def split_frame(
    layout: Mapping[str, Any], metrics: Iterable[Path | str], manifests: Iterable[Path | str]
) -> pd.DataFrame:
    """Return the bars of Figure 9, columns SPLIT_COLUMNS: three networks on each half, tested on its classes.

    "half" was trained on the half and had its last layer re-trained on it, "everything" was trained on everything and
    had its last layer re-trained on the half, and "own" is the half's network as it was pre-trained.
    """
    runs, sizes = collect_runs(metrics), subset_sizes(manifests)
    rows = []
    for split, tasks in layout["splits"].items():
        for half, task in zip("ab", tasks, strict=True):
            subset = layout["halves"][task]
            fitted = runs[(runs["task"] == task) & (runs["metric"] == layout["metrics"][task])]
            own = (runs["stage"] == "pretrain") & (runs["metric"] == layout["metrics"][task])
            found = {
                "own": runs[own & (runs["subset"] == subset)],
                "half": fitted[fitted["subset"] == subset],
                "everything": fitted[fitted["subset"] == layout["baseline"]],
            }
            for network, chosen in found.items():
                facts = {
                    "split": split,
                    "half": half,
                    "n_classes": sizes[subset]["n_classes"],
                    "network": network,
                }
                rows.append(facts | _bar(chosen["value"], f"{network}, {subset}"))
    return pd.DataFrame(rows, columns=list(SPLIT_COLUMNS))


def _bar(values: Sequence[float], what: str) -> dict[str, Any]:
    if len(values) == 0:
        raise UserError(
            f"There is no run for the bar {what}: make it first; the workflow does so by itself."
        )
    return cell(list(values))
