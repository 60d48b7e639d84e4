"""Many classes or many images of each: the best ratio of the two at each number of images.

Zhang et al. (2023, arXiv 2305.12224) vary both, find the best transfer at a balance, and derive
that the best ratio of classes to images per class does not depend on how many images there are in
all (the budget). Here that is measured on the surface of `surface_fit`. It is linear in the means
of the cells, so its steepness is a contrast, with the interval of `statistics.contrast`.

The range of a best ratio holds every measured ratio at which the surface neither surely rises nor
surely falls, and what lies between such ratios: the 95 % confidence set that Fieller (1954)
described. It is open where the surface does not surely turn.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from imagenet_transfer.claims.statistics import OPEN, Effect
from imagenet_transfer.figures.cells import Cells, complete
from imagenet_transfer.figures.correlation_numbers import summary, values_of
from imagenet_transfer.figures.surface_fit import (
    TERMS,
    Budget,
    Cell,
    Surface,
    budgets_of,
    surface_of,
)

COLUMNS = (
    *("task", "metric", "subset", "n_classes", "images_per_class", "n_images"),
    *("mean", "std", "n"),
)
FIT_COLUMNS = (
    *("task", "metric", "n_images", "n_subsets", "best_measured"),
    *("difference", "difference_low", "difference_high"),
    *("least_ratio", "most_ratio", "best_ratio", "low", "high", "verdict"),
    *("best_classes", "best_images_per_class", "beyond", "statement"),
    *("slope", "slope_low", "slope_high", "slope_verdict", "note", "misfit", "noise"),
)
WHAT = "surface"
PLACES = 24  # steps between the ends of the measured ratios at which the interval is evaluated
BISECTIONS = 30  # nine digits
MOST_DOUBLINGS = 20  # of the first step from a slope to the end of its interval
INDEPENDENT = 0.25  # a slope's size: sixteen times the images change the best ratio twofold

BALANCE = "balance"
CLASSES = "more classes"
IMAGES = "more images per class"
AT_LEAST = "at least low"
AT_MOST = "at most high"
CONSTANT = "does not depend on the budget"
RISES = "rises with the budget"
FALLS = "falls with the budget"


def surface_frames(
    runs: pd.DataFrame,
    metrics: Mapping[str, str],
    sizes: Mapping[str, Mapping[str, int]],
    subsets: Sequence[str],
    name: str = WHAT,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one row per task and subset (COLUMNS) and one per task and budget (FIT_COLUMNS).

    `runs` is the result of `collect_runs` for one architecture, `metrics` the metric of each task,
    `sizes` gives n_classes and n_images of each of `subsets`, and `name` is the output's. A budget
    is a number of images that subsets of several ratios have. Means, differences, misfit and noise
    are in percentage points.

    - difference: the subset with most classes minus that with most images per class.
    - best_ratio: where the fitted surface peaks; best_classes by best_images_per_class is the same.
      If that is beyond the measured ratios, these are NaN and `beyond` says where it lies.
    - low, high: the 95 % range of the best ratio; NaN for an end beyond the measured ratios.
    - verdict: BALANCE if both ends are known, AT_LEAST or AT_MOST if one is, CLASSES or IMAGES if
      the surface surely rises as far as was measured, otherwise OPEN.
    - slope: log best ratio by log budget, at the middle of the grid; 0 if the best ratio does not
      depend on the budget. `note` says why it, or its interval, is missing.
    - misfit: the standard deviation of the means about the surface, in excess of which over noise,
      the standard error of a mean, the surface is wrong.

    Raises UserError for a missing run and for a grid that determines no surface.
    """
    grid = [Cell(name, sizes[name]["n_classes"], sizes[name]["n_images"]) for name in subsets]
    grid.sort(key=lambda cell: (cell.n_classes, cell.n_images, cell.subset))
    surface = surface_of(grid, name)
    values = {
        task: complete(values_of(runs, task, metric), task, subsets, WHAT)
        for task, metric in metrics.items()
    }
    cells = Cells.of(values)
    rows: list[tuple[Any, ...]] = []
    fits: list[dict[str, Any]] = []
    for task, metric in metrics.items():
        rows += [(task, metric, *_measured(cell, values[task])) for cell in grid]
        shared = {"task": task, "metric": metric, **task_facts(task, surface, cells)}
        fits += [shared | budget_facts(task, part, surface, cells) for part in budgets_of(grid)]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found, pd.DataFrame(fits, columns=list(FIT_COLUMNS))


