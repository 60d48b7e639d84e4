"""PASCAL-DET: fine-tune a detector on VOC's trainval images, measure its mean average precision on the test images."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from imagenet_transfer.data.layouts.voc import CORNERS
from imagenet_transfer.data.store import Store
from imagenet_transfer.errors import UserError
from imagenet_transfer.models.boxes import from_voc, mirrored, to_voc
from imagenet_transfer.models.faster_rcnn import Detections, FasterRCNN, Objects
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.models.region_configs import DetectorConfig
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.training.batches import DataOrder, batches_of_equal_size, grouped_by_size
from imagenet_transfer.training.metrics import judged_map, mean_ap, outcomes
from imagenet_transfer.training.recipe import Recipe
from imagenet_transfer.training.starts import region_backbone

TEST_BATCH = 16  # images of one size that are tested together


class Example(NamedTuple):
    """A training image, uint8 RGB H,W,3, its objects, and what tells it apart: record number, whether mirrored."""

    image: Tensor
    objects: Objects
    key: tuple[int, bool]


def objects_of(table: pd.DataFrame, classes: tuple[str, ...]) -> Objects:
    """Return the objects of one image, given its rows of a store's table."""
    numbers = [1 + classes.index(name) for name in table["class"]]
    return Objects(
        from_voc(torch.tensor(table[CORNERS].to_numpy(np.float32))),
        torch.tensor(numbers, dtype=torch.int64),
    )


def detection_table(image: str, found: Detections, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return one image's detections as a table image, class, score, xmin, ymin, xmax, ymax, in VOC's coordinates."""
    table = pd.DataFrame(to_voc(found.boxes).double().cpu().numpy(), columns=CORNERS)
    table.insert(0, "score", found.scores.double().cpu().numpy())
    table.insert(0, "class", [classes[number - 1] for number in found.labels.tolist()])
    table.insert(0, "image", image)
    return table


class DetectionTask:
    """Fine-tuning of a detector on a VOC store, for `loop.train`.

    Every epoch goes once through the trainval images that have an object not marked difficult, each
    mirrored with probability one half. `weights` are copied except those of the last layer (None: a
    random start). The recipe has a section `detector`; `ap_variant` is 11-point or all-point.
    """

    fresh_layers: tuple[
        str, ...
    ] = ()  # py-faster-rcnn's new layers learn at the rate of all others

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
        self.classes = tuple(store.classes)
        self.ap_variant = ap_variant
        torch.manual_seed(seed_of(seed, "initial values"))
        backbone = region_backbone(architecture, len(self.classes), weights, config.copy_fc)
        self.model = FasterRCNN(backbone, len(self.classes), config)
        self.model.to(device, memory_format=torch.channels_last)
        self.names = store.images["image"].to_numpy()
        self.test_rows = store.split("test")
        tested = store.objects["image"].isin(self.names[self.test_rows])
        self.test_objects = store.objects[tested]
        self.objects = self._training_objects()
        self.train_rows = list(self.objects)
        self.num_images = len(self.train_rows)
        if self.num_images == 0:
            raise UserError(
                f"{store.folder}: no trainval image has an object that counts; check the data set's "
                "classes."
            )
        self.order = DataOrder(self.num_images, recipe.batch_size, seed)

    def _training_objects(self) -> dict[int, Objects]:
        """Return the objects of each trainval image that has any, by record number, those marked difficult left out."""
        usable = self.store.objects[self.store.objects["difficult"] == 0]
        tables = dict(list(usable.groupby("image")))
        rows = self.store.split("trainval")
        return {
            int(row): objects_of(tables[name], self.classes)
            for row, name in zip(rows, self.names[rows], strict=True)
            if name in tables
        }

    def load(self, step: int) -> list[Example]:
        """Return the training images of a step, some of them mirrored."""
        chosen = self.order.at(step)
        mirror = (
            np.random.default_rng(seed_of(self.seed, "augmentation", step)).random(len(chosen))
            < 0.5
        )
        return [
            self.example(self.train_rows[i], flipped)
            for i, flipped in zip(chosen, mirror, strict=True)
        ]

    def example(self, row: int, flipped: bool) -> Example:
        """Return a record's image and objects, mirrored if `flipped`."""
        image, objects = torch.from_numpy(self.store.image(row)), self.objects[row]
        if flipped:
            image, objects = (
                image.flip(1),
                Objects(mirrored(objects.boxes, image.shape[1]), objects.labels),
            )
        return Example(image, objects, (int(row), bool(flipped)))

    def loss(self, batch: list[Example]) -> Tensor:
        """Return the mean loss over the images; those of one size go through the network together, without padding."""
        losses = [len(group) * self._group_loss(group) for group in grouped_by_size(batch)]
        return torch.stack(losses).sum() / len(batch)

    def _group_loss(self, group: list[Example]) -> Tensor:
        images = torch.stack([example.image for example in group]).to(
            self.device, non_blocking=True
        )
        objects = [
            Objects(*(part.to(self.device, non_blocking=True) for part in example.objects))
            for example in group
        ]
        return self.model.loss(images, objects, [example.key for example in group])

    def detections(self) -> pd.DataFrame:
        """Return what is found in the test images: image, class, score, xmin, ymin, xmax, ymax (from 1, inclusive)."""
        images = (
            (self.names[row], torch.from_numpy(self.store.image(row))) for row in self.test_rows
        )
        tables = []
        for names, batch in batches_of_equal_size(images, TEST_BATCH):
            found = self.model.detect(batch.to(self.device))
            tables += [
                detection_table(*pair, self.classes) for pair in zip(names, found, strict=True)
            ]
        return pd.concat(tables, ignore_index=True)

    def evaluate(self) -> dict[str, float]:
        """Return, in percent, mAP and AP/{class} of the test images, for every class that has objects there."""
        self.model.eval()
        found = self.detections()
        self._judged = found.assign(outcome=outcomes(found, self.test_objects, self.classes))
        class_ap = judged_map(self._judged, self.test_objects, self.classes, self.ap_variant)
        metrics = {"mAP": mean_ap(class_ap)} | {
            f"AP/{name}": ap for name, ap in class_ap.items() if not math.isnan(ap)
        }
        return {name: 100 * value for name, value in metrics.items()}

    def tested(self) -> pd.DataFrame:
        """Return image, class, score and outcome of each detection: 1 true positive, 0 false positive, -1 ignored."""
        return self._judged[["image", "class", "score", "outcome"]].astype(
            {"score": np.float32}
        )  # as the network's
