"""Training on a GPU: the CPU's losses, those on record, and resumed runs that repeat bit for bit."""

import json

import pytest
import torch
from conftest import TINY
from gpu_tasks import (
    STEPS,
    TASKS,
    StopsAfter,
    golden_file,
    losses_of,
    note,
    pre_training,
    trained_state,
)

from imagenet_transfer.running.provenance import device_name
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.training.loop import stepping

pytestmark = pytest.mark.usefixtures("full_float32")
CLOSE = 2e-3  # of a loss, in the first steps; training amplifies roundings
FIRST = 5
# Ways to carry out a step. A recorded one must draw the masks that the first draws for the same
# seed, and others for another step.
MODES = {
    "eager": {},
    "fused": {"fused_lrn": True},
    "recorded": {"cuda_graph": True},
    "tf32": {"precision": "tf32"},
}


@pytest.fixture(autouse=True)
def one_thread_on_a_cpu(one_thread):
    """Sums on one thread, which are the same bits each time."""


@pytest.mark.parametrize("name", TASKS)
def test_losses_are_the_cpus(name, device):
    make, _ = TASKS[name]
    found = losses_of(make, device)
    expected = losses_of(make, "cpu")
    assert found[:FIRST] == pytest.approx(expected[:FIRST], rel=CLOSE)
    assert sum(found) == pytest.approx(sum(expected), rel=0.05)
    worst = max(abs(a - b) / abs(b) for a, b in zip(found, expected, strict=True))
    note(f"largest difference of a loss from the CPU's, {name}", f"{worst:.1e} of it")


@pytest.mark.parametrize("name", TASKS)
def test_losses_are_those_on_record(name, device, tmp_path, monkeypatch):
    """Those of this device, with this torch; the first check of a device records them."""
    if device == "cpu":  # which tests/training/test_golden.py does for good
        monkeypatch.setattr("gpu_tasks.GOLDEN", tmp_path)
        losses_of_record(name, device)
    assert losses_of_record(name, device)


def losses_of_record(name, device):
    """Check the losses with those on record and return True, or record them and return False."""
    make, fixed = TASKS[name]
    with deterministic(warn_only=not fixed):
        found = losses_of(make, device)
    path = golden_file(device_name(device))
    record = json.loads(path.read_text()) if path.exists() else {}
    version = torch.__version__.partition("+")[0]
    known = record.get(version, {}).get(name)
    if known is None:
        record.setdefault(version, {})[name] = found
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n")
        note(f"losses on record, {name}", f"recorded in {path.name}")
        return device != "cpu"
    assert found == (known if fixed else pytest.approx(known, rel=CLOSE))
    note(
        f"losses on record, {name}",
        "equal bit for bit" if found == known else "equal but for rounding",
    )
    return True


class deterministic:
    """Refuse operations whose sums have no fixed order, or (warn_only) only warn of them."""

    def __init__(self, warn_only):
        self.warn_only = warn_only

    def __enter__(self):
        torch.use_deterministic_algorithms(True, warn_only=self.warn_only)

    def __exit__(self, *error):
        torch.use_deterministic_algorithms(False)


@pytest.mark.filterwarnings("ignore:.*does not have a deterministic implementation")
@pytest.mark.parametrize("name", TASKS)
def test_a_resumed_run_equals_an_uninterrupted_one(name, device, tmp_path):
    """Bit for bit, except where RoI pooling's gradient is summed by atomics on a GPU."""
    make, fixed = TASKS[name]
    with deterministic(warn_only=not fixed):
        whole = trained_state(make, device, tmp_path / "whole")
        stops = [StopsAfter(4), StopsAfter(3), None]
        parts = trained_state(make, device, tmp_path / "parts", stops)
    equal = all(torch.equal(parts[key], tensor) for key, tensor in whole.items())
    note(f"a resumed run equals an uninterrupted one, {name}", "bit for bit" if equal else "nearly")
    if fixed or device == "cpu":
        assert equal
    for key, tensor in whole.items():
        torch.testing.assert_close(parts[key], tensor, rtol=0.01, atol=1e-3)


def masks(device, seed, steps, mode):
    """Return which units of fc6 each of some steps of a training lets through."""
    task, recipe = pre_training(device, architecture=TINY | {"fc_width": 64}, **mode)
    shown = []

    def show(_, inputs):
        """Keep the mask where the last one is: that is recorded with the step."""
        mask = inputs[0].detach() != 0
        if shown:
            shown[0].copy_(mask)
        else:
            shown.append(mask.clone())

    task.model.fc7.register_forward_pre_hook(show)
    found = []
    with stepping(task, recipe, seed) as step:
        for _ in range(steps):
            step()
            found.append(shown[0].cpu().clone())
    return found


@pytest.mark.parametrize("mode", MODES)
def test_dropout_depends_on_seed_and_step_only(mode, device):
    found = masks(device, 7, 3, MODES[mode])
    assert len(found) == 3
    first, second, third = found
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    again = masks(device, 7, 3, MODES[mode])
    eager = masks(device, 7, 3, MODES["eager"])
    for mask, same, expected in zip(found, again, eager, strict=True):
        assert torch.equal(mask, same)
        assert torch.equal(mask, expected)
    assert not torch.equal(first, masks(device, 8, 1, MODES[mode])[0])


@pytest.mark.parametrize("mode", MODES)
def test_ways_of_a_step_train_alike(mode, device, tmp_path):
    def make(device):
        return pre_training(device, architecture=TINY, **MODES[mode])

    found = trained_state(make, device, tmp_path / "found")
    expected = trained_state(pre_training_with_dropout, device, tmp_path / "eager")
    for key, tensor in expected.items():
        torch.testing.assert_close(found[key], tensor, rtol=0.02, atol=2e-3)
    equal = all(torch.equal(found[key], tensor) for key, tensor in expected.items())
    note(f"weights after {STEPS} steps, {mode}", "the eager bits" if equal else "close to eager")


def pre_training_with_dropout(device):
    return pre_training(device, architecture=TINY)


def test_a_step_seeds_its_dropout(device):
    """As the loop does, whose seeds a recorded step must be given anew."""
    drawn = []
    for step in (0, 1, 0):
        torch.manual_seed(seed_of(7, "step", step))
        drawn.append(torch.rand(STEPS, device=device))
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])
