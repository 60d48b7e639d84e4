"""Tasks prepare their images on all threads that the job was given, to the same bits."""

import threading
import time

import pytest
import torch
from conftest import RECIPE
from small_tasks import Scenes, Squares, action_task, check_same_tensors, detection_task

from imagenet_transfer.data.store import Store
from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.loop import train

pytestmark = pytest.mark.usefixtures("one_thread")


class OnThreads:
    """Pictures that a store's threads read, slowly, and that say by whom."""

    _threads = 3

    def __len__(self):
        return len(self.pictures)

    def image(self, row):
        self.readers = {*getattr(self, "readers", ()), threading.current_thread()}
        time.sleep(0.002)
        return super().image(row)


class ThreadedSquares(OnThreads, Squares, Store):
    pass


class ThreadedScenes(OnThreads, Scenes, Store):
    pass


SIZES = ((64, 80), (80, 64), (64, 80), (64, 80), (80, 64), (64, 80))
TASKS = {
    "detection": (detection_task, lambda: Squares(SIZES), lambda: ThreadedSquares(SIZES)),
    "action": (action_task, Scenes, ThreadedScenes),
}


def flattened(batch):
    """Return the tensors of a batch of examples."""
    if isinstance(batch, torch.Tensor):
        return [batch]
    if isinstance(batch, tuple | list):
        return [tensor for part in batch for tensor in flattened(part)]
    return []


@pytest.mark.parametrize("kind", TASKS)
def test_batches_are_the_same_from_any_number_of_threads(kind):
    make, plain, threaded = TASKS[kind]
    one, several = make(plain()), make(threaded())
    for step in range(6):
        expected, found = one.load(step), several.load(step)
        assert [example.key for example in found] == [example.key for example in expected]
        pairs = list(zip(flattened(found), flattened(expected), strict=True))
        assert len(pairs) > len(found)
        assert all(torch.equal(*pair) for pair in pairs)
    assert len(several.store.readers) >= 2


@pytest.mark.parametrize("kind", TASKS)
def test_a_training_is_the_same_on_any_number_of_threads(kind, tmp_path):
    make, plain, threaded = TASKS[kind]
    recipe = RECIPE | {"iterations": 3, "lr_steps": [2], "evaluate_every": 3}
    found = []
    for number, source in enumerate((plain(), threaded())):
        task = make(source)
        outcome = train(task, recipe, 7, StateFile(tmp_path / f"{number}.pt", "f"))
        found.append((outcome.history, task))
    (history, one), (other_history, several) = found
    assert history == other_history
    assert one.tested().equals(several.tested())
    check_same_tensors(one.model, several.model)
