"""The numbers behind Figures 1, 2, 4 and 9, from the metrics of finished runs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, read_table
from imagenet_transfer.reporting.tables import COLUMNS, collect_runs, paper_numbers, subset_sizes, table
from imagenet_transfer.store import tested_split

INDUCTION_COLUMNS = ("subset", "n_classes", "n_unseen", "n_queries", "k", "network", "value")
SPLIT_COLUMNS = ("split", "half", "n_classes", "network", "value", "n_test")


def curve_frame(
    layout: Mapping[str, Any], metrics: Iterable[Path | str], manifests: Iterable[Path | str]
) -> pd.DataFrame:
    """Return the points of Figure 1 or 2: x and the columns of a table, one row a subset and task, by ascending x.

    x is the number of images per class or of classes; 0 for a random start. ImageNet accuracy is that of the task
    `accuracy`: the network's own where its labels are all classes, else that of its re-trained last layer.
    """
    runs, sizes = collect_runs(metrics), subset_sizes(manifests)
    own = (runs["stage"] == "pretrain") & ~runs["subset"].isin(runs[runs["task"] == layout["accuracy"]]["subset"])
    runs.loc[own, "task"] = layout["accuracy"]
    _check_given(layout, sizes, runs[runs["task"] == layout["accuracy"]]["subset"])
    paper = paper_numbers(layout["paper"])
    replicates = {layout["accuracy"]: 1, **layout["replicates"]}
    transfer = {task: layout["metrics"][task] for task in layout["tasks"]}
    accuracy = {layout["accuracy"]: layout["metrics"][layout["accuracy"]]}
    trained = [subset for subset in layout["subsets"] if subset in sizes]
    frame = pd.concat(
        [
            table(layout["subsets"], transfer, replicates, runs, sizes, paper),
            table(trained, accuracy, replicates, runs, sizes, paper),
        ]
    )
    frame.insert(0, "x", [_place(layout["along"], sizes.get(subset)) for subset in frame["subset"]])
    return frame.sort_values("x", kind="stable", ignore_index=True)[["x", *COLUMNS]]


def _place(along: str, size: Mapping[str, int] | None) -> int:
    if size is None:
        return 0
    return size["n_classes"] if along == "classes" else round(size["n_images"] / size["n_classes"])


def _check_given(layout: Mapping[str, Any], sizes: Mapping[str, Mapping[str, Any]], measured: pd.Series) -> None:
    """Raise UserError for a network that was given without what the curve shows of it."""
    for subset, size in sizes.items():
        if size["n_images"] == "" and (layout["along"] == "images_per_class" or subset not in set(measured)):
            raise UserError(
                f"{layout['name']}: the network '{subset}' was given without its metrics.json, which says how many "
                "images it was trained on and how accurate it is: put that file beside its weights, or take the "
                "subset out of this figure."
            )


def induction_frame(
    layout: Mapping[str, Any], accuracies: Sequence[Path | str], manifests: Iterable[Path | str]
) -> pd.DataFrame:
    """Return the points of Figure 4, columns INDUCTION_COLUMNS, by ascending number of classes.

    `accuracies` are the tables of `analyses.induction`, one a subset of the layout and in its order; a network's rows
    stand beside the baseline's on the same unseen classes.
    """
    sizes = subset_sizes(manifests)
    parts = []
    for subset, path in zip(layout["subsets"], accuracies, strict=True):
        part = read_table(path, ("network", "k", "value", "n_queries", "n_classes"))
        part = part.rename(columns={"n_classes": "n_unseen"})
        part["network"] = part["network"].map({"subset": subset, "baseline": layout["baseline"]})
        parts.append(part.assign(subset=subset, n_classes=sizes[subset]["n_classes"]))
    frame = pd.concat(parts).sort_values("n_classes", kind="stable", ignore_index=True)
    return frame[list(INDUCTION_COLUMNS)]


def split_frame(
    layout: Mapping[str, Any], metrics: Iterable[Path | str], manifests: Iterable[Path | str], images: pd.DataFrame
) -> pd.DataFrame:
    """Return the bars of Figure 9, columns SPLIT_COLUMNS: each half's own network, and the one trained on everything.

    `images` (split, class) are those of the data set, on whose validation images both are tested.
    """
    runs, tested = collect_runs(metrics), _tested(manifests, images)
    rows = []
    for split, tasks in layout["splits"].items():
        for half, task in zip("ab", tasks, strict=True):
            subset, metric = layout["halves"][task], layout["metrics"][task]
            own = runs[(runs["stage"] == "pretrain") & (runs["subset"] == subset)]
            everything = runs[(runs["task"] == task) & (runs["subset"] == layout["baseline"])]
            for network, found in (("half", own), ("everything", everything)):
                value = _only(found[found["metric"] == metric]["value"], f"{network}, {subset}")
                rows.append((split, half, tested[subset][0], network, value, tested[subset][1]))
    return pd.DataFrame(rows, columns=list(SPLIT_COLUMNS))


def _tested(manifests: Iterable[Path | str], images: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return the numbers of classes and of validation images of each subset."""
    classes = {Path(path).stem: read_facts(path, "classes")["classes"] for path in manifests}
    held_out = images[images["split"] == tested_split(images)]["class"]
    return {subset: (len(names), int(held_out.isin(names).sum())) for subset, names in classes.items()}


def _only(values: Sequence[float], what: str) -> float:
    if len(values) == 0:
        raise UserError(f"There is no run for the bar {what}: make it first, the workflow does so by itself.")
    return float(pd.Series(values).mean())
