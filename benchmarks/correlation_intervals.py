"""How often 95 % intervals of a correlation over a study's pre-training sets cover the true one.

    python benchmarks/correlation_intervals.py [--studies 2000]

Invented studies have 8, 12 or 20 sets with three replicates. The sets' accuracies are spread
normally, evenly or skewed (exponentially); their transfer follows with a correlation of 0.7 or
0.95, and replicates add noise of 0.3 standard deviations of the sets to both. Compared are Fisher's
z, the percentile bootstrap over sets, and the one over sets and replicates (Owen, 2007), with 800
resamples each. Prints the coverage and mean length of each, in percent; takes a minute on one core.
"""

import argparse

import numpy as np

from imagenet_transfer.figures.correlation_numbers import fisher_interval

REPLICATES = 3
NOISE = 0.3
RESAMPLES = 800
METHODS = ("Fisher's z", "sets", "sets and replicates")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", type=int, default=2000, help="invented studies per row")
    studies = parser.parse_args().studies
    print("spread", "sets", "r", *METHODS, sep="\t")
    for spread in ("normal", "even", "skewed"):
        for count in (8, 12, 20):
            for rho in (0.7, 0.95):
                measure(spread, count, rho, studies)


def measure(spread: str, count: int, rho: float, studies: int) -> None:
    """Print one row of the table."""
    rng = np.random.default_rng([count, round(100 * rho)])
    truth = rho / (1 + NOISE**2 / REPLICATES)  # of means over replicates
    found = np.array([intervals(*study(rng, spread, count, rho), rng) for _ in range(studies)])
    covered = ((found[..., 0] <= truth) & (truth <= found[..., 1])).mean(axis=0)
    lengths = np.diff(found, axis=2)[..., 0].mean(axis=0)
    texts = [f"{100 * c:.0f} ({100 * w:.0f})" for c, w in zip(covered, lengths, strict=True)]
    print(spread, count, f"{truth:.2f}", *texts, sep="\t", flush=True)


def study(
    rng: np.random.Generator, spread: str, count: int, rho: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return accuracies and transfer values of an invented study, sets by replicates."""
    draws = {
        "normal": lambda: rng.normal(size=count),
        "even": lambda: rng.uniform(-(3**0.5), 3**0.5, count),
        "skewed": lambda: rng.exponential(size=count) - 1,
    }
    x = draws[spread]()
    y = rho * x + (1 - rho**2) ** 0.5 * rng.normal(size=count)
    noise = NOISE * rng.normal(size=(2, count, REPLICATES))
    return x[:, None] + noise[0], y[:, None] + noise[1]


def intervals(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return the interval of each method."""
    count = len(x)
    means = x.mean(axis=1), y.mean(axis=1)
    sets = rng.integers(count, size=(RESAMPLES, count))
    weights = rng.multinomial(REPLICATES, [1 / REPLICATES] * REPLICATES, RESAMPLES) / REPLICATES
    both = [np.take_along_axis(weights @ values.T, sets, axis=1) for values in (x, y)]
    resampled = (correlations(*(mean[sets] for mean in means)), correlations(*both))
    ends = [tuple(np.nanquantile(rs, (0.025, 0.975))) for rs in resampled]
    return [fisher_interval(float(correlations(*means)), count), *ends]


def correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Pearson's r along the last axis; NaN where one set was drawn every time."""
    x, y = (values - values.mean(axis=-1, keepdims=True) for values in (x, y))
    with np.errstate(invalid="ignore"):
        return (x * y).sum(-1) / np.sqrt((x**2).sum(-1) * (y**2).sum(-1))


if __name__ == "__main__":
    main()
