"""The losses of a hundred steps of each task, as they were when they were recorded.

Bit for bit on the processor and with the torch that recorded them; others round differently, hence a tolerance there.

`python tests/test_golden.py` records them again, for a change that is meant to change numbers.
"""

import json
import platform
from pathlib import Path

import pytest
import test_action
import test_detection
import torch
from conftest import RECIPE, TINY, Pictures

from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.loop import train
from imagenet_transfer.training.tasks.classification import ClassificationTask

pytestmark = pytest.mark.usefixtures("one_thread")

FILE = Path(__file__).with_name("golden_losses.json")
STEPS = 100
FIRST, CLOSE = (
    10,
    1e-3,
)  # elsewhere this many steps agree to this share (3e-7 measured with AVX2 and SSE4.1),
ROUGH = 0.1  # and the sums of all steps to this one (2 % measured: a region more or less changes what follows)
HUNDRED = RECIPE | {"iterations": STEPS, "lr": 0.001, "lr_steps": [70], "evaluate_every": STEPS}


def classification():
    pictures = Pictures(40, 4)
    return ClassificationTask(pictures, pictures.table(), pictures.table(), 4, TINY, HUNDRED, 7)


def detection():
    store = test_detection.Squares()
    recipe = HUNDRED | {"batch_size": 2, "detector": test_detection.SMALL}
    return test_detection.DetectionTask(store, test_detection.TINY, None, recipe, 1)


def action():
    return test_action.make_job(recipe=HUNDRED)


TASKS = {"classification": classification, "detection": detection, "action": action}


def losses_of(make, folder):
    """Return the loss of each step of a run."""
    job = make()
    loss, losses = job.loss, []

    def recorded(batch):
        losses.append(loss(batch))
        return losses[-1]

    job.loss = recorded
    train(job, HUNDRED, 7, StateFile(folder / "state.pt", "f"))
    return [step.item() for step in losses]


def machine():
    """Return what the last bits of a sum depend on."""
    names = [
        line
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    processor = names[0].partition(": ")[2] if names else platform.machine()
    return [processor, torch.backends.cpu.get_cpu_capability(), torch.__version__.partition("+")[0]]


@pytest.mark.parametrize("task", TASKS)
def test_losses_are_those_on_record(task, tmp_path):
    record = json.loads(FILE.read_text())
    found, expected = losses_of(TASKS[task], tmp_path), record["losses"][task]
    if record["machine"] == machine():
        assert found == expected
    assert len(found) == len(expected) == STEPS
    assert found[:FIRST] == pytest.approx(expected[:FIRST], rel=CLOSE)
    assert sum(found) == pytest.approx(sum(expected), rel=ROUGH)


if __name__ == "__main__":
    import tempfile

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        losses = {task: losses_of(make, Path(folder)) for task, make in TASKS.items()}
    FILE.write_text(json.dumps({"machine": machine(), "losses": losses}, indent=1) + "\n")
