"""Tables as Markdown, as the paper prints them."""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd


def table_markdown(
    frame: pd.DataFrame,
    layout: Mapping[str, Any],
    given: Mapping[str, str] | None = None,
    short: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    noise: Sequence[str] = (),
    bold: Collection[tuple[str, str]] = (),
) -> str:
    """Return a table as the paper prints it, with its title and notes.

    `layout` is the config's entry with the metrics of its tasks, `given` the result of
    `given_networks`, `short` that of `short_classes`, `noise` that of `noise_notes`. `bold` are the
    cells of a table of networks that are better than all others of their column, as (architecture
    and subset, task).
    """
    title = layout["name"].replace("table", "Table ").replace(" -", ": ")
    notes = [
        *measure_notes(frame, layout),
        *_paper_note(frame),
        *noise,
        *bold_notes(layout, bold),
        *set_notes(frame, layout, given or {}, short or {}),
    ]
    return "\n".join([f"# {title}", "", *_body(frame, layout, bold), "", *notes]) + "\n"


def _body(
    frame: pd.DataFrame, layout: Mapping[str, Any], bold: Collection[tuple[str, str]]
) -> list[str]:
    if layout["builder"] == "budgets":
        return _budgets(frame, layout)
    if layout["builder"] == "networks":
        return _by_network(frame, layout, bold)
    return _by_subset(frame, layout, layout["subsets"])


def _budgets(frame: pd.DataFrame, layout: Mapping[str, Any]) -> list[str]:
    """Return Table 2: a row of more classes and one of more images, with the references below.

    There is one column per task and budget.
    """
    cells = {(row.subset, row.task): row for row in frame.itertuples()}
    tasks = layout["tasks"]
    titles = [
        f"{column_title(task, layout)}, {name}" for task in tasks for name in layout["columns"]
    ]
    unequal = layout.get("unequal", False)
    first = "At different numbers of images" if unequal else "At the same number of images"
    lines = _head([first, *titles])
    for row in layout["rows"]:
        subsets = row["subsets"]
        values = [cell_text(cells[subset, task]) for task in tasks for subset in subsets]
        numbers = ", ".join(_count(cells[subset, tasks[0]].n_images) for subset in subsets)
        lines.append(_line([row["title"] + (f" ({numbers})" if unequal else ""), *values]))
    return [*lines, "", *_by_subset(frame, layout, layout["references"])]


def _by_subset(frame: pd.DataFrame, layout: Mapping[str, Any], subsets: Sequence[str]) -> list[str]:
    """Return rows of subsets and columns of tasks, as in Tables 1 and 3."""
    cells = {(row.subset, row.task): row for row in frame.itertuples()}
    tasks = layout["tasks"]
    first = "For comparison" if layout["builder"] == "budgets" else "Pre-trained on"
    head = _head([first, *(column_title(task, layout) for task in tasks)])
    rows = ([name, *(cell_text(cells[name, task]) for task in tasks)] for name in subsets)
    return [*head, *map(_line, rows)]


def _by_network(
    frame: pd.DataFrame, layout: Mapping[str, Any], bold: Collection[tuple[str, str]]
) -> list[str]:
    """Return rows of architectures and subsets and columns of tasks."""
    tasks = layout["tasks"]
    lines = _head(
        ["Network", "Pre-trained on", *(column_title(task, layout) for task in tasks)], texts=2
    )
    for (architecture, subset), row in frame.groupby(["architecture", "subset"], sort=False):
        cells = {cell.task: cell_text(cell) for cell in row.itertuples()}
        best = [task for name, task in bold if name == f"{architecture} {subset}"]
        values = [f"**{cells[task]}**" if task in best else cells[task] for task in tasks]
        lines.append(_line([architecture, subset, *values]))
    return lines


def column_title(task: str, layout: Mapping[str, Any]) -> str:
    """Return the title of a task's column."""
    return f"{task} ({layout['metrics'][task]})"


def _head(titles: Sequence[str], texts: int = 1) -> list[str]:
    """Return the first two lines of a table: titles, and numbers aligned to the right.

    The first `texts` columns hold no numbers.
    """
    return [_line(titles), _line(["---"] * texts + ["---:"] * (len(titles) - texts))]


def _line(cells: Iterable[str]) -> str:
    """Return a line of a table, with pipes and line breaks in a cell's text made harmless."""
    escaped = (re.sub(r"[\\|]", r"\\\g<0>", cell) for cell in cells)
    return "| " + " | ".join(" ".join(cell.split()) for cell in escaped) + " |"


def cells_of(line: str) -> list[str]:
    """Return what `_line` made a line from, except for spaces."""
    cells = re.findall(r"((?:\\.|[^|\\])*)\|", line.strip().removeprefix("|"))
    return [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in cells]


