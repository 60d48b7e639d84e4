"""The paper's claims as inequalities, each judged from the runs of a study.

A statement says how far one measured quantity exceeds another, and its tolerance; `effect` is that
difference with a 95 % interval (`statistics.py`, docs/statistics.md), and the verdict follows from
where the interval lies. Subsets are found by the builder of an output and by their order or size
there, never by their names, so that every study answers the same questions. A claim that a study
has no runs for is left out.
"""

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.claims.claims import CLAIMS, Claim
from imagenet_transfer.claims.effects import AnswerFiles, Images, effect_of
from imagenet_transfer.claims.own_claims import own_claims
from imagenet_transfer.claims.results import CHANCE, MissingError, Results, guesses_of
from imagenet_transfer.claims.statement import Statement
from imagenet_transfer.claims.statistics import (
    LEVEL,
    OPEN,
    Effect,
    holm,
    p_value,
    replicates_needed,
    verdict,
)
from imagenet_transfer.labels.manifests import SCRATCH

PRETRAIN = "pretrain"  # in place of a task: pre-training
COLUMNS = (
    *("claim", "section", "statement", "evidence", "effect", "low", "high", "unit", "p"),
    *("verdict", "within_claim", "adjusted", "how_sure", "comparable"),
    *("about", "least", "most"),
)
POWER_COLUMNS = (
    *("claim", "statement", "effect", "low", "high", "unit", "replicates", "needed", "runs"),
)
COMPARABLE = {
    True: "with the paper: its data and protocol",
    False: "within this study only: its images, classes or networks are not the paper's",
}
# Hours of one run, by device and by task; at PRETRAIN, of one network.
Hours = Mapping[str, Mapping[str, float]]  # by device, and there by task or PRETRAIN


@dataclass(frozen=True)
class Judged:
    """A statement of a claim with what was found; `clear`: whether all its gains are clear."""

    claim: Claim
    statement: Statement
    effect: Effect
    clear: bool
    results: Results
    architecture: str = ""

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

    def about(self, architecture: str) -> "Judged":
        """Return the same with the architecture in the text."""
        text = f"{architecture}, {self.statement.text}"
        return replace(self, statement=replace(self.statement, text=text))

    def of(self, architecture: str) -> "Judged":
        """Return the same as found in runs of an architecture."""
        return replace(self, architecture=architecture)

    @property
    def counts(self) -> tuple[int, int]:
        """Return the fewest and the most values of its samples; 0 without samples."""
        counts = [len(sample.values) for sample in self.statement.samples]
        return min(counts, default=0), max(counts, default=0)

    @property
    def networks(self) -> list[str]:
        """Return the pre-trained subsets that the statement is about."""
        names = self.statement.origins or [sample.name for sample in self.statement.samples]
        return [name for name in dict.fromkeys(names) if name not in (SCRATCH, CHANCE)]


def judge_architectures(
    runs: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    settings: Mapping[str, Any],
    classes: Mapping[str, int],
    answers: Sequence[Path] = (),
) -> list[Judged]:
    """Return every statement about each architecture of a study, named in the text if several.

    `settings` is the study's `reporting_settings`, `classes` the number of classes of each data
    set, `answers` the images.csv.gz of tasks that were run once
    (.../{task}/{architecture}/{subset}/rep1/images.csv.gz).
    """
    known = map(_architectures, settings["outputs"].values())
    architectures = sorted(set(filter(None, itertools.chain.from_iterable(known))))
    judged = []
    for name in architectures:
        results = _results_of(name, runs, tables, settings, classes)
        files = {
            (path.parts[-3], path.parts[-5]): path for path in answers if path.parts[-4] == name
        }
        found = [one.of(name) for one in judge_all(results, files, settings["claims"])]
        judged += found if len(architectures) == 1 else [one.about(name) for one in found]
    return judged


