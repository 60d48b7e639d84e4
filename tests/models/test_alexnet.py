"""AlexNet has the layers, sizes and first values of BVLC/caffe's bvlc_alexnet."""

import pytest
import torch
from conftest import PAPER_ALEXNET, TINY

from imagenet_transfer.models import build_model
from imagenet_transfer.models.alexnet_layers import BIASES


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_model(PAPER_ALEXNET, 1000).eval()


def test_it_has_the_parameters_of_caffes_network(network):
    shapes = {
        name: tuple(p.shape) for name, p in network.named_parameters() if name.endswith("weight")
    }
    assert shapes == {
        "conv1.weight": (96, 3, 11, 11),
        "conv2.weight": (256, 48, 5, 5),
        "conv3.weight": (384, 256, 3, 3),
        "conv4.weight": (384, 192, 3, 3),
        "conv5.weight": (256, 192, 3, 3),
        "fc6.weight": (4096, 256 * 6 * 6),
        "fc7.weight": (4096, 4096),
        "fc8.weight": (1000, 4096),
    }
    assert sum(p.numel() for p in network.parameters()) == 60_965_224  # the size of bvlc_alexnet


def test_its_maps_have_the_sizes_of_the_paper(network):
    images = torch.zeros(1, 227, 227, 3, dtype=torch.uint8)
    with torch.no_grad():
        maps = network.run_trunk(network.preprocess(images))
        assert maps.shape == (1, 256, 13, 13)
        assert network.run_pool(maps).shape == (1, 256, 6, 6)
        assert network.network.pooled_side == 6
        assert network.activations(images, "fc7").shape == (1, 4096)


@pytest.mark.parametrize("side, cells", [(600, 39), (1000, 64), (224, 15)])
def test_the_dense_trunk_has_a_stride_of_16(network, side, cells):
    """600 x 1000 pixels give 39 x 64 cells in Caffe, whose pooling rounds up."""
    with torch.no_grad():
        maps = network.run_trunk(torch.zeros(1, 3, side, 64), dense=True)
    assert maps.shape[2] == cells
    assert network.network.stride == 16


def test_first_values_are_caffes(network):
    for name, bias in BIASES.items():
        layer = getattr(network, name)
        std = 0.005 if name in ("fc6", "fc7") else 0.01
        assert layer.weight.std().item() == pytest.approx(std, rel=0.02)
        assert layer.weight.mean().item() == pytest.approx(0, abs=std / 50)
        assert torch.all(layer.bias == bias), name
    assert (
        dict(conv1=0, conv2=0.1, conv3=0, conv4=0.1, conv5=0.1, fc6=0.1, fc7=0.1, fc8=0) == BIASES
    )


def test_images_become_bgr_less_the_mean(network):
    images = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)  # red, green, blue
    assert network.preprocess(images).flatten().tolist() == [30 - 104, 20 - 117, 10 - 123]


def test_conv2_sees_half_of_the_channels(network):
    x = torch.zeros(1, 96, 9, 9)
    x[:, :48] = 1.0
    with torch.no_grad():
        change = network.conv2(x) - network.conv2(torch.zeros_like(x))
    assert change[:, :128].abs().max() > 0
    assert change[:, 128:].abs().max() == 0


@pytest.mark.parametrize(
    "size, kernel, stride",
    [(58, 7, 3), (56, 7, 2), (48, 5, 2), (24, 5, 1), (227, 11, 4), (64, 3, 1)],
)
def test_pool5_size_is_right_for_other_geometries(size, kernel, stride):
    config = TINY | {"input_size": size, "conv1_kernel": kernel, "conv1_stride": stride}
    model = build_model(config, 3).eval()
    with torch.no_grad():
        maps = model.run_pool(model.run_trunk(torch.zeros(1, 3, size, size)))
    assert maps.shape[2:] == (model.network.pooled_side,) * 2


def test_dropout_follows_fc6_and_fc7():
    torch.manual_seed(0)
    model = build_model(TINY, 3).train()
    flat = torch.rand(64, model.fc6.in_features) + 1
    dropped = (model.run_head(flat) == 0).float().mean()
    kept = (model.eval().run_head(flat) == 0).float().mean()
    assert dropped > kept + 0.2
