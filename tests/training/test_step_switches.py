"""Switches of a step: precision, recorded steps, a compiled network."""

import shutil

import pytest
import torch
from conftest import RECIPE
from small_tasks import StopsAt, check_same_tensors, classification_task

from imagenet_transfer.errors import UserError
from imagenet_transfer.training import loop
from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.compiled import compiled
from imagenet_transfer.training.graphs import StepGraph
from imagenet_transfer.training.loop import DeadlineReachedError, train
from imagenet_transfer.training.precision import arithmetic

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = RECIPE | {"lr_steps": [2, 4]}


@pytest.fixture(autouse=True)
def flags_as_before():
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def trained(path, recipe, **options):
    task = classification_task(recipe=recipe)
    return task, train(task, recipe, 7, StateFile(path, "f"), **options)


@pytest.mark.parametrize(
    "precision, fast", [("float32", False), ("tf32", True), ("bfloat16", False)]
)
def test_a_recipe_decides_on_tf32(tmp_path, precision, fast):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = not fast
    trained(tmp_path / "state.pt", STEPS | {"precision": precision})
    assert torch.backends.cudnn.allow_tf32 == torch.backends.cuda.matmul.allow_tf32 == fast


def test_a_record_says_what_each_kind_of_layer_used():
    always = {"normalisation": "float32", "losses": "float32", "solver": "float32"}
    on_gpu = arithmetic("tf32", "cuda")
    assert on_gpu == {"convolutions": "tf32", "products": "tf32", **always}
    assert arithmetic("tf32", "cpu") == {
        "convolutions": "float32",
        "products": "float32",
        **always,
    }
    assert arithmetic("bfloat16", "cpu")["products"] == "bfloat16"


class Recorder:
    """Repeats a function by calling it, without what it does while a GPU records it."""

    def __init__(self, solver):
        self.solver = solver
        self.recordings = 0

    def __call__(self, function):
        self.recordings += 1

        def repeat():
            self.solver.zero_grad()  # a recording writes its gradients anew
            function()

        return repeat


def test_recorded_steps_are_those_of_the_loop(tmp_path, monkeypatch):
    """Also their dropout, and the rate, which is a constant of a recording."""
    expected, outcome = trained(tmp_path / "plain.pt", STEPS)
    recorders = []

    def recorded(trainer):
        recorders.append(Recorder(trainer.solver))
        return StepGraph(trainer.task.model, trainer._mixed_loss, trainer.solver, recorders[0])

    monkeypatch.setattr(loop._Trainer, "_switched_on", recorded)
    found, repeated = trained(tmp_path / "graph.pt", STEPS)
    check_same_tensors(found.model, expected.model)
    assert repeated.history == outcome.history
    assert recorders[0].recordings == 3, "one for each rate"


def test_warming_up_changes_no_statistics():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    solver = loop.CaffeSGD(model, (), RECIPE)
    graph = StepGraph(model, lambda x: model(x).square().mean(), solver, lambda function: None)
    graph._make([torch.randn(2, 3, 4, 4)], 0.1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.compiles
@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_a_compiled_network_trains_and_resumes_in_the_same_bits(tmp_path):
    _, expected = trained(tmp_path / "plain.pt", STEPS)
    recipe = STEPS | {"compile": True}
    whole, outcome = trained(tmp_path / "whole.pt", recipe)
    with pytest.raises(DeadlineReachedError):
        trained(tmp_path / "parts.pt", recipe, deadline=StopsAt(3))
    parts, resumed = trained(tmp_path / "parts.pt", recipe)
    check_same_tensors(parts.model, whole.model)
    assert resumed.history == outcome.history
    assert outcome.history[0]["loss"] == pytest.approx(expected.history[0]["loss"], rel=0.2)


def test_a_network_that_cannot_be_compiled_is_a_sentence(monkeypatch):
    from torch._dynamo.exc import TorchDynamoException

    def fails(*_):
        raise TorchDynamoException("no compiler\nmore")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: fails)
    with pytest.raises(
        UserError, match=r"could not be compiled \(no compiler\).*`compile` to false"
    ):
        compiled(torch.nn.Identity())(torch.zeros(1))
