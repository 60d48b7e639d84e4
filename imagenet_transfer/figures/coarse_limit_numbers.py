"""How many merged classes pre-training needs to be better than a random start.

The gain of a label set is its transfer value minus that of a random start, paired by replicate. The
limit is where the gain, interpolated linearly over the logarithm of the number of classes, crosses
zero. Its range holds every number of classes whose interpolated gain is neither surely above nor
surely below zero: the 95 % confidence set of the crossing that Fieller (1954) described.

Gains are contrasts with the intervals of `statistics.contrast`, as in findings.csv. As that treats
a random start separately, they are paired t intervals over replicates.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pandas as pd

from imagenet_transfer.claims.statistics import Effect
from imagenet_transfer.figures.cells import Cells, complete
from imagenet_transfer.figures.correlation_numbers import values_of
from imagenet_transfer.labels.manifests import SCRATCH

COLUMNS = (
    *("task", "metric", "subset", "n_classes", "n", "gain", "low", "high"),
    *("limit", "limit_low", "limit_high", "statement"),
)
WHAT = "coarse limit"
STEPS = 64  # places between two neighbouring label sets at which the interval is evaluated
BISECTIONS = 40  # more than nine digits need

# From weights by subset and a task: the weighted sum of the subsets' means
Measure = Callable[[Mapping[str, float], str], Effect]


@dataclass(frozen=True)
class Limit:
    """Where the gain crosses zero, in classes; NaN where there is no such number.

    `low` is the largest number of classes that is surely worse than a random start; starting at
    `high`, all numbers are surely better.
    """

    limit: float
    low: float
    high: float
    statement: str


def coarse_limit_frame(
    runs: pd.DataFrame,
    metrics: Mapping[str, str],
    n_classes: Mapping[str, int],
    measure: Measure | None = None,
) -> pd.DataFrame:
    """Return one row per task and subset, by ascending number of classes (COLUMNS).

    `runs` is the result of `collect_runs` for one architecture, `metrics` the metric of each task,
    `n_classes` the number of classes of each subset to compare with the random start, and `measure`
    by default that of these runs' `Cells`. gain, low and high are in percentage points. limit,
    limit_low, limit_high (in classes) and statement belong to the task, the same in all of its
    rows. limit_low is NaN if no number of classes is surely worse, limit_high if not even the
    largest is surely better. Raises UserError for a missing run.
    """
    values = {
        task: complete(values_of(runs, task, metric), task, [SCRATCH, *n_classes], WHAT)
        for task, metric in metrics.items()
    }
    measure = measure or Cells.of(values).weighted
    rows = []
    for task, metric in metrics.items():
        n = len(values[task].columns)
        limit = limit_of(task, n_classes, measure, n)
        shared = (limit.limit, limit.low, limit.high, limit.statement)
        for subset in sorted(n_classes, key=lambda name: (n_classes[name], name)):
            gain = measure({subset: 1.0, SCRATCH: -1.0}, task)
            numbers = (n, gain.estimate, gain.low, gain.high)
            rows.append((task, metric, subset, n_classes[subset], *numbers, *shared))
    return pd.DataFrame(rows, columns=list(COLUMNS))


# The limit


def limit_of(task: str, n_classes: Mapping[str, int], measure: Measure, n: int) -> Limit:
    """Return a task's limit from the measure of its gains over `n` replicates."""
    sizes = sorted(set(n_classes.values()))
    return find_limit(sizes, lambda size: measure(weights_at(size, n_classes), task), n)


def weights_at(size: float, n_classes: Mapping[str, int]) -> dict[str, float]:
    """Return the subsets' weights in the gain at a number of classes, with -1 for a random start.

    Between label sets the gain is linear in the logarithm of the number of classes. Label sets with
    equally many classes are averaged.
    """
    alike = Counter(n_classes.values())
    sizes = sorted(alike)
    right = sizes[bisect_left(sizes, size)]
    left = max((other for other in sizes if other <= size), default=right)
    part = math.log(size / left) / math.log(right / left) if left < right else 0.0
    shares = {right: part, left: 1 - part}
    weights = {name: shares[of] / alike[of] for name, of in n_classes.items() if of in shares}
    return weights | {SCRATCH: -1.0}


