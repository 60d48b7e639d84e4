"""Multinomial logistic regression on features larger than the memory, to its optimum.

The problem is that of scikit-learn's LogisticRegression with C = 1 / (N l2): the mean cross-entropy
of N rows plus l2 / 2 times the squared weights; offsets are free. It is solved in other
coordinates, which change the solution as they change back, and nothing else: features are centred,
which shifts only the offsets, and divided by one number, by which l2 is multiplied twice. Without
this, the common part of features after a ReLU makes L-BFGS slow.

Products are computed in float32 in blocks of rows; their sums over blocks, and everything of the
size of the weights, are float64.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from torch import Tensor

from imagenet_transfer.features.neighbours import read_ahead

BLOCK = 4096  # rows in one product
TOLERANCE = 1e-6  # of the largest slope, where rows have a mean square of 1
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
    tolerance: float = TOLERANCE,
) -> Fit:
    """Return the regression of the rows of `sets`, for the scaled features' `l2`.

    The search starts at `values` (classes,D+1), float64, on the device of the rows.
    """

    def function(point: np.ndarray) -> tuple[float, np.ndarray]:
        at = torch.from_numpy(point).view_as(values).to(values.device)
        loss, slope = objective(sets, at, l2)
        return loss, slope.cpu().numpy().ravel()

    options = {"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": MEMORY}
    options |= {"gtol": tolerance, "ftol": 0.0}
    start = values.cpu().numpy().ravel()
    found = minimize(function, start, method="L-BFGS-B", jac=True, options=options)
    at = torch.from_numpy(found.x).view_as(values).to(values.device)
    return Fit(at, float(found.fun), int(found.nit), found.status != STOPPED)


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