def _measured(cell: Cell, values: pd.DataFrame) -> tuple[Any, ...]:
    size = (cell.subset, cell.n_classes, cell.images_per_class, cell.n_images)
    return (*size, *summary(values.loc[cell.subset]))


# One budget


class Range(NamedTuple):
    """The measured ratios that may be best, NaN for an open end, and what that says."""

    low: float
    high: float
    verdict: str


def budget_facts(task: str, budget: Budget, surface: Surface, cells: Cells) -> dict[str, Any]:
    """Return the columns of one budget."""
    few = budget.cells[0].subset
    many = budget.cells[-1].subset
    difference = cells.weighted({many: 1.0, few: -1.0}, task)
    ratio, beyond = best_of(budget, surface, cells.means(surface.subsets, task))
    found = range_of(budget, lambda r: cells.weighted(surface.steepness(budget.n_images, r), task))
    means = {cell.subset: cells.samples[cell.subset, task].mean for cell in budget.cells}
    return {
        **{"n_images": round(budget.n_images), "n_subsets": len(budget.cells)},
        "best_measured": max(means, key=means.__getitem__),
        **{"difference": difference.estimate},
        **{"difference_low": difference.low, "difference_high": difference.high},
        **{"least_ratio": budget.least, "most_ratio": budget.most, "best_ratio": ratio},
        **found._asdict(),
        "best_classes": math.sqrt(budget.n_images * ratio),
        "best_images_per_class": math.sqrt(budget.n_images / ratio),
        "beyond": beyond,
        "statement": statement_of(budget, ratio, beyond, found, cells.unknown(task)),
    }


def best_of(budget: Budget, surface: Surface, means: np.ndarray) -> tuple[float, str]:
    """Return the ratio at which a budget peaks and "", or NaN and on which side the peak lies.

    Without a peak it is the side where the surface ends higher.
    """
    ratio = surface.peak(means, budget.n_images)
    if budget.least <= ratio <= budget.most:
        return ratio, ""
    middle = surface.steepness(budget.n_images, math.sqrt(budget.least * budget.most))
    rise = math.fsum(middle[name] * mean for name, mean in zip(middle, means, strict=True))
    return math.nan, CLASSES if rise > 0 else IMAGES if rise < 0 else ""


def range_of(budget: Budget, steepness: Callable[[float], Effect]) -> Range:
    """Return the range of a budget's best ratio from the steepness at any of its ratios."""
    places = np.linspace(math.log2(budget.least), math.log2(budget.most), PLACES + 1).tolist()
    low = last_place(places, lambda place: steepness(2**place).low > 0)
    high = last_place(places[::-1], lambda place: steepness(2**place).high < 0)
    if low == places[-1]:
        return Range(budget.most, math.nan, CLASSES)
    if high == places[0]:
        return Range(math.nan, budget.least, IMAGES)
    both = {(True, True): BALANCE, (True, False): AT_LEAST, (False, True): AT_MOST}
    known = (low is not None, high is not None)
    low, high = (math.nan if place is None else 2**place for place in (low, high))
    return Range(low, high, both.get(known, OPEN))


def last_place(places: Sequence[float], holds: Callable[[float], bool]) -> float | None:
    """Return the last of the places, in their order, up to which it holds; None if there is none.

    Where it turns false between two of them, the place in between is found.
    """
    last = None
    for place in places:
        if not holds(place):
            return last if last is None else turning_point(last, place, holds)
        last = place
    return last


