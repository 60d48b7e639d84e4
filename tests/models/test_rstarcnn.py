"""R*CNN's regions and scores, on cases small enough to work by hand."""

import numpy as np
import pytest
import torch
from conftest import TINY
from helpers import box_tensor
from small_tasks import RSTARCNN

from imagenet_transfer.models import build_model
from imagenet_transfer.models.region_configs import RStarConfig
from imagenet_transfer.models.rstarcnn import (
    Regions,
    RStarCNN,
    around,
    blanked,
    testing_regions,
    training_regions,
    with_context,
)
from imagenet_transfer.training.tasks.action import NUM_CLASSES

pytestmark = pytest.mark.usefixtures("one_thread")

testing_regions.__test__ = False  # not a test, whatever its name


def drawn(people, labels, proposals, seed=0, **config):
    generator = torch.Generator().manual_seed(seed)
    return training_regions(
        people, torch.tensor(labels), proposals, RStarConfig(**config), generator
    )


# Regions

PERSON = [0, 0, 10, 10]


@pytest.mark.parametrize(
    ("box", "is_around"),
    [
        ([0, 0, 10, 2], True),  # IoU exactly 0.2
        ([0, 0, 10, 1.9], False),
        ([0, 0, 10, 7.5], True),  # exactly 0.75
        ([0, 0, 10, 7.6], False),
        ([0, 0, 20, 10], True),
        ([0, 0, 50, 10], True),  # 100 / 500
        ([0, 0, 51, 10], False),
        (PERSON, False),  # the primary region itself
        ([20, 20, 30, 30], False),
    ],
)
def test_limits_of_secondary_regions(box, is_around):
    assert around(box_tensor(PERSON), box_tensor(box), RStarConfig()).tolist() == [[is_around]]
    assert around(box_tensor(PERSON), box_tensor(box), RStarConfig(context=False)).tolist() == [
        [False]
    ]


def test_primary_regions_show_a_person_and_have_the_label_of_the_nearest():
    people = box_tensor(PERSON, [6, 0, 16, 10])
    proposals = box_tensor(
        [0, 0, 10, 5], [0, 0, 10, 4.9], [7, 0, 17, 10], [3.5, 0, 13.5, 10], [40, 40, 50, 50]
    )
    regions, labels = drawn(people, [3, 8], proposals)
    found = dict(zip(map(tuple, regions.primary.tolist()), labels.tolist(), strict=True))
    assert found == {
        (0, 0, 10, 10): 3,  # the people themselves are candidates
        (6, 0, 16, 10): 8,
        (0, 0, 10, 5): 3,  # IoU exactly 0.5; 0.49 is too little
        (7, 0, 17, 10): 8,
        (3.5, 0, 13.5, 10): 8,  # 6.5 / 13.5 with the first, 7.5 / 12.5 with the second
    }


def test_secondary_regions_belong_to_their_primary_one():
    people = box_tensor(PERSON, [40, 0, 50, 10])
    proposals = box_tensor([0, 0, 10, 3], [40, 0, 50, 4], [0, 0, 10, 4], [20, 0, 30, 10])
    regions, _ = drawn(people, [0, 1], proposals, primary_iou=0.9)
    groups = [sorted(regions.secondary[row].tolist()) for row in regions.paired]
    assert groups == [[[0, 0, 10, 3], [0, 0, 10, 4]], [[40, 0, 50, 4]]]


def test_another_person_may_be_secondary_in_training_but_not_in_testing():
    people = box_tensor(PERSON, [5, 0, 15, 10])  # IoU 1/3
    regions, _ = drawn(people, [0, 1], box_tensor(), primary_iou=0.9)
    groups = [regions.secondary[row].tolist() for row in regions.paired]
    assert groups == [[[5, 0, 15, 10]], [PERSON]]
    assert testing_regions(people, box_tensor(), RStarConfig()).secondary.tolist() == []


def test_numbers_of_regions_are_limits_and_draws_differ():
    large = [[0, 0, 10, 9 - i / 10] for i in range(30)]
    small = [[0, 0, 10, 2 + i / 10] for i in range(20)]
    proposals = box_tensor(*large, *small)
    regions, labels = drawn(box_tensor(PERSON), [5], proposals)
    assert (len(regions.primary), regions.paired.sum(1).tolist()) == (15, [10] * 15)
    assert labels.tolist() == [5] * 15
    again, other = (drawn(box_tensor(PERSON), [5], proposals, seed=seed)[0] for seed in (0, 1))
    assert torch.equal(regions.primary, again.primary)
    assert torch.equal(regions.secondary, again.secondary)
    assert not torch.equal(regions.primary, other.primary)
    assert len({tuple(map(tuple, regions.secondary[row].tolist())) for row in regions.paired}) == 15


def test_testing_looks_at_all_regions_around_the_people():
    people = box_tensor(PERSON, [40, 0, 50, 10])
    proposals = box_tensor(
        [0, 0, 10, 3], [40, 0, 50, 4], [0, 0, 10, 4], [20, 0, 30, 10], [0, 0, 10, 5]
    )
    regions = testing_regions(people, proposals, RStarConfig())
    assert regions.primary.tolist() == people.tolist()
    assert regions.secondary.tolist() == proposals[[0, 1, 2, 4]].tolist()
    assert regions.paired.tolist() == [[True, False, True, True], [False, True, False, False]]
    fewer = testing_regions(people, proposals, RStarConfig(test_secondaries=2))
    assert fewer.secondary.tolist() == proposals[:3].tolist()
    assert testing_regions(people, proposals, RStarConfig(context=False)).paired.shape == (2, 0)


