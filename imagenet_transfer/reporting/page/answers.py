"""The claims as answers: a sentence, a verdict, and the effects with their intervals drawn."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imagenet_transfer.claims.statistics import FAILS, HOLDS, OPEN
from imagenet_transfer.reporting.page.intervals import Interval, intervals_svg
from imagenet_transfer.reporting.text import sentence, sign_text

LONGEST_TASK = 24  # characters: what stands before a colon is the statement's task up to this
WORDS = {HOLDS: "holds", FAILS: "does not hold", OPEN: "cannot tell"}
CLASSES = {HOLDS: "yes", FAILS: "no", OPEN: "open"}  # of the style sheet


@dataclass(frozen=True)
class Answer:
    """A claim in plain words, its verdicts, and `svg`, a picture of its statements' effects."""

    claim: str
    section: str
    sentence: str
    verdicts: Mapping[str, int]  # how many statements have each verdict
    where: str  # which tasks have which verdict, if they differ
    sure: int  # statements whose verdict stays after Holm's correction over the study
    needed: str
    svg: str
    alt: str
    rows: Sequence[Mapping[str, Any]]

    @property
    def verdict(self) -> str:
        """Return the one verdict of all statements; "mixed" if they differ."""
        return next(iter(self.verdicts)) if len(self.verdicts) == 1 else "mixed"


def answers(findings: pd.DataFrame, power: pd.DataFrame) -> list[Answer]:
    """Return one answer per claim, in the order of findings.csv."""
    return [
        _answer(str(claim), rows, power[power["claim"].astype(str) == str(claim)])
        for claim, rows in findings.groupby("claim", sort=False)
    ]


def _answer(claim: str, rows: pd.DataFrame, power: pd.DataFrame) -> Answer:
    first = rows.iloc[0]
    counts = rows["verdict"].value_counts()
    tasks = [task_of(text) for text in rows["statement"]]
    drawn = [
        Interval(task, row.effect, row.low, row.high, row.least, row.most, row.verdict, row.unit)
        for task, row in zip(tasks, rows.itertuples(), strict=True)
    ]
    about = first["about"] if isinstance(first["about"], str) else claim
    return Answer(
        claim=claim,
        section=str(first["section"]),
        sentence=sentence(about),
        verdicts={verdict: int(counts[verdict]) for verdict in WORDS if verdict in counts},
        where=_where(tasks, rows["verdict"]),
        sure=int((rows["adjusted"] != OPEN).sum()),
        needed=needed_words(power),
        svg=intervals_svg(drawn),
        alt=_alt(drawn),
        rows=rows.to_dict("records"),
    )


def task_of(statement: str) -> str:
    """Return what stands before the statement's first colon, or the start of the statement."""
    task, colon, _ = statement.partition(":")
    if colon and len(task) <= LONGEST_TASK:
        return task
    return statement if len(statement) <= LONGEST_TASK else statement[: LONGEST_TASK - 1] + "…"


def _where(tasks: Sequence[str], verdicts: pd.Series) -> str:
    """Return "holds for a, b; cannot tell for c", or nothing if all verdicts are the same."""
    if verdicts.nunique() == 1:
        return ""
    groups = {
        verdict: [task for task, found in zip(tasks, verdicts, strict=True) if found == verdict]
        for verdict in WORDS
    }
    return "; ".join(
        f"{WORDS[verdict]} for {', '.join(dict.fromkeys(names))}"
        for verdict, names in groups.items()
        if names
    )


def needed_words(power: pd.DataFrame) -> str:
    """Return how many replicates would decide the open statements, "" if nothing is known."""
    needed = pd.to_numeric(power.get("needed"), errors="coerce") if len(power) else pd.Series([])
    known = needed.dropna()
    if known.empty:
        return ""
    fewest, most = int(known.min()), int(known.max())
    span = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    some = "" if len(known) == len(power) else f" {len(known)} of {len(power)}"
    return f"about {span} replicates would decide{some or ' them'}"


def _alt(drawn: Sequence[Interval]) -> str:
    return "; ".join(
        f"{one.name}: {number_text(one)} {one.unit}, {WORDS[one.verdict]}" for one in drawn
    )


def number_text(one: Interval) -> str:
    """Return "4.0 [0.5, 7.5]", without the interval where there is none."""
    if math.isnan(one.effect):
        return "no effect measured"
    if math.isnan(one.low):
        return f"{sign_text(one.effect)}, no interval,"
    return f"{sign_text(one.effect)} [{sign_text(one.low)}, {sign_text(one.high)}]"
