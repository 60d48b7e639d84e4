"""VGG-16 is torchvision's, with and without normalisation."""

import pytest
import torch
import torchvision
from helpers import check_computes_the_same

from imagenet_transfer.models import build_model, network_of

PAPER = {"model": "vgg16", "image_size": 256, "input_size": 224}


@pytest.mark.parametrize("batch_norm", [False, True])
def test_it_computes_what_torchvisions_computes(batch_norm):
    make = torchvision.models.vgg16_bn if batch_norm else torchvision.models.vgg16
    torch.manual_seed(3)
    theirs = make(num_classes=10).eval()
    ours = build_model(PAPER | {"batch_norm": batch_norm}, 10).eval()
    check_computes_the_same(ours, theirs)


def test_its_first_values_are_torchvisions():
    small = PAPER | {"width": 0.25, "fc_width": 256}
    torch.manual_seed(3)
    ours = build_model(small, 10).state_dict()
    for name, tensor in ours.items():
        if name.endswith("bias"):
            assert not tensor.any(), name
        elif name.startswith("classifier"):
            assert tensor.std() == pytest.approx(0.01, rel=0.1), name
        else:  # kaiming_normal_ with fan_out
            fan_out = tensor.shape[0] * tensor[0, 0].numel()
            assert tensor.std() == pytest.approx((2 / fan_out) ** 0.5, rel=0.15), name


def test_its_sizes_are_the_papers():
    network = network_of(PAPER)
    assert network.parameters(1000) == 138_357_544
    assert network.image_macs() == 15_470_264_320  # torchvision states 15.47 billion
    assert (network.stride, network.channels) == (16, 512)
    assert (network.pooled_side, network.vector_size) == (7, 4096)
