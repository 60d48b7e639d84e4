"""Tables of the paper from the metrics of finished runs: tidy CSV for programs, Markdown for people."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, read_table, write_csv, write_text

COLUMNS = ("subset", "n_classes", "n_images", "task", "metric", "mean", "std", "n", "paper")
RUN_COLUMNS = (
    *("stage", "arch", "subset", "task", "rep", "seed", "metric", "value", "unit", "fingerprint", "commit", "wall_s"),
)


def collect_runs(paths: Iterable[Path | str]) -> pd.DataFrame:
    """Return every metric of the given metrics.json files, one row each; raise UserError for an unreadable one."""
    rows = []
    for path in paths:
        record = read_run(path)
        shared = {key: record.get(key, "") for key in RUN_COLUMNS} | {"commit": record["provenance"]["commit"]}
        rows += [shared | entry for entry in record["metrics"]]
    frame = pd.DataFrame(rows, columns=list(RUN_COLUMNS))
    return frame.sort_values(["stage", "arch", "task", "subset", "rep", "metric"], ignore_index=True)


def read_run(path: Path | str) -> dict[str, Any]:
    """Return a metrics.json; raise UserError if it is damaged."""
    record = read_facts(path, "stage", "arch", "subset", "metrics", "provenance")
    try:
        sound = all(isinstance(entry["value"], (int, float)) and entry["metric"] for entry in record["metrics"])
        sound = sound and "commit" in record["provenance"]
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise UserError(f"{path} is no record of a run any more: delete it and run the same command again.")
    return record


def cell(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, sample standard deviation (n - 1; empty for one run) and n of the replicates of one cell."""
    std = statistics.stdev(values) if len(values) > 1 else ""
    return {"mean": statistics.fmean(values), "std": std, "n": len(values)}


