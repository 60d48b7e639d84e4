"""The whole study on one page that opens without a network: findings, tables, figures, comparison, runs."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, write_text
from imagenet_transfer.reporting.claims import CLAIMS
from imagenet_transfer.reporting.tables import cells_of

STYLE = Path(__file__).parents[2] / "resources" / "report.css"
PAPER = "Huh, Agrawal & Efros: What makes ImageNet good for transfer learning? (2016, arXiv 1608.08614)"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # the browser itself refuses the network
VERDICTS = {"holds": "yes", "does not": "no", "cannot tell": "open"}  # and the class that colours them
RUN_KEYS = ["stage", "arch", "subset", "task", "rep"]
NO_COMPARISON = (
    "The numbers of this study are not about the paper's images: compare its rows with each other, not with the paper."
)


@dataclass(frozen=True)
class Picture:
    """A figure: its name in the config, its PNG file, what a reader sees in it, and the file with its numbers."""

    name: str
    png: Path
    caption: str
    numbers: str = ""


@dataclass(frozen=True)
class Parts:
    """What the report shows. `tables` are Markdown by name; `records` the metrics.json of all runs."""

    name: str
    seed: int
    compare: bool
    findings: pd.DataFrame
    tables: Mapping[str, str]
    figures: Sequence[Picture]
    comparison: pd.DataFrame
    runs: pd.DataFrame
    records: Sequence[Path]


def report(path: Path | str, parts: Parts) -> None:
    """Write the page: HTML with its style and pictures inside, and no script."""
    sections = {
        "findings": ("Findings", findings_html(parts.findings)),
        "tables": ("Tables", "".join(markdown_html(text, name) for name, text in parts.tables.items())),
        "figures": ("Figures", "".join(map(picture_html, parts.figures))),
        "comparison": ("The paper's numbers", comparison_html(parts.comparison, parts.compare)),
        "runs": ("Runs", runs_html(parts.runs, parts.records)),
    }
    links = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, (title, _) in sections.items())
    body = "".join(
        f'<section id="{key}"><h2>{escape(title)}</h2>{content}</section>' for key, (title, content) in sections.items()
    )
    title = f"Transfer learning from ImageNet: the study {parts.name}"
    write_text(
        path,
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p>After {escape(PAPER)}</p>{facts_html(parts)}"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header><main>{body}</main></body></html>\n',
    )


# Building blocks


def table_html(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str, numeric: Iterable[int] = ()) -> str:
    """Return a table from cells that are HTML already; the first cell of a row is its header."""
    right = set(numeric)
    head = "".join(f'<th scope="col"{_aligned(i in right)}>{cell}</th>' for i, cell in enumerate(columns))
    lines = []
    for row in rows:
        cells = (f"<td{_aligned(i in right)}>{cell}</td>" for i, cell in enumerate(row) if i)
        lines.append(f'<tr><th scope="row">{row[0]}</th>{"".join(cells)}</tr>')
    top = f"<caption>{caption}</caption>" if caption else ""
    return f'<div class="wide"><table>{top}<thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _aligned(right: bool) -> str:
    return ' class="number"' if right else ""


def text_of(value: Any, digits: int = 1) -> str:
    """Return a cell's value as escaped text: numbers rounded, nothing for NaN."""
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no −0.0
    return escape(str(value))


def markdown_html(text: str, name: str) -> str:
    """Return a table's Markdown (a title, tables of pipes, paragraphs) as HTML."""
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    title = blocks[0][0].removeprefix("# ") if blocks[0][0].startswith("# ") else name
    parts = [f'<h3 id="{escape(name)}">{escape(title)}</h3>']
    for lines in blocks:
        if lines[0].startswith("|"):
            head, rule, *rows = map(cells_of, lines)
            numeric = [i for i, mark in enumerate(rule) if mark.endswith(":")]
            cells = [[escape(cell) for cell in row] for row in rows]
            parts.append(table_html([escape(cell) for cell in head], cells, "", numeric))
        elif not lines[0].startswith("# "):
            parts.append(f"<p>{escape(' '.join(lines))}</p>")
    return f"<article>{''.join(parts)}</article>"


