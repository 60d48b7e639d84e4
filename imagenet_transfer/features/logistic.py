"""Multinomial logistic regression on features larger than the memory, to its optimum.

The problem is that of scikit-learn's LogisticRegression with C = 1 / (N l2): the mean cross-entropy
of N rows plus l2 / 2 times the squared weights; offsets are free. It is solved in other
coordinates, which change the solution as they change back, and nothing else: features are centred,
which shifts only the offsets, and divided by one number, by which l2 is multiplied twice. Without
this, the common part of features after a ReLU makes L-BFGS slow.

Products are computed in float32 in blocks of rows; their sums over blocks, and everything of the
size of the weights, are float64.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from torch import Tensor

from imagenet_transfer.running.read_ahead import read_ahead

BLOCK = 4096  # rows in one product
TOLERANCE = 1e-6  # of the largest slope, where rows have a mean square of 1
ROUNDING = 1e-9  # of the loss: a step that gains less is lost in the rounding of float32
RIDGE = 1e-6  # of the mean curvature, added so that its factor exists
WIDEST = 50  # features per class: products of more cost as much as 25 steps or more
STOPPED = 1  # status of SciPy's L-BFGS: at the most iterations
MEMORY = 10  # past steps that L-BFGS keeps

Load = Callable[[np.ndarray], Tensor]  # some rows of the features as float32 on the device


class LabelledRows:
    """Some rows of features and their labels, read in blocks; kept once read, if `keep`."""

    def __init__(self, load: Load, rows: np.ndarray, labels: np.ndarray, keep: bool = True):
        self.load = load
        self.rows = rows
        self.labels = torch.from_numpy(np.array(labels, dtype=np.int64))
        self.keep = keep

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield features (n,D), centred and scaled, and labels (n)."""
        yield from self._kept if self.keep else self._blocks()

    @cached_property
    def _kept(self) -> list[tuple[Tensor, Tensor]]:
        return list(self._blocks())

    def _blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        starts = range(0, len(self.rows), BLOCK)
        parts = (self.rows[start : start + BLOCK] for start in starts)
        for start, features in zip(starts, read_ahead(self.load, parts), strict=True):
            yield features, self.labels[start : start + BLOCK].to(features.device)


@dataclass(frozen=True)
class Scale:
    """Centre (D,) and size of features: (x - centre) / size has rows of mean square 1."""

    centre: Tensor
    size: float

    @classmethod
    def of(cls, load: Load, rows: np.ndarray) -> "Scale":
        """Return those of some rows."""
        total = squares = torch.zeros((), dtype=torch.float64)
        for start in range(0, len(rows), BLOCK):
            features = load(rows[start : start + BLOCK]).double()
            total = total + features.sum(0).cpu()
            squares = squares + features.square().sum().cpu()
        centre = total / len(rows)
        spread = float(squares / len(rows) - centre.square().sum())
        return cls(centre.float(), max(spread, 0.0) ** 0.5 or 1.0)

    def scaled(self, load: Load) -> Load:
        """Return a function that loads centred and scaled rows."""

        def scaled(rows: np.ndarray) -> Tensor:
            features = load(rows)
            return features.sub_(self.centre.to(features.device)).div_(self.size)

        return scaled


class Coordinates:
    """Coordinates in which the loss curves about equally in all directions, where that is cheap.

    At equal probabilities of the classes the curvature is about that of `products` / classes + l2,
    with the features' products (D,D) divided by the number of rows; offsets curve by 1 / classes.
    Without products, coordinates are weights and offsets themselves.
    """

    def __init__(self, products: Tensor | None, l2: float, num_classes: int):
        self.factor = None
        self.unit = num_classes**0.5
        if products is not None:
            self.factor = factor_of(products / num_classes, l2).float()

    def of(self, values: Tensor) -> Tensor:
        """Return the coordinates of weights and offsets (classes,D+1), float64."""
        if self.factor is None:
            return values
        weights = values[:, :-1].float() @ self.factor
        return torch.cat([weights.double(), values[:, -1:] / self.unit], 1)

    def values(self, point: Tensor) -> Tensor:
        """Return the weights and offsets at some coordinates."""
        return self._solved(point, self.factor, upper=False)

    def slope(self, slope: Tensor) -> Tensor:
        """Return the slope by the coordinates from that by weights and offsets."""
        return self._solved(slope, None if self.factor is None else self.factor.T, upper=True)

    def _solved(self, part: Tensor, factor: Tensor | None, upper: bool) -> Tensor:
        if factor is None:
            return part
        weights = part[:, :-1].float()
        weights = torch.linalg.solve_triangular(factor, weights, upper=upper, left=False)
        return torch.cat([weights.double(), part[:, -1:] * self.unit], 1)


