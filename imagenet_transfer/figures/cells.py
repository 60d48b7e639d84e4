"""Contrasts among the cells that a figure shows: subsets on tasks, with their replicates.

Their intervals are those of `claims.statistics.contrast`, as in findings.csv, with what the cells
of the figure tell together about the error of one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from imagenet_transfer.claims.statistics import Effect, Prior, Sample, contrast, prior_of
from imagenet_transfer.errors import UserError


def complete(values: pd.DataFrame, task: str, subsets: Sequence[str], what: str) -> pd.DataFrame:
    """Return the subsets' values (rows) in the replicates (columns) that all of them have.

    Raises UserError, about the figure that is called `what`, if a subset was not run, or if they
    have no replicate in common.
    """
    for name in subsets:
        if name not in values.index:
            raise UserError(
                f"The {what} needs {name} on {task}, which was not run: make the missing runs "
                "first, the workflow does so by itself."
            )
    shared = values.loc[list(subsets)].dropna(axis="columns")
    if shared.empty:
        raise UserError(
            f"The networks of the {what} have no replicate in common on {task}: make the missing "
            "runs first, the workflow does so by itself."
        )
    return shared


@dataclass(frozen=True)
class Cells:
    """Samples by subset and task, and what they tell together about the error of one."""

    samples: Mapping[tuple[str, str], Sample]
    prior: Prior

    @classmethod
    def of(cls, values: Mapping[str, pd.DataFrame]) -> "Cells":
        """Return the cells of each task's `complete` values, subsets by replicates."""
        samples = {
            (name, task): Sample(name, task, tuple(table.loc[name]))
            for task, table in values.items()
            for name in table.index
        }
        return cls(samples, prior_of(list(samples.values())))

    def means(self, subsets: Sequence[str], task: str) -> np.ndarray:
        """Return the subsets' means on a task."""
        return np.array([self.samples[name, task].mean for name in subsets])

    def replicates(self, task: str) -> int:
        """Return the number of replicates of a task's cells."""
        return min(len(sample.values) for (_, of), sample in self.samples.items() if of == task)

    def unknown(self, task: str) -> str:
        """Return why a task's contrasts have no intervals; "" if they may have."""
        return "one replicate: no intervals" if self.replicates(task) == 1 else ""

    def error(self, task: str) -> float:
        """Return the standard error of a mean on a task, without what its replicates shift.

        NaN for one replicate.
        """
        if self.replicates(task) == 1:
            return math.nan
        place = self.prior.tasks.index(task)
        variance = float(self.prior.covariance[place, place])
        return math.sqrt(variance / self.replicates(task))

    def effect(self, function: Callable[..., float], subsets: Sequence[str], task: str) -> Effect:
        """Return a function of the subsets' means on a task, with its interval."""
        return contrast(function, [self.samples[name, task] for name in subsets], self.prior)

    def weighted(self, weights: Mapping[str, float], task: str) -> Effect:
        """Return the weighted sum of the subsets' means on a task, with its interval."""

        def total(*means: float) -> float:
            return math.fsum(w * mean for w, mean in zip(weights.values(), means, strict=True))

        return self.effect(total, list(weights), task)
