"""Claims of Figure 9 and Section 6: halves of the classes, alone and with the other half."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from imagenet_transfer.claims.results import MissingError, Results, constant, guesses_of
from imagenet_transfer.claims.statement import Judge, Statement, difference, each, percent, ratio
from imagenet_transfer.claims.statistics import Sample


@dataclass(frozen=True)
class Half:
    """One half of a split: its letter, number of classes, and two networks' values on it.

    One network was pre-trained on the half only (`own`), the other on all classes (`everything`).
    """

    letter: str
    n_classes: int
    own: Sample
    everything: Sample


def halves(results: Results, split: str, layers: str) -> list[Half]:
    """Return the halves of a split, on which `layers` ("last" or "all") were re-trained.

    A half that lacks a run is left out; raises MissingError if no output shows such a split.
    """
    for name, layout in results.layouts.items():
        built = layout["builder"] == "split-accuracy" and name in results.tables
        if built and layout["layers"] == layers and split in layout["splits"]:
            rows = results.tables[name].query("split == @split")
            counts = rows.groupby("half")["n_classes"].first()
            places = zip("ab", layout["splits"][split], strict=True)
            return list(each(places, partial(_half, results, layout, counts)))
    raise MissingError(f"this study trains no {layers} layers on the halves of a {split} split")


def _half(
    results: Results, layout: Mapping[str, Any], counts: pd.Series, place: tuple[str, str]
) -> Half:
    letter, task = place
    own = results.sample(layout["halves"][task], task)
    everything = results.sample(layout["baseline"], task)
    return Half(letter, int(counts[letter]), own, everything)


def half_accuracy(split: str) -> Judge:
    """Return a judge that compares a half's network with that of all classes, on the half.

    Only the last layer of either was re-trained. The half's own network should be better for a
    minimal split, the other for a random one.
    """

    def judge(results: Results) -> Iterator[Statement]:
        for half in halves(results, split, "last"):
            words = f"{split} half {half.letter}: "
            if split == "minimal":
                text = f"{words}pre-training on its classes only is better than on all"
                yield difference(text, half.own, half.everything)
            else:
                text = f"{words}pre-training on all is better than on its classes only"
                yield difference(text, half.everything, half.own)

    return judge


def all_layers(results: Results) -> Iterator[Statement]:
    """With all layers trained, a minimal split's first half gains from the other, not vice versa.

    Section 6 of the paper.
    """
    for half in halves(results, "minimal", "all"):
        words = f"minimal half {half.letter}, all layers trained on: pre-training on all is"
        if half.letter == "a":
            yield difference(f"{words} better than on its classes only", half.everything, half.own)
        else:
            guesses = guesses_of(results.tasks[half.own.task])
            yield _no_gain(half, words, results.tolerances["few_merged"], guesses)


def _no_gain(half: Half, words: str, share: float, guesses: int) -> Statement:
    """Return the statement that a half gains next to nothing from the other."""
    chance = constant(100 * min(1.0, guesses / half.n_classes), half.own)
    return Statement(
        f"{words} better by at most {percent(share)} of the accuracy above chance than on its "
        "classes only",
        lambda everything, own: 100 * ratio(everything - own, own - chance.mean),
        (half.everything, half.own),
        -math.inf,
        100 * share,
        gains=[(half.own, chance)],
        unit="percent of the accuracy above chance",
    )
