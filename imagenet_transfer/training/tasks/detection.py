"""Detection: fine-tune a detector on a data set with boxes, measure its mAP on the tested images.

PASCAL-DET is that of VOC2007's trainval and test images.
"""

import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from imagenet_transfer.data.layouts.listing import CORNERS, first_names
from imagenet_transfer.data.store import Store, tested_split, training_split
from imagenet_transfer.errors import UserError
from imagenet_transfer.models.boxes import Objects, from_voc, mirrored, to_voc
from imagenet_transfer.models.faster_rcnn import Detections, FasterRCNN
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.models.region_configs import DetectorConfig
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.training.batches import DataOrder, batches_of_equal_size, grouped_by_size
from imagenet_transfer.training.feed import fed, feed_of
from imagenet_transfer.training.images import on_threads, read_image
from imagenet_transfer.training.metrics import judged_map, mean_ap, outcomes
from imagenet_transfer.training.recipe import Recipe
from imagenet_transfer.training.starts import region_backbone

TEST_BATCH = 16  # images of one size that are tested together
# What becomes of classes without objects
UNKNOWN = "what is not learnt is not found"
UNSEEN = "there is no average precision of it, and mAP is the mean of the others"


class Example(NamedTuple):
    """A training image with its objects."""

    image: Tensor  # uint8 RGB H,W,3
    objects: Objects
    key: tuple[int, bool]  # record number, whether mirrored


def objects_of(table: pd.DataFrame, classes: tuple[str, ...]) -> Objects:
    """Return the objects of one image, given its rows of a store's table."""
    numbers = [1 + classes.index(name) for name in table["class"]]
    boxes = from_voc(torch.tensor(table[CORNERS].to_numpy(np.float32)))
    return Objects(boxes, torch.tensor(numbers, dtype=torch.int64))


