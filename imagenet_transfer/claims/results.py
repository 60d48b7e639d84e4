"""How the runs of a study answer a claim: samples by subset and task, and the statements that are made of them."""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from imagenet_transfer.claims.statistics import Effect, Prior, Sample, prior_of
from imagenet_transfer.labels.manifests import SCRATCH

CHANCE = "chance"  # the name of a sample that was not measured
SIZE_ALONG = {
    "images_per_class": "n_images",
    "classes": "n_classes",
}  # by a curve's horizontal axis
MAIN_OUTPUTS = (
    "figure1",
    "figure2",
    "table1",
    "table2",
    "table3",
)  # whose largest set the others are compared with


class MissingError(Exception):
    """A study lacks what a claim is about; the text says what."""


@dataclass(frozen=True)
class Statement:
    """An inequality between runs: `least <= function(*means of the samples) <= most`.

    `gains` are pairs (with pre-training, random start) that the function divides by, or that the statement is only
    about if they are above 0. `unit` says what the effect is counted in. `prior` is what is known of the samples'
    errors, if they are not runs of the study, and `origins` the subsets whose networks they are of. A statement that is
    not about means brings its effect (`measured`) and says where its interval is from (`source`).
    """

    text: str
    function: Callable[..., float]
    samples: Sequence[Sample]
    least: float = 0.0
    most: float = math.inf
    gains: Sequence[tuple[Sample, Sample]] = ()
    unit: str = "points"
    note: str = ""
    prior: Prior | None = None
    origins: Sequence[str] = ()
    measured: Effect | None = None
    source: str = ""


@dataclass(frozen=True)
class Results:
    """A study's runs and outputs, as claims read them.

    `runs` is runs.csv, of one architecture; `tables` the tidy frames of outputs by name, `layouts` their config
    entries; `tasks` says of each task its kind, metric and the accuracy of guessing (`chance`, in percent);
    `subsets` of each subset its `dataset`, the `method` of its label set, its number of `networks`, and whether
    they are `given`; `tolerances` are the config's.
    """

    runs: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    layouts: Mapping[str, Mapping[str, Any]]
    tasks: Mapping[str, Mapping[str, Any]]
    subsets: Mapping[str, Mapping[str, Any]]
    tolerances: Mapping[str, float]

    # Outputs

    def find(self, what: str, builder: str, **keys: Any) -> tuple[pd.DataFrame, Mapping[str, Any]]:
        """Return frame and layout of the output `what`, or else of the first one of its builder and keys."""
        for name in [what, *self.layouts]:
            layout = self.layouts.get(name, {"builder": ""})
            matches = layout["builder"] == builder and all(
                layout.get(key) == value for key, value in keys.items()
            )
            if matches and name in self.tables:
                return self.tables[name], layout
        raise MissingError(f"this study has no {what}")

    def named(self, name: str) -> tuple[pd.DataFrame, Mapping[str, Any]]:
        """Return frame and layout of the output of that name; raise MissingError if there is none."""
        if name not in self.tables or name not in self.layouts:
            raise MissingError(f"this study has no {name}")
        return self.tables[name], self.layouts[name]

    def full_set(self) -> str:
        """Return the subset that others are compared with: a curve's largest, or the first that a table names."""
        for name in [*MAIN_OUTPUTS, *self.layouts]:
            layout = self.layouts.get(name, {"builder": ""})
            if layout["builder"] == "curve" and name in self.tables:
                return str(sizes(self.tables[name], SIZE_ALONG[layout["along"]]).index[-1])
            named = layout.get("references" if layout["builder"] == "budgets" else "subsets", [])
            trained = [subset for subset in named if subset != SCRATCH]
            if layout["builder"] in ("budgets", "transfer") and trained:
                return trained[0]
        raise MissingError("this study has no table or curve")

    def class_counts(self) -> pd.Series:
        """Return the number of classes of every pre-trained subset that any output shows, ascending."""
        return self._sizes("n_classes")

    def image_counts(self) -> pd.Series:
        """Return the number of images of every pre-trained subset that any output shows, ascending."""
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
        """Return the value of every run of each subset and task by replicate, in the metric of the task."""
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
        """Return one value per network where several runs start from each of several: they are not independent."""
        networks = max((entry["networks"] for entry in self.subsets.values()), default=1)
        if not 1 < networks < len(runs):
            return runs
        return tuple(statistics.fmean(runs[network::networks]) for network in range(networks))

    def runs_per_value(self, subset: str, task: str) -> float:
        """Return how many runs one value of a sample is the mean of."""
        return len(self._runs[subset, task]) / len(self._values[subset, task])

    def has(self, subset: str, task: str) -> bool:
        """Tell whether a subset has runs of a task."""
        return (subset, task) in self._values

    def sample(self, subset: str, task: str) -> Sample:
        """Return the values of a subset on a task by replicate; raise MissingError if it has none."""
        if not self.has(subset, task):
            raise MissingError(f"this study has no run of {subset} on {task}")
        return Sample(subset, task, self._values[subset, task])

    @cached_property
    def prior(self) -> Prior:
        """Return what all runs of the study tell about the error of one."""
        samples = [Sample(subset, task, values) for (subset, task), values in self._values.items()]
        return prior_of(samples, (SCRATCH, *self._trained_once()))

    def _trained_once(self) -> list[str]:
        """Return the subsets with one network in a study of several: their runs vary less than those of others."""
        once = [name for name, entry in self.subsets.items() if entry["networks"] == 1]
        return once if len(once) < len(self.subsets) else []

    def tasks_with_scratch(self) -> list[str]:
        """Return the transfer tasks on which some output shows a random start, in the order of the outputs."""
        shown = [task for layout in self.layouts.values() for task in layout.get("tasks", [])]
        found = [task for task in dict.fromkeys(shown) if self.has(SCRATCH, task)]
        if not found:
            raise MissingError(
                "this study has no random start to compare pre-trained networks with"
            )
        return found

    def is_detection(self, task: str) -> bool:
        """Tell whether a task is detection."""
        return self.tasks[task]["kind"] == "detection"

    def chance(self, task: str, like: Sample) -> Sample:
        """Return the accuracy of guessing on a task as a sample without spread, as long as another one."""
        return constant(self.tasks[task]["chance"], like)


