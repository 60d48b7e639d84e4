"""How often 95 % intervals of few replicates cover the truth: four methods, simulated studies.

Run `python benchmarks/interval_coverage.py` (one core, about 4 minutes): it simulates 2,000 studies
for each setting, with the measured error and gain of each task, and writes the tables between the
marks of docs/statistics.md. The chosen method's formulas are those of `claims/prior.py`.
"""

import argparse
import itertools
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import stats

from imagenet_transfer.claims.prior import contrast_freedom, moderated, prior_freedom

STUDIES = 2000
# Points: pascal-det, pascal-act, sun, ImageNet accuracy; residual sd of a value, gain over scratch.
ERRORS = np.array([1.2, 2.3, 0.7, 0.6])
GAINS = np.array([20.0, 27.0, 12.0, 45.0])
SCRATCH, FULL, MOST, HALF = range(4)  # cells: MOST keeps 90 % of the gain, HALF 50 %, others all
SHARES = {MOST: 0.9, HALF: 0.5}
SPREADS = {
    "equal": (0.0, 1.0),  # sigma of the cells' log sd, factor of the scratch cell's sd
    "log-normal 0.3": (0.3, 1.0),
    "log-normal 0.6": (0.6, 1.0),
    "scratch x 2.5": (0.0, 2.5),
    "scratch x 0.4": (0.0, 0.4),
}
BLOCKS = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.5)]  # sd of what a replicate shifts, correlation of tasks
METHODS = ("paired t", "Welch", "pooled", "moderated")
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"


def simulate(rng, n, cells, spread, block, correlation):
    """Return errors (studies, tasks, cells, n) in points, including replicates' shifts."""
    sigma, factor = SPREADS[spread]
    shape = (STUDIES, len(ERRORS), cells, n)
    own = rng.standard_normal(shape)
    common = rng.standard_normal((STUDIES, 1, cells, n))
    errors = np.sqrt(1 - correlation) * own + np.sqrt(correlation) * common
    sds = np.exp(sigma * rng.standard_normal((*shape[:3], 1)))
    sds[:, :, SCRATCH] *= factor
    shift = block * rng.standard_normal((STUDIES, len(ERRORS), 1, n))
    return ERRORS[:, None, None] * (errors * sds + shift)


def true_means(cells, gain):
    """Return means (tasks, cells) at a gain in residual sds, or at the "measured" gains."""
    gains = GAINS if gain == "measured" else gain * ERRORS
    means = np.repeat(20.0 + gains[:, None], cells, axis=1)
    means[:, SCRATCH] = 20.0
    for cell, share in SHARES.items():
        means[:, cell] = 20.0 + share * gains
    return means


def linear(weights):
    """Return a claim on pascal-det: a function from means to estimates and slopes."""

    def claim(means):
        slopes = np.zeros_like(means)
        for cell, weight in weights.items():
            slopes[..., 0, cell] = weight
        return (slopes * means).sum((-2, -1)), slopes

    return claim


def shares(cell, tasks):
    """Return the claim of the share of the gain that `cell` keeps, weighted over tasks."""

    def claim(means):
        slopes = np.zeros_like(means)
        total = 0.0
        for task, weight in tasks.items():
            gain = means[..., task, FULL] - means[..., task, SCRATCH]
            share = (means[..., task, cell] - means[..., task, SCRATCH]) / gain
            total = total + weight * share
            for place, slope in ((cell, 1), (SCRATCH, share - 1), (FULL, -share)):
                slopes[..., task, place] = weight * slope / gain
        return total, slopes

    return claim


def value_ratio(means):
    """Return the claim of the share of FULL's value that HALF has on pascal-det."""
    ratio = means[..., 0, HALF] / means[..., 0, FULL]
    slopes = np.zeros_like(means)
    slopes[..., 0, HALF] = 1 / means[..., 0, FULL]
    slopes[..., 0, FULL] = -ratio / means[..., 0, FULL]
    return ratio, slopes


THREE = {0: 1 / 3, 1: 1 / 3, 2: 1 / 3}
CLAIMS = {
    "keeps 90 % of the gain": linear({MOST: 1, SCRATCH: -0.1, FULL: -0.9}),
    "keeps 50 % of the gain": linear({HALF: 1, SCRATCH: -0.5, FULL: -0.5}),
    "differs from another": linear({4: 1, 5: -1}),
    "gain over scratch": linear({FULL: 1, SCRATCH: -1}),
    "share of the value": value_ratio,
    "mean share, 90 %": shares(MOST, THREE),
    "mean share, 50 %": shares(HALF, THREE),
    "difference of shares, 90 %": shares(MOST, {0: 1, 3: -1}),
    "difference of shares, 50 %": shares(HALF, {0: 1, 3: -1}),
}
RATIOS = [name for name in CLAIMS if "share" in name and "value" not in name]


