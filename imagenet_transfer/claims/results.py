"""What claims read of a study: the values of its runs by subset and task, and its outputs."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from imagenet_transfer.claims.statistics import Prior, Sample, prior_of
from imagenet_transfer.labels.manifests import SCRATCH

CHANCE = "chance"  # the name of a sample that was not measured
# The column with a curve's sizes, by its horizontal axis.
SIZE_ALONG = {"images_per_class": "n_images", "classes": "n_classes"}
# The full set is looked for in these outputs first.
MAIN_OUTPUTS = ("figure1", "figure2", "table1", "table2", "table3")


class MissingError(Exception):
    """A study lacks what a claim is about; the text says what."""


@dataclass(frozen=True)
class Results:
    """A study's runs and outputs, as claims read them.

    `runs` is runs.csv, of one architecture; `tables` are the tidy frames of outputs by name,
    `layouts` their config entries. `tasks` holds for each task its kind, its metric and the
    accuracy of guessing (`chance`, in percent); `subsets` for each subset its `dataset`, the
    `method` of its label set, its number of `networks`, and whether they are `given`. `tolerances`
    are the config's.
    """

    runs: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    layouts: Mapping[str, Mapping[str, Any]]
    tasks: Mapping[str, Mapping[str, Any]]
    subsets: Mapping[str, Mapping[str, Any]]
    tolerances: Mapping[str, float]

    # Outputs

    def find(self, what: str, builder: str, **keys: Any) -> tuple[pd.DataFrame, Mapping[str, Any]]:
        """Return frame and layout of the output `what`, if it has this builder and these keys.

        Otherwise those of the first output that has; raise MissingError if there is none.
        """
        wanted = {"builder": builder, **keys}
        for name in [what, *self.layouts]:
            layout = self.layouts.get(name, {})
            matches = all(layout.get(key) == value for key, value in wanted.items())
            if matches and name in self.tables:
                return self.tables[name], layout
        raise MissingError(f"this study has no {what}")

    def named(self, name: str) -> tuple[pd.DataFrame, Mapping[str, Any]]:
        """Return frame and layout of the output of that name, or raise MissingError."""
        if name not in self.tables or name not in self.layouts:
            raise MissingError(f"this study has no {name}")
        return self.tables[name], self.layouts[name]

    def full_set(self) -> str:
        """Return the subset that others are compared with; raise MissingError if there is none.

        It is the largest of a curve, the first that a table names, or an output's `full`.
        """
        for name in [*MAIN_OUTPUTS, *self.layouts]:
            layout = self.layouts.get(name, {"builder": ""})
            if "full" in layout:
                return str(layout["full"])
            if layout["builder"] == "curve" and name in self.tables:
                return str(sizes(self.tables[name], SIZE_ALONG[layout["along"]]).index[-1])
            named = layout.get("references" if layout["builder"] == "budgets" else "subsets", [])
            trained = [subset for subset in named if subset != SCRATCH]
            if layout["builder"] in ("budgets", "transfer", "networks") and trained:
                return trained[0]
        raise MissingError("this study has no table or curve")

    def class_counts(self) -> pd.Series:
        """Return the number of classes of each subset that an output shows, ascending."""
        return self._sizes("n_classes")

    def image_counts(self) -> pd.Series:
        """Return the number of images of each subset that an output shows, ascending."""
        return self._sizes("n_images")

    def _sizes(self, column: str) -> pd.Series:
        shown = [
            table[["subset", column]]
            for table in self.tables.values()
            if {"subset", column} <= set(table)
        ]
        return sizes(pd.concat([pd.DataFrame(columns=["subset", column]), *shown]), column)

    # Runs

    @cached_property
    def _runs(self) -> dict[tuple[str, str], tuple[float, ...]]:
        """Return the values of each subset and task by replicate, in the metric of the task."""
        runs = self.runs[self.runs["stage"] == "transfer"]
        metric_of = runs["task"].map({name: entry["metric"] for name, entry in self.tasks.items()})
        shown = runs[runs["metric"] == metric_of].sort_values("rep", kind="stable")
        groups = shown.groupby(["subset", "task"], sort=False)["value"]
        return {(str(subset), str(task)): tuple(values) for (subset, task), values in groups}

    @cached_property
    def _values(self) -> dict[tuple[str, str], tuple[float, ...]]:
        """Return the values of each subset and task that are independent."""
        return {cell: self._by_network(runs) for cell, runs in self._runs.items()}

    def _by_network(self, runs: tuple[float, ...]) -> tuple[float, ...]:
        """Return one value per network if several runs start from each of several networks.

        Runs that start from one network are not independent.
        """
        networks = max((entry["networks"] for entry in self.subsets.values()), default=1)
        if not 1 < networks < len(runs):
            return runs
        return tuple(statistics.fmean(runs[network::networks]) for network in range(networks))

    def runs_per_value(self, subset: str, task: str) -> float:
        """Return how many runs are averaged in one value of a sample."""
        return len(self._runs[subset, task]) / len(self._values[subset, task])

    def has(self, subset: str, task: str) -> bool:
        """Return whether a subset has runs of a task."""
        return (subset, task) in self._values

    def sample(self, subset: str, task: str) -> Sample:
        """Return the values of a subset on a task by replicate, or raise MissingError."""
        if not self.has(subset, task):
            raise MissingError(f"this study has no run of {subset} on {task}")
        return Sample(subset, task, self._values[subset, task])

    @property
    def samples(self) -> list[Sample]:
        """Return the values of every subset and task that has runs."""
        return [Sample(subset, task, values) for (subset, task), values in self._values.items()]

    @property
    def set_apart(self) -> list[str]:
        """Return the subsets whose runs vary otherwise than those of most."""
        return [SCRATCH, *self._trained_once()]

    @cached_property
    def prior(self) -> Prior:
        """Return what all runs of the study tell about the error of one."""
        return prior_of(self.samples, self.set_apart)

    def _trained_once(self) -> list[str]:
        """Return the subsets with one network in a study of several: their runs vary less."""
        once = [name for name, entry in self.subsets.items() if entry["networks"] == 1]
        return once if len(once) < len(self.subsets) else []

    def tasks_with_scratch(self) -> list[str]:
        """Return the tasks on which an output shows a random start, in the order of the outputs.

        Raises MissingError if there are none.
        """
        shown = [task for layout in self.layouts.values() for task in layout.get("tasks", [])]
        found = [task for task in dict.fromkeys(shown) if self.has(SCRATCH, task)]
        if not found:
            raise MissingError("this study has no random start to compare networks with")
        return found

    def is_detection(self, task: str) -> bool:
        """Return whether a task is detection."""
        return self.tasks[task]["kind"] == "detection"

    def chance(self, task: str, like: Sample) -> Sample:
        """Return the accuracy of guessing on a task as a sample as long as `like`."""
        return constant(self.tasks[task]["chance"], like)


def guesses_of(task: Mapping[str, Any]) -> int:
    """Return how many guesses a task's metric allows: 5 for top5, otherwise 1."""
    return 5 if task["metric"] == "top5" else 1


def constant(value: float, like: Sample) -> Sample:
    """Return a number that was not measured, such as chance, as a sample as long as `like`."""
    return Sample(CHANCE, like.task, (value,) * len(like.values))


# Subsets by size


def sizes(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return n_classes or n_images of each pre-trained subset of a frame, ascending."""
    known = frame.assign(size=pd.to_numeric(frame[column], errors="coerce")).dropna(subset="size")
    return known.drop_duplicates("subset").set_index("subset")["size"].sort_values(kind="stable")


def nearest_size(known: pd.Series, share: float, least: float, most: float) -> str | None:
    """Return the subset whose size is nearest, by ratio, to `share` of the last one's, or None.

    Only subsets with `least` to `most` of the last one's size count; `known` holds sizes by subset.
    """
    ratios = {name: size / known.iloc[-1] for name, size in known.items()}
    inside = [name for name, ratio in ratios.items() if least <= ratio <= most]
    return min(inside, key=lambda name: abs(math.log(ratios[name] / share)), default=None)


def required(name: str | None, what: str) -> str:
    """Return the name of a subset that was looked for; raise MissingError if it is None."""
    if name is None:
        raise MissingError(f"this study has no subset with {what}")
    return name
