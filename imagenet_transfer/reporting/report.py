"""The whole study on one page that opens without a network, from findings to runs."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.claims.claims import CLAIMS
from imagenet_transfer.claims.comparison import NOT_COMPARABLE
from imagenet_transfer.claims.statistics import FAILS, HOLDS, MOST_REPLICATES, OPEN
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, write_text
from imagenet_transfer.reporting.tables import cells_of
from imagenet_transfer.resources import RESOURCES

STYLE = RESOURCES / "report.css"
PAPER = (
    "Huh, Agrawal & Efros: What makes ImageNet good for transfer learning? (2016, arXiv 1608.08614)"
)
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # the browser itself refuses the network
VERDICTS = {HOLDS: "yes", FAILS: "no", OPEN: "open"}  # and the class that colours them
RUN_KEYS = ["stage", "arch", "subset", "task", "rep"]
NO_COMPARISON = (
    "The numbers of this study are not about the paper's images: compare its rows with each other, "
    "not with the paper."
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
    power: pd.DataFrame
    tables: Mapping[str, str]
    figures: Sequence[Picture]
    comparison: pd.DataFrame
    runs: pd.DataFrame
    records: Sequence[Path]


def report(path: Path | str, parts: Parts) -> None:
    """Write the page: HTML with its style and pictures inside, and no script."""
    sections = {
        "findings": ("Findings", findings_html(parts.findings)),
        "power": ("What it would take", power_html(parts.power)),
        "tables": (
            "Tables",
            "".join(markdown_html(text, name) for name, text in parts.tables.items()),
        ),
        "figures": ("Figures", "".join(map(picture_html, parts.figures))),
        "comparison": ("The paper's numbers", comparison_html(parts.comparison, parts.compare)),
        "runs": ("Runs", runs_html(parts.runs, parts.records)),
    }
    links = "".join(
        f'<li><a href="#{key}">{escape(title)}</a></li>' for key, (title, _) in sections.items()
    )
    body = "".join(
        f'<section id="{key}"><h2>{escape(title)}</h2>{content}</section>'
        for key, (title, content) in sections.items()
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


def table_html(
    columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str, numeric: Iterable[int] = ()
) -> str:
    """Return a table from cells that are HTML already; the first cell of a row is its header."""
    right = set(numeric)
    head = "".join(
        f'<th scope="col"{_aligned(i in right)}>{cell}</th>' for i, cell in enumerate(columns)
    )
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
        return (
            "" if pd.isna(value) else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")
        )  # + 0.0: no −0.0
    return escape(str(value))


def prose_html(text: str) -> str:
    """Return text with `names` as code and minus signs as such, escaped."""
    with_signs = re.sub(r"(?<=\s)-(?=\d)", "−", escape(text))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", with_signs)


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
    title = escape(heading(picture.name))
    return (
        f'<figure id="{escape(picture.name)}"><img alt="{escape(picture.caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption><strong>{title}.</strong> {escape(picture.caption + source)}</figcaption></figure>"
    )


def heading(name: str) -> str:
    """Return the title of a figure that the config calls `name`: "Figure 1", "Coarse limit"."""
    number = name.removeprefix("figure")
    if number.isdecimal():
        return f"Figure {number}"
    return name.removeprefix("figure-").replace("-", " ").capitalize()


# Sections


def _origin(record: Path) -> dict[str, Any]:
    """Return by what a run was computed; UserError if its record is damaged."""
    origin = read_facts(record, "provenance")["provenance"]
    if not (
        isinstance(origin, dict) and {"commit", "versions", "device", "finished"} <= origin.keys()
    ):
        raise UserError(
            f"{record} does not say by what it was computed: delete it and run the same command again."
        )
    return origin


def facts_html(parts: Parts) -> str:
    """Return which study this is, and by what it was computed."""
    found = [_origin(record) for record in parts.records]
    versions = sorted(
        {f"{name} {number}" for entry in found for name, number in entry["versions"].items()}
    )
    facts = {
        "Study": f"{parts.name}, seed {parts.seed}",
        "Comparable with the paper": "yes" if parts.compare else f"no. {NO_COMPARISON}",
        "Runs": f"{len(found)}, finished {_span(entry['finished'] for entry in found)}",
        "Devices": "; ".join(sorted({entry["device"] for entry in found})),
        "Commits": "; ".join(sorted({entry["commit"] for entry in found})),
        "Versions": ", ".join(versions),
    }
    rows = "".join(
        f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items()
    )
    return f'<dl class="facts">{rows}</dl>'


def _span(times: Iterable[str]) -> str:
    days = sorted({time[:10] for time in times})
    return " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "never"


VERDICT_COLUMNS = {
    "verdict": "By themselves",
    "within_claim": "After Holm, in the claim",
    "adjusted": "After Holm, in the study",
}
HOW_VERDICTS_ARE_MADE = (
    f"A statement <em>{HOLDS}</em> if the whole 95 % interval of its effect lies within its bounds, it "
    f"<em>{FAILS}</em> if the whole interval lies outside, and otherwise one <em>{OPEN}</em>, as "
    "without an interval. Of twenty verdicts one may be wrong by chance; those after Holm’s "
    "correction, over the statements of one claim or over all of the study, can be believed all "
    "together. How intervals are made and what is not in them: <code>docs/statistics.md</code>."
)


def findings_html(findings: pd.DataFrame) -> str:
    """Return a summary of the claims with their verdicts, and every statement with its evidence."""
    if findings.empty:
        return "<p>This study has runs for none of the claims.</p>"
    comparable = "; ".join(sorted(set(findings["comparable"])))
    note = (
        "<p>Each claim of the paper as inequalities, one for each task. The effect is by how much "
        f"one is met. {HOW_VERDICTS_ARE_MADE} Comparable {escape(comparable)}.</p>"
    )
    groups = list(findings.groupby("claim", sort=False))
    overview = [
        (
            f'{escape(claim)} {about(claim)}<div class="small">{escape(rows["section"].iloc[0])}</div>',
            *(tally(rows[column]) for column in VERDICT_COLUMNS),
        )
        for claim, rows in groups
    ]
    body = "".join(claim_html(claim, rows) for claim, rows in groups)
    columns = ("Statement and evidence", "Effect [95 %]", "Verdict", "After Holm", "How sure")
    head = "".join(
        f'<th scope="col"{_aligned(i == 1)}>{column}</th>' for i, column in enumerate(columns)
    )
    details = f'<div class="wide"><table class="claims"><thead><tr>{head}</tr></thead>{body}</table></div>'
    summary = table_html(("Claim, and where it is made", *VERDICT_COLUMNS.values()), overview, "")
    return scores_html(findings) + note + summary + f"<h3>Evidence</h3>{details}"


def scores_html(findings: pd.DataFrame) -> str:
    """Return how many statements have each verdict, all three of the same size."""
    tiles = []
    for verdict in VERDICTS:
        number, adjusted = ((findings[key] == verdict).sum() for key in ("verdict", "adjusted"))
        tiles.append(
            f"<li>{verdict_html(verdict)} <strong>{number}</strong>"
            f'<div class="small">{adjusted} after Holm, in the study</div></li>'
        )
    return f'<ul class="scores" aria-label="Statements by verdict">{"".join(tiles)}</ul>'


def about(claim: str) -> str:
    """Return what a claim says, as escaped text."""
    return next((escape(known.about) for known in CLAIMS if known.name == claim), "")


def tally(verdicts: pd.Series) -> str:
    """Return how often each verdict was given."""
    counts = verdicts.value_counts()
    return " ".join(
        f'<span class="count">{verdict_html(verdict)}'
        + (f" × {counts[verdict]}" if counts[verdict] > 1 else "")
        + "</span>"
        for verdict in VERDICTS
        if verdict in counts
    )


def claim_html(claim: str, rows: pd.DataFrame) -> str:
    """Return one claim's statements as a group of table rows."""
    title = f"{escape(claim)} {about(claim)}"
    lines = [f'<tr class="claim"><th scope="rowgroup" colspan="5">{title}</th></tr>']
    for row in rows.itertuples():
        evidence = f'<div class="small">{prose_html(row.evidence)}</div>'
        lines.append(
            f'<tr><th scope="row">{escape(row.statement)}{evidence}</th>'
            f'<td class="number">{effect_html(row.effect, row.low, row.high, row.unit)}</td>'
            f'<td>{verdict_html(row.verdict)}<div class="small">{p_text(row.p)}</div></td>'
            f"<td>{verdict_html(row.within_claim)}"
            f'<div class="small">in the study: {escape(row.adjusted)}</div></td>'
            f'<td class="small">{prose_html(row.how_sure)}</td></tr>'
        )
    return f"<tbody>{''.join(lines)}</tbody>"


