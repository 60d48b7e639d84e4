"""Every kind of job on an emulated GPU: no mixed devices, the CPU's bits, few launches and waits."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import RECIPE, TINY, Pictures
from emulated_gpu import DEVICE, OnDevice, emulated_gpu
from small_material import clusters, material
from small_tasks import Squares, action_task, classification_task, detection_task

from imagenet_transfer.features import few_shot, knn, probe
from imagenet_transfer.features.embeddings import classify, embed
from imagenet_transfer.features.neighbours import nearest
from imagenet_transfer.models import build_model, normalisation
from imagenet_transfer.training.checkpoints import StateFile, load_weights, save_weights
from imagenet_transfer.training.loop import train
from imagenet_transfer.training.measures import FewShot, Neighbours, Probe

pytestmark = pytest.mark.usefixtures("one_thread")

# What a step may cost. CUDA needs fewer launches: dropout is one there; a batch may take two copies.
MOST_LAUNCHES = {"pre-training": 95, "detection": 299, "action": 142}
MOST_WAITS = {"pre-training": 0, "detection": 4, "action": 0}

THREE_STEPS = RECIPE | {"iterations": 3, "lr_steps": [2], "evaluate_every": None}


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    save_weights(tmp_path / "given.pt", build_model(TINY, 5))
    return tmp_path / "given.pt"


def pre_training(device, weights):
    return classification_task(recipe=THREE_STEPS, device=device)


def last_layer(device, weights):
    recipe = THREE_STEPS | {"layers": "last"}
    return classification_task(recipe=recipe, weights=weights, device=device)


def sun_classification(device, weights):
    recipe = THREE_STEPS | {"accumulate": 2}
    return classification_task(recipe=recipe, weights=weights, device=device)


def detection(device, weights):
    """Images of two sizes; the smallest proposals are left out."""
    store = Squares(((64, 80), (64, 80), (80, 64)))
    config = {"frozen": ["conv1"], "proposal_min_side": 12, "train_proposals": 30}
    return detection_task(store, batch_size=4, device=device, **config)


def action(device, weights):
    return action_task(recipe=THREE_STEPS, weights=weights, device=device)


TASKS = {
    "pre-training": pre_training,
    "last layer": last_layer,
    "SUN-CLS": sun_classification,
    "detection": detection,
    "action": action,
}


def trained(task, folder):
    """Return what a training run leaves: metrics, history, weights and each image's result."""
    outcome = train(task, THREE_STEPS, 7, StateFile(folder / "state.pt", "f"))
    save_weights(folder / "weights.pt", task.model)
    return outcome.metrics, outcome.history, load_weights(folder / "weights.pt"), task.tested()


