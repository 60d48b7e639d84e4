"""How well ImageNet accuracy predicts transfer: correlations over the pre-training sets of a study.

Kornblith, Shlens & Le (2019, "Do better ImageNet models transfer better?") found r = 0.99 for fixed
features and 0.96 for fine-tuning over 16 architectures, with the logits of transfer accuracies
averaged over 12 tasks. Here the points are pre-training sets of one architecture; the row ALL_TASKS
is their measure, with the logit of ImageNet accuracy as well. As they did for VOC2007, it takes the
logit of mAP, too: mAP is not a proportion, but it runs from 0 to 1, and tasks must be on one scale
to be averaged.

The intervals are Fisher's (z, over sets, of means over replicates). The noise that replicates leave
in the means is part of the scatter around the line, so the interval contains it already.
`benchmarks/correlation_intervals.py` measured how often they hold the true r in simulated studies
of 8 to 20 sets: 94 to 97 % if accuracies are spread normally or evenly, 85 to 93 % if they are
skewed. Resampling sets gives 89 to 93 % in all of these studies; resampling sets and replicates 90
to 99 %, with intervals up to one and a half times as long. All of these intervals take sets as
independent; as nested sets share images, the true intervals are wider.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.manifests import SCRATCH

COLUMNS = (
    *("task", "metric", "n_sets", "n_replicates", "r", "low", "high", "rho"),
    *("r_logit", "low_logit", "high_logit", "r_noise_free", "r_without", "without", "sets", "note"),
)
POINT_COLUMNS = (
    *("task", "metric", "subset", "accuracy", "accuracy_std", "accuracy_n"),
    *("transfer", "transfer_std", "transfer_n"),
)
ALL_TASKS = "all tasks"
FEWEST_FOR_R = 3  # r of two sets is always 1 or -1
FEWEST_FOR_INTERVAL = 4  # the variance of Fisher's z is 1 / (n - 3)
Z = float(stats.norm.ppf(0.975))
CONSTANT = 1e-9  # percentage points: means that differ by less are equal except for rounding


def correlation_frame(
    runs: pd.DataFrame,
    accuracy: str,
    metrics: Mapping[str, str],
    subsets: Sequence[str] | None = None,
    with_scratch: bool = False,
) -> pd.DataFrame:
    """Return one row per transfer task, and one for all of them if there are several (COLUMNS).

    `runs` is the result of `collect_runs` for one architecture, `accuracy` the task that measures
    ImageNet accuracy by re-training every network's last layer, and `metrics` the metric of that
    task and of each transfer task. `subsets` are the pre-training sets, by default all that were
    measured on both tasks. A random start is left out unless `with_scratch`: its "accuracy" is that
    of a last layer on random features.

    - r, low, high: Pearson's r of the means over replicates in percent, and its 95 % interval;
      rho: Spearman's rho; r_logit, low_logit, high_logit: as r, but of log odds.
    - r_noise_free: r without the noise of the replicates (see `noise_free`).
    - r_without, without: r without the one set whose absence changes it most, and that set.
    - sets: all sets, by ascending accuracy; n_replicates: the fewest replicates of any mean.
    - note: why a number is missing.

    Raises UserError if one of `subsets` has not been measured.
    """
    pairs = measured(runs, accuracy, metrics, subsets, with_scratch)
    rows = [task_row(task, metrics[task], *pair) for task, pair in pairs.items()]
    if len(rows) > 1:
        rows.append(all_tasks_row(pairs))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def points_frame(
    runs: pd.DataFrame,
    accuracy: str,
    metrics: Mapping[str, str],
    subsets: Sequence[str] | None = None,
    with_scratch: bool = False,
) -> pd.DataFrame:
    """Return the points of `correlation_frame`, one row per task and set (POINT_COLUMNS).

    Means and sample standard deviations (NaN for one replicate) are in percent. A task's sets are
    ordered by ascending accuracy.
    """
    rows = []
    for task, (x, y) in measured(runs, accuracy, metrics, subsets, with_scratch).items():
        for subset in x.index:
            numbers = [*summary(x.loc[subset]), *summary(y.loc[subset])]
            rows.append((task, metrics[task], subset, *numbers))
    return pd.DataFrame(rows, columns=list(POINT_COLUMNS))


def summary(values: pd.Series) -> tuple[float, float, int]:
    """Return the values' mean, sample standard deviation (NaN for one value) and number."""
    return float(values.mean()), float(values.std(ddof=1)), int(values.count())


