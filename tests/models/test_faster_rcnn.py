"""The detector's assignments, losses and proposals, on cases small enough to work by hand."""

import math

import pytest
import torch
from conftest import PAPER_ALEXNET
from helpers import box_tensor
from small_tasks import DETECTING, DETECTOR, Squares

from imagenet_transfer.errors import UserError
from imagenet_transfer.models import boxes as regions
from imagenet_transfer.models import build_model
from imagenet_transfer.models.boxes import Objects, draw_sample
from imagenet_transfer.models.faster_rcnn import FasterRCNN, Grid
from imagenet_transfer.models.region_configs import DetectorConfig
from imagenet_transfer.models.region_network import View, resize_factor


def tiny_detector(num_classes=3, architecture=DETECTING, **config):
    torch.manual_seed(1)
    backbone = build_model(architecture, num_classes)
    return FasterRCNN(backbone, num_classes, DetectorConfig(**DETECTOR | config))


def test_a_detector_at_the_papers_size():
    torch.manual_seed(0)
    model = FasterRCNN(build_model(PAPER_ALEXNET, 2), 20, DetectorConfig())
    assert model.trunk.network.stride == 16
    assert model.trunk.network.pooled_side == 6
    with torch.no_grad():
        view = model.view(torch.zeros(1, 300, 500, 3, dtype=torch.uint8))
        assert (view.size, view.factor) == ((600, 1000), 2.0)
        # Caffe's output for 600 x 1000, rounded up
        assert tuple(view.features.shape) == (1, 256, 39, 64)
        scores, offsets = model.rpn(view.features)
        anchors = model.grid(view).anchors
    assert tuple(scores.shape) == (1, 39 * 64 * 9, 2)
    assert tuple(offsets.shape) == (1, 39 * 64 * 9, 4)
    assert tuple(anchors.shape) == (39 * 64 * 9, 4)
    assert (model.scores.out_features, model.offsets.out_features) == (21, 84)
    layers = (model.rpn.conv, model.rpn.offsets, model.scores, model.offsets)
    stds = [layer.weight.std().item() for layer in layers]
    assert stds == pytest.approx([0.01, 0.01, 0.01, 0.001], rel=0.05)


def test_image_sizes():
    assert resize_factor(375, 500, 600, 1000) == 1.6
    assert resize_factor(200, 500, 600, 1000) == 2.0  # 3.0 would make the long side 1500
    assert resize_factor(96, 128, 96, 128) == 1.0


# Assignment and sampling


def head_sample(model, proposals, objects):
    """Return candidate boxes, what they are, the sample of them and the objects, of one image."""
    numbers = [len(objects.labels)]
    boxes, rois = model.label_rois([proposals], objects, numbers)
    config = model.config
    drawn = draw_sample(rois.kinds, rois.numbers, config.rois, config.foreground_fraction)
    return boxes, rois, drawn, objects


def test_rois_are_labelled_and_aimed_at_their_objects():
    model = tiny_detector()
    objects = Objects(box_tensor([10, 10, 30, 30], [50, 10, 70, 30]), torch.tensor([2, 3]))
    # IoU exactly 0.5, 0.45, 0
    proposals = box_tensor([10, 10, 30, 20], [50, 10, 70, 19], [0, 40, 10, 60])
    sampled = model.roi_targets(*head_sample(model, proposals, objects))
    rois, *others = (part.tolist() for part in sampled)
    found = dict(zip(map(tuple, rois), zip(*others, strict=True), strict=True))
    assert {roi: label for roi, (label, _) in found.items()} == {
        (10, 10, 30, 20): 2,
        (50, 10, 70, 19): 0,
        (0, 40, 10, 60): 0,
        (10, 10, 30, 30): 2,  # the objects themselves are candidates
        (50, 10, 70, 30): 3,
    }
    # Centre 5 lower of a height of 10: 0.5 / 0.1; twice as high: log 2 / 0.2.
    assert found[10, 10, 30, 20][1] == pytest.approx([0, 5, 0, math.log(2) / 0.2])


def test_a_background_floor_leaves_out_what_overlaps_nothing():
    objects = Objects(box_tensor([10, 10, 30, 30]), torch.tensor([1]))
    proposals = box_tensor([10, 10, 30, 15], [0, 40, 10, 60])  # IoU 0.25 and 0
    model = tiny_detector(background_iou=[0.1, 0.5])
    _, labels, _ = model.roi_targets(*head_sample(model, proposals, objects))
    assert labels.tolist() == [1, 0]


