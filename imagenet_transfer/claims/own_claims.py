"""Statements of the user's own (`claims` in the config), judged like the paper's."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from imagenet_transfer.claims.claims import Claim
from imagenet_transfer.claims.results import Results
from imagenet_transfer.claims.statement import Statement, each, ratio
from imagenet_transfer.labels.manifests import SCRATCH


def own_claims(entries: Mapping[str, Mapping[str, Any]]) -> list[Claim]:
    """Return one claim per entry of the config's `claims`.

    An entry has `about`, `contrast`, `tasks`, `unit`, and `least`, `most` or both.
    A contrast with the unit `gain` is counted in percent of what pre-training on the study's full
    set gains over a random start.
    """
    return [
        Claim(name, "this study", entry["about"], partial(statements, entry))
        for name, entry in entries.items()
    ]


def statements(entry: Mapping[str, Any], results: Results) -> Iterator[Statement]:
    """Yield the statement of one of the user's claims about each of its tasks."""
    yield from each(entry["tasks"], lambda task: statement(entry, task, results))


def statement(entry: Mapping[str, Any], task: str, results: Results) -> Statement:
    """Return the statement of one of the user's claims about one task."""
    low = entry.get("least", -math.inf)
    high = entry.get("most", math.inf)
    stated = {"least": f"at least {low:g}", "most": f"at most {high:g}"}
    bounds = " and ".join(words for key, words in stated.items() if key in entry)
    formula = " ".join(f"{weight:+g} {name}" for name, weight in entry["contrast"].items())
    samples = [results.sample(name, task) for name in entry["contrast"]]
    ends = []
    if entry["unit"] == "gain":
        ends = [results.sample(name, task) for name in (results.full_set(), SCRATCH)]
    unit = "percent of the gain" if ends else "points"
    function = partial(_weighted, tuple(entry["contrast"].values()))
    text = f"{task}: {entry['about']} ({formula} is {bounds} {unit})"
    gains = [tuple(ends)] if ends else []
    return Statement(text, function, [*samples, *ends], low, high, gains, unit)


def _weighted(weights: tuple[float, ...], *means: float) -> float:
    """Return the weighted sum, in percent of the gain if the full set and a random start follow."""
    values = means[: len(weights)]
    ends = means[len(weights) :]
    total = sum(weight * value for weight, value in zip(weights, values, strict=True))
    return 100 * ratio(total, ends[0] - ends[1]) if ends else total