def find_limit(sizes: Sequence[float], gain_at: Callable[[float], Effect], n: int = 2) -> Limit:
    """Return the limit from the gain at any number of classes within `sizes`, which ascend.

    `n` is the number of replicates, which the statement mentions.
    """
    means = [gain_at(size).estimate for size in sizes]
    not_surely_better = last_place(sizes, lambda size: not gain_at(size).low > 0)  # nor is NaN
    high = {None: sizes[0], sizes[-1]: math.nan}.get(not_surely_better, not_surely_better)
    surely_worse = last_place(sizes, lambda size: gain_at(size).high < 0)
    low = math.nan if surely_worse is None else surely_worse
    ends = Limit(crossing(sizes, means), low, high, "")
    unknown = ""
    if math.isnan(gain_at(sizes[-1]).low):
        unknown = "one replicate" if n == 1 else "no interval"
    return replace(ends, statement=statement_of(sizes, means, ends, unknown))


def crossing(sizes: Sequence[float], means: Sequence[float]) -> float:
    """Return where the mean gain last turns positive, going up to the largest number of classes.

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
    """Return the largest number of classes in the measured range where `holds` is true."""
    places = list(downwards(sizes))
    for above, size in zip([None, *places], places, strict=False):
        if holds(size):
            return size if above is None else boundary(size, above, holds)
    return None


def downwards(sizes: Sequence[float]) -> Iterator[float]:
    """Yield the sizes and places between them, even in the logarithm, from the largest down."""
    for left, right in reversed(list(pairwise(sizes))):
        yield from (right * (left / right) ** (step / STEPS) for step in range(STEPS))
    yield sizes[0]


def boundary(true: float, false: float, holds: Callable[[float], bool]) -> float:
    """Return the number of classes between two, to nine digits, at which `holds` turns false."""
    for _ in range(BISECTIONS):
        middle = math.sqrt(true * false)
        if holds(middle):
            true = middle
        else:
            false = middle
    return float(f"{true:.9g}")


# Words


def statement_of(sizes: Sequence[float], means: Sequence[float], found: Limit, unknown: str) -> str:
    """Return what was found, as a short sentence without a full stop.

    `unknown` says why there are no intervals; it is empty if there are.
    """
    last = f"{sizes[-1]:,.0f}"
    if not math.isnan(found.limit):
        about = f"from about {classes(found.limit)} classes on ({range_of(found, unknown)})"
        return f"better than a random start {about}{turns(means)}"
    if means[-1] > 0:
        sure = certainty(sizes[0], found.high, unknown)
        few = "a single class is" if sizes[0] == 1 else f"{sizes[0]:,.0f} classes are"
        return f"even {few} better than a random start ({sure})"
    better = [f"{size:,.0f}" for size, mean in zip(sizes, means, strict=True) if mean > 0]
    if better:
        return f"no limit: {', '.join(better)} classes are better than a random start, {last} not"
    return f"no measured number of classes, up to {last}, is better than a random start"


def turns(means: Sequence[float]) -> str:
    """Return a remark if the gain crosses zero more than once."""
    changes = sum((one > 0) != (other > 0) for one, other in pairwise(means))
    return f"; the gain changes its sign {changes} times, this is the last" if changes > 1 else ""


def range_of(found: Limit, unknown: str) -> str:
    """Return a limit's range in words, or why it is unknown."""
    if unknown:
        return f"{unknown}: its range is unknown"
    low, high = (classes(end) for end in (found.low, found.high))
    if math.isnan(found.low):
        return "95 %: any number" if math.isnan(found.high) else f"95 %: at most {high}"
    return f"95 %: more than {low}" if math.isnan(found.high) else f"95 %: {low} to {high}"


def certainty(first: float, high: float, unknown: str) -> str:
    """Return where a gain that is positive at all numbers, from `first` up, is surely so."""
    if unknown:
        return f"{unknown}: how surely is unknown"
    if math.isnan(high):
        return "no number surely"
    return "surely" if high == first else f"surely from {classes(high)} on"


def classes(number: float) -> str:
    """Return a number of classes as text, with one decimal below 10 unless it is whole."""
    return f"{number:.1f}" if number < 10 and number != round(number) else f"{number:,.0f}"
