"""Every kind of training, small enough for a test on any device, and what the tests record."""

import json
import os
import re
from pathlib import Path

from conftest import RECIPE, ROOT, TINY, Pictures
from small_tasks import DETECTING, DETECTOR, RSTARCNN, Scenes, Squares

from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.loop import Deadline, DeadlineReachedError, stepping, train
from imagenet_transfer.training.tasks.action import ActionTask
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tasks.detection import DetectionTask

RESULTS = "GPU_CHECK_RESULTS"  # environment variable: the folder that `make gpu-check` fills
GOLDEN = ROOT / "tests/gpu/golden"
STEPS = 12
# Enough for all candidates: each device draws others if there are more
ALL = {"rpn_samples": 5000, "rois": 500}
PLAIN = TINY | {"dropout": 0}  # each device drops other units
GENTLE = RECIPE | {"iterations": STEPS, "lr": 0.001, "lr_steps": [8], "evaluate_every": None}


def pre_training(device, architecture=PLAIN, **changes):
    pictures = Pictures(40, 4)
    table = pictures.table()
    recipe = GENTLE | changes
    return ClassificationTask(
        pictures, table, table, 4, architecture, recipe, 7, device=device
    ), recipe


def last_layer(device):
    return pre_training(device, layers="last")


def accumulated(device):
    return pre_training(device, accumulate=2)


def detection(device):
    recipe = GENTLE | {"batch_size": 2, "detector": DETECTOR | ALL}
    store = Squares(((64, 80), (64, 80), (80, 64)))
    return DetectionTask(store, DETECTING | {"dropout": 0}, None, recipe, 1, device), recipe


def action(device):
    recipe = GENTLE | {"batch_size": 2, "rstarcnn": RSTARCNN}
    store = Scenes()
    return ActionTask(store, store.proposals(), PLAIN, None, recipe, 7, device), recipe


# Of each kind, whether its gradient sums in a fixed order: that of RoI pooling is summed by atomics
TASKS = {
    "pre-training": (pre_training, True),
    "last layer": (last_layer, True),
    "accumulated": (accumulated, True),
    "detection": (detection, False),
    "action": (action, False),
}


def losses_of(make, device, steps=STEPS):
    """Return the losses of the first steps of a training."""
    task, recipe = make(device)
    losses = []
    loss = task.loss

    def recorded(batch):
        one = loss(batch)
        losses.append(one.detach())
        return one

    task.loss = recorded
    with stepping(task, recipe, seed=7) as step:
        for _ in range(steps):
            step()
    return [one.item() for one in losses]


class StopsAfter(Deadline):
    """A deadline that passes after some steps."""

    def __init__(self, steps):
        self.left = steps

    def passed(self):
        self.left -= 1
        return self.left <= 0


def trained_state(make, device, folder, deadlines=(None,)):
    """Return the tensors of a network at the end of a training, stopped at each of the deadlines."""
    state = StateFile(Path(folder) / "state.pt", "f")
    for deadline in deadlines:
        task, recipe = make(device)
        try:
            train(task, recipe, 7, state, deadline)
        except DeadlineReachedError:
            continue
    return {name: tensor.cpu() for name, tensor in task.model.state_dict().items()}


def golden_file(name):
    """Return the file with the losses of a device."""
    return GOLDEN / f"{re.sub('[^A-Za-z0-9]+', '-', name).strip('-')}.json"


def note(key, value):
    """Add a fact to the results that `make gpu-check` gathers; nothing elsewhere."""
    if folder := os.environ.get(RESULTS):
        path = Path(folder) / "facts.json"
        facts = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(facts | {key: value}, indent=1) + "\n")
