"""What every picture of the miniature world depends on, and what the layouts' writers share."""

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
    *(cv2.IMWRITE_JPEG_QUALITY, 92),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]
STOCK = 16  # individuals of a synset

# What names each picture of a part, as the layout's writer wants it; path and content of files
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
        """The synsets that each detected object may be drawn as: the study's, else its root."""
        roots = read_pascal_roots()
        named = {name: roots[name] for name in self.spec["voc"]["objects"]}
        return {
            name: classes_below(root, self.wnids, self.taxonomy) or (root,)
            for name, root in named.items()
        }

    @functools.cached_property
    def distractors(self) -> tuple[str, ...]:
        """The study's synsets that are not PASCAL's and share no body plan with an object."""
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
        """The scene classes of Places, first those that SUN397 lacks, with other synsets."""
        shown = self.spec["sun"]["classes"]
        names = (list(SCENES)[shown:] + list(SCENES)[:shown])[: self.spec["places"]["classes"]]
        return scene_classes(sorted(names), self.wnids, "place")

    @functools.cached_property
    def action_things(self) -> dict[str, tuple[str, ...]]:
        """The synsets that each thing of actions may be drawn as: the study's, else its root."""
        return {
            name: classes_below(root, self.wnids, self.taxonomy) or (root,)
            for name, root in THINGS.items()
        }

    @functools.cached_property
    def bystanders(self) -> tuple[str, ...]:
        """The study's synsets that share no body plan with the things of actions."""
        things = [wnid for wnids in self.action_things.values() for wnid in wnids]
        taken = {look_of(wnid, self.taxonomy).plan for wnid in things}
        return tuple(wnid for wnid in self.wnids if look_of(wnid, self.taxonomy).plan not in taken)

    def fresh(self, rng: np.random.Generator, wnid: str) -> Sprite:
        """Return a new individual of a synset for a picture of SUN397."""
        return place_object(rng, wnid, self.taxonomy, self.spec["sun"]["size"])

    def stocked(self, rng: np.random.Generator, wnid: str) -> Sprite:
        """Return one of STOCK individuals of a synset for a picture of Places, perhaps mirrored.

        Places has many pictures of many objects: new ones would take most of the rendering time.
        """
        number = int(rng.integers(STOCK))
        turn = int(rng.choice([1, -1]))
        if (wnid, number) not in self.stock:
            drawn_by = self.rng("places365", "stock", wnid, number)
            size = self.spec["places"]["size"]
            self.stock[wnid, number] = place_object(drawn_by, wnid, self.taxonomy, size)
        sprite = self.stock[wnid, number]
        return Sprite(sprite.rgb[:, ::turn], sprite.alpha[:, ::turn])


def encode(picture: np.ndarray) -> bytes:
    """Return an RGB picture as JPEG bytes of quality 92, with full chroma."""
    return cv2.imencode(".jpg", picture[..., ::-1], JPEG_OPTIONS)[1].tobytes()
