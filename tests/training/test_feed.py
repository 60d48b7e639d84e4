"""The way of batches to a GPU, on a copier that says what it does and may be late."""

import threading
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from conftest import RECIPE, Pictures
from small_tasks import (
    StopsAt,
    action_task,
    check_same_tensors,
    classification_task,
    detection_task,
)

from imagenet_transfer.training import feed as feeds
from imagenet_transfer.training import loop
from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.feed import CopyingFeed, CudaCopier, HostFeed, fed
from imagenet_transfer.training.loop import DeadlineReachedError, train

pytestmark = pytest.mark.usefixtures("one_thread")


class Copied:
    """The end of a copy, which happens only when somebody waits for it."""

    def __init__(self, copier, pairs):
        self.copier = copier
        self.pairs = pairs
        self.done = False

    def synchronize(self):
        with self.copier.lock:
            if not self.done:
                for source, copy in self.pairs:
                    copy.copy_(source)
            self.done = True


class LateCopier:
    """Copies at the last moment: what is overwritten before its copy has finished is lost."""

    def __init__(self):
        self.lock = threading.Lock()
        self.events = []
        self.allocated = 0

    def allocate(self, num_bytes):
        self.allocated += 1
        return torch.zeros(num_bytes, dtype=torch.uint8)

    def copy(self, pieces):
        pairs = [(piece, torch.full_like(piece, 255)) for piece in pieces]
        copied = Copied(self, pairs)
        self.events.append(copied)
        return [copy for _, copy in pairs], copied

    def receive(self, pieces, copied):
        assert all(any(piece is copy for _, copy in copied.pairs) for piece in pieces)
        copied.synchronize()


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


def batch_of(feed, step):
    """Return a batch with all kinds of parts; its first tensor is in memory of the feed."""
    images = feed.empty((3, 2, 2))
    images[...] = step
    numbers = torch.arange(step % 4, dtype=torch.int64)  # sometimes none
    scale = torch.tensor(step + 0.5)
    turned = torch.arange(6.0).view(2, 3).T + step
    return [torch.from_numpy(images), Pair(numbers, (scale, turned)), {"key": step}, numbers > 1]


def check_batch(batch, step):
    images, (numbers, (scale, turned)), key, mask = batch
    assert images.shape == (3, 2, 2) and (images == step).all()
    assert numbers.tolist() == list(range(step % 4)) and numbers.dtype == torch.int64
    assert scale.item() == step + 0.5 and scale.shape == ()
    assert turned.tolist() == (torch.arange(6.0).view(2, 3).T + step).tolist()
    assert key == {"key": step}
    assert mask.tolist() == [number > 1 for number in range(step % 4)]


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_batches_arrive_whole_in_order_and_memory_is_reused_only_after_its_copy(slots):
    copier = LateCopier()
    feed = CopyingFeed(copier, slots)
    for step, batch in enumerate(fed(feed, lambda step: batch_of(feed, step), range(40))):
        check_batch(batch, step)
    assert len(copier.events) == 40
    assert copier.allocated == slots


def test_memory_that_is_reused_too_early_would_be_noticed():
    copier = LateCopier()
    feed = CopyingFeed(copier, 2)
    sent = [feed.loaded(lambda step: batch_of(feed, step), step) for step in range(2)]
    for slot in list(feed.slots.queue):
        slot.copied = None  # forgets to wait
    sent.append(feed.loaded(lambda step: batch_of(feed, step), 2))
    with pytest.raises(AssertionError):
        check_batch(feed.taken(sent[0]), 0)


def test_a_batch_that_is_larger_than_those_before_it_gets_more_memory():
    feed = CopyingFeed(LateCopier(), 2)

    def load(size):
        images = feed.empty((size,))
        images[...] = size % 251
        return torch.from_numpy(images), torch.tensor([size])

    sizes = [10, 2**20, 5, 3_000_000, 2_999_999, 7]
    for size, (images, number) in zip(sizes, fed(feed, load, sizes), strict=True):
        assert images.shape == (size,) and (images == size % 251).all() and number.item() == size