def factor_of(curvature: Tensor, l2: float) -> Tensor:
    """Return the Cholesky factor of a curvature + l2, raised until rounding leaves it positive.

    Fewer rows than features, or features that are equal, leave directions without curvature; only
    the speed of the search depends on what is added there.
    """
    least = RIDGE * float(curvature.diagonal().mean())
    identity = torch.eye(len(curvature), dtype=curvature.dtype, device=curvature.device)
    while True:
        factor, failed = torch.linalg.cholesky_ex(curvature + (l2 + least) * identity)
        if not failed:
            return factor
        least *= 10


def products_of(sets: Iterable[LabelledRows], num_classes: int) -> Tensor | None:
    """Return the products of scaled features (D,D), float64, divided by the number of rows.

    None if they cost more than they save.
    """
    total = None
    count = 0
    for features, _ in (block for rows in sets for block in rows):
        if features.shape[1] > WIDEST * num_classes:
            return None
        part = (features.T @ features).double()
        total = part if total is None else total.add_(part)
        count += len(features)
    return None if total is None else total / count


@dataclass(frozen=True)
class Fit:
    """A regression of centred and scaled features.

    `values` (classes,D+1) are weights and, last, offsets. `loss` is what was minimised; `converged`
    tells whether the search ended by itself: the slope was flat, or no step was better by more than
    rounding.
    """

    values: Tensor
    loss: float
    iterations: int
    converged: bool


def fit(
    sets: Sequence[LabelledRows],
    values: Tensor,
    l2: float,
    iterations: int,
    products: Tensor | None = None,
) -> Fit:
    """Return the regression of the rows of `sets`, for the scaled features' `l2`.

    The search starts at `values` (classes,D+1), float64, on the device of the rows. It takes fewer
    steps with the `products_of` these rows, or of most of them.
    """
    coordinates = Coordinates(products, l2, len(values))
    steepest = math.inf

    def function(point: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal steepest
        loss, slope = objective(sets, at(point), l2)
        steepest = float(slope.abs().max())
        return loss, coordinates.slope(slope).cpu().numpy().ravel()

    def at(point: np.ndarray) -> Tensor:
        return coordinates.values(torch.from_numpy(point).view_as(values).to(values.device))

    def stop(_: np.ndarray) -> None:
        if steepest <= TOLERANCE:
            raise StopIteration

    options = {"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": MEMORY}
    options |= {"gtol": 0.0, "ftol": ROUNDING}
    start = coordinates.of(values).cpu().numpy().ravel()
    search = {"method": "L-BFGS-B", "jac": True, "callback": stop, "options": options}
    found = minimize(function, start, **search)
    return Fit(at(found.x), float(found.fun), int(found.nit), found.status != STOPPED)


def objective(sets: Iterable[LabelledRows], values: Tensor, l2: float) -> tuple[float, Tensor]:
    """Return the penalised mean cross-entropy at `values` (classes,D+1), and its slope."""
    weights = values[:, :-1]
    slope = torch.zeros_like(values)
    loss = torch.zeros((), dtype=torch.float64, device=values.device)
    count = 0
    for features, labels in (block for rows in sets for block in rows):
        scores = torch.addmm(values[:, -1].float(), features, weights.T.float())
        logs = F.log_softmax(scores, dim=1)
        own = labels[:, None]
        loss -= logs.gather(1, own).sum(dtype=torch.float64)
        errors = logs.exp_()
        errors.scatter_add_(1, own, torch.full_like(own, -1.0, dtype=errors.dtype))
        slope[:, :-1] += errors.T @ features
        slope[:, -1] += errors.sum(0, dtype=torch.float64)
        count += len(labels)
    slope /= count
    slope[:, :-1] += l2 * weights
    return float(loss / count + l2 / 2 * weights.square().sum()), slope


def scores_of(rows: LabelledRows, values: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the class scores (n,classes) and labels (n) of blocks of rows."""
    for features, labels in rows:
        yield torch.addmm(values[:, -1].float(), features, values[:, :-1].T.float()), labels
