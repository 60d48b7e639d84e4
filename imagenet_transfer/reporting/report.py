"""The whole study on one page that opens without a network, from findings to runs."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.claims.comparison import NOT_COMPARABLE
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, write_text
from imagenet_transfer.reporting.findings_html import findings_html, power_html
from imagenet_transfer.reporting.html_blocks import markdown_html, small_html, table_html, text_of
from imagenet_transfer.resources import RESOURCES

STYLE = RESOURCES / "report.css"
PAPER = (
    "Huh, Agrawal & Efros: What makes ImageNet good for transfer learning? (2016, arXiv 1608.08614)"
)
# The browser itself refuses the network.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
RUN_KEYS = ["stage", "arch", "subset", "task", "rep"]
NO_COMPARISON = (
    "The numbers of this study are not about the paper's images: compare its rows with each other, "
    "not with the paper."
)


@dataclass(frozen=True)
class Picture:
    """A figure: its name in the config, PNG file, caption, and the files with its numbers."""

    name: str
    png: Path
    caption: str
    numbers: str = ""


@dataclass(frozen=True)
class Parts:
    """What the report shows: `tables` are Markdown by name, `records` all runs' metrics.json."""

    name: str
    seed: int
    compare: bool
    findings: pd.DataFrame
    power: pd.DataFrame
    tables: Mapping[str, str]
    figures: Sequence[Picture]
    comparison: pd.DataFrame
    runs: pd.DataFrame
    records: Sequence[Path]


def report(path: Path | str, parts: Parts) -> None:
    """Write the page: HTML with its style and pictures inside, and no script.

    Raises UserError if the record of a run is damaged.
    """
    tables = (markdown_html(text, name) for name, text in parts.tables.items())
    sections = {
        "findings": ("Findings", findings_html(parts.findings)),
        "power": ("What it would take", power_html(parts.power)),
        "tables": ("Tables", "".join(tables)),
        "figures": ("Figures", "".join(map(picture_html, parts.figures))),
        "comparison": ("The paper's numbers", comparison_html(parts.comparison, parts.compare)),
        "runs": ("Runs", runs_html(parts.runs)),
    }
    write_text(path, page_html(parts, sections))


def page_html(parts: Parts, sections: Mapping[str, tuple[str, str]]) -> str:
    """Return the page of sections (title, content) by id."""
    links = "".join(
        f'<li><a href="#{key}">{escape(title)}</a></li>' for key, (title, _) in sections.items()
    )
    body = "".join(
        f'<section id="{key}"><h2>{escape(title)}</h2>{content}</section>'
        for key, (title, content) in sections.items()
    )
    title = escape(f"Transfer learning from ImageNet: the study {parts.name}")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head>"
        f"<body><header><h1>{title}</h1><p>After {escape(PAPER)}</p>{facts_html(parts)}"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>'
        f"<main>{body}</main></body></html>\n"
    )


# Figures


def picture_html(picture: Picture) -> str:
    """Return a figure with its picture inside the page."""
    data = base64.b64encode(picture.png.read_bytes()).decode()
    source = f" Numbers: {picture.numbers}." if picture.numbers else ""
    title = escape(heading(picture.name))
    words = escape(picture.caption + source)
    return (
        f'<figure id="{escape(picture.name)}">'
        f'<img alt="{escape(picture.caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption><strong>{title}.</strong> {words}</figcaption></figure>"
    )


def heading(name: str) -> str:
    """Return the title of a figure that the config calls `name`: "Figure 1", "Coarse limit"."""
    number = name.removeprefix("figure")
    if number.isdecimal():
        return f"Figure {number}"
    return name.removeprefix("figure-").replace("-", " ").capitalize()


# Facts


