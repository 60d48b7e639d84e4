"""Hours on GPUs that were not measured: a model of a training step, from their data sheets.

A step takes its multiply-adds at a share of the card's peak, plus the bytes that it moves at a
share of the memory's bandwidth, but no less than its launches take to issue. A job takes the longer
of that and of reading its images. The shares are ranges, and so are the hours.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from imagenet_transfer.files import read_table
from imagenet_transfer.resources import RESOURCES

CARDS = RESOURCES / "cards.csv"
PRECISIONS = ("float32", "tf32", "bfloat16")

# Shares that are reached, most and least. cuDNN's float32 convolutions come close to the peak, and
# AlexNet's grouped ones of 13x13 do not; a K40 ran the whole of CaffeNet at 0.27 of its peak.
# Tensor cores are fast enough that small layers do not fill them.
PEAK = {"float32": (0.7, 0.3), "tf32": (0.4, 0.12), "bfloat16": (0.35, 0.08)}
BANDWIDTH = (0.85, 0.6)
LAUNCH = (5e-6, 15e-6)  # seconds to issue one from Python
FLOPS = 2  # of a multiply-add
TERA = 1e12
GIGA = 1e9

# Bytes moved, in passes over the outputs of layers with weights and over the parameters; launches
# of a step. Counted by benchmarks/step_counts.py and tests/study/test_traffic.py.
TRAINING = ("train", "detection", "action")
ACTIVATION_PASSES = {True: 20, False: 6}  # by whether the step trains all layers
PARAMETER_PASSES = {True: 14, False: 1}
LAUNCHES = {"train": 95, "last-layer": 60, "embed": 60, "detection": 576, "action": 115}
NUMBER = {"float32": 4, "tf32": 4, "bfloat16": 2}  # bytes of an output; parameters keep 4
FLOAT32 = 4


class Range(NamedTuple):
    """Two bounds of a number."""

    least: float
    most: float


@dataclass(frozen=True)
class Card:
    """A GPU's peaks (TFLOP/s without sparsity, NaN for what it lacks) and bandwidth (GB/s)."""

    card: str
    name: str  # a part of what its driver calls it
    year: int
    float32: float
    tf32: float
    bfloat16: float
    memory: float
    source: str

    def seconds(self, work: Any, precision: str | None = None) -> Range:
        """Return the seconds per image of a `plan.Work`, reading left out; NaN if it cannot.

        `precision` replaces the work's own.
        """
        precision = precision or work.precision
        operations = FLOPS * work.gmacs * GIGA
        moved = bytes_per_image(work, precision) / (self.memory * GIGA)
        issued = LAUNCHES[work.kind] / work.step
        bounds = zip(self.speeds(precision), BANDWIDTH, LAUNCH, strict=True)
        return Range(
            *(
                max(operations / speed + moved / share, issued * each)
                for speed, share, each in bounds
            )
        )

    def speeds(self, precision: str) -> list[float]:
        """Return the most and the least FLOP/s that are reached: in float32 if that is faster."""
        allowed = ("float32", precision)
        reached = [[share * getattr(self, name) for share in PEAK[name]] for name in allowed]
        return [TERA * max(bound, key=_or_nan) for bound in zip(*reached, strict=True)]


def _or_nan(speed: float) -> float:
    return math.inf if math.isnan(speed) else speed  # what a card lacks stays NaN


def bytes_per_image(work: Any, precision: str) -> float:
    """Return the bytes that a step reads and writes per image of a `plan.Work`."""
    trains = work.kind in TRAINING
    outputs = ACTIVATION_PASSES[trains] * work.outputs * NUMBER[precision]
    return outputs + PARAMETER_PASSES[trains] * work.parameters * FLOAT32 / work.step


def read_cards() -> list[Card]:
    """Return the known cards."""
    return [Card(*row) for row in read_table(CARDS).itertuples(index=False)]


def unmeasured(cards: Iterable[Card], devices: Iterable[str]) -> list[Card]:
    """Return the cards that none of the measured devices is."""
    names = list(devices)
    return [card for card in cards if not any(card.name in name for name in names)]


def hours(work: Iterable[Any], card: Card, precision: str | None = None) -> Range:
    """Return the hours of some runs on a card, one after the other."""
    least = most = 0.0
    for item in work:
        each = card.seconds(item, precision)
        read = 1 / item.reading
        least += item.images * max(each.least, read)
        most += item.images * max(each.most, read)
    if math.isnan(card.float32 if precision is None else getattr(card, precision)):
        return Range(math.nan, math.nan)
    return Range(least / 3600, most / 3600)


def waiting(work: Iterable[Any], card: Card, precision: str | None = None) -> Range:
    """Return the share of the time (0..1) for which a card waits for images."""
    items = list(work)
    bounds = []
    for bound in (1, 0):  # a fast card waits longer
        computed = sum(item.images * card.seconds(item, precision)[bound] for item in items)
        taken = 3600 * hours(items, card, precision)[bound]
        bounds.append(1 - computed / taken if taken else 0.0)
    return Range(*bounds)


def estimates(work: Iterable[Any], devices: Iterable[str]) -> pd.DataFrame:
    """Return the hours of some runs on each card that is not among the measured `devices`.

    Columns: card, year, precision (that of all recipes), least and most (hours), least_waiting and
    most_waiting (shares of the time in which it waits for images), source. Precisions that a card
    lacks are left out.
    """
    items = list(work)
    rows: list[Mapping[str, Any]] = []
    for card in unmeasured(read_cards(), devices):
        for precision in PRECISIONS:
            if math.isnan(getattr(card, precision)):
                continue
            least, most = hours(items, card, precision)
            waits = waiting(items, card, precision)
            rows.append(
                {
                    "card": card.card,
                    "year": card.year,
                    "precision": precision,
                    "least": least,
                    "most": most,
                    "least_waiting": waits.least,
                    "most_waiting": waits.most,
                    "source": card.source,
                }
            )
    return pd.DataFrame(rows)
