"""Effects, intervals and verdicts from few replicates in a blocked design: docs/statistics.md.

A cell is one pre-trained subset on one task, with one value per replicate. Replicate r of all cells
shares its seeds, so contrasts are computed per replicate, and what a replicate shifts in all cells
cancels. Few replicates tell little about the error; the other cells tell more: its variance is
moderated as in limma (Smyth 2004, doi:10.2202/1544-6115.1027).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from imagenet_transfer.claims.prior import Prior, Sample, contrast_freedom, moderated, prior_of

LEVEL = 0.05  # of verdicts; intervals have 95 %
HOLDS = "holds"
FAILS = "does not"
OPEN = "cannot tell"
ROUNDING = 1e-6  # of a contrast's largest term: slopes are numeric, so a spread below is 0
CLEAR_GAIN = 4.0  # standard errors; found by benchmarks/interval_coverage.py
MOST_REPLICATES = 1000

__all__ = ["Answers", "Effect", "Prior", "Sample", "contrast", "guarded", "holm", "image_contrast"]
__all__ += ["is_absent", "p_value", "prior_of", "replicates_needed", "verdict"]

Function = Callable[..., float]


@dataclass(frozen=True)
class Answers:
    """Which test images of `task` one network gets right.

    `right` (N,) bool, or in how many of its answers to an image, 0..1; `labels` (N,) int, `images`
    (N,) names.
    """

    name: str
    task: str
    right: np.ndarray
    labels: np.ndarray
    images: np.ndarray | None = None


@dataclass(frozen=True)
class Effect:
    """An estimate, its 95 % interval, its standard error and the error's degrees of freedom.

    Without an interval, `low`, `high` and `error` are NaN.
    """

    estimate: float
    low: float = math.nan
    high: float = math.nan
    error: float = math.nan
    freedom: float = math.nan

    def __str__(self) -> str:
        return f"{self.estimate:.3g} [{self.low:.3g}, {self.high:.3g}]"


# Contrasts


def contrast(function: Function, samples: Sequence[Sample], prior: Prior) -> Effect:
    """Return `function` of the cells' means, with an interval from its values per replicate.

    Replicates that all samples have are used, the first n of each; below 2 there is no interval.
    A smooth function is replaced by its tangent at the means; if it divides, `guarded` applies. The
    error has three parts (docs/statistics.md): that of contrasts among alike cells is moderated;
    how much cells set apart and whole replicates vary is known from these replicates only. Where
    cells set apart would make up more than a quarter, it is a plain paired t interval. There is
    none where all replicates agree exactly and no other cell tells the error.
    """
    n = min(len(s.values) for s in samples)
    values = np.array([s.values[:n] for s in samples], dtype=float)
    estimate, weights = tangent(function, values.mean(1))
    if n < 2 or not np.isfinite([estimate, *weights]).all():
        return Effect(estimate)
    own = float((weights @ values).var(ddof=1))
    inside, outside, share, expected, d0 = _parts(samples, values, weights, prior)
    variance, freedom = moderated(inside, outside, own, expected, d0, n - 1, share)
    if variance <= (ROUNDING * np.abs(weights * values.mean(1)).max()) ** 2:
        return Effect(estimate)
    return interval(estimate, math.sqrt(float(variance) / n), float(freedom))


def _parts(
    samples: Sequence[Sample], values: np.ndarray, weights: np.ndarray, prior: Prior
) -> tuple[float, float, float, float, float]:
    """Return inside, outside, share, expected and d0 for `moderated`; d0 is 0 without a prior."""
    n = values.shape[1]
    tasks = [s.task for s in samples]
    if not set(tasks) <= set(prior.tasks) or n > prior.blocks.shape[1]:
        return 0.0, 0.0, 1.0, 0.0, 0.0
    among = np.zeros(prior.member.shape)
    alone: dict[tuple[int, str], float] = {}  # weights of cells that are set apart
    per_replicate = np.zeros(n)
    for s, row, weight in zip(samples, values, weights, strict=True):
        t = prior.tasks.index(s.task)
        if s.name in prior.names and prior.member[t, prior.names.index(s.name)]:
            among[t, prior.names.index(s.name)] += weight
            per_replicate += weight * row
        else:
            alone[t, s.name] = alone.get((t, s.name), 0.0) + weight
    shift = among.sum(1) @ prior.blocks[:, :n]
    inside = per_replicate - shift
    among -= prior.member * (among.sum(1) / prior.member.sum(1))[:, None]
    rest = weights @ values - inside
    expected = float(np.einsum("ti,ui,tu", among, among, prior.covariance))
    by_task = (among**2).sum(1) * np.diag(prior.covariance)
    apart = sum(weight**2 * prior.covariance[t, t] for (t, _), weight in alone.items())
    total = by_task.sum() + apart
    d0 = contrast_freedom(by_task, prior.freedom, _cap(prior, by_task, n))
    share = apart / total if total > 0 else 1.0
    return float(inside.var(ddof=1)), float(rest.var(ddof=1)), share, max(expected, 0.0), float(d0)


def _cap(prior: Prior, by_task: np.ndarray, n: int) -> float:
    """Return the most d0 that the tasks' residuals support besides a contrast's own n - 1."""
    used = prior.pooled[by_task > 0]
    return max(float(used.min()) - (n - 1), 0.0) if len(used) else 0.0


def tangent(function: Function, means: np.ndarray) -> tuple[float, np.ndarray]:
    """Return `function` at `means` and its slopes, by central differences; NaN if undefined."""
    steps = np.diag(1e-4 * np.maximum(1.0, np.abs(means)))
    with np.errstate(all="ignore"):
        estimate = float(function(*means))
        slopes = [
            float(function(*(means + s)) - function(*(means - s))) / (2 * s.sum()) for s in steps
        ]
    return estimate if math.isfinite(estimate) else math.nan, np.array(slopes)


def interval(estimate: float, error: float, freedom: float) -> Effect:
    """Return the effect with Student's 95 % interval; none if the error is 0: it is unknown."""
    if not error > 0:
        return Effect(estimate)
    reach = error * float(stats.t.ppf(1 - LEVEL / 2, freedom))
    return Effect(estimate, estimate - reach, estimate + reach, error, freedom)


