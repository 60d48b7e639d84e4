"""Tables of the paper from the metrics of finished runs: tidy CSV for programs, Markdown for people."""

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.claims.noise import noise_notes
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, read_table, write_csv, write_text
from imagenet_transfer.resources import RESOURCES
from imagenet_transfer.training.metrics import check_finite

COLUMNS = ("subset", "n_classes", "n_images", "task", "metric", "mean", "std", "n", "paper")
RUN_COLUMNS = (
    *(
        "stage",
        "arch",
        "subset",
        "task",
        "rep",
        "seed",
        "metric",
        "value",
        "unit",
        "fingerprint",
        "commit",
        "wall_s",
    ),
)
EQUAL = 0.01  # of each other: numbers of images that count as the same


def collect_runs(paths: Iterable[Path | str]) -> pd.DataFrame:
    """Return every metric of the given metrics.json files, one row each; raise UserError for an unreadable one."""
    rows = []
    for path in paths:
        record = read_run(path)
        shared = {key: record.get(key, "") for key in RUN_COLUMNS} | {
            "commit": record["provenance"]["commit"]
        }
        rows += [shared | entry for entry in record["metrics"]]
    frame = pd.DataFrame(rows, columns=list(RUN_COLUMNS))
    return frame.sort_values(
        ["stage", "arch", "task", "subset", "rep", "metric"], ignore_index=True
    )


