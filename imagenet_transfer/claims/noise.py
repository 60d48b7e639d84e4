"""How far apart two cells of a table must lie to be told apart."""

import itertools
import math
import statistics
from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from imagenet_transfer.claims.statistics import Prior, Sample, contrast, prior_of
from imagenet_transfer.labels.manifests import SCRATCH


def noise_notes(
    runs: pd.DataFrame,
    subsets: Sequence[str],
    metrics: Mapping[str, str],
    apart: Collection[str] = (SCRATCH,),
    cells: str = "pre-training sets",
) -> list[str]:
    """Return one sentence about the noise of each task of a table; none without tasks.

    A difference counts as noise if it is smaller than half the width of its 95 % interval, made as
    in findings.csv (docs/statistics.md) from the cells of this table; of all pairs of pre-trained
    cells, the median. `runs` is the result of `collect_runs`, `metrics` is by task, `apart` are the
    subsets that start at random, and `cells` is what all others are, in words.
    """
    notes = [
        _note(task, samples_of(runs, subsets, task, metric), apart, cells)
        for task, metric in metrics.items()
    ]
    return [f"{'; '.join(notes)}."] if notes else []


def samples_of(runs: pd.DataFrame, subsets: Sequence[str], task: str, metric: str) -> list[Sample]:
    """Return the cells of a task, each with its values in the order of its replicates."""
    chosen = runs[(runs["task"] == task) & (runs["metric"] == metric)].sort_values("rep")
    return [
        Sample(name, task, tuple(chosen.loc[chosen["subset"] == name, "value"])) for name in subsets
    ]


def _note(task: str, samples: Sequence[Sample], apart: Collection[str], cells: str) -> str:
    samples = [sample for sample in samples if len(sample.values) > 1]
    if not samples:
        return f"{task}: one run each, whose spread is not known"
    fewest = min(len(sample.values) for sample in samples)
    least = least_difference(samples, prior_of(samples, tuple(apart)), apart)
    if math.isnan(least):
        return f"{task}: too few cells to tell the noise of a difference"
    trained = sum(sample.name not in apart for sample in samples)
    return (
        f"{task}: differences below {least:.1f} points are within the noise of {fewest} runs, "
        f"estimated from the {trained} {cells} of this table"
    )


def least_difference(
    samples: Sequence[Sample], prior: Prior, apart: Collection[str] = (SCRATCH,)
) -> float:
    """Return half the width of a difference's interval: the median over pairs of cells.

    NaN without pairs. Random starts, in `apart`, are left out.
    """
    trained = [sample for sample in samples if sample.name not in apart]
    effects = (
        contrast(lambda a, b: a - b, pair, prior) for pair in itertools.combinations(trained, 2)
    )
    reaches = [effect.high - effect.estimate for effect in effects if not math.isnan(effect.high)]
    return statistics.median(reaches) if reaches else math.nan


def clear_best(samples: Sequence[Sample], apart: Collection[str] = (SCRATCH,)) -> str | None:
    """Return the cell that is better than each other one of its task, or None if that is not clear.

    Clear means that the 95 % interval of each difference lies above 0, which takes at least two
    runs of each. If two cells are equally good, one of them is called best in at most 5 % of cases.
    """
    best = max(samples, key=lambda sample: sample.mean)
    prior = prior_of(samples, tuple(apart))
    pairs = [(best, other) for other in samples if other is not best]
    effects = [contrast(lambda a, b: a - b, pair, prior) for pair in pairs]
    return best.name if effects and all(effect.low > 0 for effect in effects) else None