def sums(slopes, values):
    """Return the sum over tasks and cells of slopes (...,T,S) times values (...,T,S,n)."""
    return np.einsum("ats,atsr->ar", slopes, values)


def study_prior(values):
    """Return what `prior_of` does, for studies (A,T,S,n): covariance (A,T,T), d0 (A,T), blocks."""
    alike = values[:, :, 1:]
    cells, n = alike.shape[2:]
    residuals = alike - alike.mean(3, keepdims=True)
    residuals -= residuals.mean(2, keepdims=True)
    covariance = np.einsum("atsr,ausr->atu", residuals, residuals) / ((cells - 1) * (n - 1))
    products = np.einsum("atsr,atpr->atsp", residuals, residuals) / (n - 1)
    squares = np.einsum("atss->ats", products)
    first, second = np.triu_indices(cells, 1)
    pairs = squares[..., first] + squares[..., second] - 2 * products[..., first, second]
    return covariance, prior_freedom(pairs, n - 1), alike.mean(2)


def errors_of(values, slopes, prior):
    """Return, by method, variance per replicate and degrees of freedom of a claim, each (A,)."""
    n = values.shape[3]
    cells = values.shape[2]
    own = sums(slopes, values).var(1, ddof=1)
    free = n - 1
    parts = slopes**2 * values.var(3, ddof=1)
    welch = parts.sum((1, 2)) ** 2 / (parts**2 / free).sum((1, 2))
    residuals = values - values.mean(3, keepdims=True)
    residuals = residuals - residuals.mean(2, keepdims=True)
    pooled = (residuals**2).sum((2, 3)) / ((cells - 1) * free)
    return {
        "paired t": (own, free),
        "Welch": (parts.sum((1, 2)), welch),
        "pooled": (((slopes**2).sum(2) * pooled).sum(1), (cells - 1) * free),
        "moderated": moderate(values, slopes, own, prior),
    }


def moderate(values, slopes, own, prior):
    """Return what `contrast` does, for many studies."""
    covariance, freedom, blocks = prior
    n = values.shape[3]
    alike = values.shape[2] - 1
    among = slopes[:, :, 1:]
    shift = np.einsum("at,atr->ar", among.sum(2), blocks)
    inside = sums(among, values[:, :, 1:]) - shift
    outside = sums(slopes, values) - inside
    among = among - among.mean(2, keepdims=True)
    variances = np.einsum("att->at", covariance)
    by_task = (among**2).sum(2) * variances
    apart = (slopes[:, :, 0] ** 2 * variances).sum(1)
    d0 = contrast_freedom(by_task, freedom, (alike - 2) * (n - 1))
    expected = np.einsum("ats,aus,atu->a", among, among, covariance)
    share = apart / (by_task.sum(1) + apart)
    inside = inside.var(1, ddof=1)
    outside = outside.var(1, ddof=1)
    return moderated(inside, outside, own, expected, d0, n - 1, share)


def measure(values, means, prior, names):
    """Yield claim, method, and for all studies: below the truth, above, half width, gain ratio."""
    n = values.shape[3]
    gains = [gain_ratio(values, prior, task) for task in range(len(ERRORS))]
    for name in names:
        truth = CLAIMS[name](means)[0]
        estimate, slopes = CLAIMS[name](values.mean(3))
        used = [t for t in range(len(ERRORS)) if slopes[:, t].any()]
        ratio = np.min([gains[t] for t in used], axis=0)
        for method, (variance, freedom) in errors_of(values, slopes, prior).items():
            reach = stats.t.ppf(0.975, freedom) * np.sqrt(variance / n)
            yield name, method, estimate + reach < truth, estimate - reach > truth, reach, ratio


def gain_ratio(values, prior, task):
    """Return the gain over scratch in its standard errors, for each study."""
    slopes = np.zeros(values.shape[:3])
    slopes[:, task, FULL] = 1
    slopes[:, task, SCRATCH] = -1
    gain = sums(slopes, values)
    variance, _ = moderate(values, slopes, gain.var(1, ddof=1), prior)
    return gain.mean(1) / np.sqrt(variance / values.shape[3])