def facts_html(parts: Parts) -> str:
    """Return which study this is, and what computed it; UserError if a record is damaged."""
    found = [_origin(record) for record in parts.records]
    versions = {f"{name} {number}" for entry in found for name, number in entry["versions"].items()}
    facts = {
        "Study": f"{parts.name}, seed {parts.seed}",
        "Comparable with the paper": "yes" if parts.compare else f"no. {NO_COMPARISON}",
        "Runs": f"{len(found)}, finished {_span(entry['finished'] for entry in found)}",
        "Devices": "; ".join(sorted({entry["device"] for entry in found})),
        "Commits": "; ".join(sorted({entry["commit"] for entry in found})),
        "Versions": ", ".join(sorted(versions)),
    }
    rows = (f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _origin(record: Path) -> dict[str, Any]:
    """Return what computed a run; UserError if its record is damaged."""
    origin = read_facts(record, "provenance")["provenance"]
    keys = {"commit", "versions", "device", "finished"}
    if not (isinstance(origin, dict) and keys <= origin.keys()):
        raise UserError(
            f"{record} does not say what computed the run: delete it and run the same command "
            "again."
        )
    return origin


def _span(times: Iterable[str]) -> str:
    """Return the first and the last day of times in ISO 8601, or "never"."""
    days = sorted({time[:10] for time in times})
    return " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "never"


# Numbers


def comparison_html(comparison: pd.DataFrame, compare: bool) -> str:
    """Return every number of the paper next to ours."""
    rows = [
        (
            escape(row.statement) + small_html(escape(row.where)),
            escape(row.subset + (f" {sign_of(row.task)} {row.reference}" if row.reference else "")),
            escape(f"{row.task} ({row.metric})"),
            with_spread(row.paper, row.paper_std),
            with_spread(row.ours, row.ours_std),
            text_of(row.difference),
            f'<span class="small">{escape(own_note(row.note))}</span>',
        )
        for row in comparison.fillna({"reference": "", "note": ""}).itertuples()
    ]
    columns = ("Statement", "Of", "Task", "Paper", "Ours", "Ours − paper", "Note")
    warning = "" if compare else f"<p><strong>{escape(NO_COMPARISON)}</strong></p>"
    return warning + table_html(columns, rows, [3, 4, 5])


def own_note(note: str) -> str:
    """Return a number's note without what the page says once, above the table."""
    return note.replace(NOT_COMPARABLE, "").rstrip("; ")


def sign_of(task: str) -> str:
    """Return what links subset and reference: a class of Figure 6 is not subtracted."""
    return "on" if task == "coarse-gain" else "−"


def with_spread(mean: Any, std: Any) -> str:
    """Return a number with its standard deviation, or a sign as it is."""
    try:
        number = float(mean)
    except ValueError:
        return escape(str(mean).replace("-", "−"))
    return text_of(number) + ("" if pd.isna(std) else f" ± {text_of(float(std))}")


def runs_html(runs: pd.DataFrame) -> str:
    """Return how many runs there are of each stage and task, and how long they took."""
    single = runs.drop_duplicates(RUN_KEYS).fillna({"task": ""})
    groups = single.groupby(["stage", "task"], sort=True)
    rows = [_runs_row(escape(" ".join(filter(None, key))), group) for key, group in groups]
    rows.append(_runs_row("all", single))
    note = (
        "<p>Every metric of every run, with seed, fingerprint and commit, is in "
        "<code>results/runs.csv</code>.</p>"
    )
    columns = ("Stage and task", "Runs", "Subsets", "Replicates", "Hours")
    return table_html(columns, rows, [1, 2, 3, 4]) + note


def _runs_row(title: str, runs: pd.DataFrame) -> tuple[str, ...]:
    """Return a row of the table of runs; replicates are those of each subset, fewest to most."""
    each = runs.groupby(["stage", "task", "arch", "subset"]).size()
    replicates = "–".join(dict.fromkeys(map(str, (each.min(), each.max())))) if len(each) else ""
    hours = text_of(float(runs["wall_s"].sum()) / 3600, 2)
    return title, str(len(runs)), str(runs["subset"].nunique()), replicates, hours