def test_two_loaders_may_load_at_once():
    feed = CopyingFeed(LateCopier())
    one = fed(feed, lambda step: batch_of(feed, step), range(0, 30))
    for step, batch in enumerate(one):
        check_batch(batch, step)
        for other, found in enumerate(fed(feed, lambda step: batch_of(feed, step), range(3))):
            check_batch(found, other)


@pytest.mark.parametrize("make", [HostFeed, lambda: CopyingFeed(LateCopier())])
def test_errors_of_the_reader_reach_the_thread_that_trains(make):
    feed = make()

    def load(step):
        if step == 3:
            raise ValueError("a damaged image")
        return batch_of(feed, step)

    seen = []
    with pytest.raises(ValueError, match="a damaged image"):
        seen.extend(fed(feed, load, range(9)))
    assert len(seen) == 3
    check_batch(next(fed(feed, lambda step: batch_of(feed, step), [5])), 5)  # it still works


def test_outside_of_a_batch_memory_is_not_shared():
    feed = CopyingFeed(LateCopier(), 1)
    first, second = feed.empty((8,)), feed.empty((8,))
    first[...] = 1
    second[...] = 2
    assert (first == 1).all()


def test_tasks_and_loops_share_the_feed_of_a_gpu(monkeypatch):
    monkeypatch.setitem(feeds.COPIERS, "cuda", lambda device: SimpleNamespace(allocate=None))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    feeds._copying_feed.cache_clear()
    of_task, of_loop = (feeds.feed_of(torch.device(name)) for name in ("cuda", "cuda:1"))
    assert of_task is of_loop
    assert feeds.feed_of(torch.device("cuda:0")) is not of_task
    assert isinstance(feeds.feed_of(torch.device("cpu")), HostFeed)
    feeds._copying_feed.cache_clear()


TASKS = {"classification": classification_task, "detection": detection_task, "action": action_task}


@pytest.mark.parametrize("kind", TASKS)
def test_all_feeds_train_to_the_same_bits(kind, tmp_path, monkeypatch):
    results = []
    for feed in (HostFeed(), CopyingFeed(LateCopier())):
        monkeypatch.setattr(loop, "feed_of", lambda _, feed=feed: feed)
        task = TASKS[kind]()
        task.feed = feed
        recipe = RECIPE | {"iterations": 4, "evaluate_every": 2}
        outcome = train(task, recipe, 7, StateFile(tmp_path / f"{len(results)}.pt", "f"))
        results.append((outcome.history, task))
    (history, task), (other_history, other) = results
    assert history == other_history
    check_same_tensors(task.model, other.model)
    assert task.tested().equals(other.tested())


def test_a_run_that_stops_early_leaves_no_loader(tmp_path):
    before = threading.active_count()
    with pytest.raises(DeadlineReachedError):
        task = classification_task(Pictures(20, 4))
        train(task, RECIPE, 7, StateFile(tmp_path / "s.pt", "f"), deadline=StopsAt(2))
    assert threading.active_count() == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gets_the_batches_beside_its_work():
    device = torch.device("cuda")
    feed = CopyingFeed(CudaCopier(device))
    busy = torch.randn(2048, 2048, device=device)

    def load(step):
        images = feed.empty((64, 128, 128, 3))
        images[...] = np.uint8(step)
        return torch.from_numpy(images), torch.full((5,), step)

    sums = []
    for images, numbers in fed(feed, load, range(50)):
        assert images.is_cuda and numbers.is_cuda
        busy = (busy @ busy).clamp(-1, 1)  # the stream that computes is behind
        sums.append(torch.stack([images.double().mean(), numbers.double().mean()]))
    expected = torch.arange(50.0, dtype=torch.float64)[:, None].expand(50, 2)
    assert torch.equal(torch.stack(sums).cpu(), expected)
