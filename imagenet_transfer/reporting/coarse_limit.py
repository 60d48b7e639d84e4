"""From which number of classes on pre-training on merged labels is better than a random start.

The gain of a label set is its transfer value less that of a random start, paired by replicate. The
limit is where the gain, interpolated linearly over the logarithm of the number of classes, crosses
zero. Its range holds every number of classes whose (interpolated, paired) gain is neither surely
above nor surely below zero: the 95 % confidence set of the crossing that Fieller (1954) described.
It rests on the spread between replicates; a bootstrap of three replicates has only ten outcomes.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from imagenet_transfer.errors import UserError
from imagenet_transfer.reporting.correlation import values_of
from imagenet_transfer.study import SCRATCH

COLUMNS = (
    *("task", "metric", "subset", "n_classes", "n", "gain", "low", "high"),
    *("limit", "limit_low", "limit_high", "statement"),
)
STEPS = 64  # places per pair of neighbouring label sets where the interval is looked at
BISECTIONS = 40

# Of a task and paired differences in points: the ends of their mean's 95 % interval, or NaN twice
Interval = Callable[[str, Sequence[float]], tuple[float, float]]


@dataclass(frozen=True)
class Limit:
    """Where the gain crosses zero, in classes; NaN where there is no such number.

    `low` is the largest number that is surely worse than a random start, `high` the smallest from
    which on all are surely better.
    """

    limit: float
    low: float
    high: float
    statement: str


def paired_t(task: str, differences: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean of paired differences (Student's t); NaN for one pair."""
    values = np.asarray(differences, float)
    if len(values) < 2:
        return math.nan, math.nan
    error = values.std(ddof=1) / math.sqrt(len(values))
    reach = float(stats.t.ppf(0.975, len(values) - 1) * error)
    return float(values.mean()) - reach, float(values.mean()) + reach


def coarse_limit_frame(
    runs: pd.DataFrame,
    metrics: Mapping[str, str],
    n_classes: Mapping[str, int],
    interval: Interval = paired_t,
    baseline: str = SCRATCH,
) -> pd.DataFrame:
    """Return one row per task and subset, by ascending number of classes (COLUMNS).

    `runs` is the result of `collect_runs` for one architecture, `metrics` the metric of each task,
    `n_classes` the number of classes of each subset to be compared with the random start. gain, low
    and high are in points; limit, limit_low, limit_high (in classes) and statement are those of the
    task, the same in all of its rows. An empty limit_low: no number is surely worse; an empty
    limit_high: not even the largest is surely better. Raises UserError for a missing run.
    """
    rows = []
    for task, metric in metrics.items():
        gains = paired_gains(values_of(runs, task, metric), task, list(n_classes), baseline)
        limit = find_limit(task, curve_of(gains, n_classes), interval)
        shared = (limit.limit, limit.low, limit.high, limit.statement)
        for subset in sorted(gains, key=lambda name: (n_classes[name], name)):
            gain = gains[subset]
            low, high = interval(task, gain.to_numpy())
            numbers = (len(gain), float(gain.mean()), low, high)
            rows.append((task, metric, subset, n_classes[subset], *numbers, *shared))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def paired_gains(
    values: pd.DataFrame,
    task: str,
    subsets: Sequence[str],
    baseline: str,
) -> dict[str, pd.Series]:
    """Return each subset's gains over the baseline, by replicate; UserError without a pair."""
    for name in (baseline, *subsets):
        if name not in values.index:
            raise UserError(
                f"The coarse limit needs {name} on {task}, which was not run: make the missing "
                "runs first, the workflow does so by itself."
            )
    gains = {subset: (values.loc[subset] - values.loc[baseline]).dropna() for subset in subsets}
    for subset, gain in gains.items():
        if gain.empty:
            raise UserError(
                f"{subset} and {baseline} have no replicate in common on {task}: make the missing "
                "runs first, the workflow does so by itself."
            )
    return gains


def curve_of(gains: Mapping[str, pd.Series], n_classes: Mapping[str, int]) -> pd.DataFrame:
    """Return gains by number of classes (rows, ascending) and replicate (columns).

    Label sets with the same number of classes are averaged within each replicate.
    """
    table = pd.DataFrame(gains).T
    return table.groupby([n_classes[name] for name in table.index]).mean().sort_index()


# The limit


def find_limit(task: str, curve: pd.DataFrame, interval: Interval = paired_t) -> Limit:
    """Return the limit of a task from its gains by number of classes and replicate (`curve_of`)."""
    means, sizes = curve.mean(axis=1).to_numpy(), list(curve.index)

    def low_end(size: float) -> float:
        return interval(task, gains_at(curve, size))[0]

    def high_end(size: float) -> float:
        return interval(task, gains_at(curve, size))[1]

    limit = crossing(sizes, means)
    not_surely_better = last_place(sizes, lambda size: not low_end(size) > 0)  # nor is NaN
    high = {None: sizes[0], sizes[-1]: math.nan}.get(not_surely_better, not_surely_better)
    surely_worse = last_place(sizes, lambda size: high_end(size) < 0)
    low = math.nan if surely_worse is None else surely_worse
    ends = Limit(limit, low, high, "")
    known = not math.isnan(low_end(sizes[-1]))
    return replace(ends, statement=statement_of(sizes, means, ends, known))