def table(
    subsets: Sequence[str],
    metric_of_task: Mapping[str, str],
    replicates: Mapping[str, int],
    runs: pd.DataFrame,
    sizes: Mapping[str, Mapping[str, int]],
    paper: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return one row a cell, with columns COLUMNS, in the order of subsets and tasks.

    `runs` is the result of `collect_runs`, `sizes` gives n_classes and n_images of each subset (none for scratch), and
    `paper` (subset, task, value, ...) the published numbers, if they are to be shown. Raises UserError unless each cell
    has exactly its replicates: a mean over fewer would pass for the whole.
    """
    rows = []
    for subset in subsets:
        for task, metric in metric_of_task.items():
            chosen = runs[(runs["subset"] == subset) & (runs["task"] == task) & (runs["metric"] == metric)]
            if len(chosen) != replicates[task]:
                raise UserError(
                    f"The cell {subset}, {task} has {len(chosen)} runs with the metric {metric} instead of "
                    f"{replicates[task]}: make the missing runs first, the workflow does so by itself."
                )
            size = sizes.get(subset, {"n_classes": "", "n_images": ""})
            facts = {"subset": subset, **size, "task": task, "metric": metric}
            rows.append(facts | cell(list(chosen["value"])) | {"paper": published(paper, subset, task)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def published(paper: pd.DataFrame | None, subset: str, task: str) -> float | str:
    """Return the paper's number for a cell, or an empty text where it states none."""
    if paper is None:
        return ""
    found = paper[(paper["subset"] == subset) & (paper["task"] == task)]["value"]
    return found.iloc[0] if len(found) else ""


def table_markdown(frame: pd.DataFrame, layout: Mapping[str, Any], given: Mapping[str, str] | None = None) -> str:
    """Return a table as the paper prints it; `layout` is the config's entry with the metrics of its tasks.

    `given` holds the checksums of the networks that were not trained here.
    """
    body = _budgets(frame, layout) if layout["builder"] == "budgets" else _by_subset(frame, layout, layout["subsets"])
    title = layout["name"].replace("table", "Table ").replace(" -", ": ")
    return "\n".join([f"# {title}", "", *body, "", *_notes(frame, layout, given or {})]) + "\n"


def _budgets(frame: pd.DataFrame, layout: Mapping[str, Any]) -> list[str]:
    """Return Table 2: rows of more classes and of more images, columns per task and budget; references below."""
    cells = {(row.subset, row.task): row for row in frame.itertuples()}
    tasks = layout["tasks"]
    titles = [f"{task} ({layout['metrics'][task]}), {column}" for task in tasks for column in layout["columns"]]
    lines = [_line(["At the same number of images", *titles]), _line(["---"] + ["---:"] * len(titles))]
    for row in layout["rows"]:
        values = [cell_text(cells[subset, task]) for task in tasks for subset in row["subsets"]]
        lines.append(_line([row["title"], *values]))
    return [*lines, "", *_by_subset(frame, layout, layout["references"])]


def _by_subset(frame: pd.DataFrame, layout: Mapping[str, Any], subsets: Sequence[str]) -> list[str]:
    """Return rows of subsets and columns of tasks, as in Tables 1 and 3."""
    cells = {(row.subset, row.task): row for row in frame.itertuples()}
    tasks = layout["tasks"]
    first = "For comparison" if layout["builder"] == "budgets" else "Pre-trained on"
    lines = [_line([first, *(f"{task} ({layout['metrics'][task]})" for task in tasks)])]
    lines.append(_line(["---"] + ["---:"] * len(tasks)))
    return lines + [_line([name, *(cell_text(cells[name, task]) for task in tasks)]) for name in subsets]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def cell_text(row: Any) -> str:
    """Return a cell as text: mean ± standard deviation, and the paper's number in brackets."""
    text = f"{row.mean:.1f}" + ("" if row.std == "" or math.isnan(row.std) else f" ± {row.std:.1f}")
    return text + (f" [{row.paper}]" if row.paper != "" else "")


def _notes(frame: pd.DataFrame, layout: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    counts = frame.drop_duplicates("task").set_index("task")["n"]
    runs = ", ".join(f"{task}: {counts[task]}" for task in layout["tasks"])
    notes = [f"In percent; mean ± sample standard deviation (n − 1) over fine-tuning runs ({runs})."]
    if (frame["paper"] != "").any():
        notes.append("In square brackets: what the paper states; it states no number for the other cells.")
    subsets = frame[frame["n_classes"] != ""].drop_duplicates("subset")
    sizes = "; ".join(
        f"{r.subset}: {r.n_classes} classes, {r.n_images if r.n_images != '' else 'an unknown number of'} images"
        for r in subsets.itertuples()
    )
    notes += ["", f"Pre-training sets: {sizes}."]
    if given:
        files = "; ".join(f"{subset} (SHA-256 {checksum[:12]})" for subset, checksum in given.items())
        notes += ["", f"Networks given as a file, not trained by this study: {files}."]
    return notes


PAPER_NUMBERS = Path(__file__).parents[2] / "resources" / "paper_numbers.csv"


def subset_sizes(manifests: Iterable[Path | str]) -> dict[str, dict[str, int]]:
    """Return n_classes and n_images of each subset, from the summary of its manifest or a given network's record.

    n_images is empty for a network that was given without saying how many it was trained on.
    """
    sizes = {}
    for path in map(Path, manifests):
        content = read_facts(path, "n_classes", "n_images")
        sizes[content.get("subset", path.stem)] = {key: content[key] for key in ("n_classes", "n_images")}
    return sizes


def given_networks(manifests: Iterable[Path | str]) -> dict[str, str]:
    """Return the checksum of each network's file that was given, from the files that `subset_sizes` reads."""
    contents = [read_facts(path) for path in manifests]
    return {content["subset"]: content["given"]["weights"] for content in contents if "given" in content}


def paper_numbers(shown: bool) -> pd.DataFrame | None:
    """Return the paper's numbers, or None if the study shows none of them."""
    return read_table(PAPER_NUMBERS, ("subset", "task", "value")) if shown else None


def write_table(
    layout: Mapping[str, Any], metrics: Iterable[Path | str], manifests: Iterable[Path | str], csv: str, markdown: str
) -> None:
    """Write a table as CSV and Markdown from the metrics of its runs and the summaries of its manifests.

    `layout` is the config's entry with the metrics and replicates of its tasks.
    """
    rows = [name for row in layout.get("rows", []) for name in row["subsets"]]
    subsets = list(dict.fromkeys([*rows, *layout.get("references", []), *layout.get("subsets", [])]))
    metric_of_task = {task: layout["metrics"][task] for task in layout["tasks"]}
    runs, paper, manifests = collect_runs(metrics), paper_numbers(layout["paper"]), list(manifests)
    frame = table(subsets, metric_of_task, layout["replicates"], runs, subset_sizes(manifests), paper)
    write_csv(csv, frame)
    write_text(markdown, table_markdown(frame, layout, given_networks(manifests)))
