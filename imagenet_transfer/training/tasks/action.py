"""PASCAL-ACT-CLS: fine-tune R*CNN on VOC2012's train images, measure its mAP on val.

Training labels and probabilities are computed as in gkioxari/RstarCNN.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.data.layouts.voc_action import ACTIONS
from imagenet_transfer.data.proposals import Proposals
from imagenet_transfer.data.store import Store
from imagenet_transfer.errors import UserError
from imagenet_transfer.models import network_of
from imagenet_transfer.models.boxes import from_voc
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.models.region_configs import RStarConfig
from imagenet_transfer.models.rstarcnn import (
    Regions,
    RStarCNN,
    blanked,
    testing_regions,
    training_regions,
)
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.training.batches import DataOrder, grouped_by_size
from imagenet_transfer.training.feed import fed, feed_of
from imagenet_transfer.training.images import on_threads, read_image
from imagenet_transfer.training.metrics import average_precision, mean_ap
from imagenet_transfer.training.recipe import Recipe
from imagenet_transfer.training.starts import region_backbone

NUM_CLASSES = len(ACTIONS) + 1  # the last one is `other`
READ_TOGETHER = 16  # tested images that are read while others are tested


class People(NamedTuple):
    """People: half-open boxes (N,4) in pixels and class numbers (N,)."""

    boxes: Tensor
    labels: Tensor


class Example(NamedTuple):
    """A training image with its regions."""

    image: Tensor  # uint8 RGB H,W,3
    regions: Regions
    labels: Tensor  # of the primary regions
    key: tuple[int, bool]  # record number, whether mirrored


def training_labels(table: pd.DataFrame) -> np.ndarray:
    """Return the class (N,) of people: the first positive one of ACTIONS, else `other`."""
    positive = table[list(ACTIONS)].to_numpy() == 1
    return np.where(positive.any(1), positive.argmax(1), len(ACTIONS))


def people_of(table: pd.DataFrame) -> People:
    """Return the people of some rows of a store's table."""
    boxes = from_voc(torch.tensor(table[CORNERS].to_numpy(np.float32)))
    return People(boxes, torch.from_numpy(training_labels(table)))


def action_ap(
    scores: np.ndarray, labels: np.ndarray, variant: str = "all-point"
) -> dict[str, float]:
    """Return the average precision, 0..1, of each action over the people labelled 1 or -1 for it.

    `scores` and `labels` (people, ACTIONS). An action that nobody does has NaN.
    """
    ap = {}
    for i, action in enumerate(ACTIONS):
        positive = labels[:, i] == 1
        unclear = labels[:, i] == 0
        number = int(positive.sum())
        ap[action] = average_precision(scores[:, i], positive, unclear, number, variant)
    return ap