def effect_html(effect: float, low: float, high: float, unit: str) -> str:
    """Return an effect with its interval and its unit; nothing where it is not defined."""
    if pd.isna(effect):
        return ""
    numbers = text_of(float(effect))
    if pd.notna(low):
        numbers += f" [{text_of(float(low))}, {text_of(float(high))}]"
        return f'{numbers}<div class="small">{escape(unit)}</div>'
    return f'{numbers}<div class="small">{escape(unit)}, no interval</div>'


def p_text(p: float) -> str:
    """Return a p value as escaped text, with as many digits as it takes; nothing for NaN."""
    if pd.isna(p):
        return ""
    return "p &lt; 0.001" if p < 0.001 else f"p = {p:.{2 if p >= 0.1 else 3}f}"


def verdict_html(verdict: str) -> str:
    """Return a verdict as a coloured word."""
    return f'<span class="verdict {VERDICTS[verdict]}">{escape(verdict)}</span>'


# What it would take


def power_html(power: pd.DataFrame) -> str:
    """Return how many replicates would decide what is open, and what they cost."""
    if power.empty:
        return "<p>Nothing: every statement is decided.</p>"
    devices = {
        f"({chr(ord('a') + i)})": column
        for i, column in enumerate(name for name in power if name.startswith("hours on "))
    }
    rows = [
        (
            f"{escape(row['claim'])} {escape(row['statement'])}",
            count_text(row["replicates"]),
            needed_text(row),
            count_text(row["runs"]),
            *(hours_text(row[column]) for column in devices.values()),
        )
        for row in power.to_dict("records")
    ]
    names = "; ".join(f"{key} {name.removeprefix('hours on ')}" for key, name in devices.items())
    columns = ("Statement", "Replicates now", "Needed", "Runs to add")
    columns += tuple(f"Hours {key}" for key in devices)
    table = table_html(columns, rows, "", range(1, len(columns)))
    return f"<p>{POWER_NOTE} Hours are on {escape(names)}.</p>{table}"


