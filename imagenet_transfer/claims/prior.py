"""What all cells of a study tell about the error of one value, to moderate that of a contrast.

As in limma (Smyth 2004, doi:10.2202/1544-6115.1027); docs/statistics.md says why and how well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from imagenet_transfer.labels.manifests import SCRATCH

APART_SHARE = 0.25  # of the variance; chosen by benchmarks/interval_coverage.py


@dataclass(frozen=True)
class Sample:
    """One cell: the subset that a network was pre-trained on, the task, its values by replicate."""

    name: str
    task: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Return the mean of the replicates."""
        return float(np.mean(self.values))

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{self.name} {self.mean:.1f} (1 run)"
        spread = np.std(self.values, ddof=1)
        return f"{self.name} {self.mean:.1f} ± {spread:.1f} ({len(self.values)} runs)"


@dataclass(frozen=True)
class Prior:
    """What all cells of a study tell about the error of one value.

    `names` are the K subsets whose cells are alike (not set apart); `member` (T,K) says which of
    them each task has. `covariance` (T,T) is that of one replicate's residuals of the same subset
    on two tasks; `freedom` (T,) says how alike the cells' variances are (d0; infinite: equal);
    `pooled` (T,) counts the residuals' degrees of freedom. `blocks` (T,R) is by how much replicate
    r shifts the mean of all alike cells.
    """

    tasks: tuple[str, ...]
    names: tuple[str, ...]
    member: np.ndarray
    covariance: np.ndarray
    freedom: np.ndarray
    pooled: np.ndarray
    blocks: np.ndarray


def prior_of(samples: Sequence[Sample], apart: Sequence[str] = (SCRATCH,)) -> Prior:
    """Return the prior of all tasks from all cells of the study, without the subsets in `apart`.

    Variances come from the differences of two cells, replicate by replicate: what a replicate
    shifts cancels, and the mean of their halves is the residual variance of the two-way layout. A
    cell with one value tells nothing. Two cells or fewer leave no freedom for moderation (`pooled`
    equals that of a single difference), nor does a single replicate.
    """
    alike = [s for s in samples if s.name not in apart and len(s.values) > 1]
    tasks = tuple(dict.fromkeys(s.task for s in alike))
    names = tuple(dict.fromkeys(s.name for s in alike))
    replicates = max((len(s.values) for s in alike), default=0)
    values = np.full((len(tasks), len(names), replicates), np.nan)
    for s in alike:
        values[tasks.index(s.task), names.index(s.name), : len(s.values)] = s.values
    known = np.isfinite(values)
    pairs = np.triu_indices(len(names), 1)
    differences = values[:, pairs[0]] - values[:, pairs[1]]
    fits = [_freedom_of_pairs(task) for task in differences]
    covariance = [[_covariance(a, b) for b in differences] for a in differences]
    cells = known.any(2).sum(1)
    return Prior(
        tasks,
        names,
        known.any(2),
        np.array(covariance).reshape(len(tasks), len(tasks)),
        np.array(fits, dtype=float),
        known.sum((1, 2)) - cells - known.any(1).sum(1) + 1,
        np.array([_blocks(task) for task in values]).reshape(len(tasks), values.shape[2]),
    )


def _freedom_of_pairs(differences: np.ndarray) -> float:
    """Return d0 from differences (pairs,R) of two cells; NaN where a cell has no value."""
    counts = np.isfinite(differences).sum(1)
    usable = differences[counts > 1]
    if not len(usable):
        return 0.0
    return float(prior_freedom(np.nanvar(usable, axis=1, ddof=1), counts[counts > 1] - 1))


def _covariance(a: np.ndarray, b: np.ndarray) -> float:
    """Return half the pooled covariance of two tasks' differences (pairs,R); 0 without any."""
    both = np.isfinite(a) & np.isfinite(b)
    counts = both.sum(1)
    a, b = (np.where(both, x, 0) for x in (a, b))
    products = (a * b).sum(1) - a.sum(1) * b.sum(1) / np.maximum(counts, 1)
    freedom = np.maximum(counts - 1, 0).sum()
    return float(products.sum() / (2 * freedom)) if freedom else 0.0


