"""A surface of transfer over numbers of classes and of images per class, linear in the means.

At one number of images (a budget), transfer is a parabola in the logarithm of the ratio, classes by
images per class. Where it peaks and how narrow it is may change linearly with the logarithm of the
budget; its height is a cubic in that. So subsets are in effect compared with subsets of equally
many images. Transfer C - A classes^-a - B images_per_class^-a, which Zhang et al. (2023) derive,
has the same best ratio at all budgets, and so has its surface. A plain quadratic surface has not:
if the best ratio is four times the middle one, it gets one that falls with the cube root of the
budget.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from imagenet_transfer.errors import UserError

TERMS = 8  # of the surface
OF_RATIO = slice(4, 8)  # the terms with d
SAME = 1.1  # numbers up to this ratio count as equal, as classes may lack images


class Cell(NamedTuple):
    """The size of one subset of the grid."""

    subset: str
    n_classes: int
    n_images: int

    @property
    def images_per_class(self) -> float:
        """Return the mean number of images of a class."""
        return self.n_images / self.n_classes

    @property
    def ratio(self) -> float:
        """Return classes by images per class."""
        return self.n_classes / self.images_per_class


class Budget(NamedTuple):
    """Cells of equally many images, by ascending ratio, and that number: their geometric mean."""

    n_images: float
    cells: tuple[Cell, ...]

    @property
    def least(self) -> float:
        """Return the smallest measured ratio."""
        return self.cells[0].ratio

    @property
    def most(self) -> float:
        """Return the largest measured ratio."""
        return self.cells[-1].ratio


def alike(numbers: Iterable[float]) -> list[list[float]]:
    """Return the different numbers in ascending groups of those that count as equal (SAME)."""
    groups: list[list[float]] = []
    for number in sorted(set(numbers)):
        if groups and number <= SAME * groups[-1][0]:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def budgets_of(grid: Sequence[Cell]) -> list[Budget]:
    """Return the ascending budgets that cells of several ratios have."""
    found = []
    for numbers in alike(cell.n_images for cell in grid):
        chosen = [cell for cell in grid if cell.n_images in numbers]
        cells = tuple(sorted(chosen, key=lambda cell: cell.ratio))
        mean = math.exp(math.fsum(math.log(cell.n_images) for cell in cells) / len(cells))
        if cells[-1].ratio > SAME * cells[0].ratio:
            found.append(Budget(mean, cells))
    return found


@dataclass(frozen=True)
class Surface:
    """A surface over a grid: a cubic in s, plus (g10 + g11 s) d + (g20 + g21 s) d².

    s and d are log2 of budget and ratio, counted from the middle of the grid, `centre`; d runs from
    -`reach` to `reach`. `terms` (4,K) are the weights of the means of the cells `subsets` in g10,
    g11, g20 and g21; `distances` (K,K) turns the means into their distances from the surface.
    """

    subsets: tuple[str, ...]
    centre: tuple[float, float]
    reach: float
    terms: np.ndarray
    distances: np.ndarray

    def steepness(self, budget: float, ratio: float) -> dict[str, float]:
        """Return the weights, by subset, of the slope along the ratio: points per doubling."""
        s = math.log2(budget) - self.centre[0]
        d = math.log2(ratio) - self.centre[1]
        return self._weights(np.array([1, s, 2 * d, 2 * d * s]) @ self.terms)

    def bend(self) -> dict[str, float]:
        """Return the weights of g20: below 0, the middle budget has a peak."""
        return self._weights(self.terms[2])

    def _weights(self, weights: np.ndarray) -> dict[str, float]:
        return dict(zip(self.subsets, weights.tolist(), strict=True))

    def peak(self, means: np.ndarray, budget: float) -> float:
        """Return the ratio at which a budget's parabola peaks; NaN if it bends upwards."""
        s = math.log2(budget) - self.centre[0]
        g10, g11, g20, g21 = self.terms @ means
        bend = float(g20 + g21 * s)
        d = -float(g10 + g11 * s) / (2 * bend) if bend < 0 else math.nan
        return 2 ** (self.centre[1] + d) if abs(d) < 100 else math.nan

    def middle_peak(self, means: np.ndarray) -> float:
        """Return the ratio at which the middle budget peaks; NaN if not at a measured ratio."""
        ratio = self.peak(means, 2 ** self.centre[0])
        return ratio if abs(math.log2(ratio) - self.centre[1]) <= self.reach else math.nan

    def drift(self, means: np.ndarray, slope: float) -> float:
        """Return how fast the surface becomes steep along a line through the middle peak.

        The line has this slope, d by s; if it follows the peaks, the drift is 0. In points per
        doubling of the ratio and of the budget.
        """
        g10, g11, g20, g21 = self.terms @ means
        return float(g11 - g10 * g21 / g20 + 2 * slope * g20)

    def slope(self, means: np.ndarray) -> float:
        """Return the slope of the peaks, d by s, at the middle budget."""
        return self.drift(means, 0.0) / float(-2 * self.terms[2] @ means)


def surface_of(grid: Sequence[Cell], name: str) -> Surface:
    """Return the surface over the grid of the output `name`.

    Raises UserError if its cells do not determine one, or share no number of images.
    """
    logs = np.log2([(cell.n_images, cell.ratio) for cell in grid])
    centre = (logs.min(0) + logs.max(0)) / 2
    s, d = (logs - centre).T
    design = np.stack([s**0, s, s**2, s**3, d, s * d, d**2, s * d**2], axis=1)
    determined = len(grid) > TERMS and np.linalg.matrix_rank(design) == TERMS
    if not (determined and budgets_of(grid)):
        raise UserError(
            f"outputs.{name}: the sizes of its {len(grid)} subsets determine no surface. Take four "
            "or more numbers of classes and of images per class, in steps that make subsets with "
            "equally many images in all, such as 8, 16, 32, 64 and 6, 12, 24, 48."
        )
    weights = np.linalg.pinv(design)
    names = tuple(cell.subset for cell in grid)
    distances = np.eye(len(grid)) - design @ weights
    return Surface(names, tuple(centre.tolist()), float(d.max()), weights[OF_RATIO], distances)
