"""What every picture of the miniature world depends on, and what a layout's writer shares with the others."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np

from imagenet_transfer.labels.taxonomy import Taxonomy, read_pascal_roots
from imagenet_transfer.seeds import seed_of
from miniature_world.acts import THINGS
from miniature_world.drawing import Sprite
from miniature_world.looks import look_of
from miniature_world.scenes import SCENES, classes_below, place_object, scene_classes

JPEG_OPTIONS = [
    cv2.IMWRITE_JPEG_QUALITY,
    92,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]
STOCK = 16  # individuals of a synset

Pictures = list[tuple[Any, ...]]
Files = Iterator[tuple[str, bytes]]


class World:
    """What every picture depends on: the spec, the classes, their taxonomy, the seed."""

    def __init__(
        self, spec: Mapping[str, Any], wnids: tuple[str, ...], taxonomy: Taxonomy, seed: int
    ):
        self.spec = spec
        self.wnids = wnids
        self.taxonomy = taxonomy
        self.seed = seed
        self.stock: dict[tuple[str, int], Sprite] = {}

    def rng(self, *parts: str | int) -> np.random.Generator:
        """Return the generator of one picture, named by its place in the world."""
        return np.random.default_rng(seed_of(self.seed, "miniature", *parts))

    @functools.cached_property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """The synsets that each detected object may be drawn as: the study's below its root, else the root itself."""
        roots = read_pascal_roots()
        named = {name: roots[name] for name in self.spec["voc"]["objects"]}
        return {
            name: classes_below(root, self.wnids, self.taxonomy) or (root,)
            for name, root in named.items()
        }

    @functools.cached_property
    def distractors(self) -> tuple[str, ...]:
        """The study's synsets below none of PASCAL's twenty roots and with the body plan of no detected object."""
        roots = set(read_pascal_roots().values())
        others = [wnid for wnid in self.wnids if not roots & self.taxonomy.ancestors(wnid)]
        taken = {
            look_of(wnid, self.taxonomy).plan for wnids in self.choices.values() for wnid in wnids
        }
        return tuple(wnid for wnid in others if look_of(wnid, self.taxonomy).plan not in taken)

    @functools.cached_property
    def scenes(self) -> dict[str, tuple[str, ...]]:
        """The scene classes of SUN397 with their characteristic synsets."""
        return scene_classes(list(SCENES)[: self.spec["sun"]["classes"]], self.wnids, "scene")

    @functools.cached_property
    def places(self) -> dict[str, tuple[str, ...]]:
        """The scene classes of Places, those that SUN397 does not show first, with other synsets than there."""
        shown = self.spec["sun"]["classes"]
        names = (list(SCENES)[shown:] + list(SCENES)[:shown])[: self.spec["places"]["classes"]]
        return scene_classes(sorted(names), self.wnids, "place")

    @functools.cached_property
    def action_things(self) -> dict[str, tuple[str, ...]]:
        """The synsets that each thing of the action scenes may be drawn as: the study's, else the root itself."""
        return {
            name: classes_below(root, self.wnids, self.taxonomy) or (root,)
            for name, root in THINGS.items()
        }

    @functools.cached_property
    def bystanders(self) -> tuple[str, ...]:
        """The study's synsets with the body plan of none of the things that actions need."""
        taken = {
            look_of(wnid, self.taxonomy).plan
            for wnids in self.action_things.values()
            for wnid in wnids
        }
        return tuple(wnid for wnid in self.wnids if look_of(wnid, self.taxonomy).plan not in taken)

    def fresh(self, rng: np.random.Generator, wnid: str) -> Sprite:
        """Return a new individual of a synset for a picture of SUN397."""
        return place_object(rng, wnid, self.taxonomy, self.spec["sun"]["size"])

    def stocked(self, rng: np.random.Generator, wnid: str) -> Sprite:
        """Return one of STOCK individuals of a synset for a picture of Places, perhaps mirrored.

        Places has many pictures of many objects: drawing each afresh would take most of a study's rendering time.
        """
        number = int(rng.integers(STOCK))
        turn = int(rng.choice([1, -1]))
        if (wnid, number) not in self.stock:
            drawn_by = self.rng("places365", "stock", wnid, number)
            self.stock[wnid, number] = place_object(
                drawn_by, wnid, self.taxonomy, self.spec["places"]["size"]
            )
        sprite = self.stock[wnid, number]
        return Sprite(sprite.rgb[:, ::turn], sprite.alpha[:, ::turn])


def encode(picture: np.ndarray) -> bytes:
    """Return an RGB picture as JPEG bytes, quality 92, chroma unreduced."""
    return cv2.imencode(".jpg", picture[..., ::-1], JPEG_OPTIONS)[1].tobytes()
