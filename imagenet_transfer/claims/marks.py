"""Which cells of a table surely differ from its reference row, or from a random start.

Differences are judged as in findings.csv (docs/statistics.md): from the same values, with errors
moderated by all cells of the study.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from imagenet_transfer.claims.results import Results
from imagenet_transfer.claims.statistics import (
    LEVEL,
    Effect,
    Sample,
    contrast,
    holm,
    p_value,
    prior_of,
)
from imagenet_transfer.labels.manifests import SCRATCH

Row = tuple[str, str]  # architecture and subset


@dataclass(frozen=True)
class Compared:
    """A cell less another row's of the same task; `adjusted` is its p after Holm's correction."""

    row: Row
    task: str
    other: Row
    effect: Effect
    adjusted: float

    @property
    def is_sure(self) -> bool:
        """Whether the cells surely differ, all such verdicts of the table together."""
        return self.adjusted <= LEVEL


@dataclass(frozen=True)
class Comparisons:
    """All comparisons of a table; `counts` are the fewest and most values of its cells by task."""

    reference: Row | None
    compared: tuple[Compared, ...]
    counts: Mapping[str, tuple[int, int]]

    @property
    def tested(self) -> int:
        """Return how many comparisons have a p value, which is what Holm corrects for."""
        return sum(one.adjusted >= 0 for one in self.compared)

    def sure(self, row: Row, task: str) -> list[Compared]:
        """Return the comparisons of a cell that are sure."""
        return [one for one in self.compared if (one.row, one.task) == (row, task) and one.is_sure]


def rows_of(layout: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a table's layout, references of budgets first."""
    of_budgets = [name for row in layout.get("rows", []) for name in row["subsets"]]
    subsets = [*layout.get("references", []), *layout.get("subsets", []), *of_budgets]
    architectures = layout.get("architectures") or [layout["architecture"]]
    return list(itertools.product(architectures, dict.fromkeys(subsets)))


def reference_of(layout: Mapping[str, Any]) -> Row | None:
    """Return the row that all others are compared with: the first that was pre-trained, if any.

    Of budgets it is the first reference; without one, there is none.
    """
    known = layout.get("references", layout.get("subsets", []))
    return next((row for row in rows_of(layout) if row[1] != SCRATCH and row[1] in known), None)


def compare_rows(
    layout: Mapping[str, Any], runs: pd.DataFrame, settings: Mapping[str, Any]
) -> Comparisons:
    """Return the cells of a table compared with its reference row and with random starts.

    A random start is compared with the networks of its architecture. `runs` is runs.csv, `settings`
    the study's `reporting_settings`. p is NaN where either has fewer than two values.
    """
    rows = rows_of(layout)
    reference = reference_of(layout)
    cells, apart = _cells(runs, settings, list(dict.fromkeys(name for name, _ in rows)))
    prior = prior_of(list(cells.values()), apart)
    pairs = [
        (row, other)
        for row in rows
        for other in dict.fromkeys((reference, (row[0], SCRATCH)))
        if other in rows and row != other and row[1] != SCRATCH
    ]
    asked = [(row, task, other) for task in layout["tasks"] for row, other in pairs]
    effects = [
        contrast(lambda a, b: a - b, (cells[*row, task], cells[*other, task]), prior)
        for row, task, other in asked
    ]
    adjusted = holm([p_value(effect) for effect in effects])
    compared = [
        Compared(*about, effect, p)
        for about, effect, p in zip(asked, effects, adjusted, strict=True)
    ]
    counts = {task: [len(cells[*row, task].values) for row in rows] for task in layout["tasks"]}
    spans = {task: (min(found), max(found)) for task, found in counts.items()}
    return Comparisons(reference, tuple(compared), spans)


def _cells(
    runs: pd.DataFrame, settings: Mapping[str, Any], architectures: list[str]
) -> tuple[dict[tuple[str, str, str], Sample], list[str]]:
    """Return all cells of the study by architecture, subset and task, and the names set apart."""
    cells = {}
    apart = []
    for name in architectures:
        own_runs = runs[runs["arch"] == name]
        results = Results(own_runs, {}, {}, settings["tasks"], settings["subsets"], {})
        apart += [_named(name, subset) for subset in results.set_apart]
        for sample in results.samples:
            cells[name, sample.name, sample.task] = replace(sample, name=_named(name, sample.name))
    return cells, apart


def _named(architecture: str, subset: str) -> str:
    return f"{architecture} {subset}"
