"""Every network keeps the contract: what its description says is what its torch module does."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from conftest import RECIPE, TINY, Pictures
from torch import nn

from imagenet_transfer.models import NETWORKS, build_model, network_of
from imagenet_transfer.training.checkpoints import StateFile, load_weights, save_weights
from imagenet_transfer.training.loop import Deadline, DeadlineReachedError, train
from imagenet_transfer.training.starts import classifier, region_backbone
from imagenet_transfer.training.tasks.classification import ClassificationTask

pytestmark = pytest.mark.usefixtures("one_thread")

# Of each network, small enough for a test. At least 8 channels: with 4, the backward pass of
# oneDNN for AVX2 writes beyond its memory (torch 2.14.1).
SMALL = {
    "alexnet": TINY,
    "vgg16": {
        **{"model": "vgg16", "image_size": 68, "input_size": 64, "width": 0.125, "fc_width": 12},
        "batch_norm": True,
    },
    "resnet18": {"model": "resnet18", "image_size": 36, "input_size": 32, "width": 8},
}


@pytest.fixture(params=NETWORKS)
def network(request):
    return network_of(SMALL[request.param])


@pytest.fixture
def model(network):
    torch.manual_seed(5)
    return network.build(7)


def images_of(network, number=3):
    shape = (number, network.input_size, network.input_size, 3)
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1)).byte()


class Counted:
    """The multiply-adds of convolutions and linear layers in a forward pass."""

    def __init__(self, model):
        self.macs = 0
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                layer.register_forward_hook(self.linear)

    def linear(self, layer, inputs, output):
        self.macs += output.numel() * layer.in_features


def counted_macs(model, images, monkeypatch):
    """Return the multiply-adds of a forward pass, counted where they happen."""
    counted = Counted(model)
    conv2d = F.conv2d

    def convolution(x, weight, *words, **options):
        output = conv2d(x, weight, *words, **options)
        counted.macs += output.numel() * weight[0].numel()
        return output

    monkeypatch.setattr(F, "conv2d", convolution)
    model.eval()(images)
    return counted.macs


def test_parameters_and_costs_are_those_of_the_module(network, model, monkeypatch):
    assert network.parameters(7) == sum(p.numel() for p in model.parameters())
    with torch.no_grad():
        macs = counted_macs(model, images_of(network, 1), monkeypatch)
    assert network.image_macs(7) == macs


def test_sizes_are_those_of_the_module(network, model):
    images = images_of(network)
    with torch.no_grad():
        maps = model.eval().run_trunk(model.preprocess(images))
        pooled = model.run_pool(maps)
        assert maps.shape[1] == network.channels
        assert pooled.shape[2:] == (network.pooled_side,) * 2
        assert model.run_head(pooled).shape == (3, network.vector_size)
        for layer, size in network.feature_sizes(7).items():
            assert model.activations(images, layer).shape == (3, size)
        assert torch.equal(model(images), model.activations(images, network.last))


def test_a_whole_image_has_a_cell_per_stride(network, model):
    side = 12 * network.stride
    with torch.no_grad():
        maps = model.eval().run_trunk(torch.zeros(1, 3, side, 2 * side), dense=True)
    assert abs(maps.shape[2] - 12) <= 1
    assert abs(maps.shape[3] - 24) <= 1


def test_the_mean_colour_is_seen_as_zero(network, model):
    colour = torch.tensor(network.mean_colour).round().byte().expand(1, 4, 4, 3)
    assert model.preprocess(colour).abs().max() < 0.02
    assert model.preprocess(torch.zeros(1, 4, 4, 3, dtype=torch.uint8)).max() < -0.5


def test_the_smallest_input_is_the_smallest(network):
    least = network.least_input()
    assert replace(network, input_size=least).pooled_side >= 1
    assert replace(network, input_size=least - 1).pooled_side < 1
    too_small = replace(network, input_size=least - 1)
    assert any(f"take {least} or more" in problem for problem in too_small.problems())


def test_parts_and_last_layer_are_all_modules_with_parameters(network, model):
    names = [*(part.name for part in network.parts), network.last]
    paths = tuple(f"{path}." for path in network.paths(*names))
    assert all(name.startswith(paths) for name in model.state_dict())


def changed(model, before):
    """Return the names of tensors that differ from those of before."""
    return {name for name, tensor in model.state_dict().items() if not tensor.equal(before[name])}


def test_frozen_parts_change_neither_values_nor_statistics(network, model):
    parts = [part.name for part in network.parts]
    model.freeze(*parts)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimiser = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=0.1)
    model(images_of(network)).square().sum().backward()
    optimiser.step()
    last = f"{network.last_module}."
    assert changed(model, before) == {f"{last}weight", f"{last}bias"}


def test_a_trunk_that_keeps_its_statistics_still_learns(network, model):
    model.keep_statistics()
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model(images_of(network)).square().sum().backward()
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert not changed(model, before)
    assert all(p.grad is not None for p in model.parameters())
    assert not any(norm.training for norm in norms)


def test_weights_are_copied_except_those_left_out(network, model, tmp_path):
    model.train()(images_of(network))  # statistics of their own
    save_weights(tmp_path / "w.pt", model)
    torch.manual_seed(9)
    again = classifier(network, 4, tmp_path / "w.pt")
    last = f"{network.last_module}."
    for name, tensor in again.state_dict().items():
        assert name.startswith(last) or tensor.equal(model.state_dict()[name]), name
    headless = region_backbone(network, 4, tmp_path / "w.pt", copy_head=False)
    own = network.paths(*(part.name for part in network.head()))
    head = {name for name in again.state_dict() if name.startswith(tuple(f"{p}." for p in own))}
    differ = changed(headless, again.state_dict())
    assert {name for name in head if again.state_dict()[name].ndim > 1} <= differ
    trunk = tuple(f"{p}." for p in network.paths(*(part.name for part in network.trunk())))
    assert not any(name.startswith(trunk) for name in differ)


def test_saved_weights_are_plain_and_whole(network, model, tmp_path):
    save_weights(tmp_path / "w.pt", model)
    assert load_weights(tmp_path / "w.pt").keys() == model.state_dict().keys()


def test_a_resumed_run_ends_in_the_same_bits(network, tmp_path):
    size = network.image_size
    pictures = Pictures(12, 4, size)

    def make():
        table = pictures.table()
        return ClassificationTask(pictures, table, table, 4, network, RECIPE, seed=7)

    whole = make()
    expected = train(whole, RECIPE, 7, StateFile(tmp_path / "whole.pt", "f"))
    parts = make()
    with pytest.raises(DeadlineReachedError):
        train(parts, RECIPE, 7, StateFile(tmp_path / "parts.pt", "f"), Deadline(1e-9))
    again = make()
    outcome = train(again, RECIPE, 7, StateFile(tmp_path / "parts.pt", "f"))
    assert outcome.history == expected.history
    assert not changed(again.model, whole.model.state_dict())


def test_only_the_last_layer_is_trained_on_frozen_features(network, tmp_path):
    pictures = Pictures(12, 4, network.image_size)
    trained = build_model(network, 9)
    save_weights(tmp_path / "w.pt", trained)
    recipe = RECIPE | {"layers": "last"}
    table = pictures.table()
    task = ClassificationTask(
        pictures, table, table, 4, network, recipe, seed=7, weights=tmp_path / "w.pt"
    )
    before = {name: tensor.clone() for name, tensor in task.model.state_dict().items()}
    train(task, recipe, 7, StateFile(tmp_path / "s.pt", "f"))
    last = f"{network.last_module}."
    assert changed(task.model, before) == {f"{last}weight", f"{last}bias"}


def test_it_finds_and_judges_regions(network):
    """Detector and R*CNN train a step of every part, and answer for images of another size."""
    from imagenet_transfer.models.boxes import Objects
    from imagenet_transfer.models.faster_rcnn import FasterRCNN
    from imagenet_transfer.models.region_configs import DetectorConfig, RStarConfig
    from imagenet_transfer.models.rstarcnn import Regions, RStarCNN

    torch.manual_seed(1)
    side = 8 * network.stride
    images = torch.randint(0, 256, (2, side, 2 * side, 3)).byte()
    box = torch.tensor([[side / 4, side / 4, side / 1.5, side / 1.2]])
    sizes = {"short_side": side, "long_side": 2 * side}
    anchors = {"anchor_base": side // 2, "anchor_scales": (1,), "proposal_min_side": 2}
    detector = FasterRCNN(build_model(network, 3), 3, DetectorConfig(**sizes, **anchors))
    loss = detector.train().loss(images, [Objects(box, torch.tensor([2]))] * 2)
    loss.backward()
    assert all(p.grad is not None for p in detector.parameters())
    assert len(detector.eval().detect(images)) == 2
    regions = Regions(box, box * 0.8, torch.ones(1, 1, dtype=torch.bool))
    judge = RStarCNN(build_model(network, 3), 4, RStarConfig(**sizes))
    judge.train().loss(images, [regions] * 2, torch.tensor([1, 3])).backward()
    assert all(p.grad is not None for p in judge.parameters())
    assert judge.eval()(images[:1], [regions]).shape == (1, 4)