def detection_table(image: str, found: Detections, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return one image's detections: image, class, score and, in VOC's coordinates, `CORNERS`."""
    table = pd.DataFrame(to_voc(found.boxes).double().cpu().numpy(), columns=CORNERS)
    table.insert(0, "score", found.scores.double().cpu().numpy())
    table.insert(0, "class", [classes[number - 1] for number in found.labels.tolist()])
    table.insert(0, "image", image)
    return table


class DetectionTask:
    """Fine-tuning of a detector on a store with boxes, for `loop.train`.

    Every epoch goes once through the training images with an object that is not marked difficult;
    each is mirrored with probability one half. `weights` are copied except those of the last layer
    (None: a random start). The recipe has a section `detector`; `ap_variant` is 11-point or
    all-point. Raises UserError if there is nothing to train on or to find in the tested images.
    """

    # py-faster-rcnn's new layers learn at the rate of all others.
    fresh_layers: tuple[str, ...] = ()

    def __init__(
        self,
        store: Store,
        architecture: Network | Mapping[str, Any],
        weights: Path | str | None,
        recipe: Recipe | Mapping[str, Any],
        seed: int,
        device: str = "cpu",
        ap_variant: str = "11-point",
    ):
        recipe = Recipe.of(recipe)
        config = recipe.detector or DetectorConfig()
        self.store = store
        self.seed = seed
        self.device = torch.device(device)
        self.feed = feed_of(self.device)
        self.classes = tuple(store.classes)
        self.ap_variant = ap_variant
        torch.manual_seed(seed_of(seed, "initial values"))
        backbone = region_backbone(architecture, len(self.classes), weights, config.copy_fc)
        self.model = FasterRCNN(backbone, len(self.classes), config)
        self.model.to(device, memory_format=torch.channels_last)
        self.names = store.images["image"].to_numpy()
        self.test_rows = store.split(tested_split(store.images))
        tested = store.objects["image"].isin(self.names[self.test_rows])
        self.test_objects = store.objects[tested]
        self.objects = self._training_objects()
        self.train_rows = list(self.objects)
        self.num_images = len(self.train_rows)
        self._check_objects()
        self.order = DataOrder(self.num_images, recipe.batch_size, seed)

    def _training_objects(self) -> dict[int, Objects]:
        """Return, by record number, the objects of each training image that are not difficult.

        Images without such objects are left out.
        """
        usable = self.store.objects[self.store.objects["difficult"] == 0]
        tables = dict(list(usable.groupby("image")))
        rows = self.store.split(training_split(self.store.images))
        return {
            int(row): objects_of(tables[name], self.classes)
            for row, name in zip(rows, self.names[rows], strict=True)
            if name in tables
        }

    def _check_objects(self) -> None:
        """Raise UserError for images without any object, print which classes some lack."""
        learnt = {number for one in self.objects.values() for number in one.labels.tolist()}
        sought = set(self.test_objects["class"][self.test_objects["difficult"] == 0])
        for images, found in (("training", learnt), ("tested", sought)):
            if not found:
                raise UserError(
                    f"{self.store.folder}: no {images} image has an object that counts; check the "
                    "data set's classes and splits."
                )
        unknown = [name for i, name in enumerate(self.classes, start=1) if i not in learnt]
        unseen = [name for name in self.classes if name not in sought]
        for images, names, so in (("training", unknown, UNKNOWN), ("tested", unseen, UNSEEN)):
            if names:
                print(f"No {images} image shows {first_names(names, 5)}: {so}.", file=sys.stderr)

    def load(self, step: int) -> list[Example]:
        """Return the training images of a step, some of them mirrored."""
        chosen = self.order.at(step)
        draw = np.random.default_rng(seed_of(self.seed, "augmentation", step))
        mirror = draw.random(len(chosen)) < 0.5
        pairs = zip([self.train_rows[i] for i in chosen], mirror, strict=True)
        return on_threads(self.store, lambda pair: self.example(*pair), pairs)

    def rows(self) -> np.ndarray:
        """Return the records that are trained on or tested, ascending."""
        return np.union1d(self.train_rows, self.test_rows).astype(np.int64)

    def example(self, row: int, flipped: bool) -> Example:
        """Return a record's image and objects, mirrored if `flipped`."""
        image = read_image(self.store, row, flipped)
        objects = self.objects[row]
        if flipped:
            objects = Objects(mirrored(objects.boxes, image.shape[1]), objects.labels)
        return Example(image, objects, (int(row), bool(flipped)))

    def loss(self, batch: list[Example]) -> Tensor:
        """Return the mean loss over the images.

        Those of one size go through the network together, without padding.
        """
        losses = [len(group) * self._group_loss(group) for group in grouped_by_size(batch)]
        return torch.stack(losses).sum() / len(batch)

    def _group_loss(self, group: list[Example]) -> Tensor:
        images = torch.stack([example.image for example in group])
        objects = [example.objects for example in group]
        images = images.to(self.device, non_blocking=True)
        return self.model.loss(images, objects, [example.key for example in group])

    def detections(self) -> pd.DataFrame:
        """Return the detections in the tested images, as tables of `detection_table`."""
        tables = []
        for names, batch in batches_of_equal_size(self._tested_images(), TEST_BATCH):
            pairs = zip(names, self.model.detect(batch.to(self.device)), strict=True)
            tables += [detection_table(*pair, self.classes) for pair in pairs]
        return pd.concat(tables, ignore_index=True)

    def _tested_images(self) -> Iterator[tuple[str, Tensor]]:
        """Yield names and images of the tested records, in order; the next ones are being read."""

        def read(row: int) -> tuple[str, Tensor]:
            return self.names[row], read_image(self.store, row)

        def load(rows: np.ndarray) -> list[tuple[str, Tensor]]:
            return on_threads(self.store, read, rows)

        starts = range(0, len(self.test_rows), TEST_BATCH)
        parts = (self.test_rows[start : start + TEST_BATCH] for start in starts)
        for images in fed(self.feed, load, parts, ahead=1):
            yield from images

    def evaluate(self) -> dict[str, float]:
        """Return, in percent, mAP and AP/{class} on the tested images, for classes with objects."""
        self.model.eval()
        found = self.detections()
        self._judged = found.assign(outcome=outcomes(found, self.test_objects, self.classes))
        class_ap = judged_map(self._judged, self.test_objects, self.classes, self.ap_variant)
        defined = {f"AP/{name}": ap for name, ap in class_ap.items() if not math.isnan(ap)}
        return {name: 100 * ap for name, ap in {"mAP": mean_ap(class_ap), **defined}.items()}

    def tested(self) -> pd.DataFrame:
        """Return image, class, score, outcome (see `outcomes`) and `CORNERS` of each detection.

        Corners are as in annotations: pixels of the stored image, which keeps its size, counted
        from 1, both ends included. They are for pictures and rounded to tenths of a pixel; the
        outcomes are of the exact boxes. They take 11 compressed bytes per detection: with 30 in
        each of VOC2007's 4952 test images, the file has 2.8 MB instead of 1.1.
        """
        table = self._judged[["image", "class", "score", "outcome", *CORNERS]]
        return table.astype({"score": np.float32}).round(dict.fromkeys(CORNERS, 1))