# What was measured

Pair = tuple[pd.DataFrame, pd.DataFrame]  # accuracy and transfer: rows are sets, columns replicates


def measured(
    runs: pd.DataFrame,
    accuracy: str,
    metrics: Mapping[str, str],
    subsets: Sequence[str] | None,
    with_scratch: bool,
) -> dict[str, Pair]:
    """Return each task's ImageNet accuracies and transfer values in percent, sets by replicates.

    Both have the same sets, by ascending mean accuracy, then by name.
    """
    accuracies = values_of(runs, accuracy, metrics[accuracy])
    pairs = {}
    for task in (task for task in metrics if task != accuracy):
        transfer = values_of(runs, task, metrics[task])
        _check(subsets, {accuracy: accuracies, task: transfer})
        chosen = accuracies.index.intersection(transfer.index if subsets is None else subsets)
        if not with_scratch:
            chosen = chosen.difference([SCRATCH])
        ordered = accuracies.loc[sorted(chosen)].mean(axis=1).sort_values(kind="stable").index
        pairs[task] = (accuracies.loc[ordered], transfer.loc[ordered])
    return pairs


def values_of(runs: pd.DataFrame, task: str, metric: str) -> pd.DataFrame:
    """Return a transfer task's values, subsets by replicates; NaN for a missing run."""
    chosen = (runs["stage"] == "transfer") & (runs["task"] == task) & (runs["metric"] == metric)
    return runs[chosen].pivot(index="subset", columns="rep", values="value").astype(float)


def _check(subsets: Sequence[str] | None, tables: Mapping[str, pd.DataFrame]) -> None:
    """Raise UserError for a subset that was not run on a task."""
    for subset in [] if subsets is None else subsets:
        for task, values in tables.items():
            if subset != SCRATCH and subset not in values.index:
                raise UserError(
                    f"The correlation needs {subset} on {task}, which was not run: make the "
                    "missing runs first, the workflow does so by itself."
                )


# One row


def task_row(task: str, metric: str, x: pd.DataFrame, y: pd.DataFrame) -> dict[str, Any]:
    """Return one task's row from accuracies and transfer values, sets by replicates."""
    mean_x = x.mean(axis=1)
    mean_y = y.mean(axis=1)
    r = pearson(mean_x, mean_y)
    r_logit = pearson(log_odds(mean_x), log_odds(mean_y))
    low, high = fisher_interval(r, len(x))
    low_logit, high_logit = fisher_interval(r_logit, len(x))
    r_without, without = without_one(mean_x, mean_y)
    replicates = min((int(values.count(axis=1).min()) for values in (x, y) if len(x)), default=0)
    return {
        **{"task": task, "metric": metric, "n_sets": len(x), "n_replicates": replicates},
        **{"r": r, "low": low, "high": high, "rho": spearman(mean_x, mean_y)},
        **{"r_logit": r_logit, "low_logit": low_logit, "high_logit": high_logit},
        **{"r_noise_free": noise_free(x, y), "r_without": r_without, "without": without},
        **{"sets": "; ".join(x.index), "note": reason(mean_x, mean_y, replicates)},
    }


def all_tasks_row(pairs: Mapping[str, Pair]) -> dict[str, Any]:
    """Return the row of Kornblith et al.'s measure: log odds of transfer, averaged over tasks.

    It has the sets that every task has, and no r in percent, as percentages of different metrics
    cannot be averaged.
    """
    odds = [log_odds(y.mean(axis=1)) for _, y in pairs.values()]
    transfer = pd.concat(odds, axis=1, join="inner").mean(axis=1, skipna=False)
    accuracy = next(iter(pairs.values()))[0].loc[transfer.index]
    rows = [task_row(task, "", *pair) for task, pair in pairs.items()]
    x = log_odds(accuracy.mean(axis=1))
    r = pearson(x, transfer)
    low, high = fisher_interval(r, len(transfer))
    note = "" if math.isfinite(low) else "see the notes of the tasks"
    return {
        **{"task": ALL_TASKS, "metric": "mean log odds", "n_sets": len(transfer)},
        **{"n_replicates": min(row["n_replicates"] for row in rows)},
        **{"rho": spearman(x, transfer), "r_logit": r, "low_logit": low, "high_logit": high},
        **{"without": "", "sets": "; ".join(transfer.index), "note": note},
    }


