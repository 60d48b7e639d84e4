"""How often 95 % intervals of a best ratio of classes to images per class cover the true one.

    python benchmarks/surface_intervals.py [--studies 1000]

Invented studies have 4 x 4 cells with 8 to 64 classes and 6 to 48 images per class, and three or
five replicates. Their transfer falls short by powers of both numbers, 8 points over the grid; the
best ratio at the middle budget is the middle one or four times that, and is constant or goes with
the cube root of the budget. Values vary by 0.4 or 0.8 points, with few classes up to 1.7 times as
much in the rows called uneven. Printed are, in percent of studies: how often the interval of the
steepness at the true best ratio contains 0 (the range of the ratio then contains it), the peak is
sure, and, of these studies, the interval of the slope contains the true slope; the last also for a
plain quadratic surface. Takes some minutes on one core.
"""

import argparse
import itertools

import numpy as np
import pandas as pd

from imagenet_transfer.figures.cells import Cells
from imagenet_transfer.figures.surface_fit import Cell, Surface, surface_of

CLASSES = (8, 16, 32, 64)
IMAGES = (6, 12, 24, 48)
GRID = [Cell(f"{k}x{n}", k, k * n) for k in CLASSES for n in IMAGES]
SPAN = 8.0  # points
POWERS = {"constant": (0.5, 0.5), "rising": (0.3, 0.6)}
UNEVEN = 0.25  # power of the classes by which the noise falls
HEAD = ("surface", "best ratio", "noise", "even", "n", "covered", "sure", "slope", "quadratic")


def places(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Return s and d of the cells of the grid."""
    logs = np.log2([(cell.n_images, cell.ratio) for cell in GRID])
    return tuple((logs - surface.centre).T)


def transfer(surface: Surface, a: float, b: float, peak: float) -> np.ndarray:
    """Return the cells' true values; the best d is peak + s (b - a) / (a + b)."""
    s, d = places(surface)
    short = 2 ** (-a * (s + d - peak) / 2) / a + 2 ** (-b * (s - d + peak) / 2) / b
    return 40 - short * SPAN / np.ptp(short)


def quadratic(surface: Surface) -> Surface:
    """Return a surface without the term s d², and with a height that is quadratic in s."""
    s, d = places(surface)
    weights = np.linalg.pinv(np.stack([s**0, s, s**2, d, s * d, d**2], axis=1))
    terms = np.stack([*weights[3:], np.zeros(len(GRID))])
    return Surface(surface.subsets, surface.centre, surface.reach, terms, surface.distances)


def contains_zero(cells: Cells, surface: Surface, slope: float) -> bool:
    """Return whether a slope lies in its interval."""

    def drift(*means: float) -> float:
        return surface.drift(np.array(means), slope)

    effect = cells.effect(drift, surface.subsets, "task")
    return effect.low <= 0 <= effect.high


def measure(shape: str, peak: float, noise: float, even: bool, n: int, studies: int) -> list[float]:
    """Return the percentages of one row."""
    surface = surface_of(GRID, "surface")
    plain = quadratic(surface)
    a, b = POWERS[shape]
    slope = (b - a) / (a + b)
    true = transfer(surface, a, b, peak)
    ratio = 2 ** (surface.centre[1] + peak)
    spread = np.array([1.0 if even else (64 / cell.n_classes) ** UNEVEN for cell in GRID])
    rng = np.random.default_rng([round(10 * noise), n, even])
    found = []
    for _ in range(studies):
        errors = noise * spread[:, None] * rng.standard_normal((len(GRID), n))
        values = true[:, None] + errors + rng.standard_normal(n)
        cells = Cells.of({"task": pd.DataFrame(values, index=surface.subsets)})
        steepness = cells.weighted(surface.steepness(2 ** surface.centre[0], ratio), "task")
        sure = cells.weighted(surface.bend(), "task").high < 0
        both = [contains_zero(cells, one, slope) for one in (surface, plain)]
        found.append((steepness.low <= 0 <= steepness.high, sure, *both))
    covered, sure, *slopes = np.array(found).T
    return [100 * float(np.mean(one)) for one in (covered, sure, *(s[sure] for s in slopes))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", type=int, default=1000, help="invented studies per row")
    studies = parser.parse_args().studies
    print(*HEAD, sep="\t")
    rows = itertools.product(POWERS, (0.0, 2.0), (0.4, 0.8), (True, False), (3, 5))
    for shape, peak, noise, even, n in rows:
        numbers = measure(shape, peak, noise, even, n, studies)
        where = "middle" if peak == 0 else f"{2**peak:.0f} x middle"
        shown = [f"{number:.1f}" for number in numbers]
        print(shape, where, noise, "even" if even else "uneven", n, *shown, sep="\t", flush=True)


if __name__ == "__main__":
    main()