def picture_html(picture: Picture) -> str:
    """Return a figure with its picture inside the page."""
    data = base64.b64encode(picture.png.read_bytes()).decode()
    source = f" Numbers: {picture.numbers}." if picture.numbers else ""
    title = escape(picture.name.replace("figure", "Figure "))
    return (
        f'<figure id="{escape(picture.name)}"><img alt="{escape(picture.caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption><strong>{title}.</strong> {escape(picture.caption + source)}</figcaption></figure>"
    )


# Sections


def _origin(record: Path) -> dict[str, Any]:
    """Return by what a run was computed; UserError if its record is damaged."""
    origin = read_facts(record, "provenance")["provenance"]
    if not (isinstance(origin, dict) and {"commit", "versions", "device", "finished"} <= origin.keys()):
        raise UserError(f"{record} does not say by what it was computed: delete it and run the same command again.")
    return origin


def facts_html(parts: Parts) -> str:
    """Return which study this is, and by what it was computed."""
    found = [_origin(record) for record in parts.records]
    versions = sorted({f"{name} {number}" for entry in found for name, number in entry["versions"].items()})
    facts = {
        "Study": f"{parts.name}, seed {parts.seed}",
        "Comparable with the paper": "yes" if parts.compare else f"no. {NO_COMPARISON}",
        "Runs": f"{len(found)}, finished {_span(entry['finished'] for entry in found)}",
        "Devices": "; ".join(sorted({entry["device"] for entry in found})),
        "Commits": "; ".join(sorted({entry["commit"] for entry in found})),
        "Versions": ", ".join(versions),
    }
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())
    return f'<dl class="facts">{rows}</dl>'


def _span(times: Iterable[str]) -> str:
    days = sorted({time[:10] for time in times})
    return " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "never"


def findings_html(findings: pd.DataFrame) -> str:
    """Return a summary of the claims with their verdicts, and every statement with its evidence."""
    if findings.empty:
        return "<p>This study has runs for none of the claims.</p>"
    comparable = "; ".join(sorted(set(findings["comparable"])))
    note = (
        "<p>Each claim of the paper as inequalities, one for each task. The effect is by how much one is met, with "
        "its 95 % interval; the verdict says where the whole interval lies. Of twenty such intervals one misses by "
        f"chance alone. Comparable {escape(comparable)}.</p>"
    )
    groups = list(findings.groupby("claim", sort=False))
    overview = [
        (f"{escape(claim)} {about(claim)}", escape(rows["section"].iloc[0]), tally(rows)) for claim, rows in groups
    ]
    body = "".join(claim_html(claim, rows) for claim, rows in groups)
    columns = ("Statement and evidence", "Effect [95 %]", "Verdict", "How sure")
    head = "".join(f'<th scope="col"{_aligned(i == 1)}>{column}</th>' for i, column in enumerate(columns))
    details = f'<div class="wide"><table class="claims"><thead><tr>{head}</tr></thead>{body}</table></div>'
    return note + table_html(("Claim", "Made in", "Verdicts"), overview, "") + f"<h3>Evidence</h3>{details}"


def about(claim: str) -> str:
    """Return what a claim says, as escaped text."""
    return next((escape(known.about) for known in CLAIMS if known.name == claim), "")


def tally(rows: pd.DataFrame) -> str:
    """Return how often a claim has each verdict."""
    counts = rows["verdict"].value_counts()
    return " ".join(
        verdict_html(verdict) + (f" × {counts[verdict]}" if counts[verdict] > 1 else "")
        for verdict in VERDICTS
        if verdict in counts
    )


def claim_html(claim: str, rows: pd.DataFrame) -> str:
    """Return one claim's statements as a group of table rows."""
    lines = [f'<tr class="claim"><th scope="rowgroup" colspan="4">{escape(claim)} {about(claim)}</th></tr>']
    for row in rows.itertuples():
        interval = f"{text_of(row.effect)} [{text_of(row.low)}, {text_of(row.high)}]"
        lines.append(
            f'<tr><th scope="row">{escape(row.statement)}<div class="small">{escape(row.evidence)}</div></th>'
            f'<td class="number">{"" if pd.isna(row.low) else interval}</td>'
            f'<td>{verdict_html(row.verdict)}</td><td class="small">{escape(row.how_sure)}</td></tr>'
        )
    return f"<tbody>{''.join(lines)}</tbody>"


def verdict_html(verdict: str) -> str:
    """Return a verdict as a coloured word."""
    return f'<span class="verdict {VERDICTS[verdict]}">{escape(verdict)}</span>'


