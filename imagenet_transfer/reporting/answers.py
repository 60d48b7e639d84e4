"""How the outputs of a study answer a claim: values by subset and task; rows with statement, evidence and verdict."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imagenet_transfer.reporting.evidence import (
    OPEN,
    Effect,
    Value,
    effect_of,
    how_sure,
    proportion,
    replicated,
    single,
    verdict,
)
from imagenet_transfer.study import SCRATCH

PROPORTIONS = ("top1", "top5")  # metrics whose error follows from the number of test images


class MissingError(Exception):
    """A study lacks what a claim is about; the text says what."""


SIZE_ALONG = {"images_per_class": "n_images", "classes": "n_classes"}  # by a curve's horizontal axis


@dataclass(frozen=True)
class Results:
    """A study's outputs, as findings read them."""

    tables: Mapping[str, pd.DataFrame]
    layouts: Mapping[str, Mapping[str, Any]]
    tests: Mapping[str, int]
    kinds: Mapping[str, str]

    def find(self, what: str, builder: str, **keys: Any) -> tuple[pd.DataFrame, Mapping[str, Any]]:
        """Return frame and layout of the first output of a builder; raise MissingError naming `what`."""
        for name, layout in self.layouts.items():
            matches = layout["builder"] == builder and all(layout.get(key) == value for key, value in keys.items())
            if matches and name in self.tables:
                return self.tables[name], layout
        raise MissingError(f"this study has no {what}")

    def named(self, name: str) -> tuple[pd.DataFrame, Mapping[str, Any]]:
        """Return frame and layout of the output of that name; raise MissingError if there is none."""
        if name not in self.tables or name not in self.layouts:
            raise MissingError(f"this study has no {name}")
        return self.tables[name], self.layouts[name]

    def cell(self, subset: str, task: str, name: str = "") -> Value:
        """Return the value of a subset on a task from whichever output shows it; raise MissingError if none does.

        The value is called `name`, or like the subset.
        """
        for frame in self.tables.values():
            if {"subset", "task", "mean", "std", "n"} <= set(frame.columns):
                rows = frame[(frame["subset"] == subset) & (frame["task"] == task)]
                if len(rows):
                    return self._value(name or subset, task, rows.iloc[0])
        raise MissingError(f"this study has no run of {subset} on {task}")

    def full_set(self) -> str:
        """Return the subset that others are compared with: a curve's largest, or the first that a table names."""
        for name, layout in self.layouts.items():
            if layout["builder"] == "curve" and name in self.tables:
                return str(sizes(self.tables[name], SIZE_ALONG[layout["along"]]).index[-1])
            named = layout.get("references" if layout["builder"] == "budgets" else "subsets", [])
            trained = [subset for subset in named if subset != SCRATCH]
            if layout["builder"] in ("budgets", "transfer") and trained:
                return trained[0]
        raise MissingError("this study has no table or curve")

    def has(self, subset: str, task: str) -> bool:
        """Tell whether any output shows a subset on a task."""
        shown = (t for t in self.tables.values() if {"subset", "task", "mean"} <= set(t.columns))
        return any(((table["subset"] == subset) & (table["task"] == task)).any() for table in shown)

    def class_counts(self) -> pd.Series:
        """Return the number of classes of every pre-trained subset that any output shows, ascending."""
        shown = [t[["subset", "n_classes"]] for t in self.tables.values() if {"subset", "n_classes"} <= set(t.columns)]
        return sizes(pd.concat([pd.DataFrame(columns=["subset", "n_classes"]), *shown]), "n_classes")

    def _value(self, name: str, task: str, row: pd.Series) -> Value:
        mean, std = (pd.to_numeric(row[key], errors="coerce") for key in ("mean", "std"))
        if int(row["n"]) > 1:
            return replicated(name, mean, std, int(row["n"]))
        if row["metric"] in PROPORTIONS and task in self.tests:
            return proportion(name, mean, self.tests[task])
        return single(name, mean)

    def is_detection(self, task: str) -> bool:
        """Tell whether a task is detection; unknown kinds are taken for it."""
        return self.kinds.get(task, "detection") == "detection"


def unanswered(statement: str, reason: str) -> dict[str, Any]:
    """Return a row for a statement that the study says nothing about."""
    empty = dict.fromkeys(("effect", "low", "high"), math.nan)
    return {"statement": statement, "evidence": reason, **empty, "verdict": OPEN, "how_sure": "nothing was measured"}


