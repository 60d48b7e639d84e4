"""What a claim says of a study: statements, those that several claims make, and how they read."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from imagenet_transfer.claims.results import MissingError, Results
from imagenet_transfer.claims.statistics import Effect, Prior, Sample
from imagenet_transfer.labels.manifests import SCRATCH


@dataclass(frozen=True)
class Statement:
    """An inequality between runs: `least <= function(*means of the samples) <= most`.

    `gains` are pairs (with pre-training, random start): the function divides by their difference,
    or the statement makes sense only if it is above 0. `unit` says what the effect is counted in.
    If the samples are not runs of the study, `prior` is what is known of their errors, and
    `origins` are the subsets whose networks they come from. A statement that is not about means
    brings its effect (`measured`) and says where its interval is from (`source`).
    """

    text: str
    function: Callable[..., float]
    samples: Sequence[Sample]
    least: float = 0.0
    most: float = math.inf
    gains: Sequence[tuple[Sample, Sample]] = ()
    unit: str = "points"
    note: str = ""
    prior: Prior | None = None
    origins: Sequence[str] = ()
    measured: Effect | None = None
    source: str = ""


Judge = Callable[[Results], Iterator[Statement]]
Made = TypeVar("Made")


def each(items: Iterable[Any], made: Callable[[Any], Made]) -> Iterator[Made]:
    """Yield what `made` makes of each item, leaving out those for which the study lacks a run."""
    for item in items:
        with contextlib.suppress(MissingError):
            yield made(item)


def difference(text: str, better: Sample, worse: Sample, **more: Any) -> Statement:
    """Return the statement that one is at least as good as the other."""
    return Statement(text, lambda a, b: a - b, (better, worse), **more)


def kept(
    results: Results, task: str, subset: str, full: str, share: float, words: str
) -> Statement:
    """Return the statement that `subset` keeps `share` of the gain of `full` over a random start.

    `words` name the subset in the statement's text.
    """
    part, whole, start = (results.sample(name, task) for name in (subset, full, SCRATCH))
    found = ratio(part.mean - start.mean, whole.mean - start.mean)
    return Statement(
        f"{task}: {words} keeps at least {percent(share)} of what pre-training on all gains over a "
        "random start",
        lambda x, f, s: x - s - share * (f - s),
        (part, whole, start),
        gains=[(whole, start)],
        note=(
            f"keeps {100 * found:z.0f} %; the effect is in points above {percent(share)} of the "
            "gain"
        ),
    )


def kept_together(
    results: Results, asked: Sequence[tuple[str, str]], full: str, share: float, words: str
) -> Iterator[Statement]:
    """Yield the statement that pairs (task, subset) keep `share` of the gain, on average.

    Pairs that lack a run are left out; of fewer than two nothing is stated.
    """
    known = [
        (task, subset)
        for task, subset in asked
        if all(results.has(name, task) for name in (subset, full, SCRATCH))
    ]
    if len(known) < 2:
        return
    tasks = list(dict.fromkeys(task for task, _ in known))
    ends = [results.sample(name, task) for task in tasks for name in (full, SCRATCH)]
    samples = [*ends, *(results.sample(subset, task) for task, subset in known)]
    function = _mean_share(len(tasks), [tasks.index(task) for task, _ in known], share)
    estimate = function(*(sample.mean for sample in samples)) + 100 * share
    title = "all tasks together" if len(tasks) > 1 else tasks[0]
    yield Statement(
        f"{title}: {words} keeps, on average, at least {percent(share)} of what pre-training on "
        "all gains over a random start",
        function,
        samples,
        gains=list(zip(ends[::2], ends[1::2], strict=True)),
        unit="percent of the gain",
        note=f"keeps {estimate:z.0f} %",
    )


def _mean_share(n_tasks: int, places: Sequence[int], share: float) -> Callable[..., float]:
    """Return a function of each task's full set and random start, followed by the subsets' means.

    It is the mean share of the gain that the subsets keep, less `share`, in percent; `places` says
    which task each subset's mean is of.
    """

    def function(*means: float) -> float:
        shares = []
        for place, mean in zip(places, means[2 * n_tasks :], strict=True):
            whole, start = means[2 * place : 2 * place + 2]
            shares.append(ratio(mean - start, whole - start))
        return 100 * (sum(shares) / len(shares) - share)

    return function


def ratio(part: float, whole: float) -> float:
    """Return part / whole; NaN, which leaves a statement open, if the whole is 0."""
    return part / (whole or math.nan)


def percent(share: float) -> str:
    """Return a share as text, in percent."""
    return f"{100 * share:g} %"