def test_nothing_but_people_is_seen_without_surroundings():
    image = torch.full((6, 8, 3), 9, dtype=torch.uint8)
    seen = blanked(image, box_tensor([1, 2, 3, 4], [6, -1, 9, 1]), (1, 2, 3))
    people = torch.zeros(6, 8, dtype=torch.bool)
    people[2:4, 1:3] = people[0:1, 6:8] = True
    assert (seen[people] == 9).all()
    assert (seen[~people] == torch.tensor([1, 2, 3])).all()


def test_the_colour_around_people_is_rounded():
    image = torch.zeros(2, 2, 3, dtype=torch.uint8)
    seen = blanked(image, box_tensor([0, 0, 1, 1]), (123.675, 116.28, 103.53))
    assert seen[1, 1].tolist() == [124, 116, 104]


def test_regions_are_mirrored():
    regions = Regions(box_tensor([1, 2, 5, 8]), box_tensor([0, 0, 10, 3]), torch.tensor([[True]]))
    mirrored = regions.mirrored(20)
    assert mirrored.primary.tolist() == [[15, 2, 19, 8]]
    assert mirrored.secondary.tolist() == [[10, 0, 20, 3]]


# Scores


def test_scores_and_gradients_go_only_through_the_maximum():
    primary = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    secondary = torch.tensor([[0.5, -3.0], [0.25, -1.0], [9.0, 9.0]], requires_grad=True)
    paired = torch.tensor([[True, True, False], [False, False, True], [False, False, False]])
    scores = with_context(primary, secondary, paired)
    assert scores.tolist() == [[1.5, 1.0], [12.0, 13.0], [5.0, 6.0]]  # the last one has no context
    (scores * torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])).sum().backward()
    assert primary.grad.tolist() == [[1, 10], [2, 20], [3, 30]]
    # Each action has its own winner.
    assert secondary.grad.tolist() == [[1, 0], [0, 10], [2, 20]]


def test_without_secondary_regions_the_scores_are_those_of_the_primary_ones():
    nothing = torch.zeros(0, 2)
    scores = with_context(torch.tensor([[1.0, 2.0]]), nothing, torch.zeros(1, 0, dtype=torch.bool))
    assert scores.tolist() == [[1, 2]]


def network(**config):
    torch.manual_seed(1)
    return RStarCNN(build_model(TINY, 5), NUM_CLASSES, RStarConfig(**RSTARCNN | config))


def picture(seed=0, height=48, width=64):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return torch.from_numpy(pixels)


REGIONS = Regions(
    box_tensor([0, 0, 30, 40], [20, 5, 60, 45]),
    box_tensor([0, 0, 20, 40], [10, 0, 40, 40], [30, 0, 60, 45]),
    torch.tensor([[True, True, False], [False, True, True]]),
)
WITHOUT_CONTEXT = Regions(REGIONS.primary, box_tensor(), torch.zeros(2, 0, dtype=torch.bool))


def test_both_regions_go_through_the_same_layers():
    """Worked out part by part: map, pooled regions, fc6 and fc7, two last layers, maximum, sum."""
    model = network().eval()
    features = model.trunk.run_trunk(model.trunk.preprocess(picture()[None]), dense=True)
    own = model.primary(model.region_features(features, [REGIONS.primary]))
    others = model.secondary(model.region_features(features, [REGIONS.secondary]))
    expected = own + torch.stack([others[:2].max(0).values, others[1:].max(0).values])
    torch.testing.assert_close(model(picture()[None], [REGIONS]), expected)
    assert torch.equal(network(context=False).eval()(picture()[None], [REGIONS]), own)


def test_the_last_layers_are_new():
    torch.manual_seed(0)
    wide = RStarCNN(build_model(TINY | {"fc_width": 4096}, 5), NUM_CLASSES, RStarConfig())
    for layer in (wide.primary, wide.secondary):
        assert (layer.in_features, layer.out_features) == (4096, 11)
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.03)
        assert (layer.bias == 0).all()
    assert not hasattr(wide.trunk, "fc8")
    assert not any("secondary" in name for name, _ in network(context=False).named_parameters())


def test_images_are_resized_with_their_regions():
    model = network(short_side=96, long_side=128).eval()
    enlarged = torch.nn.functional.interpolate(
        model.trunk.preprocess(picture()[None]), (96, 128), mode="bilinear"
    )
    features = model.trunk.run_trunk(enlarged, dense=True)
    own = model.primary(model.region_features(features, [2 * REGIONS.primary]))
    torch.testing.assert_close(model(picture()[None], [WITHOUT_CONTEXT]), own)


def test_several_images_have_their_own_scores():
    model = network().eval()
    together = model(torch.stack([picture(), picture(1)]), [REGIONS, WITHOUT_CONTEXT])
    apart = [model(picture()[None], [REGIONS]), model(picture(1)[None], [WITHOUT_CONTEXT])]
    torch.testing.assert_close(together, torch.cat(apart))


def test_every_layer_learns():
    model = network()
    model.loss(picture()[None], [REGIONS], torch.tensor([0, 1])).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_a_person_without_anything_around_is_trained_on():
    regions, labels = drawn(box_tensor([0, 0, 30, 40]), [4], box_tensor())
    assert (regions.primary.tolist(), labels.tolist()) == ([[0, 0, 30, 40]], [4])
    assert regions.secondary.shape == (0, 4)
    model = network()
    model.loss(picture()[None], [regions], labels).backward()
    assert model.primary.weight.grad.abs().sum() > 0
    assert model.secondary.weight.grad is None  # no region went through it