def gains_at(curve: pd.DataFrame, size: float) -> np.ndarray:
    """Return gains at a number of classes, by replicate: linear in its logarithm between rows."""
    sizes = np.asarray(curve.index, float)
    right = min(int(np.searchsorted(sizes, size)), len(sizes) - 1)
    left = right if sizes[right] == size else right - 1
    if left == right:
        found = curve.iloc[left].to_numpy()
    else:
        weight = math.log(size / sizes[left]) / math.log(sizes[right] / sizes[left])
        found = (1 - weight) * curve.iloc[left].to_numpy() + weight * curve.iloc[right].to_numpy()
    return found[~np.isnan(found)]


def crossing(sizes: Sequence[float], means: Sequence[float]) -> float:
    """Return where the mean gain last turns positive on the way to the largest number of classes.

    NaN if it is positive at all of them, or not positive at the largest.
    """
    if means[-1] <= 0:
        return math.nan
    for i in range(len(sizes) - 2, -1, -1):
        if means[i] <= 0:
            part = -means[i] / (means[i + 1] - means[i])
            return float(sizes[i] * (sizes[i + 1] / sizes[i]) ** part)
    return math.nan


def last_place(sizes: Sequence[float], holds: Callable[[float], bool]) -> float | None:
    """Return the largest number of classes, within the measured ones, where `holds` is true."""
    places = list(downwards(sizes))
    for above, size in zip([None, *places], places, strict=False):
        if holds(size):
            return size if above is None else boundary(size, above, holds)
    return None


def downwards(sizes: Sequence[float]) -> Iterator[float]:
    """Yield the sizes and places between them, evenly in their logarithm, from the largest down."""
    for left, right in reversed(list(pairwise(sizes))):
        yield from (right * (left / right) ** (step / STEPS) for step in range(STEPS))
    yield sizes[0]


def boundary(true: float, false: float, holds: Callable[[float], bool]) -> float:
    """Return the number of classes between two, to nine digits, where `holds` turns false."""
    for _ in range(BISECTIONS):
        middle = math.sqrt(true * false)
        true, false = (middle, false) if holds(middle) else (true, middle)
    return float(f"{true:.9g}")


# Words


def statement_of(sizes: Sequence[float], means: Sequence[float], found: Limit, known: bool) -> str:
    """Return what was found, as a short sentence without its full stop.

    `known` tells whether there are intervals: with one replicate there are none.
    """
    last = f"{sizes[-1]:,.0f}"
    if not math.isnan(found.limit):
        about = f"from about {classes(found.limit)} classes on ({range_of(found, known)})"
        return f"better than a random start {about}{turns(means)}"
    if means[-1] > 0:
        sure = certainty(sizes[0], found.high, known)
        few = "a single class is" if sizes[0] == 1 else f"{sizes[0]:,.0f} classes are"
        return f"even {few} better than a random start ({sure})"
    better = [f"{size:,.0f}" for size, mean in zip(sizes, means, strict=True) if mean > 0]
    if better:
        return f"no limit: {', '.join(better)} classes are better than a random start, {last} not"
    return f"no measured number of classes, up to {last}, is better than a random start"


def turns(means: Sequence[float]) -> str:
    """Return a remark if the gain crosses zero more than once."""
    changes = int(np.sum(np.diff(np.asarray(means) > 0)))
    return f"; the gain changes its sign {changes} times, this is the last" if changes > 1 else ""


def range_of(found: Limit, known: bool) -> str:
    """Return a limit's range in words."""
    if not known:
        return "one replicate: its range is unknown"
    low, high = (classes(end) for end in (found.low, found.high))
    if math.isnan(found.low):
        return "95 %: any number" if math.isnan(found.high) else f"95 %: at most {high}"
    return f"95 %: more than {low}" if math.isnan(found.high) else f"95 %: {low} to {high}"


def certainty(first: float, high: float, known: bool) -> str:
    """Return from where on a gain that is positive at all numbers (`first` on) is surely so."""
    if not known:
        return "one replicate: how surely is unknown"
    if math.isnan(high):
        return "no number surely"
    return "surely" if high == first else f"surely from {classes(high)} on"


def classes(number: float) -> str:
    """Return a number of classes for print: with one decimal below 10, unless it is whole."""
    return f"{number:.1f}" if number < 10 and number != round(number) else f"{number:,.0f}"