def run(seed):
    """Return coverages, one-sided misses and relative widths by row and method, and the guard's.

    Gains only matter to shares: other claims are computed at the measured ones.
    """
    rng = np.random.default_rng(seed)
    rows = defaultdict(list)
    guard = defaultdict(list)
    for n, cells, spread, block in itertools.product((3, 5, 10), (6, 13, 20), SPREADS, BLOCKS):
        errors = simulate(rng, n, cells, spread, *block)
        prior = study_prior(errors)
        for gain in (3.0, 5.0, 10.0, 20.0, "measured"):
            means = true_means(cells, gain)
            names = CLAIMS if gain == "measured" else RATIOS
            found = list(measure(means[:, :, None] + errors, means, prior, names))
            if gain not in (20.0, "measured"):
                keep_guard(guard, (gain, n), found)
            if gain not in (3.0, 5.0):
                keep_rows(rows, (spread, n), found)
    return rows, guard


def keep_guard(guard, key, found):
    """Add the sides on which the moderated interval of shares misses, with the gains' ratios."""
    for _, method, below, above, _, ratio in found:
        if method == METHODS[-1]:
            guard[key].append((below, above, ratio))


def keep_rows(rows, key, found):
    """Add coverage, the worse side's misses and the mean width relative to the moderated one."""
    widths = {name: reach.mean() for name, method, *_, reach, _ in found if method == METHODS[-1]}
    for name, method, below, above, reach, _ in found:
        wrong = max(below.mean(), above.mean())
        figures = (1 - below.mean() - above.mean(), wrong, reach.mean() / widths[name])
        rows[name, *key, method].append(figures)


def cell(figures):
    """Return lowest and highest coverage; highest rate of wrong verdicts; mean relative width."""
    coverage, wrong, width = np.array(figures).T
    low, high = 100 * coverage.min(), 100 * coverage.max()
    return f"{low:.1f}–{high:.1f}; {100 * wrong.max():.1f}; {width.mean():.2f}"


def main_table(rows, replicates):
    """Return the Markdown table of claims and variances, over all settings with these n."""
    lines = ["| claim | cells' sd | " + " | ".join(METHODS) + " |", "| --- " * 6 + "|"]
    for name, spread in itertools.product(CLAIMS, SPREADS):
        found = [[f for n in replicates for f in rows[name, spread, n, m]] for m in METHODS]
        lines.append(f"| {name} | {spread} | " + " | ".join(map(cell, found)) + " |")
    return "\n".join(lines)


def summary_table(rows):
    """Return, by method and n, how many settings have 93-97 %, the extremes, the mean width."""
    head = "| method | n | coverage in 93–97 % | lowest | highest | most wrong verdicts | width |"
    lines = [head, "| --- " * 7 + "|"]
    for method, n in itertools.product(METHODS, (3, 5, 10)):
        found = [f for key, figures in rows.items() if key[2:] == (n, method) for f in figures]
        coverage, wrong, width = 100 * np.array(found).T
        good = 100 * np.mean((coverage >= 93) & (coverage <= 97))
        lines.append(
            f"| {method} | {n} | {good:.0f} % of {len(found)} settings | {coverage.min():.1f} "
            f"| {coverage.max():.1f} | {wrong.max():.1f} | {width.mean() / 100:.2f} |"
        )
    return "\n".join(lines)


def guard_table(guard):
    """Return, for shares whose gains are at least k errors, coverage and the worse side's misses.

    In parentheses is the percentage of studies that are left.
    """
    limits = (0, 3, 4, 5, 6, 8)
    lines = ["| gain | n | " + " | ".join(f"k = {k}" for k in limits) + " |", "| --- " * 8 + "|"]
    for (gain, n), found in guard.items():
        below, above, ratio = (np.concatenate(part) for part in zip(*found, strict=True))
        cells = [guard_cell(below, above, ratio >= k) for k in limits]
        lines.append(f"| {gain:.0f} sd | {n} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def guard_cell(below, above, clear):
    low, high = 100 * below[clear].mean(), 100 * above[clear].mean()
    return f"{100 - low - high:.1f}; {max(low, high):.1f} ({100 * clear.mean():.0f})"


def write(path, name, table):
    """Write the table between the marks of its name."""
    text = path.read_text(encoding="utf-8")
    marks = rf"(<!-- {name} -->\n).*?(\n<!-- end -->)"
    text, times = re.subn(marks, lambda m: m[1] + table + m[2], text, flags=re.DOTALL)
    if times != 1:
        raise SystemExit(f"{path}: there must be one place for the table {name}, not {times}.")
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    arguments = parser.parse_args()
    rows, guard = run(arguments.seed)
    write(arguments.document, "summary", summary_table(rows))
    write(arguments.document, "coverage", main_table(rows, (3, 5, 10)))
    write(arguments.document, "guard", guard_table(guard))


if __name__ == "__main__":
    main()
