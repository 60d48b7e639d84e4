"""Findings as HTML: claims, verdicts and evidence, and what would decide the open statements."""

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from imagenet_transfer.claims.claims import CLAIMS
from imagenet_transfer.claims.statistics import FAILS, HOLDS, MOST_REPLICATES, OPEN
from imagenet_transfer.reporting.html_blocks import (
    head_html,
    prose_html,
    small_html,
    table_html,
    text_of,
)

VERDICTS = {HOLDS: "yes", FAILS: "no", OPEN: "open"}  # and the class that colours them
VERDICT_COLUMNS = {
    "verdict": "By its own interval",
    "within_claim": "After Holm, in the claim",
    "adjusted": "After Holm, in the study",
}
HOW_VERDICTS_ARE_MADE = (
    f"A statement <em>{HOLDS}</em> if the whole 95 % interval of its effect lies within its "
    f"bounds; it <em>{FAILS}</em> if the whole interval lies outside; otherwise, and without an "
    f"interval, one <em>{OPEN}</em>. One verdict in twenty may be wrong by chance; those after "
    "Holm’s correction, over the statements of one claim or of the whole study, can be trusted all "
    "together. How intervals are made and what they leave out: <code>docs/statistics.md</code>."
)
POWER_NOTE = (
    "These statements are open. <em>Needed</em> is the number of replicates, of all networks and "
    "fine-tuning runs in the statement, that decides it with a probability of 80 % if its effect "
    "is as measured, which is itself uncertain. Runs and hours come on top of this study’s. "
    "Statements share runs, so do not add them up."
)


def findings_html(findings: pd.DataFrame) -> str:
    """Return a summary of the claims with their verdicts, and every statement with its evidence."""
    if findings.empty:
        return "<p>This study has runs for none of the claims.</p>"
    comparable = "; ".join(sorted(set(findings["comparable"])))
    note = (
        "<p>Each claim of the paper as inequalities, one per task. The effect says by how much an "
        f"inequality is met. {HOW_VERDICTS_ARE_MADE} Comparable {escape(comparable)}.</p>"
    )
    return f"{scores_html(findings)}{note}{summary_html(findings)}{evidence_html(findings)}"


def scores_html(findings: pd.DataFrame) -> str:
    """Return how many statements have each verdict, all three of the same size."""
    tiles = []
    for verdict in VERDICTS:
        number, adjusted = ((findings[key] == verdict).sum() for key in ("verdict", "adjusted"))
        corrected = small_html(f"{adjusted} after Holm, in the study")
        tiles.append(f"<li>{verdict_html(verdict)} <strong>{number}</strong>{corrected}</li>")
    return f'<ul class="scores" aria-label="Statements by verdict">{"".join(tiles)}</ul>'


def summary_html(findings: pd.DataFrame) -> str:
    """Return a table of the claims and how often each verdict was given on their statements."""
    rows = []
    for claim, group in findings.groupby("claim", sort=False):
        where = small_html(escape(group["section"].iloc[0]))
        tallies = (tally(group[column]) for column in VERDICT_COLUMNS)
        rows.append((f"{escape(claim)} {about(claim)}{where}", *tallies))
    return table_html(("Claim, and where it is made", *VERDICT_COLUMNS.values()), rows)


def evidence_html(findings: pd.DataFrame) -> str:
    """Return a table of all statements, grouped by claim."""
    columns = ("Statement and evidence", "Effect [95 %]", "Verdict", "After Holm", "How sure")
    groups = findings.groupby("claim", sort=False)
    body = "".join(claim_html(claim, rows) for claim, rows in groups)
    table = f'<table class="claims">{head_html(columns, [1])}{body}</table>'
    return f'<h3>Evidence</h3><div class="wide">{table}</div>'


def claim_html(claim: str, rows: pd.DataFrame) -> str:
    """Return one claim's statements as a group of table rows."""
    title = f"{escape(claim)} {about(claim)}"
    lines = [f'<tr class="claim"><th scope="rowgroup" colspan="5">{title}</th></tr>']
    lines += [statement_html(row) for row in rows.itertuples()]
    return f"<tbody>{''.join(lines)}</tbody>"