def _blocks(values: np.ndarray) -> np.ndarray:
    """Return by how much each replicate shifts values (K,R) with NaN, as (R,); 0 without any."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0)
    means = filled.sum(1, keepdims=True) / np.maximum(known.sum(1, keepdims=True), 1)
    return np.where(known, filled - means, 0).sum(0) / np.maximum(known.sum(0), 1)


def prior_freedom(variances: np.ndarray, freedom: np.ndarray | float) -> np.ndarray:
    """Return d0 (...) of sample variances (...,cells) with `freedom` degrees each.

    Smyth's (2004, §6.2) moments of log variances, as in limma's fitFDist: their spread beyond
    trigamma(freedom / 2) is trigamma(d0 / 2). Infinite without such a spread, or for one cell.
    Zero variances count as 1e-5 of the median, as in limma; if the median is 0, d0 is 0.
    """
    variances = np.asarray(variances, dtype=float)
    half = np.asarray(freedom) / 2
    median = np.median(variances, axis=-1, keepdims=True)
    logs = np.log(np.maximum(np.maximum(variances, 1e-5 * median), 1e-300))
    logs = logs - special.digamma(half) + np.log(half)
    if logs.shape[-1] < 2:
        return np.where(median[..., 0] > 0, np.inf, 0.0)
    spread = logs.var(axis=-1, ddof=1) - np.mean(
        special.polygamma(1, half) * np.ones(logs.shape[-1])
    )
    d0 = np.where(spread > 1e-6, 2 * inverse_trigamma(np.maximum(spread, 1e-6)), np.inf)
    return np.where(median[..., 0] > 0, d0, 0.0)


def inverse_trigamma(values: np.ndarray) -> np.ndarray:
    """Return x > 0 with trigamma(x) = `values` > 0: Newton's steps on 1 / trigamma (Smyth 2004)."""
    x = 0.5 + 1 / np.asarray(values, dtype=float)
    for _ in range(20):
        now = special.polygamma(1, x)
        step = now * (1 - now / values) / special.polygamma(2, x)
        x = x + step
        if np.all(np.abs(step) < 1e-10 * x):
            break
    return x


def moderated(
    inside: np.ndarray,
    outside: np.ndarray,
    own: np.ndarray,
    expected: np.ndarray,
    d0: np.ndarray,
    freedom: int,
    share: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a contrast's variance per replicate and its degrees of freedom; works on arrays.

    `inside` and `outside` are the sample variances, with `freedom` degrees, of the contrast's part
    among alike cells and of the rest, `own` that of their sum; `expected` with `d0` degrees is what
    the prior says of `inside`; `share` is that of cells set apart, in the variance. `inside` and
    `outside` are added as Welch and Satterthwaite do.
    """
    inside = (d0 * expected + freedom * inside) / (d0 + freedom)
    both = inside + outside
    parts = inside**2 / (d0 + freedom) + outside**2 / freedom
    degrees = np.divide(both**2, parts, out=np.full(np.shape(both), np.inf), where=parts > 0)
    plain = (np.asarray(share) > APART_SHARE) | (np.asarray(d0) < 0.01)
    return np.where(plain, own, both), np.where(plain, freedom, degrees)


def contrast_freedom(by_task: np.ndarray, freedom: np.ndarray, cap: float) -> np.ndarray:
    """Return d0 (...) of a sum of the tasks' expected variances (...,T), by Satterthwaite.

    Never above `cap`: with its own, a contrast has no more degrees than the pooled residuals have
    (as in limma's squeezeVar).
    """
    known = np.where(by_task > 0, np.maximum(freedom, 1e-9), np.inf)
    spread = (by_task**2 / known).sum(-1)
    total = by_task.sum(-1) ** 2
    return np.minimum(
        np.divide(total, spread, out=np.full(np.shape(total), np.inf), where=spread > 0), cap
    )
