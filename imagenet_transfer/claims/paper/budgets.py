"""Claims of Table 2: more classes, or more images per class, at the same number of images."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imagenet_transfer.claims.results import MissingError, Results, sizes
from imagenet_transfer.claims.statement import Statement, each, ratio
from imagenet_transfer.claims.statistics import Sample
from imagenet_transfer.labels.manifests import SCRATCH


@dataclass(frozen=True)
class Budget:
    """One column of Table 2 on a task: more classes against more images of fewer classes."""

    task: str
    title: str
    classes: Sample
    images: Sample


def budgets(results: Results) -> list[Budget]:
    """Return the columns of Table 2, task by task; a task that lacks a run is left out."""
    frame, layout = results.find("table2", "budgets")
    if len(layout["rows"]) != 2:
        raise MissingError("this study's table2 does not have two rows to compare")
    counts = sizes(frame, "n_classes")
    pairs = list(zip(*(row["subsets"] for row in layout["rows"]), strict=True))
    if any(counts[one] == counts[other] for one, other in pairs):
        raise MissingError("two sets in a column of this study's table2 have as many classes")
    by_classes = [sorted(pair, key=lambda name: -counts[name]) for pair in pairs]

    def of_task(task: str) -> list[Budget]:
        samples = [[results.sample(name, task) for name in pair] for pair in by_classes]
        columns = zip(layout["columns"], samples, strict=True)
        return [Budget(task, column, *pair) for column, pair in columns]

    return list(itertools.chain(*each(layout["tasks"], of_task)))


def comparable_budgets(results: Results) -> Iterator[Statement]:
    """At one budget, more classes and more images per class are comparable."""

    def comparable(one: Budget) -> Statement:
        return alike(results, one.task, f"budget {one.title}", [one])

    yield from each(budgets(results), comparable)


def over_all_budgets(results: Results) -> Iterator[Statement]:
    """Over all budgets, more images are slightly better for detection, else comparable."""
    found = budgets(results)

    def statement(task: str) -> Statement:
        own = [budget for budget in found if budget.task == task]
        if results.is_detection(task):
            return slightly_better(results, task, own)
        return alike(results, task, "in the mean of the budgets", own)

    yield from each(dict.fromkeys(budget.task for budget in found), statement)


def alike(results: Results, task: str, words: str, compared: Sequence[Budget]) -> Statement:
    """Return the statement that the budgets' mean difference is within the tolerance."""
    most = 100 * results.tolerances["comparable"]
    text = (
        f"{task}, {words}: more images per class and more classes differ by at most {most:g} % of "
        "the gain over a random start"
    )
    return _mean_difference(results, task, text, compared, (-most, most))


def slightly_better(results: Results, task: str, compared: Sequence[Budget]) -> Statement:
    """Return the statement that more images are better, on average, but within the tolerance."""
    most = 100 * results.tolerances["comparable"]
    text = (
        f"{task}, in the mean of the budgets: more images per class are better, by at most "
        f"{most:g} % of the gain over a random start"
    )
    return _mean_difference(results, task, text, compared, (0, most))


def _mean_difference(
    results: Results, task: str, text: str, compared: Sequence[Budget], bounds: tuple[float, float]
) -> Statement:
    """Return a statement about more images less more classes, in percent of the gain."""
    full = results.sample(results.full_set(), task)
    start = results.sample(SCRATCH, task)
    pairs = [sample for budget in compared for sample in (budget.images, budget.classes)]

    def function(f: float, s: float, *means: float) -> float:
        return 100 * ratio((sum(means[::2]) - sum(means[1::2])) / len(compared), f - s)

    gains = [(full, start)]
    unit = "percent of the gain"
    return Statement(text, function, [full, start, *pairs], *bounds, gains=gains, unit=unit)
