"""Measured values with their uncertainty: 95 % intervals of what is computed from them, and the verdicts they allow."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
HOLDS, FAILS, OPEN = "holds", "does not", "cannot tell"


@dataclass(frozen=True)
class Value:
    """A measured number: its name, mean, standard error, degrees of freedom of that error, and where the error is from.

    `source` is "runs" (spread over fine-tuning runs), "images" (sampling of the test images) or "none" (a single run
    whose metric has no known sampling error).
    """

    name: str
    mean: float
    error: float
    freedom: float
    source: str
    text: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.name} {self.text}"


@dataclass(frozen=True)
class Effect:
    """An estimate and its 95 % interval."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.3g} [{self.low:.3g}, {self.high:.3g}]"


def replicated(name: str, mean: float, std: float, n: int) -> Value:
    """Return the value of `n` >= 2 runs with sample standard deviation `std`."""
    return Value(name, mean, std / math.sqrt(n), n - 1, "runs", f"{mean:.1f} ± {std:.1f} ({n} runs)")


def proportion(name: str, percent: float, images: float) -> Value:
    """Return the value of one run that is right on `percent` of its test images, with the binomial error.

    The error is computed with one image more right and one more wrong: 0 % and 100 % are no certainties.
    """
    share = (percent / 100 * images + 1) / (images + 2)
    error = 100 * math.sqrt(share * (1 - share) / images)
    return Value(name, percent, error, math.inf, "images", f"{percent:.1f} (one run, {images:.0f} test images)")


def single(name: str, mean: float) -> Value:
    """Return the value of one run without any known error: nothing can be told from it."""
    return Value(name, mean, math.nan, math.inf, "none", f"{mean:.1f} (one run)")


def effect_of(function: Callable[..., float], values: Sequence[Value]) -> Effect:
    """Return a function of independent values, with the 95 % interval of Welch and Satterthwaite.

    Exact for sums and differences (for two means: Welch's t interval); otherwise by the function's slope at the means.
    NaN where the function is not defined, such as a share of nothing.
    """
    means = [np.float64(value.mean) for value in values]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(function(*means))
        parts = [float(slope(function, means, i) * value.error) ** 2 for i, value in enumerate(values)]
    variance = sum(parts)
    if not (math.isfinite(estimate) and math.isfinite(variance)):
        return Effect(estimate if math.isfinite(estimate) else math.nan, math.nan, math.nan)
    uncertain = sum(part**2 / value.freedom for part, value in zip(parts, values, strict=True))
    freedom = variance**2 / uncertain if uncertain > 0 else math.inf
    reach = quantile(freedom) * math.sqrt(variance)
    return Effect(estimate, estimate - reach, estimate + reach)


def slope(function: Callable[..., float], means: Sequence[float], index: int) -> float:
    """Return the partial derivative of `function` at `means`, by central differences."""
    step = 1e-4 * max(1.0, abs(means[index]))
    above, below = list(means), list(means)
    above[index] += step
    below[index] -= step
    return (function(*above) - function(*below)) / (2 * step)


def quantile(freedom: float) -> float:
    """Return Student's t of the two-sided 95 % interval: 1.96 for infinitely many degrees of freedom."""
    upper = (1 + CONFIDENCE) / 2
    return float(stats.t.ppf(upper, freedom) if math.isfinite(freedom) else stats.norm.ppf(upper))


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> Effect:
    """Return Spearman's rank correlation with Bonett and Wright's (2000) interval; of fewer than 5 pairs none."""
    if len(a) < 5 or len(set(a)) == 1 or len(set(b)) == 1:
        return Effect(math.nan, math.nan, math.nan)
    rho = float(stats.spearmanr(a, b).statistic)
    bounded = min(max(rho, -1 + 1e-9), 1 - 1e-9)
    reach = quantile(math.inf) * math.sqrt((1 + bounded**2 / 2) / (len(a) - 3))
    return Effect(rho, math.tanh(math.atanh(bounded) - reach), math.tanh(math.atanh(bounded) + reach))


def verdict(effect: Effect, least: float = 0.0, most: float = math.inf) -> str:
    """Return whether a claim `least <= effect <= most` holds: by where the whole interval lies, the bounds included."""
    if math.isnan(effect.low):
        return OPEN
    if effect.low >= least and effect.high <= most:
        return HOLDS
    if effect.high < least or effect.low > most:
        return FAILS
    return OPEN


def how_sure(values: Sequence[Value]) -> str:
    """Return in words which errors an interval of these values has in it, and which not."""
    sources = {value.source for value in values}
    if "none" in sources:
        return "no interval: a metric of single runs has no known error; raise `replicates` of the task"
    words = []
    if "runs" in sources:
        words.append(
            "95 % interval by Welch's t over fine-tuning runs; each network was pre-trained once, so the spread "
            "between pre-trainings is not in it"
        )
    if "images" in sources:
        words.append(
            "95 % interval from the binomial error of the test images, taken as independent; single runs, so "
            "run-to-run spread is not in it"
        )
    return "; ".join(words)