def _architectures(layout: Mapping[str, Any], without: str | None = None) -> list[str | None]:
    """Return the architectures whose networks an output shows; `without` if it shows none."""
    return layout.get("architectures", [layout.get("architecture", without)])


def _results_of(
    architecture: str,
    runs: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    settings: Mapping[str, Any],
    classes: Mapping[str, int],
) -> Results:
    """Return the results of one architecture, with the outputs that show it or no network."""
    layouts = {
        output: entry
        for output, entry in settings["outputs"].items()
        if architecture in _architectures(entry, architecture)
    }
    tables = {name: _of_architecture(frame, architecture) for name, frame in tables.items()}
    tasks = {
        name: task | {"chance": chance_of(task, classes)}
        for name, task in settings["tasks"].items()
    }
    own_runs = runs[runs["arch"] == architecture]
    return Results(own_runs, tables, layouts, tasks, settings["subsets"], settings["tolerances"])


def _of_architecture(frame: pd.DataFrame, architecture: str) -> pd.DataFrame:
    """Return a table's rows of an architecture if it shows several, else all."""
    return frame[frame["architecture"] == architecture] if "architecture" in frame else frame


def chance_of(task: Mapping[str, Any], classes: Mapping[str, int]) -> float:
    """Return the accuracy in percent of guessing on a task that learns its data set's classes."""
    number = max(classes.get(task["dataset"], 1), 1)
    return 100 * min(1.0, guesses_of(task) / number)


def judge_all(
    results: Results,
    files: AnswerFiles | None = None,
    own: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Judged]:
    """Return every statement of the paper's and the study's own claims that has its runs.

    `files` are the images.csv.gz of classification tasks that were run once, by subset and task.
    """
    guesses = {name: guesses_of(task) for name, task in results.tasks.items()}
    images = Images(files or {}, guesses)
    return [
        judged
        for claim in (*CLAIMS, *own_claims(own or {}))
        for judged in _judged(claim, results, images)
    ]


def _judged(claim: Claim, results: Results, images: Images) -> Iterator[Judged]:
    with contextlib.suppress(MissingError):  # what was judged before a missing run stays
        for statement in claim.judge(results):
            yield judge(claim, statement, results, images)


def judge(claim: Claim, statement: Statement, results: Results, images: Images) -> Judged:
    """Return a statement with its effect and interval."""
    if statement.measured is not None:
        return Judged(claim, statement, statement.measured, True, results)
    return Judged(claim, statement, *effect_of(statement, results, images), results)


