"""Measures on frozen features: the keys of their tasks and the only defaults, without torch.

Nothing of a network is trained: a classifier is made from the features of its training images, and
tested on those of the test images. `features/` computes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from imagenet_transfer.keys import choice, from_mapping, key, listed, number, whole

NONE = "none"
AUGMENTATIONS = (NONE, "mirror")
DECADES = tuple(10.0**power for power in range(5, -7, -1))  # the range of Kornblith et al. 2019


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Which features of a network are measured."""

    layer: str = key(
        "Layer whose features are taken (the last before the class scores).",
        "",
        **{"$ref": "#/$defs/layer"},
    )
    augmentation: str = choice(
        "Features of the centre crop (none), or the mean of its own and its mirror image's "
        "({default}).",
        *AUGMENTATIONS,
        default=NONE,
    )

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Return the measure of a task's entry in the config, without the keys of every task."""
        known = {item.name for item in fields(cls)}
        own = {name: value for name, value in entry.items() if name in known}
        return from_mapping(cls, own, "The task")


@dataclass(frozen=True, kw_only=True)
class Neighbours(Measure):
    """The classes of the nearest training images."""

    k: int = whole(
        "Training images that vote: the nearest by cosine ({default}, as Caron et al. 2021).", 20
    )
    temperature: float | str = key(
        "A vote counts exp(similarity / temperature), as of Wu et al. 2018, who take 200 votes "
        "({default}); or each counts the same (none).",
        0.07,
        anyOf=[{"type": "number", "exclusiveMinimum": 0}, {"const": NONE}],
    )


@dataclass(frozen=True, kw_only=True)
class Probe(Measure):
    """Multinomial logistic regression, a new last layer trained to its optimum."""

    l2: Sequence[float] = listed(
        "Strengths to choose from, of the penalty l2 / 2 of the squared weights in the mean loss "
        "(1e5, 1e4 ... 1e-6; Kornblith et al. 2019 take 45 values in this range).",
        DECADES,
        {"type": "number", "exclusiveMinimum": 0},
        minItems=1,
        uniqueItems=True,
    )
    held_out: float = number(
        "Share of each class's training images on which the strength is chosen ({default}); the "
        "regression is then fitted to all.",
        0.2,
        exclusiveMinimum=0,
        exclusiveMaximum=1,
    )
    iterations: int = whole("Most iterations of L-BFGS in one fit ({default}).", 1000)


@dataclass(frozen=True, kw_only=True)
class FewShot(Measure):
    """A classifier made from a few images of each class, averaged over many draws of them."""

    shots: int = whole("Training images per class in a draw ({default}).", 5)
    draws: int = whole("Draws that are averaged ({default}).", 100, maximum=100_000)
    method: str = choice(
        "ridge: regression on the classes; prototypes: the nearest class mean by cosine "
        "({default}).",
        "ridge",
        "prototypes",
        default="ridge",
    )
    l2: float = number(
        "ridge: penalty of the squared weights, for features of length 1 ({default}, as in "
        "scikit-learn).",
        1.0,
        exclusiveMinimum=0,
    )
