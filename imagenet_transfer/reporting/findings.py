"""The paper's claims as inequalities, each judged from the runs of a study.

A claim says how far one measured quantity exceeds another, with its tolerance in the statement; `effect` is that
difference with a 95 % interval (`statistics.py`, docs/statistics.md), and the verdict follows from where the interval
lies. Subsets are found by the builder of an output and their order or size there, never by their names, so that every
study answers the same questions; a claim that a study has no runs for is left out.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imagenet_transfer.reporting.answers import MissingError, Results, Statement
from imagenet_transfer.reporting.claims import CLAIMS, Claim
from imagenet_transfer.reporting.effects import AnswerFiles, Images, effect_of
from imagenet_transfer.reporting.own_claims import own_claims
from imagenet_transfer.reporting.statistics import (
    OPEN,
    Effect,
    holm,
    p_value,
    replicates_needed,
    verdict,
)
from imagenet_transfer.study import SCRATCH

LEVEL = 0.05
COLUMNS = (
    *("claim", "section", "statement", "evidence", "effect", "low", "high", "unit", "p"),
    *("verdict", "within_claim", "adjusted", "how_sure", "comparable"),
)
POWER_COLUMNS = ("claim", "statement", "effect", "low", "high", "unit", "replicates", "needed", "runs")
COMPARABLE = {
    True: "with the paper: its data and protocol",
    False: "within this study only: its images, classes or networks are not the paper's",
}
Costs = Mapping[str, Mapping[str, float]]  # hours of one run, by device and by task ("pretrain": of one network)


@dataclass(frozen=True)
class Judged:
    """A statement of a claim with what was found; `clear`: whether every gain that it is about is there."""

    claim: Claim
    statement: Statement
    effect: Effect
    clear: bool

    @property
    def p(self) -> float:
        """Return the level at which the statement is just decided; NaN without an interval."""
        return p_value(self.effect, self.statement.least, self.statement.most)

    @property
    def verdict(self) -> str:
        """Return the statement's own verdict, from its 95 % interval."""
        return verdict(self.effect, self.statement.least, self.statement.most)

    def verdict_at(self, adjusted: float) -> str:
        """Return the verdict with an adjusted p."""
        return self.verdict if adjusted <= LEVEL else OPEN

    @property
    def replicates(self) -> int:
        """Return how many replicates every sample has."""
        return min((len(sample.values) for sample in self.statement.samples), default=0)


def judge_all(
    results: Results, files: AnswerFiles | None = None, own: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Judged]:
    """Return every statement of the paper's claims, and of the study's own, that its runs can speak of.

    `files` are the images.csv.gz of classification tasks that were run once, by subset and task.
    """
    images = Images(files or {}, {name: 5 if task["metric"] == "top5" else 1 for name, task in results.tasks.items()})
    return [judged for claim in (*CLAIMS, *own_claims(own or {})) for judged in _judged(claim, results, images)]


def _judged(claim: Claim, results: Results, images: Images) -> Iterator[Judged]:
    try:
        for statement in claim.judge(results):
            yield judge(claim, statement, results, images)
    except MissingError:
        return  # what was judged before a missing run stays


def judge(claim: Claim, statement: Statement, results: Results, images: Images) -> Judged:
    """Return a statement with its effect and interval."""
    if statement.measured is not None:
        return Judged(claim, statement, statement.measured, clear=True)
    return Judged(claim, statement, *effect_of(statement, results, images))


def findings(judged: Sequence[Judged], results: Results, compare: bool) -> pd.DataFrame:
    """Return one row per statement, with the columns COLUMNS; `compare`: whether this is the paper's study.

    `verdict` is by the statement's own interval, `within_claim` after Holm's correction over the claim's statements,
    `adjusted` over all of the study.
    """
    over_study = holm([one.p for one in judged])
    over_claim: dict[int, float] = {}
    for claim in dict.fromkeys(one.claim.name for one in judged):
        places = [i for i, one in enumerate(judged) if one.claim.name == claim]
        over_claim |= dict(zip(places, holm([judged[i].p for i in places]), strict=True))
    rows = [
        _row(one, results)
        | {"within_claim": one.verdict_at(over_claim[i]), "adjusted": one.verdict_at(over_study[i])}
        | {"comparable": COMPARABLE[compare]}
        for i, one in enumerate(judged)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(one: Judged, results: Results) -> dict[str, Any]:
    samples = dict.fromkeys(str(sample) for sample in one.statement.samples)
    evidence = "; ".join([*samples, *filter(None, [one.statement.note])])
    return {
        "claim": one.claim.name,
        "section": one.claim.section,
        "statement": one.statement.text,
        "evidence": evidence,
        "effect": one.effect.estimate,
        "low": one.effect.low,
        "high": one.effect.high,
        "unit": one.statement.unit,
        "p": one.p,
        "verdict": one.verdict,
        "how_sure": how_sure(one, results),
    }


def how_sure(one: Judged, results: Results) -> str:
    """Return in words what the interval has in it, and what it has not."""
    if one.statement.measured is not None:
        return one.statement.source
    if not one.clear:
        return "no verdict: the gain over a random start is itself uncertain"
    if math.isnan(one.effect.low):
        return "no interval: single runs have no spread; raise `replicates`"
    if one.replicates == 1:
        return "for these networks, each run once: 95 % interval over the test images, in pairs"
    words = f"{one.replicates} replicates, in pairs; t with {one.effect.freedom:.0f} degrees of freedom"
    once = [name for name in _trained(one.statement) if results.networks(name) == 1]
    if once:
        words = f"for these networks: pre-trained once ({', '.join(once)}), fine-tuned in {words}"
    return words


def _trained(statement: Statement) -> list[str]:
    return list(dict.fromkeys(sample.name for sample in statement.samples if sample.name != SCRATCH))


# What it would take to decide the rest


def power(judged: Sequence[Judged], results: Results, costs: Costs) -> pd.DataFrame:
    """Return one row per open statement: the replicates that would decide it, the runs and hours to get there.

    `needed` is the number of replicates with which the statement is decided with a probability of 80 %, if the effect
    is as measured; empty if none up to 1000 would. Columns: POWER_COLUMNS and the hours on each device of `costs`.
    """
    rows = [_power_row(one, results, costs) for one in judged if one.verdict == OPEN]
    return pd.DataFrame(rows, columns=[*POWER_COLUMNS, *(f"hours on {device}" for device in costs)])


def _power_row(one: Judged, results: Results, costs: Costs) -> dict[str, Any]:
    statement, now = one.statement, one.replicates
    needed = None
    if statement.measured is None and now > 1:  # the error of single runs is that of the test images
        needed = replicates_needed(one.effect, now, statement.least, statement.most)
    cells = dict.fromkeys((sample.name, sample.task) for sample in statement.samples)
    more = max(0, needed - now) if needed else 0
    fine_tunings = {task: more * sum(of == task for _, of in cells) for _, task in cells}
    networks = sum(max(0, needed - results.networks(name)) for name in _trained(statement)) if needed else 0
    row = {"claim": one.claim.name, "statement": statement.text, "unit": statement.unit, "replicates": now}
    row |= {"effect": one.effect.estimate, "low": one.effect.low, "high": one.effect.high}
    row |= {"needed": needed or "", "runs": networks + sum(fine_tunings.values()) if needed else ""}
    for device, hours in costs.items():
        total = networks * hours["pretrain"] + sum(number * hours.get(task, 0) for task, number in fine_tunings.items())
        row[f"hours on {device}"] = total if needed else ""
    return row