def turning_point(true: float, false: float, holds: Callable[[float], bool]) -> float:
    """Return the number between two at which `holds` turns false."""
    for _ in range(BISECTIONS):
        middle = (true + false) / 2
        if holds(middle):
            true = middle
        else:
            false = middle
    return float(f"{true:.9g}")


# The slope, and how well the surface fits


def task_facts(task: str, surface: Surface, cells: Cells) -> dict[str, Any]:
    """Return a task's slope with its interval and verdict, its misfit and its noise."""
    means = cells.means(surface.subsets, task)
    slope, note = math.nan, "no peak among the measured ratios"
    low = high = math.nan
    if not math.isnan(surface.middle_peak(means)):
        slope = surface.slope(means)
        low, high, note = slope_range(task, slope, surface, cells)
    distances = surface.distances @ means
    return {
        **{"slope": slope, "slope_low": low, "slope_high": high},
        **{"slope_verdict": trend(low, high), "note": note},
        "misfit": math.sqrt(float(distances @ distances) / (len(means) - TERMS)),
        "noise": cells.error(task),
    }


def slope_range(
    task: str, slope: float, surface: Surface, cells: Cells
) -> tuple[float, float, str]:
    """Return the 95 % interval of a slope, or NaN and why it has none.

    It holds the slopes whose drift is not surely other than 0, and takes a sure peak: at the middle
    budget, the surface surely bends downwards.
    """
    bend = cells.weighted(surface.bend(), task)
    if not bend.high < 0:
        return math.nan, math.nan, cells.unknown(task) or "no sure peak"

    def may_be(one: float) -> bool:
        def drift(*means: float) -> float:
            return surface.drift(np.array(means), one)

        effect = cells.effect(drift, surface.subsets, task)
        return effect.low <= 0 <= effect.high

    low, high = (end_of(slope, step, may_be) for step in (-INDEPENDENT, INDEPENDENT))
    return low, high, ""


def end_of(start: float, step: float, holds: Callable[[float], bool]) -> float:
    """Return the last number from `start` in the direction of `step` for which it holds.

    NaN if it holds very far away.
    """
    for doubling in range(MOST_DOUBLINGS):
        if not holds(start + step * 2**doubling):
            return turning_point(start, start + step * 2**doubling, holds)
    return math.nan


def trend(low: float, high: float) -> str:
    """Return what a slope's interval says; near 0 is constant, even if it is surely not 0."""
    if low >= -INDEPENDENT and high <= INDEPENDENT:
        return CONSTANT
    return RISES if low > 0 else FALLS if high < 0 else OPEN


# Words


def statement_of(budget: Budget, ratio: float, beyond: str, found: Range, unknown: str) -> str:
    """Return what was found for a budget, as a short sentence without a full stop.

    `unknown` says why there are no intervals; it is empty if there are.
    """
    sure = unknown or range_text(found)
    if beyond:
        last = budget.cells[-1 if beyond == CLASSES else 0]
        size = f"{last.n_classes:,} classes of {last.images_per_class:,.0f} images"
        return f"best with {beyond} than at {size} ({sure})"
    if math.isnan(ratio):
        return f"no ratio is best ({sure})"
    classes = math.sqrt(budget.n_images * ratio)
    size = f"{classes:,.0f} classes of {budget.n_images / classes:,.0f} images"
    return f"best with about {size}: a ratio of {ratio:.3g} ({sure})"


def range_text(found: Range) -> str:
    """Return the range of a best ratio in words."""
    words = {
        BALANCE: "95 %: {low:.3g} to {high:.3g}",
        CLASSES: "surely",
        IMAGES: "surely",
        AT_LEAST: "95 %: at least {low:.3g}",
        AT_MOST: "95 %: at most {high:.3g}",
    }
    text = words.get(found.verdict, "95 %: any measured ratio")
    return text.format_map(found._asdict())
