"""The operators are torchvision's, in values and gradients."""

import subprocess
import sys

import pytest
import torch
from torchvision import ops

from imagenet_transfer.models import operators


@pytest.fixture
def boxes():
    draw = torch.Generator().manual_seed(0)
    corner = 80 * torch.rand(60, 2, generator=draw)
    side = 5 + 40 * torch.rand(60, 2, generator=draw)
    return torch.cat([corner, corner + side], dim=1)


def test_suppression_overlap_and_clipping(boxes):
    scores = torch.rand(60, generator=torch.Generator().manual_seed(1))
    groups = torch.arange(60) % 3
    assert torch.equal(operators.nms(boxes, scores, 0.3), ops.nms(boxes, scores, 0.3))
    assert torch.equal(
        operators.batched_nms(boxes, scores, groups, 0.3),
        ops.batched_nms(boxes, scores, groups, 0.3),
    )
    assert operators.batched_nms(boxes[:0], scores[:0], groups[:0], 0.3).shape == (0,)
    torch.testing.assert_close(operators.box_iou(boxes, boxes[:7]), ops.box_iou(boxes, boxes[:7]))
    assert torch.equal(
        operators.clip_to_image(boxes, (50, 70)), ops.clip_boxes_to_image(boxes, (50, 70))
    )
    stacked = boxes.view(4, 15, 4)
    assert torch.equal(
        operators.clip_to_image(stacked, (50, 70)), ops.clip_boxes_to_image(stacked, (50, 70))
    )


def test_pooling_in_values_and_gradients(boxes):
    maps = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(2))
    results = []
    for pool in (
        lambda x, rois: operators.roi_pool(x, rois, 2, 0.1),
        lambda x, rois: ops.roi_pool(x, rois, 2, 0.1),
    ):
        leaf = maps.clone().requires_grad_()
        pooled = pool(leaf, [boxes[:10], boxes[10:14]])
        pooled.square().sum().backward()
        results.append((pooled.detach(), leaf.grad))
    torch.testing.assert_close(results[0], results[1])
    assert results[0][0].shape == (14, 3, 2, 2)


WITHOUT_TORCHVISION = """
import sys, torch
from imagenet_transfer.models.operators import roi_pool
maps = torch.tensor([[[[1.0, 5.0], [2.0, 3.0]]]], requires_grad=True)
roi_pool(maps, [torch.tensor([[0.0, 0.0, 10.0, 10.0]])], 1, 0.1).mul(7).sum().backward()
print(maps.grad.tolist(), "torchvision" in sys.modules)
"""


def test_pooling_has_a_gradient_in_a_process_that_never_imports_torchvision():
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TORCHVISION]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[[[[0.0, 7.0], [0.0, 0.0]]]] False\n"