def statement_html(row: Any) -> str:
    """Return a row of findings.csv as a table row."""
    effect = effect_html(row.effect, row.low, row.high, row.unit)
    adjusted = small_html(f"in the study: {escape(row.adjusted)}")
    return (
        f'<tr><th scope="row">{escape(row.statement)}{small_html(prose_html(row.evidence))}</th>'
        f'<td class="number">{effect}</td>'
        f"<td>{verdict_html(row.verdict)}{small_html(p_text(row.p))}</td>"
        f"<td>{verdict_html(row.within_claim)}{adjusted}</td>"
        f'<td class="small">{prose_html(row.how_sure)}</td></tr>'
    )


def about(claim: str) -> str:
    """Return what a claim of the paper says, as escaped text; empty for the study's own."""
    return next((escape(known.about) for known in CLAIMS if known.name == claim), "")


def tally(verdicts: pd.Series) -> str:
    """Return how often each verdict was given."""
    counts = verdicts.value_counts()
    times = {verdict: counts[verdict] for verdict in VERDICTS if verdict in counts}
    return " ".join(
        f'<span class="count">{verdict_html(verdict)}{f" × {n}" if n > 1 else ""}</span>'
        for verdict, n in times.items()
    )


def verdict_html(verdict: str) -> str:
    """Return a verdict as a coloured word."""
    return f'<span class="verdict {VERDICTS[verdict]}">{escape(verdict)}</span>'


def effect_html(effect: float, low: float, high: float, unit: str) -> str:
    """Return an effect with its interval and its unit; nothing where it is not defined."""
    if pd.isna(effect):
        return ""
    numbers = text_of(float(effect))
    if pd.isna(low):
        return numbers + small_html(f"{escape(unit)}, no interval")
    return f"{numbers} [{text_of(float(low))}, {text_of(float(high))}]{small_html(escape(unit))}"


def p_text(p: float) -> str:
    """Return a p value as escaped text, with as many digits as it takes; nothing for NaN."""
    if pd.isna(p):
        return ""
    return "p &lt; 0.001" if p < 0.001 else f"p = {p:.{2 if p >= 0.1 else 3}f}"


# What it would take


def power_html(power: pd.DataFrame) -> str:
    """Return how many replicates would decide what is open, and what they cost."""
    if power.empty:
        return "<p>Nothing: every statement is decided.</p>"
    hours = [name for name in power if name.startswith("hours on ")]
    letters = [f"({chr(ord('a') + i)})" for i in range(len(hours))]
    rows = [
        (
            f"{escape(row['claim'])} {escape(row['statement'])}",
            count_text(row["replicates"]),
            needed_text(row),
            count_text(row["runs"]),
            *(hours_text(row[column]) for column in hours),
        )
        for row in power.to_dict("records")
    ]
    devices = (name.removeprefix("hours on ") for name in hours)
    named = "; ".join(f"{key} {name}" for key, name in zip(letters, devices, strict=True))
    columns = ["Statement", "Replicates now", "Needed", "Runs to add"]
    columns += [f"Hours {key}" for key in letters]
    table = table_html(columns, rows, range(1, len(columns)))
    return f"<p>{POWER_NOTE} Hours are on {escape(named)}.</p>{table}"


def count_text(value: Any) -> str:
    """Return a whole number as text, nothing if it is missing."""
    number = pd.to_numeric(value, errors="coerce")
    return "" if pd.isna(number) else f"{int(number):,}"


def needed_text(row: Mapping[str, Any]) -> str:
    """Return the replicates that a statement needs, or in small letters why they are unknown."""
    if count := count_text(row["needed"]):
        return count
    if pd.isna(row["low"]):
        return small_html("unknown: no interval")
    if row["replicates"] == 0:
        return small_html("not a matter of replicates")
    return small_html(f"more than {MOST_REPLICATES:,}")


def hours_text(value: Any) -> str:
    """Return hours as text, with at least two digits; nothing if they are missing."""
    hours = pd.to_numeric(value, errors="coerce")
    if pd.isna(hours):
        return ""
    if 0 < hours < 0.01:
        return "&lt; 0.01"
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"
