"""Classification: pre-training, SUN-CLS, and last layers trained again on frozen features."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from imagenet_transfer.data.windows import Windows
from imagenet_transfer.models import network_of
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.training.batches import DataOrder
from imagenet_transfer.training.compiled import compiled
from imagenet_transfer.training.feed import fed, feed_of, on_tensors
from imagenet_transfer.training.images import DeviceImages, ImageSource, read_images
from imagenet_transfer.training.metrics import label_ranks, top_accuracies
from imagenet_transfer.training.recipe import Recipe
from imagenet_transfer.training.starts import classifier

EVALUATION_BATCH = 250


def crop(
    images: Tensor, size: int, top: Tensor, left: Tensor, mirror: Tensor, places: Tensor
) -> Tensor:
    """Return windows (N,size,size,3), mirrored where told, in a few launches.

    images M,S,S,3; top, left N (pixels); mirror N (bool); places N (of the windows' images).
    """
    steps = torch.arange(size, device=images.device)
    rows = top[:, None] + steps
    columns = left[:, None] + torch.where(mirror[:, None], steps.flip(0), steps)
    return images[places[:, None, None], rows[:, :, None], columns[:, None, :]]


class ClassificationTask:
    """Training of a network on labelled images of one store, for `loop.train`.

    The tables `train` and `test` have the columns row (record number of the store) and label
    (0..num_classes-1). `weights` are copied except those of the last layer (None: a random start).
    The recipe's `layers` is "all", or "last" to train only the last layer on frozen features, with
    dropout in training, as in fine-tuning.
    """

    def __init__(
        self,
        store: ImageSource,
        train: pd.DataFrame,
        test: pd.DataFrame,
        num_classes: int,
        architecture: Network | Mapping[str, Any],
        recipe: Recipe | Mapping[str, Any],
        seed: int,
        weights: Path | str | None = None,
        device: str = "cpu",
    ):
        network = network_of(architecture)
        recipe = Recipe.of(recipe)
        torch.manual_seed(seed_of(seed, "initial values"))
        self.model = classifier(network, num_classes, weights)
        self.fresh_layers = () if weights is None else network.paths(network.last)
        if recipe.layers == "last":
            self.model.freeze(*(part.name for part in network.parts))
        self.model.to(device, memory_format=torch.channels_last)
        self._scores: Callable[[Tensor], Tensor] = self.model
        self.kept: DeviceImages | None = None
        self.feed = feed_of(torch.device(device))
        self.store = store
        self.train_set = train
        self.test_set = test
        self.num_classes = num_classes
        self.size = network.input_size
        self.stored_size = network.image_size
        self.seed = seed
        self.device = torch.device(device)
        self.num_images = len(train)
        self.order = DataOrder(len(train), recipe.batch_size, seed)
        self._train_rows = train["row"].to_numpy()
        self._train_labels = train["label"].to_numpy()

    def rows(self) -> np.ndarray:
        """Return the records that are trained on or tested, ascending."""
        return np.union1d(self._train_rows, self.test_set["row"])

    def load(self, step: int) -> tuple[Any, ...]:
        """Return a step's crops (uint8 N,size,size,3) and labels.

        A device that keeps images cuts them itself: the places and new ones of them, labels, crops'
        top and left, and mirroring.
        """
        chosen = self.order.at(step)
        images, *cuts = self._read(self._train_rows[chosen], self.windows(step, len(chosen)))
        labels = torch.from_numpy(self._train_labels[chosen].astype(np.int64))
        return images, labels, *cuts

    def windows(self, step: int, number: int) -> Windows:
        """Return the random windows of a step's images; half of them are mirrored."""
        draw = np.random.default_rng(seed_of(self.seed, "augmentation", step))
        corners = draw.integers(0, self.stored_size - self.size, (2, number), endpoint=True)
        return Windows(self.size, *corners, draw.random(number) < 0.5)

    def _read(self, rows: np.ndarray, windows: Windows) -> tuple[Any, ...]:
        """Return what `_cut` makes crops of: the crops themselves, unless a device keeps images.

        Cutting takes the thread that decodes an image 0.01 ms, and saves a fifth of the bytes that
        go to a GPU and a pass over them there.
        """
        if self.kept is None:
            return (read_images(self.store, rows, windows, self.feed, self.size),)

        def read(rows: np.ndarray) -> Tensor:
            return read_images(self.store, rows, None, self.feed, self.stored_size)

        return self.kept.placed(rows, read), *map(torch.from_numpy, windows[1:])

    def _cut(self, images: Any, *cuts: Tensor) -> Tensor:
        """Return crops (uint8 N,size,size,3) of what `_read` gave, on the model's device."""
        if not cuts:
            return images
        return crop(self.kept.take(images), self.size, *cuts, images.places)

    def loss(self, batch: Sequence[Tensor]) -> Tensor:
        """Return the softmax cross-entropy of random crops, mirrored with probability one half."""
        return self.prepared_loss(*self.prepared(batch))

    def prepared_loss(self, crops: Tensor, labels: Tensor) -> Tensor:
        """Return the softmax cross-entropy of crops (uint8 N,size,size,3) on the model's device."""
        return F.cross_entropy(self._scores(crops), labels)

    def compile(self) -> None:
        """Let training, not evaluation, use a compiled form of the network."""
        self._scores = compiled(self.model)

    def prepared(self, batch: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return a step's crops (uint8 N,size,size,3) and labels on the model's device."""
        images, labels, *cuts = on_tensors(self._there, tuple(batch))
        return self._cut(images, *cuts), labels

    def _there(self, tensor: Tensor) -> Tensor:
        """Return a tensor on the model's device, where a feed has brought it already."""
        return tensor.to(self.device, non_blocking=True)

    def evaluate(self) -> dict[str, float]:
        """Return top1 and top5, mean class accuracies in percent, on test images' centre crops."""
        labels = self.test_set["label"].to_numpy()
        ranks = self.ranks(self.test_set["row"].to_numpy(), labels)
        self._tested_ranks = ranks
        return top_accuracies(ranks, labels, self.num_classes)

    def tested(self) -> pd.DataFrame:
        """Return image, label and rank (0: the highest score is the label's) of each test image."""
        names = self.store.images["image"].to_numpy()[self.test_set["row"]]
        labels = self.test_set["label"].to_numpy()
        return pd.DataFrame({"image": names, "label": labels, "rank": self._tested_ranks})

    def ranks(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the rank (N,), from 0, of each record's label by the scores of its centre crop.

        Only a batch's scores are kept: those of 50,000 images and 1,000 classes would take 200 MB.
        """
        starts = range(0, len(rows), EVALUATION_BATCH)
        parts = [slice(start, start + EVALUATION_BATCH) for start in starts]
        ranks = np.empty(len(rows), dtype=np.int64)
        batches = fed(self.feed, lambda part: self._centre(rows[part]), parts)
        for part, batch in zip(parts, batches, strict=True):
            crops = self._cut(*on_tensors(self._there, batch))
            ranks[part] = label_ranks(self.model(crops).float().cpu().numpy(), labels[part])
        return ranks

    def _centre(self, rows: np.ndarray) -> tuple[Any, ...]:
        """Return what `_cut` makes centre crops of."""
        return self._read(rows, Windows.centred(len(rows), self.size, self.stored_size))