def test_anchors_across_the_border_do_not_train_but_propose():
    model = tiny_detector()
    images = torch.full((1, 64, 80, 3), 120, dtype=torch.uint8)
    objects = Objects(box_tensor([4, 4, 40, 40]), torch.tensor([1]))
    seen = {}

    def spied(name, place):
        original = getattr(model, name)

        def spy(*words):
            seen[name] = words[place]
            return original(*words)

        return spy

    model.label_anchors = spied("label_anchors", 0)
    model.proposals = spied("proposals", 2)
    model.loss(images, [objects])
    everything = model.grid(model.view(images)).anchors
    trained = seen["label_anchors"].inside
    assert 0 < len(trained) < len(everything)
    assert regions.inside(trained, 64, 80).all()
    assert not regions.inside(everything, 64, 80).all()
    assert torch.equal(everything[seen["label_anchors"].usable], trained)
    assert torch.equal(seen["proposals"], everything)


def test_objects_are_resized_with_their_image():
    model = tiny_detector(short_side=128, long_side=160)
    seen = []
    original = model.label_anchors
    model.label_anchors = lambda grid, truth, numbers: (
        seen.append(truth.boxes.tolist()) or original(grid, truth, numbers)
    )
    objects = Objects(box_tensor([4, 5, 40, 30]), torch.tensor([1]))
    model.loss(torch.zeros(1, 64, 80, 3, dtype=torch.uint8), [objects])
    assert seen == [[[8, 10, 80, 60]]]


# Losses


def rpn_loss(model, scores, anchors, objects):
    """Return the loss of offsets of zero for one image whose anchors are all usable."""
    grid = Grid(anchors, torch.arange(len(anchors)), anchors)
    truth = Objects(objects, torch.ones(len(objects), dtype=torch.int64))
    labelled = model.label_anchors(grid, truth, [len(objects)])
    numbers = model.config.rpn_samples, model.config.rpn_positive_fraction
    sample = draw_sample(labelled.kinds, labelled.numbers, *numbers)
    offsets = torch.zeros(1, len(anchors), 4)
    return model.rpn_loss(scores[None], offsets, grid, labelled, sample, truth)


def test_rpn_loss_by_hand():
    anchors = box_tensor([0, 0, 10, 10], [30, 30, 40, 40])
    objects = box_tensor([1, 0, 11, 10])  # IoU 9/11 and 0
    # The second is background and scored as an object.
    scores = torch.tensor([[0.0, 2.0], [0.0, 1.0]])
    loss = rpn_loss(tiny_detector(), scores, anchors, objects)
    score_loss = math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))
    offset_loss = 4.5 * 0.1**2  # the object's centre is a tenth of a side to the right
    assert loss.item() == pytest.approx((score_loss + offset_loss) / 2)


def test_at_most_half_of_the_rpns_sample_is_positive():
    model = tiny_detector(rpn_samples=4)
    anchors = box_tensor(*[[0, 0, 10, 10]] * 5, *[[30, 30, 40, 40]] * 5)
    scores = torch.tensor([[0.0, 2.0]]).expand(10, 2)
    loss = rpn_loss(model, scores, anchors, box_tensor([0, 0, 10, 10]))
    both = math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))
    assert loss.item() == pytest.approx(both / 2)


def test_head_loss_by_hand():
    model = tiny_detector(num_classes=1)
    objects = Objects(box_tensor([10, 10, 30, 30]), torch.tensor([1]))
    proposals = box_tensor([10, 10, 30, 20], [50, 40, 60, 60])
    scores = torch.zeros(3, 2)
    offsets = torch.zeros(3, 2, 4)
    offsets[:, 0] = 100  # the background's offsets do not count
    model.head = lambda features, rois: (scores, offsets)
    loss = model.head_loss(None, *head_sample(model, proposals, objects))
    # Of the one RoI that is not exact; linear above 1
    offset_loss = (5 - 0.5) + (math.log(2) / 0.2 - 0.5)
    assert loss.item() == pytest.approx(math.log(2) + offset_loss / 3)


