"""Every kind of work on noise in memory: what `training_rate.py` times and `gpu_check.py` runs.

Nothing is read from a disk, and batches are prepared beforehand, so that the step is timed.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch.utils._pytree import tree_map

from imagenet_transfer.data.layouts.voc_action import ACTIONS
from imagenet_transfer.data.proposals import Proposals
from imagenet_transfer.features.embeddings import activations, random_network
from imagenet_transfer.training.loop import Task, stepping
from imagenet_transfer.training.recipe import Recipe
from imagenet_transfer.training.tasks.action import ActionTask
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tasks.detection import DetectionTask

PHOTOGRAPH = (375, 500)  # height and width
OBJECTS = [[60, 40, 220, 300], [180, 90, 460, 340], [20, 200, 140, 360]]
REGIONS = 2000  # around people, as the paper's proposals
PREPARED = 4  # batches
EMBEDDED = 256  # images at once (features/embeddings.py)
LEAST_LR = 1e-9  # noise teaches nothing, and weights that grow without limit are slow to compute

Settings = Mapping[str, Any]


class Noise:
    """A store of noise: squares for classification."""

    def __init__(self, size: int):
        shape = (256, size, size, 3)
        self.pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        self.images = pd.DataFrame({"image": [f"image{i}" for i in range(len(self.pixels))]})

    def batch(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows % len(self.pixels)]


class Photographs:
    """A store of noise: photographs with three objects each, at most as large as the network's."""

    folder = Path("noise")
    meta = {"digest": "noise"}  # noqa: RUF012 - a constant

    def __init__(self, short_side: int, number: int = 16):
        factor = min(1.0, short_side / PHOTOGRAPH[0])
        self.shape = tuple(round(side * factor) for side in PHOTOGRAPH)
        self.classes = tuple(f"class{i}" for i in range(20))
        names = [f"image{i}" for i in range(number)]
        self.images = pd.DataFrame({"image": names, "split": self.splits(number)})
        corners = np.tile(np.array(OBJECTS) * factor, (number, 1))
        self.objects = pd.DataFrame(corners, columns=["xmin", "ymin", "xmax", "ymax"])
        self.objects["image"] = np.repeat(names, len(OBJECTS))
        self.objects["class"] = [self.classes[i % 20] for i in range(len(self.objects))]
        self.objects["difficult"] = 0

    def splits(self, number: int) -> list[str]:
        return ["trainval and test"] * number

    def split(self, name: str) -> np.ndarray:
        return np.flatnonzero(self.images["split"].str.contains(name))

    def image(self, row: int) -> np.ndarray:
        return np.random.default_rng(row).integers(0, 256, (*self.shape, 3), dtype=np.uint8)


