"""How far apart two cells of a table must lie to be told apart."""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence

import pandas as pd

from imagenet_transfer.claims.statistics import Prior, Sample, contrast, prior_of
from imagenet_transfer.labels.manifests import SCRATCH


def noise_notes(
    runs: pd.DataFrame, subsets: Sequence[str], metrics: Mapping[str, str]
) -> list[str]:
    """Return one sentence about the noise of each task of a table; none without tasks.

    A difference counts as noise if it is smaller than half the width of its 95 % interval, made as
    in findings.csv (docs/statistics.md) from the cells of this table; of all pairs of pre-trained
    cells, the median. `runs` is the result of `collect_runs`, `metrics` is by task.
    """
    notes = [
        _note(task, samples_of(runs, subsets, task, metric)) for task, metric in metrics.items()
    ]
    return [f"{'; '.join(notes)}."] if notes else []


def samples_of(runs: pd.DataFrame, subsets: Sequence[str], task: str, metric: str) -> list[Sample]:
    """Return the cells of a task, each with its values in the order of its replicates."""
    chosen = runs[(runs["task"] == task) & (runs["metric"] == metric)].sort_values("rep")
    return [
        Sample(name, task, tuple(chosen.loc[chosen["subset"] == name, "value"])) for name in subsets
    ]


def _note(task: str, samples: Sequence[Sample]) -> str:
    samples = [sample for sample in samples if len(sample.values) > 1]
    if not samples:
        return f"{task}: one run each, whose spread is not known"
    fewest = min(len(sample.values) for sample in samples)
    least = least_difference(samples, prior_of(samples))
    if math.isnan(least):
        return f"{task}: too few cells to tell the noise of a difference"
    trained = sum(sample.name != SCRATCH for sample in samples)
    return (
        f"{task}: differences below {least:.1f} points are within the noise of {fewest} runs, "
        f"as far as the {trained} pre-training sets of this table tell"
    )


def least_difference(samples: Sequence[Sample], prior: Prior) -> float:
    """Return half the width of a difference's interval: the median over pairs of cells.

    NaN without pairs. A random start is left out.
    """
    trained = [sample for sample in samples if sample.name != SCRATCH]
    effects = (
        contrast(lambda a, b: a - b, pair, prior) for pair in itertools.combinations(trained, 2)
    )
    reaches = [effect.high - effect.estimate for effect in effects if not math.isnan(effect.high)]
    return statistics.median(reaches) if reaches else math.nan