def reason(x: pd.Series, y: pd.Series, replicates: int) -> str:
    """Return why numbers of a row are missing; empty if none is."""
    if len(x) < FEWEST_FOR_R:
        return f"no correlation: it takes at least {FEWEST_FOR_R} sets"
    if constant(x) or constant(y):
        equal = "accuracies" if constant(x) else "transfer values"
        return f"no correlation: {equal} are equal"
    notes = []
    if len(x) < FEWEST_FOR_INTERVAL:
        notes.append(f"no interval: it takes at least {FEWEST_FOR_INTERVAL} sets")
    elif abs(pearson(x, y)) == 1:
        notes.append("no interval: all points lie on a line")
    if not bool(np.isfinite([log_odds(x), log_odds(y)]).all()):
        notes.append("no logit: 0 and 100 % have none")
    if replicates < 2:
        notes.append("one replicate: its noise is unknown")
    return "; ".join(notes)


# Statistics


def constant(values: Sequence[float]) -> bool:
    """Return whether all values are equal."""
    return float(np.ptp(values)) < CONSTANT


def pearson(x: Sequence[float], y: Sequence[float]) -> float:
    """Return Pearson's r; NaN for fewer than 3 pairs, constant or undefined values."""
    x = np.asarray(x, float)
    y = np.asarray(y, float)
    defined = len(x) >= FEWEST_FOR_R and bool(np.isfinite([x, y]).all())
    if not defined or constant(x) or constant(y):
        return math.nan
    return float(stats.pearsonr(x, y).statistic)


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Return Spearman's rho: Pearson's r of the ranks; equal values share a mean rank."""
    return pearson(stats.rankdata(x), stats.rankdata(y))


def fisher_interval(r: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of r over `n` pairs by Fisher's z (1921).

    Both ends are NaN for fewer than 4 pairs, and for r = 1 and -1, where its length would be 0.
    """
    if n < FEWEST_FOR_INTERVAL or math.isnan(r) or abs(r) == 1:
        return math.nan, math.nan
    z = math.atanh(r)
    reach = Z / math.sqrt(n - 3)
    return math.tanh(z - reach), math.tanh(z + reach)


def log_odds(percent: pd.Series) -> pd.Series:
    """Return log(p / (1 - p)) of percentages; NaN for 0 and 100, which have none."""
    share = percent.where((percent > 0) & (percent < 100)) / 100
    return np.log(share / (1 - share))


def without_one(x: pd.Series, y: pd.Series) -> tuple[float, str]:
    """Return r without the one set whose absence changes it most, and that set's name.

    (NaN, "") if there are fewer than 4 sets.
    """
    r = pearson(x, y)
    if len(x) < FEWEST_FOR_INTERVAL or math.isnan(r):
        return math.nan, ""
    left = {subset: pearson(x.drop(subset), y.drop(subset)) for subset in x.index}
    left = {subset: value for subset, value in left.items() if not math.isnan(value)}
    most = max(left, key=lambda subset: abs(left[subset] - r), default="")
    return left.get(most, math.nan), most


def noise_free(x: pd.DataFrame, y: pd.DataFrame) -> float:
    """Return an estimate of the correlation that means over infinitely many replicates would have.

    Noise in both variables lowers r (Spearman, 1904), and noise that they share, as both start from
    the same network, shifts it. The sets' (co)variance is that of the means minus that of their
    noise: the mean residual products of sets by replicates, divided by the number of replicates.
    The estimate is clipped to -1..1. It is NaN unless all sets have the same two or more replicates
    in both variables, and if the sets differ by no more than their noise.
    """
    if len(x) < FEWEST_FOR_R or len(x.columns) < 2 or list(x.columns) != list(y.columns):
        return math.nan
    values = np.stack([x, y]).astype(float)  # variable, set, replicate
    count, replicates = values.shape[1:]
    means = values.mean(axis=2, keepdims=True)
    residuals = values - means - values.mean(axis=1, keepdims=True)
    residuals = (residuals + values.mean(axis=(1, 2), keepdims=True)).reshape(2, -1)
    noise = residuals @ residuals.T / ((count - 1) * (replicates - 1))
    between = np.cov(means[:, :, 0]) - noise / replicates
    if not (np.diag(between) > CONSTANT).all():  # false for NaN, too
        return math.nan
    return float(np.clip(between[0, 1] / math.sqrt(between[0, 0] * between[1, 1]), -1, 1))