class People(Photographs):
    """Photographs whose objects are people, each doing one thing; every second image is tested."""

    def __init__(self, short_side: int):
        super().__init__(short_side)
        self.objects["object"] = 1 + np.arange(len(self.objects)) % len(OBJECTS)
        for i, action in enumerate(ACTIONS):
            self.objects[action] = np.where(np.arange(len(self.objects)) % len(ACTIONS) == i, 1, -1)

    def splits(self, number: int) -> list[str]:
        return ["train", "val"] * (number // 2)

    def proposals(self) -> Proposals:
        """Return boxes that overlap people more or less, as many as the paper's."""
        draw = np.random.default_rng(0)
        people = self.objects[["xmin", "ymin", "xmax", "ymax"]].to_numpy(np.float32)
        near = people.reshape(len(self.images), len(OBJECTS), 4)[
            :, draw.integers(0, len(OBJECTS), REGIONS)
        ]
        moved = near + draw.normal(0, 0.1 * min(self.shape), near.shape).astype(np.float32)
        height, width = self.shape
        start = moved[..., :2].clip(0, (width - 9, height - 9))
        boxes = np.concatenate([start, moved[..., 2:].clip(start + 8, (width, height))], axis=2)
        starts = np.arange(len(self.images) + 1) * REGIONS
        return Proposals(np.float32(boxes.reshape(-1, 4)), starts, {"store": "noise"})


def classification(architecture: Settings, recipe: Recipe, device: str) -> Task:
    table = pd.DataFrame({"row": np.arange(4096), "label": np.arange(4096) % 1000})
    store = Noise(architecture["image_size"])
    return ClassificationTask(store, table, table, 1000, architecture, recipe, 0, device=device)


def detection(architecture: Settings, recipe: Recipe, device: str) -> Task:
    store = Photographs(recipe.detector.short_side)
    return DetectionTask(store, architecture, None, recipe, 0, device)


def action(architecture: Settings, recipe: Recipe, device: str) -> Task:
    store = People(recipe.rstarcnn.short_side)
    return ActionTask(store, store.proposals(), architecture, None, recipe, 0, device)


TASKS = {
    "train": classification,
    "last-layer": classification,
    "detection": detection,
    "action": action,
}


@dataclass(frozen=True)
class Held:
    """A batch that no feed copies, as it is on the device already."""

    batch: Any


def made_task(
    work: str, architecture: Settings, recipe: Recipe, device: str, on_device: bool = False
) -> Task:
    """Return a task of a kind of work whose batches are prepared, on the device if so asked."""
    task = TASKS[work](architecture, recipe, device)
    gpu = torch.device(device).type == "cuda"

    def kept(part: Any) -> Any:
        """Return a copy of a tensor, whose memory may be needed for the next batch."""
        if not isinstance(part, torch.Tensor):
            return part
        if on_device:
            return part.to(device, copy=True)
        return part.clone().pin_memory() if gpu else part.clone()

    batches = [tree_map(kept, task.load(step)) for step in range(PREPARED)]
    if on_device:
        batches = list(map(Held, batches))
        loss = task.loss
        task.loss = lambda held: loss(held.batch)
    task.load = lambda step: batches[step % PREPARED]
    return task


def endless(recipe: Recipe) -> Recipe:
    """Return a recipe that goes on as long as it is asked, and changes nothing that matters."""
    return replace(recipe, iterations=10**9, epochs=None, lr=LEAST_LR, lr_steps=())


def works_of(config: Settings, batch: int | None = None) -> Iterator[tuple[str, Settings, Recipe]]:
    """Yield kind of work, architecture and recipe, each kind once per architecture.

    A kind's recipe is the first in the config. `batch` replaces its batch size in classification.
    """
    for architecture in config["architectures"].values():
        recipes: dict[str, Recipe] = {}
        for entry in map(Recipe.of, config["recipes"].values()):
            recipes.setdefault(entry.work, entry)
        for work, recipe in recipes.items():
            changed = batch if batch and TASKS[work] is classification else recipe.batch_size
            yield work, architecture, replace(recipe, batch_size=changed)
        first = next(iter(recipes.values()))
        yield "embed", architecture, replace(first, batch_size=batch or EMBEDDED, accumulate=1)


@contextlib.contextmanager
def steps_of(
    work: str, architecture: Settings, recipe: Recipe, device: str
) -> Iterator[Callable[[], None]]:
    """Yield a function that takes the next step of a kind of work."""
    if work == "embed":
        yield embedding_step(architecture, recipe.batch_size, device)
        return
    recipe = endless(recipe)
    with stepping(made_task(work, architecture, recipe, device), recipe) as step:
        yield step


def embedding_step(architecture: Settings, batch: int, device: str) -> Callable[[], None]:
    """Return a function that computes the features of a batch, as `embed` does."""
    model = random_network(architecture, 0, device)
    network = model.network
    margin = (network.image_size - network.input_size) // 2
    window = slice(margin, margin + network.input_size)
    images = torch.from_numpy(Noise(network.image_size).batch(np.arange(batch)))

    def step() -> None:
        crops = images.to(device)[:, window, window]
        features = activations(model, crops, network.feature_layer)
        F.normalize(features.float()).half().cpu()

    return step
