"""From a statement to its effect: by replicates, by test images of single runs, or by both."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from imagenet_transfer.claims.results import CHANCE, Results
from imagenet_transfer.claims.statement import Statement
from imagenet_transfer.claims.statistics import (
    Answers,
    Effect,
    Prior,
    Sample,
    contrast,
    guarded,
    image_contrast,
    interval,
    is_absent,
)
from imagenet_transfer.errors import UserError
from imagenet_transfer.running.records import read_tested

# The images.csv.gz of classification tasks that were run once, by subset and task.
AnswerFiles = Mapping[tuple[str, str], Path]


class Images:
    """The answers of networks that were run once, read when they are asked for.

    `top` is the number of guesses that count, by task.
    """

    def __init__(self, files: AnswerFiles, top: Mapping[str, int]):
        self.files = files
        self.top = top

    def of(self, sample: Sample) -> Answers | None:
        """Return which test images a network got right, or how often if it was asked often.

        None if that was not kept: of given networks and metrics other than accuracies.
        """
        path = self.files.get((sample.name, sample.task))
        tested = pd.DataFrame() if path is None else read_tested(path)
        guesses = self.top[sample.task]
        if "rank" in tested:
            right = tested["rank"].to_numpy() < guesses
        elif f"top{guesses}" in tested:
            right = tested[f"top{guesses}"].to_numpy()
        else:
            return None
        label, image = (tested[key].to_numpy() for key in ("label", "image"))
        return Answers(sample.name, sample.task, right, label, image)


def effect_of(statement: Statement, results: Results, images: Images) -> tuple[Effect, bool]:
    """Return a statement's effect, and whether all its gains are clear; no interval if not.

    A statement in points does not divide by its gains: they are clear if their intervals lie wholly
    above 0.
    """
    prior = statement.prior or results.prior

    gains = [
        _measured(lambda whole, start: whole - start, pair, prior, images)
        for pair in statement.gains
    ]
    effect = _measured(statement.function, statement.samples, prior, images)
    divided = statement.unit != "points"
    return guarded(effect, gains, divided), not any(is_absent(gain, divided) for gain in gains)


def _measured(
    function: Callable[..., float], samples: Sequence[Sample], prior: Prior, images: Images
) -> Effect:
    """Return the effect of samples with replicates, single runs, or both; chance has no error."""
    free = [i for i, sample in enumerate(samples) if sample.name != CHANCE]
    function = _with_fixed(function, samples, free)
    samples = [samples[i] for i in free]
    single = [i for i, sample in enumerate(samples) if len(sample.values) == 1]
    if not single:
        return contrast(function, samples, prior)
    answers = [images.of(samples[i]) for i in single]
    several = [i for i in range(len(samples)) if i not in single]
    if None in answers:
        return Effect(function(*(sample.mean for sample in samples)))
    _check_same_images(answers)
    over_images = image_contrast(_with_fixed(function, samples, single), answers)
    if not several:
        return over_images
    of_several = _with_fixed(function, samples, several)
    return _sum(contrast(of_several, [samples[i] for i in several], prior), over_images)


def _check_same_images(answers: Sequence[Answers]) -> None:
    """Raise UserError unless a task's networks were tested on the same images in one order."""
    first: dict[str, Answers] = {}
    for one in answers:
        other = first.setdefault(one.task, one)
        if not np.array_equal(one.images, other.images):
            raise UserError(
                f"The runs of {other.name} and {one.name} on {one.task} were not tested on the "
                "same images in the same order, so they cannot be compared image by image: make "
                "both again from one store of the task."
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
    """Return `one` with the error of both, which are independent (Satterthwaite's freedom)."""
    variance = one.error**2 + other.error**2
    if not variance > 0:
        return Effect(one.estimate)
    freedom = variance**2 / (one.error**4 / one.freedom + other.error**4 / other.freedom)
    return interval(one.estimate, math.sqrt(variance), freedom)
