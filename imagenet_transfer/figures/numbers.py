"""The numbers that Figures 1, 2, 4 and 9 show, from the metrics of finished runs."""

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
    *("subset", "n_classes", "n_fine", "n_unseen", "n_queries"),
    *("k", "network", "rep", "value"),
)
SPLIT_COLUMNS = ("split", "half", "n_classes", "network", "mean", "std", "n")


def curve_frame(
    layout: Mapping[str, Any], metrics: Iterable[Path | str], manifests: Iterable[Path | str]
) -> pd.DataFrame:
    """Return the points of Figure 1 or 2, one row per subset and task, by ascending x.

    The columns are x and those of a table. x is the number of images per class or of classes; 0 for
    a random start. The layout's task `accuracy` re-trains the last layer of every network. A
    network that was pre-trained on all classes (in `own`, with its number of replicates) also has
    its accuracy as it was pre-trained, under that task's name with ":own" after it. Raises
    UserError for a missing run.
    """
    runs = collect_runs(metrics)
    sizes = subset_sizes(manifests, layout.get("facts"))
    _check_numbers_of_images(layout, sizes)
    paper = paper_numbers(layout["paper"])
    accuracy = layout["accuracy"]
    metric = layout["metrics"][accuracy]
    transfer = {task: layout["metrics"][task] for task in layout["tasks"]}
    trained = [name for name in layout["subsets"] if name in sizes]
    shared = (layout["replicates"], runs, sizes, paper, layout.get("fewer"))
    frames = [
        table(layout["subsets"], transfer, *shared),
        table(trained, {accuracy: metric}, *shared),
    ]
    own = accuracy + OWN
    runs.loc[(runs["stage"] == "pretrain") & runs["subset"].isin(layout["own"]), "task"] = own
    for name, replicates in dict(layout["own"]).items():
        frames.append(table([name], {own: metric}, {own: replicates}, runs, sizes, None))
    frame = pd.concat(frames)
    frame.insert(0, "x", [_place(layout["along"], sizes.get(subset)) for subset in frame["subset"]])
    return frame.sort_values("x", kind="stable", ignore_index=True)[["x", *COLUMNS]]


def _place(along: str, size: Mapping[str, int] | None) -> int:
    if size is None:
        return 0
    return size["n_classes"] if along == "classes" else round(size["n_images"] / size["n_classes"])


def _check_numbers_of_images(
    layout: Mapping[str, Any], sizes: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise UserError for an imported network whose number of images is needed but unknown."""
    for subset, size in sizes.items():
        if size["n_images"] == "" and layout["along"] == "images_per_class":
            raise UserError(
                f"{layout['name']}: the network '{subset}' was given without its metrics.json, "
                "which says how many images it was trained on: put that file next to its weights, "
                f"say it under subsets.{subset}.facts, or take the subset out of this figure."
            )


def induction_frame(
    layout: Mapping[str, Any], accuracies: Sequence[Path | str], manifests: Iterable[Path | str]
) -> pd.DataFrame:
    """Return the points of Figure 4 (INDUCTION_COLUMNS), by ascending number of classes.

    `accuracies` are the tables of `analyses.induction`, one per subset of the layout and replicate,
    in that order. Each has a network's rows and the baseline's on the same unseen classes.
    """
    sizes = subset_sizes(manifests)
    counts = layout["networks"]
    names = [(subset, rep) for subset in layout["subsets"] for rep in range(1, counts[subset] + 1)]
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
    """Return the bars of Figure 9 (SPLIT_COLUMNS): three networks tested on each half's classes.

    "half" was trained on the half and "everything" on everything, both with a last layer re-trained
    on the half; "own" is the half's network as it was pre-trained. Raises UserError for a bar
    without a run.
    """
    runs = collect_runs(metrics)
    sizes = subset_sizes(manifests)
    rows = []
    for split, tasks in layout["splits"].items():
        for half, task in zip("ab", tasks, strict=True):
            subset = layout["halves"][task]
            facts = {"split": split, "half": half, "n_classes": sizes[subset]["n_classes"]}
            for network, values in _networks_of(runs, task, subset, layout).items():
                bar = _bar(values, f"{network}, {subset}")
                rows.append(facts | {"network": network} | bar)
    return pd.DataFrame(rows, columns=list(SPLIT_COLUMNS))


def _networks_of(
    runs: pd.DataFrame, task: str, subset: str, layout: Mapping[str, Any]
) -> dict[str, list[float]]:
    """Return the values of the three networks on one half, which is the subset's classes."""
    runs = runs[runs["metric"] == layout["metrics"][task]]
    fitted = runs[runs["task"] == task]
    found = {
        "own": runs[(runs["stage"] == "pretrain") & (runs["subset"] == subset)],
        "half": fitted[fitted["subset"] == subset],
        "everything": fitted[fitted["subset"] == layout["baseline"]],
    }
    return {network: list(chosen["value"]) for network, chosen in found.items()}


def _bar(values: Sequence[float], what: str) -> dict[str, Any]:
    if not values:
        raise UserError(
            f"There is no run for the bar {what}: make it first; the workflow does so by itself."
        )
    return cell(list(values))
