"""Tables of the paper from finished runs: tidy CSV for programs, Markdown for people."""

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.claims.noise import noise_notes
from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.builders import builder_of, function_of
from imagenet_transfer.files import read_facts, read_table, write_csv, write_text
from imagenet_transfer.reporting.markdown import table_markdown
from imagenet_transfer.resources import RESOURCES
from imagenet_transfer.training.facts import with_facts
from imagenet_transfer.training.metrics import check_finite

COLUMNS = ("subset", "n_classes", "n_images", "task", "metric", "mean", "std", "n", "paper")
RUN_COLUMNS = (
    *("stage", "arch", "subset", "task", "rep", "seed", "metric", "value", "unit"),
    *("fingerprint", "commit", "wall_s"),
)
PAPER_NUMBERS = RESOURCES / "paper_numbers.csv"
EQUAL = 0.01  # of each other: numbers of images that count as the same


def collect_runs(paths: Iterable[Path | str]) -> pd.DataFrame:
    """Return every metric of metrics.json files, one row each, with the columns RUN_COLUMNS.

    Raises UserError for a damaged file.
    """
    rows = []
    for path in paths:
        record = read_run(path)
        shared = {key: record.get(key, "") for key in RUN_COLUMNS}
        shared["commit"] = record["provenance"]["commit"]
        rows += [shared | entry for entry in record["metrics"]]
    frame = pd.DataFrame(rows, columns=list(RUN_COLUMNS))
    order = ["stage", "arch", "task", "subset", "rep", "metric"]
    return frame.sort_values(order, ignore_index=True)


def read_run(path: Path | str) -> dict[str, Any]:
    """Return a metrics.json; raise UserError if it is damaged or a metric is not finite."""
    record = read_facts(path, "stage", "arch", "subset", "metrics", "provenance")
    if not _is_sound(record):
        raise UserError(
            f"{path} is no longer the record of a run: delete it and run the same command again."
        )
    measured = {entry["metric"]: entry["value"] for entry in record["metrics"]}
    check_finite(measured, path, "delete the file and run the same command again")
    return record


def _is_sound(record: Mapping[str, Any]) -> bool:
    """Return whether a record's metrics and provenance hold what is read from them."""
    try:
        named = all(
            isinstance(entry["value"], (int, float)) and entry["metric"]
            for entry in record["metrics"]
        )
        return named and "commit" in record["provenance"]
    except (KeyError, TypeError):
        return False