def check_same(found, expected):
    """Check that two results of one kind are equal, bit for bit."""
    assert type(found) is type(expected)
    if isinstance(found, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    elif isinstance(found, torch.Tensor):
        assert torch.equal(found, expected)
    elif isinstance(found, dict):
        assert found.keys() == expected.keys()
        check_same(list(found.values()), list(expected.values()))
    elif isinstance(found, list | tuple):
        for one, other in zip(found, expected, strict=True):
            check_same(one, other)
    else:
        np.testing.assert_array_equal(found, expected)


class GpusNorm:
    """The way of normalising that GPUs take, for the CPU: the CPU's own may round differently."""

    @staticmethod
    def apply(x):
        return normalisation._BandNorm.apply(x, normalisation.band_of(x.shape[1]))


def on_both(work):
    """Check that `work`, given a device, has the same result on both; return the GPU's counts."""
    with mock.patch.object(normalisation, "_PiecewiseNorm", GpusNorm):
        expected = work("cpu")
    with emulated_gpu() as counts:
        found = work(DEVICE)
    assert counts.launches
    check_same(found, expected)
    return counts


@pytest.mark.parametrize("name", TASKS)
def test_training_and_evaluation(name, tmp_path, weights):
    on_both(lambda device: trained(TASKS[name](device, weights), tmp_path))


STEPS = {
    "pre-training": pre_training,
    "detection": lambda device, weights: detection_task(batch_size=2, device=device),
    "action": action,
}


@pytest.mark.parametrize("name", STEPS)
def test_launches_and_waits_of_a_step(name, tmp_path, weights):
    starts = []
    with emulated_gpu() as counts:
        task = STEPS[name](DEVICE, weights)
        loss = task.loss
        task.loss = lambda batch: starts.append(counts.copy()) or loss(batch)
        train(task, THREE_STEPS, 7, StateFile(tmp_path / "state.pt", "f"))
    step = starts[2] - starts[1]
    assert 0 < step.launches.total() <= MOST_LAUNCHES[name], str(step)
    assert step.waits.total() <= MOST_WAITS[name], str(step)


def test_testing_a_detector_waits_for_each_image_once_and_for_a_batch_twice():
    with emulated_gpu() as counts:
        model = detection_task(device=DEVICE).model.eval()
        images = torch.from_numpy(np.stack(Squares().pictures)).to(DEVICE)
        before = counts.copy()
        found = model.detect(images)
    waits = (counts - before).waits
    assert waits.total() == 3 + 2, str(counts - before)
    assert not any(isinstance(part, OnDevice) for image in found for part in image)


class SmallStore(Pictures):
    """The part of a store that embeddings read."""

    def __init__(self):
        super().__init__(20, 4)
        self.meta = {"size": 28, "digest": "d"}
        classes = {"split": ["train", "val"] * 10, "class": self.labels.astype(str)}
        self.images = self.images.assign(**classes)

    def __len__(self):
        return 20

    def split(self, name):
        return np.flatnonzero(self.images["split"] == name)


@pytest.mark.parametrize("more", [{}, {"augmentation": "mirror"}, {"seed": 3}])
def test_features(more, tmp_path, weights):
    def work(device):
        given = None if "seed" in more else weights
        path = tmp_path / f"{device}.npy"
        embed(SmallStore(), given, TINY, "fc7", path, device, batch=6, **more)
        return np.load(path), np.load(tmp_path / f"{device}-lengths.npy")

    on_both(work)


def test_predictions(weights):
    classes = [f"n{i}" for i in range(5)]
    on_both(lambda device: classify(SmallStore(), weights, TINY, classes, device, batch=6))


MEASURES = {
    "knn": (knn.measure, Neighbours(k=5)),
    "probe": (probe.measure, Probe(l2=[1.0, 0.1], iterations=10)),
    "ridge": (few_shot.measure, FewShot(shots=3, draws=4)),
    "ridge of delicate products": (few_shot.measure, FewShot(shots=3, draws=2, l2=1e-6)),
    "prototypes": (few_shot.measure, FewShot(shots=3, draws=4, method="prototypes")),
}


@pytest.mark.parametrize("name", MEASURES)
def test_measures(name):
    measure, keys = MEASURES[name]
    given = material(*clusters())

    def work(device):
        found = measure(replace(given, device=device), keys)
        return found.metrics, found.history, found.tested, found.facts

    on_both(work)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_the_neighbour_search(kind):
    draw = np.random.default_rng(0)
    queries, gallery = (draw.standard_normal((number, 16)).astype(kind) for number in (30, 300))
    on_both(lambda device: tuple(nearest(queries, gallery, 7, device=device, block=64)))


# The emulation itself: what it is to find


def on_device(*shape):
    return torch.rand(*shape).to(DEVICE)


@pytest.mark.parametrize(
    "mix",
    [
        lambda: on_device(3) + torch.ones(3),
        lambda: torch.cat([torch.ones(1), on_device(1)]),
        lambda: on_device(3)[torch.tensor([0])],
        lambda: torch._foreach_add([on_device(2)], [torch.ones(2)]),
        lambda: torch.ones(3).sub_(on_device(3)),
    ],
)
def test_devices_do_not_mix(mix):
    with emulated_gpu(), pytest.raises(RuntimeError, match="mixes devices"):
        mix()


def test_no_array_of_the_device():
    with emulated_gpu(), pytest.raises(TypeError, match="copy it to the CPU first"):
        on_device(3).numpy()


@pytest.mark.parametrize(
    ("work", "launches", "waits"),
    [
        (lambda x, free: x * 2 + 1, 2, 0),
        (lambda x, free: x + torch.ones(()), 1, 0),
        (lambda x, free: x.T[:1].flatten(), 0, 0),
        (lambda x, free: torch._foreach_mul_([x, x.clone()], 2.0), 2, 0),
        (lambda x, free: x.cpu(), 0, 1),
        (lambda x, free: x.tolist(), 0, 1),
        (lambda x, free: float(x.sum()), 1, 1),
        (lambda x, free: x.nonzero(), 1, 1),
        (lambda x, free: x[x > 0], 2, 1),
        (lambda x, free: x.masked_fill_(x > 0, 1), 2, 0),
        (lambda x, free: free.to(x.device), 1, 1),
        (lambda x, free: free.to(x.device, non_blocking=True), 1, 0),
        (lambda x, free: x.copy_(free, non_blocking=True), 1, 0),
        (lambda x, free: x.copy_(free), 1, 1),
        (lambda x, free: x.new_tensor([1.0]), 1, 1),
        (lambda x, free: torch.tensor([1.0], device=x.device), 1, 1),
    ],
)
@pytest.mark.parametrize("inference", [False, True])
def test_launches_and_waits_are_counted(work, launches, waits, inference):
    with emulated_gpu() as counts, torch.inference_mode(inference):
        x = on_device(2, 3)
        before = counts.copy()
        work(x, torch.ones(2, 3))
        found = counts - before
    assert (found.launches.total(), found.waits.total()) == (launches, waits), str(found)


def test_values_are_those_of_the_cpu_also_in_other_threads():
    def load(values):
        return values.to(DEVICE) * 2

    with emulated_gpu() as counts, ThreadPoolExecutor(1) as pool:
        found = pool.submit(load, torch.arange(3.0)).result()
        assert isinstance(found, OnDevice)
        assert found.tolist() == [0, 2, 4]
    assert counts.waits == {("tolist", "outside"): 1}  # the other thread's are its own


def test_gradients_are_those_of_the_cpu():
    def work(device):
        layer = torch.nn.Linear(3, 2)
        torch.nn.init.constant_(layer.weight, 0.5)
        torch.nn.init.zeros_(layer.bias)
        layer.to(device)
        layer(torch.arange(6.0).reshape(2, 3).to(device)).square().sum().backward()
        return layer.weight.grad.cpu()

    on_both(work)
