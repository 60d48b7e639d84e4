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
    kinds, matched, numbers = regions.match_anchors(anchors, objects, [3], 0.7, 0.3)
    assert kinds.tolist() == [1, 1, -1, 0, 1, 1, 0]
    assert matched[:6].tolist() == [0, 0, 0, 0, 1, 1]
    assert numbers == [7]


def test_anchors_of_several_images_are_labelled_as_those_of_each():
    draw = torch.Generator().manual_seed(0)
    corners = 60 * torch.rand(206, 2, generator=draw)
    boxes = torch.cat([corners, corners + 5 + 30 * torch.rand(206, 2, generator=draw)], 1)
    anchors, objects = boxes[:200], boxes[200:]
    kinds, matched, numbers = regions.match_anchors(anchors, objects, [1, 3, 2], 0.5, 0.3)
    assert numbers == [200, 200, 200]
    for image, (start, stop) in enumerate([(0, 1), (1, 4), (4, 6)]):
        own = regions.match_anchors(anchors, objects[start:stop], [stop - start], 0.5, 0.3)
        part = slice(200 * image, 200 * (image + 1))
        assert torch.equal(kinds[part], own.kinds)
        assert torch.equal(matched[part], own.matched + start)
        assert set(own.kinds.tolist()) == {-1, 0, 1}


def test_a_sample_is_drawn_image_by_image():
    kinds = torch.tensor([0, 1, -1, 0, 1, 0, 0, -1, 1, 1, 1])
    torch.manual_seed(4)
    sample = regions.draw_sample(kinds, [5, 6], 3, 1 / 3)
    torch.manual_seed(4)
    first, second = (regions.draw_balanced(part, 3, 1 / 3) for part in kinds.split([5, 6]))
    expected = [*first, *(part + 5 for part in second)]
    assert torch.equal(sample.positions, torch.cat(expected))
    assert torch.equal(sample.kinds, kinds[sample.positions])
    assert (sample.numbers, sample.objects) == ([3, 3], [1, 1])
    assert sample.foreground.tolist() == [0, 3]


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
