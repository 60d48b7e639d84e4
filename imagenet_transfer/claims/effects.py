"""From a statement to its effect: by replicates, by test images where there is one run of each, or by both."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from imagenet_transfer.claims.results import CHANCE, Results, Statement
from imagenet_transfer.claims.statistics import (
    Answers,
    Effect,
    Sample,
    contrast,
    guarded,
    image_contrast,
    interval,
    is_absent,
)
from imagenet_transfer.errors import UserError
from imagenet_transfer.running.records import read_tested

AnswerFiles = Mapping[
    tuple[str, str], Path
]  # by subset and task: images.csv.gz of classification tasks with one run


class Images:
    """The answers of networks that were run once, read when they are asked for; `top` counts a task's guesses."""

    def __init__(self, files: AnswerFiles, top: Mapping[str, int]):
        self.files, self.top = files, top

    def of(self, sample: Sample) -> Answers | None:
        """Return which test images a network got right; None if that was not kept (given networks, other metrics)."""
        path = self.files.get((sample.name, sample.task))
        if path is None:
            return None
        tested = read_tested(path)
        right = tested["rank"].to_numpy() < self.top[sample.task]
        return Answers(
            sample.name, sample.task, right, tested["label"].to_numpy(), tested["image"].to_numpy()
        )


def effect_of(statement: Statement, results: Results, images: Images) -> tuple[Effect, bool]:
    """Return a statement's effect, and whether the gains that it is about are there: no interval otherwise.

    A statement in points does not divide by its gains: they are there if their whole intervals lie above 0.
    """
    prior = statement.prior or results.prior

    def measured(function: Callable[..., float], samples: Sequence[Sample]) -> Effect:
        return _measured(function, samples, lambda f, chosen: contrast(f, chosen, prior), images)

    gains = [measured(lambda whole, start: whole - start, pair) for pair in statement.gains]
    effect, divided = measured(statement.function, statement.samples), statement.unit != "points"
    return guarded(effect, gains, divided), not any(is_absent(gain, divided) for gain in gains)


def _measured(
    function: Callable[..., float],
    samples: Sequence[Sample],
    by_replicates: Callable[[Callable[..., float], Sequence[Sample]], Effect],
    images: Images,
) -> Effect:
    """Return the effect of samples with replicates, single runs, or some of each; chance has no error."""
    free = [i for i, sample in enumerate(samples) if sample.name != CHANCE]
    function, samples = _with_fixed(function, samples, free), [samples[i] for i in free]
    single = [i for i, sample in enumerate(samples) if len(sample.values) == 1]
    if not single:
        return by_replicates(function, samples)
    answers = [images.of(samples[i]) for i in single]
    several = [i for i in range(len(samples)) if i not in single]
    if None in answers:
        return Effect(function(*(sample.mean for sample in samples)))
    _check_same_images(answers)
    over_images = image_contrast(_with_fixed(function, samples, single), answers)
    if not several:
        return over_images
    return _sum(
        by_replicates(_with_fixed(function, samples, several), [samples[i] for i in several]),
        over_images,
    )


def _check_same_images(answers: Sequence[Answers]) -> None:
    """Raise UserError unless the networks of each task were tested on the same images in the same order."""
    first: dict[str, Answers] = {}
    for one in answers:
        other = first.setdefault(one.task, one)
        if not np.array_equal(one.images, other.images):
            raise UserError(
                f"The runs of {other.name} and {one.name} on {one.task} were not tested on the same images in the same "
                "order, so that they cannot be compared image by image: make both again from one store of the task."
            )


def _with_fixed(
    function: Callable[..., float], samples: Sequence[Sample], free: Sequence[int]
) -> Callable[..., float]:
    """Return `function` of the samples at `free` only, all others at their means."""
    means = [sample.mean for sample in samples]

    def partly(*values: float) -> float:
        changed = dict(zip(free, values, strict=True))
        return function(*(changed.get(i, mean) for i, mean in enumerate(means)))

    return partly


def _sum(one: Effect, other: Effect) -> Effect:
    """Return the effect whose error is that of two independent parts (Satterthwaite's degrees of freedom)."""
    variance = one.error**2 + other.error**2
    if not variance > 0:
        return Effect(one.estimate)
    freedom = variance**2 / (one.error**4 / one.freedom + other.error**4 / other.freedom)
    return interval(one.estimate, math.sqrt(variance), freedom)