def read_run(path: Path | str) -> dict[str, Any]:
    """Return a metrics.json; raise UserError if it is damaged or a metric is not finite."""
    record = read_facts(path, "stage", "arch", "subset", "metrics", "provenance")
    try:
        sound = all(
            isinstance(entry["value"], (int, float)) and entry["metric"]
            for entry in record["metrics"]
        )
        sound = sound and "commit" in record["provenance"]
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise UserError(
            f"{path} is no longer the record of a run: delete it and run the same command again."
        )
    measured = {entry["metric"]: entry["value"] for entry in record["metrics"]}
    check_finite(measured, path, "delete the file and run the same command again")
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
    """Return one row per cell, with columns COLUMNS, in the order of subsets and tasks.

    `runs` is the result of `collect_runs`, `sizes` gives n_classes and n_images of each subset (none for scratch), and
    `paper` (subset, task, metric, value) the published numbers, if they are to be shown. Raises UserError unless each
    cell has exactly its replicates (a mean over fewer would pass for the whole), all with the task's metric.
    """
    rows = []
    for subset in subsets:
        for task, metric in metric_of_task.items():
            chosen = runs[(runs["subset"] == subset) & (runs["task"] == task)]
            values = _values(chosen, f"{subset}, {task}", metric, replicates[task])
            size = sizes.get(subset, {"n_classes": "", "n_images": ""})
            facts = {"subset": subset, **size, "task": task, "metric": metric}
            rows.append(facts | cell(values) | {"paper": published(paper, subset, task, metric)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _values(runs: pd.DataFrame, name: str, metric: str, replicates: int) -> list[float]:
    """Return one metric of all replicates of a cell, whose runs are given."""
    values = runs[runs["metric"] == metric]["value"].tolist()
    if len(runs) and not values:
        known = ", ".join(sorted(set(runs["metric"])))
        raise UserError(
            f"The runs of the cell {name} have no metric '{metric}', but {known}: change `metric` of the task."
        )
    if len(values) != replicates:
        raise UserError(
            f"The cell {name} has {len(values)} runs with the metric {metric} instead of {replicates}: make the "
            "missing runs first, the workflow does so by itself."
        )
    return values


def published(paper: pd.DataFrame | None, subset: str, task: str, metric: str) -> float | str:
    """Return the paper's number for a cell, or an empty text where it states none."""
    if paper is None:
        return ""
    stated = (paper["subset"] == subset) & (paper["task"] == task) & (paper["metric"] == metric)
    found = paper[stated]["value"]
    return found.iloc[0] if len(found) else ""


def check_budgets(layout: Mapping[str, Any], sizes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UserError if the subsets of a column of Table 2 differ in their images by more than EQUAL.

    `sizes` is the result of `subset_sizes`. An entry with `unequal` is taken as it is.
    """
    if layout.get("unequal"):
        return
    for place, column in enumerate(layout["columns"]):
        numbers = {
            row["subsets"][place]: _images(row["subsets"][place], sizes) for row in layout["rows"]
        }
        known = [number for number in numbers.values() if number]
        if known and max(known) > (1 + EQUAL) * min(known):
            listed = "; ".join(
                f"{subset}: {number:,}" for subset, number in numbers.items() if number
            )
            raise UserError(
                f"outputs.{layout['name']}: the subsets of the column '{column}' have different numbers of images "
                f"({listed}), so that its rows cannot be compared at the same number. Give them `images_per_class` and "
                "`classes` that make equal numbers, or set `unequal: true`, which has the table show the numbers."
            )


def _images(subset: str, sizes: Mapping[str, Mapping[str, Any]]) -> int:
    """Return how many images a subset has; 0 where none were used or nobody knows."""
    return sizes.get(subset, {}).get("n_images") or 0


def table_markdown(
    frame: pd.DataFrame,
    layout: Mapping[str, Any],
    given: Mapping[str, str] | None = None,
    short: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    noise: Sequence[str] = (),
) -> str:
    """Return a table as the paper prints it; `layout` is the config's entry with the metrics of its tasks.

    `given` holds the checksums of the networks that were not trained here, `short` the result of `short_classes`,
    `noise` that of `noise_notes`.
    """
    body = (
        _budgets(frame, layout)
        if layout["builder"] == "budgets"
        else _by_subset(frame, layout, layout["subsets"])
    )
    title = layout["name"].replace("table", "Table ").replace(" -", ": ")
    notes = [
        *_notes(frame, layout),
        *noise,
        *_size_notes(frame, layout, short or {}),
        *_given_note(given or {}),
    ]
    return "\n".join([f"# {title}", "", *body, "", *notes]) + "\n"


def _budgets(frame: pd.DataFrame, layout: Mapping[str, Any]) -> list[str]:
    """Return Table 2: rows of more classes and of more images, columns per task and budget; references below."""
    cells = {(row.subset, row.task): row for row in frame.itertuples()}
    tasks = layout["tasks"]
    titles = [
        f"{task} ({layout['metrics'][task]}), {column}"
        for task in tasks
        for column in layout["columns"]
    ]
    unequal = layout.get("unequal", False)
    first = "At different numbers of images" if unequal else "At the same number of images"
    lines = [_line([first, *titles]), _line(["---"] + ["---:"] * len(titles))]
    for row in layout["rows"]:
        values = [cell_text(cells[subset, task]) for task in tasks for subset in row["subsets"]]
        numbers = ", ".join(_count(cells[subset, tasks[0]].n_images) for subset in row["subsets"])
        lines.append(_line([row["title"] + (f" ({numbers})" if unequal else ""), *values]))
    return [*lines, "", *_by_subset(frame, layout, layout["references"])]


def _by_subset(frame: pd.DataFrame, layout: Mapping[str, Any], subsets: Sequence[str]) -> list[str]:
    """Return rows of subsets and columns of tasks, as in Tables 1 and 3."""
    cells = {(row.subset, row.task): row for row in frame.itertuples()}
    tasks = layout["tasks"]
    first = "For comparison" if layout["builder"] == "budgets" else "Pre-trained on"
    lines = [_line([first, *(f"{task} ({layout['metrics'][task]})" for task in tasks)])]
    lines.append(_line(["---"] + ["---:"] * len(tasks)))
    return lines + [
        _line([name, *(cell_text(cells[name, task]) for task in tasks)]) for name in subsets
    ]


def _line(cells: Iterable[str]) -> str:
    """Return a line of a table; cells are text, in which a pipe or a line break would begin another cell or row."""
    return (
        "| " + " | ".join(" ".join(_SPECIAL.sub(r"\\\g<0>", cell).split()) for cell in cells) + " |"
    )


_SPECIAL = re.compile(r"[\\|]")


def cells_of(line: str) -> list[str]:
    """Return the cells of a table's line as text: what `_line` made it from, except for its spaces."""
    cells = re.findall(r"((?:\\.|[^|\\])*)\|", line.strip().removeprefix("|"))
    return [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in cells]


def _count(number: int | str, unknown: str = "?") -> str:
    """Return a number of images as text; it is empty where nobody knows it, and for a random start."""
    return unknown if number == "" else f"{number:,}"


def cell_text(row: Any) -> str:
    """Return a cell as text: mean ± standard deviation, and the paper's number in brackets."""
    text = f"{row.mean:.1f}" + ("" if row.std == "" or math.isnan(row.std) else f" ± {row.std:.1f}")
    return text + (f" [{row.paper}]" if row.paper != "" else "")


def _notes(frame: pd.DataFrame, layout: Mapping[str, Any]) -> list[str]:
    counts = frame.drop_duplicates("task").set_index("task")["n"]
    runs = ", ".join(f"{task}: {counts[task]}" for task in layout["tasks"])
    notes = [f"In percent; mean ± sample standard deviation (n − 1) over replicates ({runs})."]
    if (frame["paper"] != "").any():
        notes.append(
            "In square brackets: what the paper states; it states no number for the other cells."
        )
    return notes


def _size_notes(
    frame: pd.DataFrame, layout: Mapping[str, Any], short: Mapping[str, Sequence]
) -> list[str]:
    """Return what the pre-training sets hold, if there are any, and where they hold less than was asked for."""
    sets = frame[frame["n_classes"] != ""].drop_duplicates("subset")
    if sets.empty:
        return []
    sizes = "; ".join(
        f"{row.subset}: {row.n_classes} classes, {_count(row.n_images, 'an unknown number of')} images"
        for row in sets.itertuples()
    )
    notes = ["", f"Pre-training sets: {sizes}."]
    known = [number for number in sets["n_images"] if number != ""]
    if layout["builder"] == "transfer" and len(set(known)) > 1:
        notes.append(f"The sets differ in size: {min(known):,} to {max(known):,} images.")
    if any(short.values()):
        lacking = "; ".join(
            f"{subset}: {_shortfall(classes)}" for subset, classes in short.items() if classes
        )
        notes += [
            "",
            f"Classes with fewer images than `images_per_class` asks for keep all ({lacking}).",
        ]
    return notes


def _shortfall(classes: Sequence[Mapping[str, Any]]) -> str:
    missing = sum(entry["wanted"] - entry["available"] for entry in classes)
    return f"{len(classes)} of them with fewer than {classes[0]['wanted']:,}, {missing:,} images short in all"


def _given_note(given: Mapping[str, str]) -> list[str]:
    if not given:
        return []
    files = "; ".join(f"{subset} (SHA-256 {checksum[:12]})" for subset, checksum in given.items())
    return ["", f"Networks given as a file, not trained by this study: {files}."]


PAPER_NUMBERS = RESOURCES / "paper_numbers.csv"


def subset_sizes(manifests: Iterable[Path | str]) -> dict[str, dict[str, int]]:
    """Return n_classes and n_images of each subset, from the summary of its manifest or a given network's record.

    n_images is empty for a network that was given without saying how many it was trained on.
    """
    sizes = {}
    for path in map(Path, manifests):
        content = read_facts(path, "n_classes", "n_images")
        sizes[content.get("subset", path.stem)] = {
            key: content[key] for key in ("n_classes", "n_images")
        }
    return sizes


def given_networks(manifests: Iterable[Path | str]) -> dict[str, str]:
    """Return the checksum of each network's file that was given, from the files that `subset_sizes` reads."""
    contents = [read_facts(path) for path in manifests]
    return {
        content["subset"]: content["given"]["weights"] for content in contents if "given" in content
    }


def short_classes(manifests: Iterable[Path | str]) -> dict[str, list[dict[str, Any]]]:
    """Return the classes of each subset that hold fewer images than asked for, as its summary lists them."""
    contents = [(Path(path).stem, read_facts(path)) for path in manifests]
    return {content.get("subset", stem): content.get("short", []) for stem, content in contents}


def paper_numbers(shown: bool) -> pd.DataFrame | None:
    """Return the paper's numbers, or None if the study shows none of them."""
    return read_table(PAPER_NUMBERS, ("subset", "task", "metric", "value")) if shown else None


def write_table(
    layout: Mapping[str, Any],
    metrics: Iterable[Path | str],
    manifests: Iterable[Path | str],
    csv: str,
    markdown: str,
) -> None:
    """Write a table as CSV and Markdown from the metrics of its runs and the summaries of its manifests.

    `layout` is the config's entry with the metrics and replicates of its tasks.
    """
    rows = [name for row in layout.get("rows", []) for name in row["subsets"]]
    subsets = list(
        dict.fromkeys([*rows, *layout.get("references", []), *layout.get("subsets", [])])
    )
    metric_of_task = {task: layout["metrics"][task] for task in layout["tasks"]}
    runs, paper, manifests = collect_runs(metrics), paper_numbers(layout["paper"]), list(manifests)
    sizes = subset_sizes(manifests)
    if layout["builder"] == "budgets":
        check_budgets(layout, sizes)
    frame = table(subsets, metric_of_task, layout["replicates"], runs, sizes, paper)
    write_csv(csv, frame)
    facts = (
        given_networks(manifests),
        short_classes(manifests),
        noise_notes(runs, subsets, metric_of_task),
    )
    write_text(markdown, table_markdown(frame, layout, *facts))