# Proposals and detections


def test_proposals_are_clipped_large_enough_and_not_alike():
    model = tiny_detector(proposal_min_side=4, proposal_nms=0.7).eval()
    anchors = box_tensor(
        [0, 0, 20, 20], [0, 0, 20, 19], [-30, 0, 10, 10], [40, 40, 43, 60], [70, 50, 90, 70]
    )
    scores = torch.stack([torch.zeros(5), torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])], dim=1)[None]
    view = View(torch.zeros(1, 1, 1, 1), (64, 80), 1.0)
    (kept,) = model.proposals(scores, torch.zeros(1, 5, 4), anchors, view)
    assert kept.tolist() == [[70, 50, 80, 64], [0, 0, 10, 10], [0, 0, 20, 19]]
    (enlarged,) = model.proposals(scores, torch.zeros(1, 5, 4), anchors, view._replace(factor=2.6))
    assert enlarged.tolist() == [[0, 0, 20, 19]]  # the smallest side is now 10.4


@pytest.mark.parametrize(("training", "expected"), [(True, [5, 4, 3]), (False, [5])])
def test_numbers_of_proposals_in_training_and_testing(training, expected):
    numbers = {"train_proposals_before_nms": 5, "train_proposals": 3}
    numbers |= {"test_proposals_before_nms": 2, "test_proposals": 4}
    model = tiny_detector(**numbers).train(training)
    # NMS drops one of the last two.
    anchors = box_tensor(*([10 * i, 0, 10 * i + 10, 10] for i in (1, 2, 3, 4, 5, 5)))
    scores = torch.stack([torch.zeros(6), torch.arange(1.0, 7.0)], dim=1)[None]
    view = View(torch.zeros(1, 1, 1, 1), (64, 80), 1.0)
    (kept,) = model.proposals(scores, torch.zeros(1, 6, 4), anchors, view)
    assert (kept[:, 0] / 10).tolist() == expected


def test_roi_pooling_ends_at_the_last_pixel():
    model = tiny_detector()
    # A cell holds its column.
    features = torch.arange(6.0).expand(1, model.trunk.network.channels, 6, 6)
    seen = []
    model.trunk.run_head = lambda flat: seen.append(flat.max().item()) or torch.zeros(len(flat), 64)
    # Cells are 8 pixels wide: the last pixel, 11 or 12, is rounded to column 1 or 2.
    for width in (12, 13):
        model.head(features, [box_tensor([0, 0, width, 12])])
    assert seen == [1, 2]


def test_selection_is_by_threshold_class_and_nms():
    model = tiny_detector(num_classes=2, max_detections=3)
    place = [0.0, 0.0, 20.0, 20.0]
    candidates = box_tensor(place, [0, 0, 20, 18], [40, 40, 60, 60], [0, 40, 20, 60])
    candidates = candidates[:, None].expand(-1, 3, -1)
    scores = torch.tensor([[0.1, 0.6, 0.3], [0.2, 0.5, 0.01], [0.5, 0.2, 0.04], [0.9, 0.05, 0.06]])
    found = model.select(candidates, scores)
    # 0.5 overlaps 0.6 of its class, 0.05 is not above the threshold, 0.06 is the fourth.
    assert found.labels.tolist() == [1, 2, 1]
    assert found.scores.tolist() == pytest.approx([0.6, 0.3, 0.2])
    assert found.boxes[0].tolist() == place


def test_detections_are_in_pixels_of_the_given_image():
    model = tiny_detector(num_classes=1, short_side=128, long_side=160).eval()
    offsets = torch.zeros(1, 2, 4)
    offsets[0, 1, 0] = 5  # half a width to the right
    model.proposals = lambda *_: [box_tensor([20, 40, 60, 80])]
    model.head = lambda *_: (torch.tensor([[0.0, 1.0]]), offsets)
    (found,) = model.detect(torch.from_numpy(Squares().image(0))[None])
    assert found.boxes[0].tolist() == pytest.approx([20, 20, 40, 40])
    assert found.scores.tolist() == pytest.approx([1 / (1 + math.exp(-1))])


def test_an_unknown_detector_key_is_named():
    with pytest.raises(UserError, match=r"'anchor_size'.*anchor_scales"):
        DetectorConfig.from_mapping({"anchor_size": 3})
