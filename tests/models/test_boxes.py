"""Coordinates, anchors, offsets, matching and sampling of boxes, worked by hand."""

import math

import pytest
import torch
from helpers import box_tensor

from imagenet_transfer.models import boxes as regions


def test_voc_boxes_become_half_open_and_return():
    voc = box_tensor([1, 1, 10, 20])
    assert regions.from_voc(voc).tolist() == [[0, 0, 10, 20]]
    assert torch.equal(regions.to_voc(regions.from_voc(voc)), voc)


def test_mirroring_twice_changes_nothing():
    box = box_tensor([2, 3, 7, 9])
    assert regions.mirrored(box, 20).tolist() == [[13, 3, 18, 9]]
    assert torch.equal(regions.mirrored(regions.mirrored(box, 20), 20), box)


def test_the_nine_anchors_are_those_of_py_faster_rcnn():
    # Its generate_anchors.py prints them with the last pixel included, from the cell's first pixel.
    published = [
        (-83, -39, 100, 56), (-175, -87, 192, 104), (-359, -183, 376, 200),
        (-55, -55, 72, 72), (-119, -119, 136, 136), (-247, -247, 264, 264),
        (-35, -79, 52, 96), (-79, -167, 96, 184), (-167, -343, 184, 360),
    ]  # fmt: skip
    sides = regions.anchor_sides(16, (8, 16, 32), (0.5, 1, 2))
    # Published from 1 and inclusive, as VOC's boxes are.
    assert regions.to_voc(regions.anchor_grid(sides, 1, 1, 16)).tolist() == [
        list(map(float, box)) for box in published
    ]


def test_anchors_follow_the_feature_map_row_by_row():
    grid = regions.anchor_grid(regions.anchor_sides(16, (1,), (1,)), 2, 3, 16)
    assert grid[:, :2].tolist() == [[0, 0], [16, 0], [32, 0], [0, 16], [16, 16], [32, 16]]


def test_boxes_that_touch_the_border_are_inside():
    found = box_tensor([0, 0, 30, 20], [-1, 0, 5, 5], [0, 0, 31, 20], [0, 0, 30, 21])
    assert regions.inside(found, 20, 30).tolist() == [True, False, False, False]


def test_offsets_by_hand():
    reference = box_tensor([0, 0, 10, 20])
    box = box_tensor([5, 10, 25, 50])
    expected = [1.0, 1.0, math.log(2), math.log(2)]  # centre (5, 10) -> (15, 30), sides doubled
    assert regions.encode(box, reference)[0].tolist() == pytest.approx(expected)
    torch.testing.assert_close(regions.decode(regions.encode(box, reference), reference), box)


def test_anchor_labels_by_hand():
    objects = box_tensor([0, 0, 10, 10], [40, 0, 50, 10], [80, 80, 90, 90])
    anchors = box_tensor(
        [0, 0, 10, 8],  # IoU 0.8 with the first, its best: positive
        [0, 0, 10, 7.5],  # not its best, but enough: positive
        [0, 0, 10, 5],  # 0.5: neither
        [0, 0, 10, 2.5],  # 0.25: negative
        [40, 0, 50, 4],  # 0.4, but the best that the second object has: positive
        [40, 6, 50, 10],  # as good: positive too
        [60, 60, 70, 70],  # nothing: negative; nothing overlaps the third object, which claims none
    )
    labels, matched = regions.match_anchors(anchors, objects, 0.7, 0.3)
    assert labels.tolist() == [1, 1, -1, 0, 1, 1, 0]
    assert matched[:6].tolist() == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("available", "expected"), [((50, 90), (16, 48)), ((5, 90), (5, 59)), ((50, 10), (16, 10))]
)
def test_sampling_takes_a_quarter_of_positives_and_fills_up_with_negatives(available, expected):
    labels = torch.tensor([1] * available[0] + [0] * available[1] + [-1] * 30)[
        torch.randperm(sum(available) + 30)
    ]
    positives, negatives = regions.draw_balanced(labels, 64, 0.25)
    assert (len(positives), len(negatives)) == expected
    assert (labels[positives] == 1).all()
    assert (labels[negatives] == 0).all()
    assert len(set(positives.tolist() + negatives.tolist())) == sum(expected)


def test_each_row_draws_its_own_places_all_of_them_equally_often():
    candidates = torch.tensor(
        [[True, True, False, True, True], [False] * 5, [True, False, False, False, True]]
    )
    generator = torch.Generator().manual_seed(0)
    counts = torch.zeros(3, 5)
    for _ in range(600):
        rows, columns = regions.draw_each(candidates, 3, generator)
        assert rows.tolist() == [0, 0, 0, 2, 2]
        assert len(set(columns[:3].tolist())) == 3
        counts[rows, columns] += 1
    assert counts[0].tolist() == pytest.approx([450, 450, 0, 450, 450], abs=50)
    assert counts[2].tolist() == [600, 0, 0, 0, 600]


def test_smooth_l1_by_hand():
    # Sigma 3: quadratic up to 1/9 with 4.5 x², then |x| - 1/18.
    value = regions.smooth_l1(torch.tensor([0.1, 1.0]), torch.zeros(2), 3.0)
    assert value.item() == pytest.approx(4.5 * 0.01 + 1 - 1 / 18)
    assert regions.smooth_l1(torch.tensor([0.5, 2.0]), torch.zeros(2), 1.0).item() == pytest.approx(
        0.125 + 1.5
    )
