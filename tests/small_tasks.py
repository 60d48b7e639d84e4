"""Training tasks small enough for a test, the stores that they read, and ways to run them."""

import numpy as np
import pandas as pd
import torch
from conftest import PAPER_ALEXNET, RECIPE, TINY, Pictures

from imagenet_transfer.data.layouts.listing import OBJECT_COLUMNS
from imagenet_transfer.data.layouts.voc_action import ACTIONS
from imagenet_transfer.data.proposals import Proposals
from imagenet_transfer.training.loop import Deadline
from imagenet_transfer.training.tasks.action import ActionTask
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tasks.detection import DetectionTask

# An eighth of AlexNet's width, with the stride that small images need
DETECTING = PAPER_ALEXNET | {
    "input_size": 48,
    "width": 0.125,
    "fc_width": 64,
    "conv1_kernel": 5,
    "conv1_stride": 2,
    "init": "he",
    "pixel_std": 58.0,
}
DETECTOR = {
    "short_side": 64,
    "long_side": 80,
    "anchor_scales": [1, 2],
    "rpn_channels": 32,
    "rpn_samples": 32,
    "proposal_min_side": 6,
    "train_proposals_before_nms": 200,
    "train_proposals": 60,
    "test_proposals_before_nms": 200,
    "test_proposals": 40,
    "rois": 32,
}
RSTARCNN = {"short_side": 48, "long_side": 64, "primaries": 4, "secondaries": 3}


class PictureStore:
    """The part of a store that detection and action read; image names are record numbers."""

    def __init__(self, pictures, objects, splits):
        self.pictures = pictures
        self.objects = objects
        names = [f"{i:06}" for i in range(len(pictures))]
        self.images = pd.DataFrame({"image": names, "split": splits})

    def split(self, name):
        return np.flatnonzero(self.images["split"] == name)

    def image(self, row):
        return self.pictures[row]


def noise(random, height, width):
    return random.integers(100, 140, (height, width, 3), dtype=np.uint8)


class Squares(PictureStore):
    """Two coloured squares on grey noise per image; the same images train and test."""

    folder = "stores/squares"
    classes = ("blue", "green", "red")
    colours = ((40, 60, 220), (40, 200, 60), (220, 50, 40))

    def __init__(self, sizes=((64, 80),) * 3, difficult=()):
        random = np.random.default_rng(3)
        pictures = []
        rows = []
        for i, (height, width) in enumerate(sizes):
            picture = noise(random, height, width)
            for j, (x, y, side) in enumerate([(4 + 3 * i, 6, 24), (44, 30 + 2 * i, 30)]):
                which = (i + j) % 3
                picture[y : y + side, x : x + side] = self.colours[which]
                corners = (x + 1, y + 1, x + side, y + side)
                rows.append((f"{i:06}", j, self.classes[which], *corners, int(i in difficult)))
            pictures.append(picture)
        super().__init__(pictures, pd.DataFrame(rows, columns=OBJECT_COLUMNS), "trainval and test")

    def split(self, name):
        return np.arange(len(self.pictures))


THING_COLOURS = {"phoning": (230, 30, 20), "reading": (20, 40, 230), "": (120, 120, 120)}


class Scenes(PictureStore):
    """A grey person next to a thing: phoning if it is red, reading if it is blue."""

    folder = "stores/scenes"

    def __init__(self, sizes=((48, 64),) * 8, does=("phoning", "reading"), splits=("train", "val")):
        random = np.random.default_rng(3)
        self.meta = {"digest": "d"}
        pictures = []
        rows = []
        self.boxes = []
        for i, (height, width) in enumerate(sizes):
            picture = noise(random, height, width)
            x = 4 + 2 * (i % 4)
            y = 6 + i % 3
            action = does[i // len(splits) % len(does)]
            picture[y : y + 30, x : x + 14] = 190
            picture[y : y + 30, x + 14 : x + 28] = THING_COLOURS[action]
            labels = [1 if name == action else -1 for name in ACTIONS]
            rows.append((f"{i:06}", 1, "person", x + 1, y + 1, x + 14, y + 30, 0, *labels))
            pictures.append(picture)
            both = [x, y, x + 28, y + 30]
            parts = [[x, y, x + 14, y + 16], [0, 0, width, height], [x, y, x + 14, y + 29]]
            self.boxes.append([both, *parts])
        objects = pd.DataFrame(rows, columns=[*OBJECT_COLUMNS, *ACTIONS])
        super().__init__(pictures, objects, [splits[i % len(splits)] for i in range(len(sizes))])

    def proposals(self, digest="d"):
        starts = np.arange(len(self.boxes) + 1) * 4
        return Proposals(np.float32(self.boxes).reshape(-1, 4), starts, {"store": digest})


def classification_task(
    pictures=None, recipe=RECIPE, weights=None, architecture=TINY, device="cpu"
):
    pictures = pictures or Pictures(20, 4)
    table = pictures.table()
    more = {"seed": 7, "weights": weights, "device": device}
    return ClassificationTask(pictures, table, table, 4, architecture, recipe, **more)


def detection_task(
    store=None, batch_size=3, seed=1, architecture=DETECTING, device="cpu", **config
):
    recipe = RECIPE | {"batch_size": batch_size, "detector": DETECTOR | config}
    return DetectionTask(store or Squares(), architecture, None, recipe, seed, device)


def action_task(
    store=None, recipe=RECIPE, weights=None, seed=7, architecture=TINY, device="cpu", **config
):
    store = store or Scenes()
    recipe = recipe | {"batch_size": 2, "rstarcnn": RSTARCNN | config}
    return ActionTask(store, store.proposals(), architecture, weights, recipe, seed, device)


class StopsAt(Deadline):
    """A deadline that passes when it is asked for the `steps`-th time."""

    def __init__(self, steps):
        self.left = steps

    def passed(self):
        self.left -= 1
        return self.left <= 0


def check_same_tensors(model, other):
    """Check that two networks have the same tensors, bit for bit."""
    expected = other.state_dict()
    assert model.state_dict().keys() == expected.keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