def cell(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, sample standard deviation (n - 1; empty for one run) and n of a cell's runs."""
    std = statistics.stdev(values) if len(values) > 1 else ""
    return {"mean": statistics.fmean(values), "std": std, "n": len(values)}


def table(
    subsets: Sequence[str],
    metric_of_task: Mapping[str, str],
    replicates: Mapping[str, int],
    runs: pd.DataFrame,
    sizes: Mapping[str, Mapping[str, int]],
    paper: pd.DataFrame | None,
    fewer: Mapping[str, Mapping[str, int]] | None = None,
) -> pd.DataFrame:
    """Return one row per cell, with columns COLUMNS, in the order of subsets and tasks.

    `runs` is the result of `collect_runs`, `sizes` gives n_classes and n_images of each subset
    (scratch has none), and `paper` (subset, task, metric, value) the published numbers, if they are
    to be shown. `fewer` holds the runs of cells that have fewer than their task's `replicates`, by
    task and subset. Raises UserError unless each cell has exactly its replicates (a mean over fewer
    would look like the whole), all with the task's metric.
    """
    fewer = fewer or {}
    rows = []
    for subset in subsets:
        for task, metric in metric_of_task.items():
            chosen = runs[(runs["subset"] == subset) & (runs["task"] == task)]
            number = fewer.get(task, {}).get(subset, replicates[task])
            values = _values(chosen, f"{subset}, {task}", metric, number)
            size = sizes.get(subset, {"n_classes": "", "n_images": ""})
            facts = {"subset": subset, **size, "task": task, "metric": metric}
            rows.append(facts | cell(values) | {"paper": published(paper, subset, task, metric)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _values(runs: pd.DataFrame, name: str, metric: str, replicates: int) -> list[float]:
    """Return the metric of all replicates of a cell from the cell's runs."""
    values = runs[runs["metric"] == metric]["value"].tolist()
    if len(runs) and not values:
        known = ", ".join(sorted(set(runs["metric"])))
        raise UserError(
            f"The runs of the cell {name} have no metric '{metric}', but {known}: change `metric` "
            "of the task."
        )
    if len(values) != replicates:
        raise UserError(
            f"The cell {name} has {len(values)} runs with the metric {metric} instead of "
            f"{replicates}: make the missing runs first; the workflow does so by itself."
        )
    return values


def published(paper: pd.DataFrame | None, subset: str, task: str, metric: str) -> float | str:
    """Return the paper's number for a cell, or an empty text if the paper states none."""
    if paper is None:
        return ""
    stated = (paper["subset"] == subset) & (paper["task"] == task) & (paper["metric"] == metric)
    found = paper[stated]["value"]
    return found.iloc[0] if len(found) else ""


def check_budgets(layout: Mapping[str, Any], sizes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UserError if the numbers of images in a column of Table 2 differ by more than EQUAL.

    `sizes` is the result of `subset_sizes`. A layout with `unequal` is not checked.
    """
    if layout.get("unequal"):
        return
    for place, column in enumerate(layout["columns"]):
        subsets = [row["subsets"][place] for row in layout["rows"]]
        images = {subset: sizes.get(subset, {}).get("n_images") for subset in subsets}
        known = {subset: number for subset, number in images.items() if number}
        if known and max(known.values()) > (1 + EQUAL) * min(known.values()):
            listed = "; ".join(f"{subset}: {number:,}" for subset, number in known.items())
            raise UserError(
                f"outputs.{layout['name']}: the subsets of the column '{column}' have different "
                f"numbers of images ({listed}), so its rows cannot be compared at the same number. "
                "Give them `images_per_class` and `classes` that make equal numbers, or set "
                "`unequal: true`; then the table shows the numbers."
            )


def subset_sizes(
    manifests: Iterable[Path | str], facts: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, dict[str, int]]:
    """Return n_classes and n_images of each subset.

    They come from the summary of its manifest or from a given network's record, and n_images that
    is not there from the config's `facts` of the subset; else it is empty. Raises UserError for
    facts that contradict a record.
    """
    sizes = {}
    keys = ("n_classes", "n_images")
    for path in map(Path, manifests):
        content = read_facts(path, *keys)
        subset = content.get("subset", path.stem)
        known = {key: content[key] for key in keys}
        sizes[subset] = with_facts(known, (facts or {}).get(subset, {}), subset, path)
    return sizes


def given_networks(manifests: Iterable[Path | str]) -> dict[str, str]:
    """Return the checksum of each given network's file, from what `subset_sizes` reads."""
    given = [content for content in map(read_facts, manifests) if "given" in content]
    return {content["subset"]: content["given"]["weights"] for content in given}


def short_classes(manifests: Iterable[Path | str]) -> dict[str, list[dict[str, Any]]]:
    """Return the classes of each subset that have fewer images than asked for.

    Each class is an entry of the subset's summary, with `wanted` and `available` images.
    """
    contents = [(Path(path).stem, read_facts(path)) for path in manifests]
    return {content.get("subset", stem): content.get("short", []) for stem, content in contents}


def paper_numbers(shown: bool) -> pd.DataFrame | None:
    """Return the paper's numbers, or None if the study shows none of them."""
    return read_table(PAPER_NUMBERS, ("subset", "task", "metric", "value")) if shown else None


@dataclass(frozen=True)
class Made:
    """A table before it is written.

    `frame` has a row per cell, `given` is the result of `given_networks`, `short` that of
    `short_classes`, `noise` that of `noise_notes`; `bold` are cells (architecture and subset, task).
    """

    frame: pd.DataFrame
    given: Mapping[str, str]
    short: Mapping[str, Sequence[Mapping[str, Any]]]
    noise: Sequence[str]
    bold: Collection[tuple[str, str]] = ()


def write_table(
    layout: Mapping[str, Any],
    metrics: Iterable[Path | str],
    manifests: Sequence[Path],
    csv: str,
    markdown: str,
) -> None:
    """Write a table as CSV and Markdown; arguments are as of `made_table`."""
    made = made_table(layout, metrics, manifests)
    write_csv(csv, made.frame)
    text = table_markdown(made.frame, layout, made.given, made.short, made.noise, made.bold)
    write_text(markdown, text)


def made_table(
    layout: Mapping[str, Any], metrics: Iterable[Path | str], manifests: Sequence[Path]
) -> Made:
    """Return the table of a layout, whichever builder makes it.

    `layout` is the config's entry with the metrics and replicates of its tasks, `metrics` are the
    records of its runs, `manifests` the files of `subset_sizes`. Raises UserError for what `table`
    and `check_budgets` refuse.
    """
    made: Made = function_of(builder_of(layout).table)(layout, metrics, manifests)
    return made


def table_of_subsets(
    layout: Mapping[str, Any], metrics: Iterable[Path | str], manifests: Sequence[Path]
) -> Made:
    """Return a table of subsets and tasks; arguments are as of `made_table`."""
    rows = [name for row in layout.get("rows", []) for name in row["subsets"]]
    named = [*rows, *layout.get("references", []), *layout.get("subsets", [])]
    subsets = list(dict.fromkeys(named))
    metric_of_task = {task: layout["metrics"][task] for task in layout["tasks"]}
    runs = collect_runs(metrics)
    paper = paper_numbers(layout["paper"])
    facts = layout.get("facts", {})
    sizes = subset_sizes(manifests, facts)
    if layout["builder"] == "budgets":
        check_budgets(layout, sizes)
    replicates = layout["replicates"]
    fewer = layout.get("fewer")
    frame = table(subsets, metric_of_task, replicates, runs, sizes, paper, fewer)
    noise = noise_notes(runs, subsets, metric_of_task)
    return Made(frame, given_networks(manifests), short_classes(manifests), noise)
