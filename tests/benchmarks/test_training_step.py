import pytest
import torch
from training_step import STEPS, operations_per_image, plain_network

from imagenet_transfer.models.alexnet import AlexNet


@torch.no_grad()
def test_the_plain_network_is_the_projects():
    ours = AlexNet(model="alexnet").build(10).eval()
    plain = plain_network(10).eval()
    for parameter, other in zip(plain.parameters(), ours.parameters(), strict=True):
        parameter.copy_(other)
    images = torch.randint(256, (2, 227, 227, 3), dtype=torch.uint8)
    scores = plain(ours.preprocess(images).contiguous())
    torch.testing.assert_close(scores, ours(images), rtol=1e-4, atol=1e-6)
    assert scores.std() > 1e-3


def test_operations_are_those_of_measured_shapes():
    assert operations_per_image() == pytest.approx(4.136, abs=0.001)  # by hooks on all layers


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_steps_are_timed(step):
    times = step(1, 2, "cpu")
    assert len(times) == 3
    assert sorted(times) == times