class ActionTask:
    """Fine-tuning of R*CNN on a store of VOC2012's action set, for `loop.train`.

    Every epoch goes through the train images once; each is mirrored with probability one half.
    `weights` are copied except those of the last layer (None: a random start). The recipe has a
    section `rstarcnn`; `ap_variant` is all-point or 11-point. Raises UserError if the proposals are
    not those of this store, or if there is nothing to train on or to test.
    """

    fresh_layers: tuple[str, ...] = ()  # R*CNN's new layers learn at the rate of all others

    def __init__(
        self,
        store: Store,
        proposals: Proposals,
        architecture: Network | Mapping[str, Any],
        weights: Path | str | None,
        recipe: Recipe | Mapping[str, Any],
        seed: int,
        device: str = "cpu",
        ap_variant: str = "all-point",
    ):
        _check(store, proposals)
        network = network_of(architecture)
        recipe = Recipe.of(recipe)
        self.store = store
        self.seed = seed
        self.device = torch.device(device)
        self.feed = feed_of(self.device)
        self.proposals = proposals
        self.ap_variant = ap_variant
        self.config = recipe.rstarcnn or RStarConfig()
        torch.manual_seed(seed_of(seed, "initial values"))
        backbone = region_backbone(network, NUM_CLASSES, weights, self.config.copy_fc)
        self.model = RStarCNN(backbone, NUM_CLASSES, self.config)
        self.model.to(device, memory_format=torch.channels_last)
        self.blank = network.mean_colour
        self.names = store.images["image"].to_numpy()
        # Rows of each image's people in the store's table
        self.places = store.objects.groupby("image").indices
        self.people = people_of(store.objects)
        self.train_rows = store.split("train")
        self.test_rows = store.split("val")
        self.num_images = len(self.train_rows)
        self.order = DataOrder(self.num_images, recipe.batch_size, seed)

    def load(self, step: int) -> list[Example]:
        """Return the training images of a step with random regions, some of them mirrored."""
        chosen = self.order.at(step)
        draw = np.random.default_rng(seed_of(self.seed, "augmentation", step))
        mirror = draw.random(len(chosen)) < 0.5
        generator = torch.Generator().manual_seed(seed_of(self.seed, "regions", step))
        rows = self.train_rows[chosen]
        pairs = list(zip(rows, mirror, strict=True))
        images = on_threads(self.store, lambda pair: self._image(*pair), pairs)
        # One after another, as they share a generator
        return [self._example(*pair, generator) for pair in zip(images, pairs, strict=True)]

    def rows(self) -> np.ndarray:
        """Return the records that are trained on or tested, ascending."""
        return np.union1d(self.train_rows, self.test_rows).astype(np.int64)

    def _example(
        self, image: Tensor, record: tuple[int, bool], generator: torch.Generator
    ) -> Example:
        """Return a record's image, mirrored if told, with regions that the generator draws."""
        row, flip = record
        people, proposals = self._people_of(row), self._proposals_of(row)
        regions, labels = training_regions(*people, proposals, self.config, generator)
        if flip:
            regions = regions.mirrored(image.shape[1])
        return Example(image, regions, labels, (int(row), bool(flip)))

    def _people_of(self, row: int) -> People:
        return People(*(part[self.places[self.names[row]]] for part in self.people))

    def _image(self, row: int, mirror: bool = False) -> Tensor:
        """Return a record's image, uint8 H,W,3, mirrored if told; of people only if so configured."""
        if self.config.surroundings:
            return read_image(self.store, row, mirror)
        people = self._people_of(row).boxes
        image = blanked(read_image(self.store, row), people, self.blank)
        return image.flip(1) if mirror else image

    def _proposals_of(self, row: int) -> Tensor:
        return torch.from_numpy(self.proposals.of(row))

    def loss(self, batch: list[Example]) -> Tensor:
        """Return the mean loss over all primary regions.

        Images of one size go through the network together.
        """
        total = torch.stack([self._group_loss(group) for group in grouped_by_size(batch)]).sum()
        return total / sum(len(example.labels) for example in batch)

    def _group_loss(self, group: list[Example]) -> Tensor:
        images = torch.stack([example.image for example in group])
        labels = torch.cat([example.labels for example in group])
        return self.model.loss(
            images.to(self.device, non_blocking=True),
            [example.regions.to(self.device) for example in group],
            labels.to(self.device, non_blocking=True),
            [example.key for example in group],
        )

    def _tested(self, row: int) -> tuple[Tensor, Regions]:
        """Return a record's image and the regions of its given people."""
        boxes = self._people_of(row).boxes
        return self._image(row), testing_regions(boxes, self._proposals_of(row), self.config)

    def probabilities(self, row: int) -> np.ndarray:
        """Return the softmax probabilities (people,NUM_CLASSES) of a record's given people."""
        return self._probabilities(*self._tested(row))

    @torch.inference_mode()
    def _probabilities(self, image: Tensor, regions: Regions) -> np.ndarray:
        scores = self.model(image.to(self.device)[None], [regions.to(self.device)])
        return scores.double().softmax(1).cpu().numpy()

    def evaluate(self) -> dict[str, float]:
        """Return, in percent, mAP and AP/{action} on the val images, for actions seen there."""
        self.model.eval()
        starts = range(0, len(self.test_rows), READ_TOGETHER)
        parts = (self.test_rows[start : start + READ_TOGETHER] for start in starts)
        read = fed(self.feed, lambda rows: on_threads(self.store, self._tested, rows), parts)
        scores = np.concatenate([self._probabilities(*one) for part in read for one in part])
        places = np.concatenate([self.places[self.names[row]] for row in self.test_rows])
        people = self.store.objects.iloc[places]
        scores = scores[:, : len(ACTIONS)]
        columns = dict(zip(ACTIONS, scores.T, strict=True))
        self._scores = people[["image", "object"]].assign(**columns)
        ap = action_ap(scores, people[list(ACTIONS)].to_numpy(), self.ap_variant)
        defined = {f"AP/{name}": value for name, value in ap.items() if not math.isnan(value)}
        return {name: 100 * value for name, value in {"mAP": mean_ap(ap), **defined}.items()}

    def tested(self) -> pd.DataFrame:
        """Return image, person (the store's `object`, from 1 per image) and each action's score."""
        return self._scores.rename(columns={"object": "person"})


def _check(store: Store, proposals: Proposals) -> None:
    """Raise UserError if the proposals are of other images, or nothing can be trained or tested."""
    if proposals.facts["store"] != store.meta["digest"]:
        raise UserError(
            f"The proposals are not of {store.folder} as it is now: run the target that makes them."
        )
    if len(store.split("train")) == 0:
        raise UserError(f"{store.folder} has no train images; check the data set's lists.")
    tested = set(store.images["image"].iloc[store.split("val")])
    people = store.objects[store.objects["image"].isin(tested)]
    if not (people[list(ACTIONS)] == 1).any(axis=None):
        raise UserError(
            f"{store.folder}: nobody in a val image does any of the actions; check the data set's "
            "lists."
        )