def is_absent(gain: Effect, divided: bool) -> bool:
    """Return whether a gain is not surely above 0 or, if it is `divided` by, not clearly.

    Clearly is by `CLEAR_GAIN` standard errors: below, a ratio is far from its tangent.
    """
    return gain.low <= 0 or gain.estimate < (CLEAR_GAIN * gain.error if divided else 0.0)


def guarded(effect: Effect, gains: Sequence[Effect], divided: bool = True) -> Effect:
    """Return `effect`, without an interval if one of its gains is absent or has no interval."""
    uncertain = any(is_absent(gain, divided) or math.isnan(gain.low) for gain in gains)
    return Effect(effect.estimate) if uncertain else effect


# Single runs


def image_contrast(function: Function, answers: Sequence[Answers]) -> Effect:
    """Return `function` of mean class accuracies in points, with an interval from the test images.

    Networks of one task answered the same images in the same order, so their differences are taken
    per image (for two networks: McNemar's variance, within classes). The interval is about these
    networks only. The error is at least that of one image.
    """
    means = np.array([100 * _class_mean(a.right, a.labels)[0] for a in answers])
    estimate, weights = tangent(function, means)
    variance = freedom = 0.0
    for task in dict.fromkeys(a.task for a in answers):
        chosen = [i for i, a in enumerate(answers) if a.task == task]
        labels = answers[chosen[0]].labels
        scores = sum(100 * weights[i] * np.asarray(answers[i].right, dtype=float) for i in chosen)
        least = (100 * np.abs(weights[chosen]).max() / len(labels)) ** 2
        variance += max(_class_mean(scores, labels)[1], least)
        freedom += len(labels) - len(np.unique(labels))
    if not math.isfinite(estimate + variance) or freedom < 1:
        return Effect(estimate)
    return interval(estimate, math.sqrt(variance), freedom)


def _class_mean(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the mean over classes of their mean scores, and its variance over images (strata).

    A class with one image has the pooled variance of the others.
    """
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.bincount(index, scores) / counts
    squares = np.bincount(index, (scores - means[index]) ** 2)
    pooled = squares.sum() / max(len(index) - len(counts), 1)
    within = np.where(counts > 1, squares / np.maximum(counts - 1, 1), pooled)
    return float(means.mean()), float((within / counts).sum() / len(counts) ** 2)


# Verdicts


def verdict(effect: Effect, least: float = 0.0, most: float = math.inf) -> str:
    """Return whether least <= effect <= most, by where the whole interval lies, bounds included."""
    if effect.low >= least and effect.high <= most:
        return HOLDS
    return FAILS if effect.high < least or effect.low > most else OPEN


def p_value(effect: Effect, least: float = 0.0, most: float = math.inf) -> float:
    """Return the smallest alpha at which the 1 - alpha interval decides; NaN without an interval.

    It decides if it lies within [least, most] or outside. It is 1 for an estimate on a bound.
    """
    distance = min(abs(effect.estimate - least), abs(effect.estimate - most))
    return float(2 * stats.t.sf(distance / effect.error, effect.freedom))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's (1979) adjusted p values in the given order; NaN stays NaN, not counted."""
    p = np.asarray(p_values, dtype=float)
    adjusted = p.copy()
    order = [i for i in np.argsort(p) if not math.isnan(p[i])]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()


def replicates_needed(
    effect: Effect, n: int, least: float = 0.0, most: float = math.inf, power: float = 0.8
) -> int | None:
    """Return how many replicates, in all, would decide with probability `power`.

    It takes the estimate of these `n` for the true effect, and their variance. None if more than
    1000 are needed, if the estimate is on a bound, and without an interval.
    """
    margins = [abs(effect.estimate - bound) for bound in (least, most)]
    if not least <= effect.estimate <= most:
        margins = [min(margins)]
    if not (effect.error > 0 and min(margins) > 0):
        return None
    total = np.arange(n, MOST_REPLICATES + 1)
    error = effect.error * np.sqrt(n / total)
    freedom = effect.freedom + total - n
    reach = stats.t.ppf(1 - LEVEL / 2, freedom)
    misses = sum(_miss(margin / error, reach, freedom) for margin in margins if margin < math.inf)
    enough = total[misses <= 1 - power]
    return int(enough[0]) if len(enough) else None


def _miss(shift: np.ndarray, reach: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Return the probability that Student's t, shifted, stays below `reach`; 0 beyond 30."""
    return np.where(shift > 30, 0.0, stats.nct.cdf(reach, freedom, np.minimum(shift, 30)))