POWER_NOTE = (
    "These statements are open. <em>Needed</em> is the number of replicates, of all networks and "
    "fine-tuning runs in the statement, that decides it with a probability of 80 %, if its "
    "effect is as measured; but the measured effect is itself uncertain. Runs and hours come on "
    "top of this study’s. Statements share runs, so do not add them up."
)


def count_text(value: Any) -> str:
    """Return a whole number as text, nothing if it is missing."""
    number = pd.to_numeric(value, errors="coerce")
    return "" if pd.isna(number) else f"{int(number):,}"


def needed_text(row: Mapping[str, Any]) -> str:
    """Return the replicates that a statement needs, or in small letters why they are unknown."""
    if count := count_text(row["needed"]):
        return count
    why = f"more than {MOST_REPLICATES:,}"
    if pd.isna(row["low"]):
        why = "unknown: no interval"
    elif row["replicates"] == 0:
        why = "not a matter of replicates"
    return f'<div class="small">{why}</div>'


def hours_text(value: Any) -> str:
    """Return hours as text: two digits at least, nothing if they are missing."""
    hours = pd.to_numeric(value, errors="coerce")
    if pd.isna(hours):
        return ""
    if 0 < hours < 0.01:
        return "&lt; 0.01"
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def comparison_html(comparison: pd.DataFrame, compare: bool) -> str:
    """Return every number of the paper next to ours."""
    rows = [
        (
            f'{escape(row.statement)}<div class="small">{escape(row.where)}</div>',
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
    return warning + table_html(columns, rows, "", [3, 4, 5])


def own_note(note: str) -> str:
    """Return a number's note without what the page says once above all of them."""
    return note.replace(NOT_COMPARABLE, "").rstrip("; ")


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
    groups = single.groupby(["stage", "task"], sort=True)
    rows = [_runs_row(escape(" ".join(filter(None, key))), group) for key, group in groups]
    rows.append(_runs_row("all", single))
    note = "<p>Every metric of every run, with seed, fingerprint and commit, is in <code>results/runs.csv</code>.</p>"
    columns = ("Stage and task", "Runs", "Subsets", "Replicates", "Hours")
    return table_html(columns, rows, "", [1, 2, 3, 4]) + note


def _runs_row(title: str, runs: pd.DataFrame) -> tuple[str, ...]:
    """Return a row of the table of runs; replicates are those of each subset, fewest to most."""
    each = runs.groupby(["stage", "task", "arch", "subset"]).size()
    replicates = "–".join(dict.fromkeys(map(str, (each.min(), each.max())))) if len(each) else ""
    hours = text_of(float(runs["wall_s"].sum()) / 3600, 2)
    return title, str(len(runs)), str(runs["subset"].nunique()), replicates, hours