def constant(value: float, like: Sample) -> Sample:
    """Return a number that was not measured, such as chance, as a sample of as many values as another one."""
    return Sample(CHANCE, like.task, (value,) * len(like.values))


# Statements that several claims make


def difference(text: str, better: Sample, worse: Sample, **more: Any) -> Statement:
    """Return the statement that one is at least as good as the other."""
    return Statement(text, lambda a, b: a - b, (better, worse), **more)


def kept(
    results: Results, task: str, subset: str, full: str, share: float, words: str
) -> Statement:
    """Return the statement that `subset` keeps `share` of what pre-training on `full` gains over a random start."""
    some, whole, start = (results.sample(name, task) for name in (subset, full, SCRATCH))
    part = ratio(some.mean - start.mean, whole.mean - start.mean)
    return Statement(
        f"{task}: {words} keeps at least {percent(share)} of what pre-training on all gains over a random start",
        lambda x, f, s: x - s - share * (f - s),
        (some, whole, start),
        gains=[(whole, start)],
        note=f"keeps {100 * part:z.0f} %; the effect is in points above {percent(share)} of the gain",
    )


def kept_together(
    results: Results, asked: Sequence[tuple[str, str]], full: str, share: float, words: str
) -> Iterator[Statement]:
    """Yield `kept` for the mean over pairs of a task and a subset of the share that is kept, if there are several."""
    known = [
        (task, subset)
        for task, subset in asked
        if all(results.has(name, task) for name in (subset, full, SCRATCH))
    ]
    if len(known) < 2:
        return
    tasks = list(dict.fromkeys(task for task, _ in known))
    ends = [results.sample(name, task) for task in tasks for name in (full, SCRATCH)]
    samples = [*ends, *(results.sample(subset, task) for task, subset in known)]

    def mean_share(*means: float) -> float:
        span = {task: means[2 * i : 2 * i + 2] for i, task in enumerate(tasks)}
        measured = zip(known, means[len(ends) :], strict=True)
        shares = [
            ratio(mean - span[task][1], span[task][0] - span[task][1])
            for (task, _), mean in measured
        ]
        return 100 * (sum(shares) / len(shares) - share)

    estimate = mean_share(*(sample.mean for sample in samples)) + 100 * share
    title = "all tasks together" if len(tasks) > 1 else tasks[0]
    yield Statement(
        f"{title}: {words} keeps, on average, at least {percent(share)} of what pre-training on all gains over a "
        "random start",
        mean_share,
        samples,
        gains=list(zip(ends[::2], ends[1::2], strict=True)),
        unit="percent of the gain",
        note=f"keeps {estimate:z.0f} %",
    )


def ratio(part: float, whole: float) -> float:
    """Return part / whole; NaN, from which no verdict follows, of a whole that is nothing."""
    return part / (whole or math.nan)


def percent(share: float) -> str:
    """Return a share as text."""
    return f"{100 * share:g} %"


# Subsets by size


def sizes(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return n_classes or n_images of each pre-trained subset of a frame, ascending."""
    known = frame.assign(size=pd.to_numeric(frame[column], errors="coerce")).dropna(subset="size")
    return known.drop_duplicates("subset").set_index("subset")["size"].sort_values(kind="stable")


def nearest_size(known: pd.Series, share: float, least: float, most: float) -> str | None:
    """Return the subset whose size is nearest, by ratio, to `share` of the largest, within least..most of it."""
    ratios = {name: size / known.iloc[-1] for name, size in known.items()}
    inside = [name for name, ratio in ratios.items() if least <= ratio <= most]
    return min(inside, key=lambda name: abs(math.log(ratios[name] / share)), default=None)


def required(name: str | None, what: str) -> str:
    """Return the name; raise MissingError if no subset was found."""
    if name is None:
        raise MissingError(f"this study has no subset with {what}")
    return name
