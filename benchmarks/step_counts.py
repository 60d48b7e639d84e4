"""Launches of a training step on a GPU, and the bytes that its operations read and write.

Run `python benchmarks/step_counts.py` (two minutes): steps of the training loop in the sizes of
`configs/paper.yaml`, on the emulated GPU of the tests. Views do not count. Bytes are those of all
tensors that operations take and return; a fused operation keeps its own between. Pre-training is
counted with 4 and 8 images, from which its counts for the recipe's batch follow.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rounds import ROOT, Row, print_table
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from training_step import CLASSES, Ready

sys.path.insert(0, str(ROOT / "tests"))
from emulated_gpu import DEVICE, VIEWS, emulated_gpu
from small_tasks import Scenes, Squares

from imagenet_transfer.data.proposals import Proposals
from imagenet_transfer.models import network_of
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.loop import Task, train
from imagenet_transfer.training.tasks.action import ActionTask
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tasks.detection import DetectionTask

PHOTOGRAPHS = ((600, 800),) * 8  # height and width, as large as the detectors take them
REGIONS = 2000  # proposals per image


class Traffic(TorchDispatchMode):
    """Counts operations on the emulated GPU, and the bytes of what they take and return."""

    def __init__(self):
        super().__init__()
        self.counts = np.zeros(2)  # launches, bytes

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        found = function(*arguments, **(options or {}))
        if function.overloadpacket.__name__ not in VIEWS.split():
            leaves = tree_leaves((arguments, options, found))
            tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
            sizes = [one.numel() * one.element_size() for one in tensors if one.is_meta]
            self.counts += (bool(sizes), sum(sizes))
        return found


def pre_training(architecture: dict, recipe: dict) -> Task:
    store = Ready(recipe["batch_size"], network_of(architecture).image_size)
    table = pd.DataFrame({"row": np.arange(64), "label": np.arange(64)})
    sets = (store, table, table, CLASSES)
    return ClassificationTask(*sets, architecture, recipe, seed=0, device=DEVICE)


def detection(architecture: dict, recipe: dict) -> Task:
    return DetectionTask(Squares(PHOTOGRAPHS), architecture, None, recipe, 0, DEVICE)


def action(architecture: dict, recipe: dict) -> Task:
    store = Scenes(PHOTOGRAPHS)
    corners = np.random.default_rng(0).uniform(0, 1, (len(PHOTOGRAPHS) * REGIONS, 2, 2))
    corners = np.sort(corners, axis=1) * [780, 580] + [[0, 0], [20, 20]]
    starts = np.arange(len(PHOTOGRAPHS) + 1) * REGIONS
    proposals = Proposals(corners.reshape(-1, 4).astype(np.float32), starts, {"store": "d"})
    return ActionTask(store, proposals, architecture, None, recipe, 0, DEVICE)


def counted(make: Callable[[dict, dict], Task], architecture: dict, recipe: dict) -> np.ndarray:
    """Return the launches and bytes of the second step of a training."""
    recipe = recipe | {"iterations": 3, "lr_steps": [], "evaluate_every": None}
    marks = []
    traffic = Traffic()
    with emulated_gpu(), traffic, tempfile.TemporaryDirectory() as folder:
        task = make(architecture, recipe)
        loss = task.loss

        def marking(batch):
            marks.append(traffic.counts.copy())
            return loss(batch)

        task.loss = marking
        task.evaluate = dict
        train(task, recipe, 0, StateFile(Path(folder) / "state.pt", "counts"))
    parts = recipe.get("accumulate", 1)
    return marks[2 * parts] - marks[parts]


def tables() -> list[Row]:
    """Return the table, one row for each kind of training."""
    config = read_config(str(ROOT / "configs" / "paper.yaml"))
    architecture = next(iter(config["architectures"].values()))
    recipes = config["recipes"]
    batch = recipes["pretrain"]["batch_size"]
    small, large = (
        counted(pre_training, architecture, recipes["pretrain"] | {"batch_size": images})
        for images in (4, 8)
    )
    found = {f"pre-training, {batch} images": small + (batch - 4) * (large - small) / 4}
    for name, make in (("detection", detection), ("action", action)):
        images = recipes[name]["batch_size"] * recipes[name].get("accumulate", 1)
        found[f"{name}, {images} images"] = counted(make, architecture, recipes[name])
    return [
        {"step": name, "launches": f"{launches:.0f}", "GB": f"{moved / 1e9:.2f}"}
        for name, (launches, moved) in found.items()
    ]


if __name__ == "__main__":
    print_table(tables())