def row_of(
    statement: str, effect: Effect, values: Sequence[Value], least: float = 0.0, most: float = math.inf, note: str = ""
) -> dict[str, Any]:
    """Return a row that says `least <= effect <= most`, with the values as its evidence."""
    evidence = "; ".join([*map(str, dict.fromkeys(values)), *filter(None, [note])])
    numbers = {"effect": effect.estimate, "low": effect.low, "high": effect.high}
    outcome = {"verdict": verdict(effect, least, most), "how_sure": how_sure(values)}
    return {"statement": statement, "evidence": evidence, **numbers, **outcome}


def difference(statement: str, better: Value, worse: Value) -> dict[str, Any]:
    """Return a row that says better - worse >= 0."""
    return row_of(statement, effect_of(lambda a, b: a - b, [better, worse]), [better, worse])


def kept(results: Results, task: str, subset: str, full: str, share: float, words: str) -> dict[str, Any]:
    """Return a row that says that `subset` keeps `share` of what pre-training on `full` gains over a random start."""
    percent = f"{100 * share:.0f} %"
    statement = f"{task}: {words} keeps at least {percent} of what pre-training on all gains over a random start"
    try:
        values = [results.cell(name, task) for name in (subset, full, SCRATCH)]
    except MissingError as missing:
        return unanswered(statement, str(missing))
    gain = effect_of(lambda f, s: f - s, values[1:])
    effect = effect_of(lambda x, f, s: x - s - share * (f - s), values)
    part = (values[0].mean - values[2].mean) / (gain.estimate or math.nan)
    note = f"keeps {100 * part:.0f} %; the effect is in points above {percent} of the gain"
    row = row_of(statement, effect, values, note=note)
    if not gain.low > 0:
        row |= {"verdict": OPEN, "how_sure": f"{row['how_sure']}; the gain itself is uncertain ({gain} points)"}
    return row


def kept_together(
    results: Results, tasks: Sequence[str], subsets: Sequence[str], full: str, share: float, words: str
) -> Iterator[dict[str, Any]]:
    """Yield the row of `kept` for the mean over tasks and subsets of what is kept, if there are several to average."""
    asked = [(task, subset) for task in tasks for subset in subsets if results.has(subset, task)]
    asked = [(task, subset) for task, subset in asked if results.has(full, task) and results.has(SCRATCH, task)]
    if len(asked) < 2:
        return
    tasks = list(dict.fromkeys(task for task, _ in asked))
    ends = [results.cell(name, task, f"{name} on {task}") for task in tasks for name in (full, SCRATCH)]
    values = [*ends, *(results.cell(subset, task, f"{subset} on {task}") for task, subset in asked)]

    def mean_share(*means: float) -> float:
        span = {task: means[2 * i : 2 * i + 2] for i, task in enumerate(tasks)}
        measured = zip(asked, means[len(ends) :], strict=True)
        shares = [(mean - span[task][1]) / (span[task][0] - span[task][1]) for (task, _), mean in measured]
        return 100 * (sum(shares) / len(shares) - share)

    effect = effect_of(mean_share, values)
    percent = f"{100 * share:.0f} %"
    statement = f"all tasks together: {words} keeps at least {percent} of what pre-training on all gains"
    note = f"keeps {effect.estimate + 100 * share:.0f} %; the effect is in percent of the gain above {percent}"
    yield row_of(f"{statement} over a random start", effect, values, note=note)


def sizes(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return n_classes or n_images of each pre-trained subset of a frame, ascending."""
    known = frame.assign(size=pd.to_numeric(frame[column], errors="coerce")).dropna(subset="size")
    return known.drop_duplicates("subset").set_index("subset")["size"].sort_values(kind="stable")


def nearest(known: pd.Series, share: float, least: float, most: float) -> str | None:
    """Return the subset whose size is nearest, by ratio, to `share` of the largest, within least..most of it."""
    ratios = {name: size / known.iloc[-1] for name, size in known.items()}
    inside = [name for name, ratio in ratios.items() if least <= ratio <= most]
    return min(inside, key=lambda name: abs(math.log(ratios[name] / share)), default=None)


def some(name: str | None, what: str) -> str:
    """Return the name; raise MissingError if no subset was found."""
    if name is None:
        raise MissingError(f"this study has no subset with {what}")
    return name
