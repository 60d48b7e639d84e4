"""ResNet-18 is torchvision's."""

import torch
import torchvision
from helpers import check_computes_the_same

from imagenet_transfer.models import build_model, network_of

PAPER = {"model": "resnet18", "image_size": 256, "input_size": 224}


def test_it_computes_what_torchvisions_computes():
    torch.manual_seed(3)
    theirs = torchvision.models.resnet18(num_classes=10).eval()
    for layer in theirs.modules():  # statistics that are not those of a new network
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 2)
    ours = build_model(PAPER, 10).eval()
    check_computes_the_same(ours, theirs)


def test_its_first_values_are_torchvisions():
    torch.manual_seed(3)
    theirs = torchvision.models.resnet18(num_classes=10)
    ours = build_model(PAPER, 10)
    for name, tensor in theirs.state_dict().items():
        own = ours.state_dict()[name]
        assert own.shape == tensor.shape
        if tensor.ndim > 1:
            torch.testing.assert_close(own.std(), tensor.std(), rtol=0.1, atol=0)
        else:
            assert name.startswith("fc") or torch.equal(own, tensor), name


def test_its_sizes_are_the_papers():
    network = network_of(PAPER)
    assert network.parameters(1000) == 11_689_512
    assert network.image_macs() == 1_814_073_344  # torchvision states 1.81 billion
    assert (network.stride, network.channels) == (16, 256)
    assert (network.pooled_side, network.vector_size) == (14, 512)