def findings(judged: Sequence[Judged], compare: bool) -> pd.DataFrame:
    """Return one row per statement, with the columns COLUMNS.

    `verdict` is by the statement's own interval, `within_claim` after Holm's correction over the
    claim's statements, `adjusted` over all of the study. `compare` says whether this is the paper's
    study. A statement holds if its effect lies between `least` and `most`.
    """
    over_study = holm([one.p for one in judged])
    over_claim: dict[int, float] = {}
    for claim in dict.fromkeys(one.claim.name for one in judged):
        places = [i for i, one in enumerate(judged) if one.claim.name == claim]
        over_claim |= dict(zip(places, holm([judged[i].p for i in places]), strict=True))
    rows = [
        _row(one)
        | {"within_claim": one.verdict_at(over_claim[i]), "adjusted": one.verdict_at(over_study[i])}
        | {"comparable": COMPARABLE[compare]}
        for i, one in enumerate(judged)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(one: Judged) -> dict[str, Any]:
    return {
        "claim": one.claim.name,
        "section": one.claim.section,
        "statement": one.statement.text,
        "evidence": evidence(one.statement),
        "effect": one.effect.estimate,
        "low": one.effect.low,
        "high": one.effect.high,
        "unit": one.statement.unit,
        "p": one.p,
        "verdict": one.verdict,
        "how_sure": how_sure(one),
        "about": one.claim.about,
        "least": one.statement.least,
        "most": one.statement.most,
    }


def evidence(statement: Statement) -> str:
    """Return the samples of a statement, by task if there are several, and its note."""
    of_task: dict[str, list[str]] = {}
    for sample in dict.fromkeys(statement.samples):
        of_task.setdefault(sample.task, []).append(str(sample))
    several = len(of_task) > 1
    titled = [
        f"{task}: {', '.join(texts)}" if several else "; ".join(texts)
        for task, texts in of_task.items()
    ]
    return "; ".join([*titled, *filter(None, [statement.note])])


def how_sure(one: Judged) -> str:
    """Return in words what the interval covers and what it does not, or why there is none."""
    fewest, most = one.counts
    if one.statement.measured is not None:
        return one.statement.source
    if not one.clear:
        return "no verdict: a gain that it is about is itself uncertain"
    if math.isnan(one.effect.low) and fewest == 1:
        return "no interval: one run has no spread; raise `replicates`, the study's and the task's"
    if math.isnan(one.effect.low):
        return "no interval: the replicates agree exactly, or there is nothing to divide by"
    if most == 1:
        return "for these networks, each run once: 95 % interval over the test images, in pairs"
    words = f"{fewest} replicates, in pairs; t with {one.effect.freedom:.0f} degrees of freedom"
    if fewest == 1:
        words = f"{most} replicates, or one run and its test images"
    once = [name for name in one.networks if one.results.subsets[name]["networks"] == 1]
    return f"for these networks, pre-trained once ({', '.join(once)}): {words}" if once else words


# What it would take to decide the rest


def power(judged: Sequence[Judged], costs: Mapping[str, Hours]) -> pd.DataFrame:
    """Return one row per open statement: the replicates that would decide it, runs and hours.

    `needed` is the number of replicates with which the statement is decided with a probability of
    80 %, if the effect is as measured; empty if it is above 1000. The columns are
    POWER_COLUMNS and the hours on each device; `costs` are the hours of a run of each architecture.
    """
    rows = [_power_row(one, costs[one.architecture]) for one in judged if one.verdict == OPEN]
    devices = dict.fromkeys(device for hours in costs.values() for device in hours)
    return pd.DataFrame(rows, columns=[*POWER_COLUMNS, *map(_hours_on, devices)])


def _hours_on(device: str) -> str:
    return f"hours on {device}"


def _power_row(one: Judged, costs: Hours) -> dict[str, Any]:
    statement = one.statement
    now, _ = one.counts
    needed = None
    if statement.measured is None and now > 1:  # single runs have only the test images' error
        needed = replicates_needed(one.effect, now, statement.least, statement.most)
    row = {"claim": one.claim.name, "statement": statement.text, "unit": statement.unit}
    row |= {"effect": one.effect.estimate, "low": one.effect.low, "high": one.effect.high}
    row |= {"replicates": now, "needed": needed or "", "runs": ""}
    row |= dict.fromkeys(map(_hours_on, costs), "")
    if needed:
        runs = _missing_runs(one, needed)
        row["runs"] = sum(runs.values())
        for device, hours in costs.items():
            row[_hours_on(device)] = sum(number * hours[of] for of, number in runs.items())
    return row


def _missing_runs(one: Judged, needed: int) -> dict[str, int]:
    """Return how many runs of each task, and networks (PRETRAIN), `needed` replicates lack.

    Where all runs start from one network, replicates are fine-tuning runs, and no further network
    is counted.
    """
    results = one.results
    facts = [results.subsets[name] for name in one.networks]
    numbers = [entry["networks"] for entry in facts if not entry["given"]]
    runs = {PRETRAIN: sum(max(0, needed - number) for number in numbers if number > 1)}
    for sample in dict.fromkeys(one.statement.samples):
        if sample.task in results.tasks and sample.name != CHANCE:
            each = results.runs_per_value(sample.name, sample.task)
            missing = math.ceil(each * max(0, needed - len(sample.values)))
            runs[sample.task] = runs.get(sample.task, 0) + missing
    return runs
