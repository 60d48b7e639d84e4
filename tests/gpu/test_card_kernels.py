"""What a GPU computes is what a CPU computes: networks, normalisation, windows, regions, search.

The device is that of `make gpu-check`; in `make test` it is the CPU, so that these tests are known
to work.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import PAPER_ALEXNET
from gpu_tasks import PLAIN, TASKS, note
from small_tasks import Scenes, Squares

from imagenet_transfer.features.embeddings import activations
from imagenet_transfer.features.neighbours import nearest
from imagenet_transfer.models import build_model
from imagenet_transfer.models.normalisation import band_of, local_response_norm
from imagenet_transfer.models.operators import batched_nms, roi_pool
from imagenet_transfer.training.tasks.classification import crop

pytestmark = pytest.mark.usefixtures("full_float32")
NETWORKS = {
    "alexnet": PLAIN,
    "alexnet of the paper": PAPER_ALEXNET | {"dropout": 0},
    "resnet18": {"model": "resnet18", "image_size": 72, "input_size": 64},
    "vgg16": {"model": "vgg16", "image_size": 40, "input_size": 32, "dropout": 0},
}
# Of the largest value: float32 sums of thousands of products in another order
CLOSE = 1e-4


def check_close(found, expected, share=CLOSE):
    """Check that a tensor of the device is close to one of the CPU, as a share of its largest."""
    found = found.detach().cpu()
    assert torch.isfinite(found).all()
    scale = expected.abs().max().clamp(min=1e-12)
    assert ((found - expected).abs().max() / scale).item() < share


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_forwards_and_backwards(name, device):
    architecture = NETWORKS[name]
    if device == "cpu" and name == "alexnet of the paper":
        pytest.skip("takes a GPU's speed")
    torch.manual_seed(0)
    model = build_model(architecture, 5).train().to(memory_format=torch.channels_last)
    other = build_model(architecture, 5).train().to(device, memory_format=torch.channels_last)
    other.load_state_dict(model.state_dict())
    size = model.network.input_size
    images = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    labels = torch.tensor([0, 1, 2, 3])
    for one, place in ((model, "cpu"), (other, device)):
        scores = one(torch.from_numpy(images).to(place))
        F.cross_entropy(scores, labels.to(place)).backward()
        one.scores = scores.detach().cpu()
    check_close(other.scores, model.scores)
    for (path, parameter), expected in zip(
        other.named_parameters(), model.parameters(), strict=True
    ):
        assert parameter.grad is not None, path
        check_close(parameter.grad, expected.grad, 20 * CLOSE)


@pytest.mark.parametrize("fused", [False, True])
def test_normalisation(fused, device):
    """By the kernel of Triton too, which a CPU does not take."""
    maps = drawn(4, 96, 13, 13).relu() * 50
    there = maps.to(device, copy=True).requires_grad_()
    here = maps.clone().requires_grad_()
    grad = drawn(*maps.shape, seed=1)
    found = local_response_norm(there, band_of(96).to(device), fused)
    found.backward(grad.to(device))
    expected = F.local_response_norm(here, 5, alpha=1e-4, beta=0.75)
    expected.backward(grad)
    check_close(found, expected.detach())
    check_close(there.grad, here.grad)


def test_windows_bit_for_bit(device):
    draw = np.random.default_rng(0)
    images = torch.from_numpy(draw.integers(0, 256, (5, 20, 20, 3), dtype=np.uint8))
    top, left = torch.from_numpy(draw.integers(0, 5, (2, 5)))
    mirror = torch.tensor([True, False, True, False, True])
    places = torch.tensor([3, 0, 4, 1, 1])
    parts = (part.to(device) for part in (top, left, mirror, places))
    found = crop(images.to(device), 16, *parts).cpu()
    windows = zip(found, images[places], top, left, mirror, strict=True)
    for window, image, y, x, flip in windows:
        expected = image[y : y + 16, x : x + 16]
        assert torch.equal(window, expected.flip(1) if flip else expected)


def test_pooling_of_regions(device):
    maps = drawn(2, 8, 20, 25)
    corner = 150 * torch.rand(40, 2, generator=torch.Generator().manual_seed(0))
    boxes = torch.cat([corner, corner + 90], dim=1)
    rois = [boxes[:25], boxes[25:]]
    there = maps.to(device, copy=True).requires_grad_()
    here = maps.clone().requires_grad_()
    found = roi_pool(there, [one.to(device) for one in rois], 6, 1 / 16)
    expected = roi_pool(here, rois, 6, 1 / 16)
    assert torch.equal(found.cpu(), expected)
    grad = drawn(*expected.shape, seed=1)
    found.backward(grad.to(device))
    expected.backward(grad)
    check_close(there.grad, here.grad)


def test_suppression(device):
    corner = 80 * torch.rand(300, 2, generator=torch.Generator().manual_seed(2))
    boxes = torch.cat([corner, corner + 20], dim=1)
    scores = torch.rand(300, generator=torch.Generator().manual_seed(1))
    groups = torch.arange(300) % 3
    found = batched_nms(boxes.to(device), scores.to(device), groups.to(device), 0.3)
    assert found.tolist() == batched_nms(boxes, scores, groups, 0.3).tolist()


@pytest.mark.parametrize("name", ["detection", "action"])
def test_networks_that_judge_regions(name, device):
    make, _ = TASKS[name]
    (here, _), (there, _) = make("cpu"), make(device)
    there.model.load_state_dict(here.model.state_dict())
    losses = []
    for task in (here, there):
        loss = task.loss(task.load(0))
        loss.backward()
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    for parameter, expected in zip(there.model.parameters(), here.model.parameters(), strict=True):
        if expected.grad is not None:
            check_close(parameter.grad, expected.grad, 0.01)


def test_what_a_detector_finds(device):
    (here, _), (there, _) = (TASKS["detection"][0](place) for place in ("cpu", device))
    images = torch.from_numpy(np.stack([Squares().image(row) for row in range(3)]))
    with torch.no_grad():
        expected = here.model.eval().detect(images)
        found = there.model.eval().detect(images.to(device))
    for ours, theirs in zip(found, expected, strict=True):
        assert len(ours.scores) == pytest.approx(len(theirs.scores), abs=2)
        best = min(5, len(theirs.scores), len(ours.scores))
        top = [
            torch.sort(one.scores.cpu(), descending=True).values[:best] for one in (ours, theirs)
        ]
        torch.testing.assert_close(*top, rtol=1e-3, atol=1e-4)


def test_probabilities_of_actions(device):
    (here, _), (there, _) = (TASKS["action"][0](place) for place in ("cpu", device))
    for row in Scenes().split("val"):
        here.model.eval()
        there.model.eval()
        np.testing.assert_allclose(there.probabilities(row), here.probabilities(row), atol=1e-4)


def test_features(device):
    torch.manual_seed(0)
    model = build_model(PLAIN, 5).eval()
    size = model.network.input_size
    images = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    images = torch.from_numpy(images)
    expected = {layer: activations(model, images, layer) for layer in ("fc6", "fc7", "fc8")}
    model.to(device)
    for layer, values in expected.items():
        check_close(activations(model, images.to(device), layer), values)


@pytest.mark.parametrize("tensor_cores", [False, True])
def test_the_order_of_neighbours_is_exact(tensor_cores, device):
    """Whatever a program allows its products to be rounded to."""
    torch.backends.cuda.matmul.allow_tf32 = tensor_cores
    draw = np.random.default_rng(0)
    gallery = draw.standard_normal((2000, 64)).astype(np.float32)
    gallery[1::2] = gallery[::2] * np.float32(1 + 1e-6)  # which TF32 cannot tell apart
    queries = draw.standard_normal((50, 64)).astype(np.float32)
    found = nearest(queries, gallery, 10, device=device)
    expected = nearest(queries, gallery, 10)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.similarities, expected.similarities)
    note(f"neighbours equal to the CPU's (TF32 allowed: {tensor_cores})", True)