def _count(number: int | str, unknown: str = "?") -> str:
    """Return a number of images as text, or `unknown` if it is empty."""
    return unknown if number == "" else f"{number:,}"


def cell_text(row: Any) -> str:
    """Return a cell as text: mean ± standard deviation, and the paper's number in brackets."""
    single = row.std == "" or math.isnan(row.std)
    text = f"{row.mean:.1f}" if single else f"{row.mean:.1f} ± {row.std:.1f}"
    paper = getattr(row, "paper", "")  # which a table of networks does not show
    return text if paper == "" else f"{text} [{paper}]"


def measure_notes(frame: pd.DataFrame, layout: Mapping[str, Any]) -> list[str]:
    """Return what the numbers are."""
    counts = frame.groupby("task")["n"].max()
    runs = ", ".join(f"{task}: {counts[task]}" for task in layout["tasks"])
    notes = [f"In percent; mean ± sample standard deviation (n − 1) over replicates ({runs})."]
    if once := sorted({name for cells in layout.get("fewer", {}).values() for name in cells}):
        notes.append(
            "Measures without fine-tuning give one number per network, and there is one network of "
            f"{', '.join(once)}."
        )
    return notes


def _paper_note(frame: pd.DataFrame) -> list[str]:
    """Return what numbers in square brackets are, if there are any."""
    if "paper" in frame and (frame["paper"] != "").any():
        return [
            "In square brackets: what the paper states; it states no number for the other cells."
        ]
    return []


def bold_notes(layout: Mapping[str, Any], bold: Collection[tuple[str, str]]) -> list[str]:
    """Return what bold cells of a table of networks mean, or that there are none."""
    if layout["builder"] != "networks":
        return []
    if not bold:
        return ["No network is clearly the best of a column, so none is bold."]
    return [
        "Bold: better than every other network of its column; the 95 % interval of each difference "
        "lies above zero."
    ]


def set_notes(
    frame: pd.DataFrame,
    layout: Mapping[str, Any],
    given: Mapping[str, str],
    short: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[str]:
    """Return what the pre-training sets hold, and which networks the study did not train."""
    of_files = _given_note(given, layout.get("facts", {}))
    return [*_size_notes(frame, layout, short), *of_files]


def _size_notes(
    frame: pd.DataFrame, layout: Mapping[str, Any], short: Mapping[str, Sequence]
) -> list[str]:
    """Return what the pre-training sets hold, and where that is less than was asked for."""
    sets = _sets(frame[frame["n_classes"] != ""])
    if sets.empty:
        return []
    sizes = [
        f"{row.subset}: {row.n_classes} classes, "
        f"{_count(row.n_images, 'an unknown number of')} images"
        for row in sets.itertuples()
    ]
    notes = ["", f"Pre-training sets: {'; '.join(sizes)}."]
    known = [number for number in sets["n_images"] if number != ""]
    if layout["builder"] in ("transfer", "networks") and len(set(known)) > 1:
        notes.append(f"The sets differ in size: {min(known):,} to {max(known):,} images.")
    if any(short.values()):
        lacking = [
            f"{subset}: {_shortfall(classes)}" for subset, classes in short.items() if classes
        ]
        words = "Classes with fewer images than `images_per_class` asks for keep all"
        notes += ["", f"{words} ({'; '.join(lacking)})."]
    return notes


def _sets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row per pre-training set; per architecture too, where sizes depend on it."""
    sizes = frame.drop_duplicates(["subset", "n_classes", "n_images"])
    several = sizes[sizes["subset"].duplicated(keep=False)]["subset"]
    if several.empty:
        return sizes
    each = frame.drop_duplicates(["architecture", "subset"])
    names = each["subset"].where(
        ~each["subset"].isin(several), each["architecture"] + " " + each["subset"]
    )
    return each.assign(subset=names).drop_duplicates("subset")


def _shortfall(classes: Sequence[Mapping[str, Any]]) -> str:
    """Return how many classes have too few images, and how many images they lack."""
    wanted = classes[0]["wanted"]
    missing = sum(entry["wanted"] - entry["available"] for entry in classes)
    return f"{len(classes)} of them with fewer than {wanted:,}, {missing:,} images short in all"


def _given_note(given: Mapping[str, str], facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return which networks were not trained by the study, and from which files they are."""
    if not given:
        return []
    files = "; ".join(
        f"{name} (SHA-256 {checksum[:12]}{_source(facts.get(name.rpartition(' ')[2], {}))})"
        for name, checksum in given.items()
    )
    return ["", f"Networks given as a file, not trained by this study: {files}."]


def _source(facts: Mapping[str, Any]) -> str:
    return f", {facts['source']}" if "source" in facts else ""
