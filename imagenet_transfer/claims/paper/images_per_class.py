"""Claims of Figure 1: pre-training itself, and the number of images per class."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from imagenet_transfer.claims.results import Results, nearest_size, required, sizes
from imagenet_transfer.claims.statement import (
    Judge,
    Statement,
    difference,
    each,
    kept,
    kept_together,
    ratio,
)
from imagenet_transfer.labels.manifests import SCRATCH

HALF = "half of the images per class"


def curve(results: Results) -> tuple[Mapping[str, Any], pd.Series]:
    """Return Figure 1's layout and its subsets by number of images."""
    frame, layout = results.find("figure1", "curve", along="images_per_class")
    return layout, sizes(frame, "n_images")


def half_set(known: pd.Series) -> str:
    """Return the subset with about half of the images; raise MissingError if there is none."""
    return required(nearest_size(known, 1 / 2, 0.35, 0.65), "half of the images")


def beats_scratch(results: Results) -> Iterator[Statement]:
    """Pre-training is better than a random start."""
    full = results.full_set()

    def better(task: str) -> Statement:
        whole, start = (results.sample(name, task) for name in (full, SCRATCH))
        text = f"{task}: pre-training on all is better than a random start"
        return difference(text, whole, start)

    yield from each(results.tasks_with_scratch(), better)


def half_the_images(results: Results) -> Iterator[Statement]:
    """Half of the images per class costs little transfer."""
    layout, known = curve(results)
    tasks = layout["tasks"]
    share = results.tolerances["half"]
    full = known.index[-1]
    half = half_set(known)
    yield from each(tasks, lambda task: kept(results, task, half, full, share, HALF))
    yield from kept_together(results, [(task, half) for task in tasks], full, share, HALF)


def accuracy_suffers(fewest: bool) -> Judge:
    """Return a judge of whether fewer images leave more of the gain than of ImageNet accuracy.

    It compares the smallest subset, or that with half of the images, with all images. Gains are
    counted from a random start, accuracy (of the re-trained last layer) from chance.
    """

    def judge(results: Results) -> Iterator[Statement]:
        layout, known = curve(results)
        few = known.index[0] if fewest else half_set(known)
        full = known.index[-1]
        required(few if few != full else None, "fewer images than all")
        words = f"the fewest images per class ({few})" if fewest else HALF
        measured = layout["accuracy"]
        tasks = [task for task in layout["tasks"] if task != measured]
        tasks = [task for task in tasks if results.has(SCRATCH, task)]
        groups = [*([task] for task in tasks), *([tasks] if len(tasks) > 1 else [])]

        def leaves_more(group: Sequence[str]) -> Statement:
            return _share_against_accuracy(results, group, (few, full), measured, words)

        yield from each(groups, leaves_more)

    return judge


def _share_against_accuracy(
    results: Results, tasks: Sequence[str], subsets: tuple[str, str], measured: str, words: str
) -> Statement:
    """Return the statement that `subsets` (few, all images) keep more gain than accuracy."""
    triples = [results.sample(name, task) for task in tasks for name in (*subsets, SCRATCH)]
    accuracy = [results.sample(name, measured) for name in subsets]
    chance = results.chance(measured, accuracy[1])
    title = tasks[0] if len(tasks) == 1 else "all tasks together"
    return Statement(
        f"{title}: with {words}, a larger share of the gain over a random start is left than of "
        "ImageNet accuracy above chance",
        share_above_accuracy(chance.mean),
        [*triples, *accuracy],
        gains=[*zip(triples[1::3], triples[2::3], strict=True), (accuracy[1], chance)],
        unit="percent of the gain",
    )


def share_above_accuracy(chance: float) -> Callable[..., float]:
    """Return a function of triples (few, all, random start), followed by accuracies (few, all).

    It is the triples' mean share of the gain that is left, less the share of accuracy above
    `chance`, in percent.
    """

    def function(*means: float) -> float:
        *triples, few, full = means
        places = range(0, len(triples), 3)
        shares = [
            ratio(triples[i] - triples[i + 2], triples[i + 1] - triples[i + 2]) for i in places
        ]
        return 100 * (sum(shares) / len(shares) - ratio(few - chance, full - chance))

    return function