def comparison_html(comparison: pd.DataFrame, compare: bool) -> str:
    """Return every number of the paper beside ours."""
    rows = [
        (
            f'{escape(row.statement)}<div class="small">{escape(row.where)}</div>',
            escape(row.subset + (f" {sign_of(row.task)} {row.reference}" if row.reference else "")),
            escape(f"{row.task} ({row.metric})"),
            with_spread(row.paper, row.paper_std),
            with_spread(row.ours, row.ours_std),
            text_of(row.difference),
            f'<span class="small">{escape(row.note)}</span>',
        )
        for row in comparison.fillna({"reference": "", "note": ""}).itertuples()
    ]
    columns = ("Statement", "Of", "Task", "Paper", "Ours", "Ours − paper", "Note")
    warning = "" if compare else f"<p><strong>{escape(NO_COMPARISON)}</strong></p>"
    return warning + table_html(columns, rows, "", [3, 4, 5])


def sign_of(task: str) -> str:
    """Return what stands between subset and reference: a class of Figure 6 is none to subtract."""
    return "on" if task == "coarse-gain" else "−"


def with_spread(mean: Any, std: Any) -> str:
    """Return a number with its standard deviation; a sign stays as it is."""
    try:
        number = float(mean)
    except ValueError:
        return escape(str(mean).replace("-", "−"))
    return text_of(number) + ("" if pd.isna(std) else f" ± {text_of(float(std))}")


def runs_html(runs: pd.DataFrame, records: Sequence[Path]) -> str:
    """Return how many runs of what there are, and how long they took."""
    single = runs.drop_duplicates(RUN_KEYS).fillna({"task": ""})
    rows = [
        (
            escape(" ".join(filter(None, key))),
            str(len(group)),
            str(group["subset"].nunique()),
            text_of(group["wall_s"].sum() / 3600, 2),
        )
        for key, group in single.groupby(["stage", "task"], sort=True)
    ]
    rows.append(("all", str(len(single)), str(single["subset"].nunique()), text_of(single["wall_s"].sum() / 3600, 2)))
    note = "<p>Every metric of every run, with seed, fingerprint and commit, is in <code>results/runs.csv</code>.</p>"
    return table_html(("Stage and task", "Runs", "Subsets", "Hours"), rows, "", [1, 2, 3]) + note


# What the figures show, for people who read the page without the paper


def caption(layout: Mapping[str, Any]) -> str:
    """Return what is seen in a figure and where it comes from, by its builder and config entry."""
    return CAPTIONS[layout["builder"]].format_map({**layout, **_words(layout)})


def _words(layout: Mapping[str, Any]) -> dict[str, Any]:
    of = {"images_per_class": "images per class", "classes": "classes (merged in WordNet)"}
    return {
        "along": of.get(layout.get("along", ""), ""),
        "tasks": ", ".join(layout.get("tasks", [])) or "no task",
        "splits": " and ".join(layout.get("splits", {})),
    }


CAPTIONS = {
    "curve": "Transfer to {tasks} (left axis) and accuracy on ImageNet (right axis) against the number of {along} that "
    "the network was pre-trained on. Bars: standard deviation of the fine-tuning runs.",
    "clustering": "How coarse labels are made: a piece of WordNet with its classes as leaves; each label set cuts it "
    "at one depth, and every class is merged into its ancestor there.",
    "induction": "Classes that a network never saw as labels, told apart by the nearest neighbours of its {layer} "
    "features (top 1 and top 5), beside the same classes by the network {baseline}, trained on all labels.",
    "neighbours": "Nearest training images of two validation images by {layer} features, one row a network from fine "
    "to coarse labels. Green: the right fine class; orange: the right coarse class only; red: neither.",
    "coarse-gain": "By how much the network {subset} is better at a coarse class of {label_set} than at its "
    "sub-classes: the share of images that it takes for another sub-class of the right coarse class.",
    "splits": "The splits of the classes in halves ({splits}) on the hierarchy of WordNet: a minimal split keeps whole "
    "branches together, a random one mixes them.",
    "collages": "Images of the halves of each split ({splits}), classes spread evenly.",
    "split-accuracy": "For each half of each split: the network trained on that half alone, and the network "
    "{baseline}, trained on everything with its last layer re-trained on the half; both tested on the half.",
}
