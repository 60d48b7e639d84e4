"""Statements of the user's own (`claims` in the config), judged like the paper's."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from imagenet_transfer.claims.claims import Claim, each
from imagenet_transfer.claims.results import Results, Statement, ratio
from imagenet_transfer.labels.manifests import SCRATCH


def own_claims(entries: Mapping[str, Mapping[str, Any]]) -> list[Claim]:
    """Return a claim per entry of the config's `claims` (about, contrast, tasks, least, most, unit).

    A contrast with the unit `gain` is counted in percent of what pre-training on the study's full set gains over a
    random start.
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
    low, high = entry.get("least", -math.inf), entry.get("most", math.inf)
    bounds = " and ".join(
        [f"at least {low:g}"] * ("least" in entry) + [f"at most {high:g}"] * ("most" in entry)
    )
    formula = " ".join(f"{weight:+g} {name}" for name, weight in entry["contrast"].items())
    samples, gains, unit = [results.sample(name, task) for name in entry["contrast"]], [], "points"
    if entry["unit"] == "gain":
        gains = [(results.sample(results.full_set(), task), results.sample(SCRATCH, task))]
        unit = "percent of the gain"
    function = partial(_weighted, tuple(entry["contrast"].values()), bool(gains))
    text = f"{task}: {entry['about']} ({formula} is {bounds} {unit})"
    return Statement(text, function, [*samples, *sum(gains, ())], low, high, gains, unit)


def _weighted(weights: tuple[float, ...], of_gain: bool, *means: float) -> float:
    total = sum(weight * mean for weight, mean in zip(weights, means, strict=False))
    return 100 * ratio(total, means[-2] - means[-1]) if of_gain else total
