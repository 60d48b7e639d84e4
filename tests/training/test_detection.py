"""The detection task: what it loads, its loss and its learning."""

import pytest
import torch
from conftest import RECIPE
from helpers import box_tensor
from small_tasks import DETECTING, DETECTOR, PictureStore, Squares, detection_task

from imagenet_transfer.errors import UserError
from imagenet_transfer.models import build_model
from imagenet_transfer.models.faster_rcnn import Detections
from imagenet_transfer.training.tasks.detection import (
    DetectionTask,
    batches_of_equal_size,
    detection_table,
)

pytestmark = pytest.mark.usefixtures("one_thread")

# Switches with which all anchors, and no RoIs except an image's objects, are samples
ONLY_OBJECTS = {"rpn_samples": 10**6, "rois": 8, "foreground_iou": 1.0, "background_iou": [2, 3]}


def fit(task, steps, lr):
    """Train a task and return the loss of each step."""
    optimiser = torch.optim.SGD(task.model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for step in range(steps):
        task.model.train()
        torch.manual_seed(step)
        optimiser.zero_grad()
        loss = task.loss(task.load(step))
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def test_training_leaves_out_difficult_objects_and_images_without_others():
    task = detection_task(Squares(difficult=(1,)))
    assert task.train_rows == [0, 2]
    assert task.num_images == 2
    assert len(task.test_objects) == 6


class Parted(Squares):
    """The squares with an image per split; image i has the classes i and i + 1 of three."""

    split = PictureStore.split

    def __init__(self, *splits, difficult=()):
        super().__init__(((64, 80),) * len(splits), difficult)
        self.images["split"] = splits


@pytest.mark.parametrize(
    ("splits", "learnt", "tested"),
    [
        (("trainval", "test", "train", "val"), [0], [1]),
        (("train", "test", "val"), [0], [1]),
        (("val", "train", "val"), [1], [0, 2]),
        (("test", "trainval", "trainval"), [1, 2], [0]),
    ],
)
def test_the_splits_of_any_data_set_are_learnt_and_tested(splits, learnt, tested):
    task = detection_task(Parted(*splits))
    assert task.train_rows == learnt
    assert task.test_rows.tolist() == tested


def test_classes_without_objects_in_a_split_are_said(capfd):
    task = detection_task(Parted("train", "val"), score_threshold=1.0)  # blue green, green red
    assert capfd.readouterr().err == (
        "No training image shows red: what is not learnt is not found.\n"
        "No tested image shows blue: there is no average precision of it, and mAP is the mean of "
        "the others.\n"
    )
    assert task.evaluate() == {"mAP": 0.0, "AP/green": 0.0, "AP/red": 0.0}
    fit(task, 1, 0.01)
    detection_task(Squares())
    assert capfd.readouterr().err == ""


def test_images_without_boxes_are_tested_and_not_learnt():
    store = Parted("train", "train", "val", "val")
    store.objects = store.objects[~store.objects["image"].isin(["000001", "000003"])]
    task = detection_task(store)
    assert task.train_rows == [0]
    assert task.test_rows.tolist() == [2, 3]
    fit(task, 1, 0.01)
    assert set(task.evaluate()) == {"mAP", "AP/blue", "AP/red"}


def test_tested_images_without_usable_objects_are_reported():
    with pytest.raises(UserError, match="stores/squares: no tested image has an object that coun"):
        detection_task(Parted("train", "val", difficult=(1,)))


def test_images_are_mirrored_with_their_objects():
    task = detection_task(batch_size=12)
    batch = task.load(0)
    plain = [torch.from_numpy(picture) for picture in task.store.pictures]
    as_they_are = [any(torch.equal(one.image, picture) for picture in plain) for one in batch]
    assert 0 < sum(as_they_are) < 12
    for image, objects, _ in batch:
        assert len(objects.labels) == 2
        for box, label in zip(objects.boxes.int().tolist(), objects.labels.tolist(), strict=True):
            x1, y1, x2, y2 = box
            assert (image[y1:y2, x1:x2] == torch.tensor(Squares.colours[label - 1])).all()


def test_an_epoch_shows_every_image_once():
    order = detection_task(batch_size=1).order
    places = [order.at(step)[0] for step in range(6)]
    assert sorted(places[:3]) == sorted(places[3:]) == [0, 1, 2]


def test_batches_of_equal_size_lose_no_image():
    sizes = [(4, 5), (5, 4), (4, 5), (4, 5), (5, 4), (6, 6)]
    images = ((str(i), torch.full((*size, 3), i)) for i, size in enumerate(sizes))
    batches = list(batches_of_equal_size(images, 2))
    assert [names for names, _ in batches] == [["0", "2"], ["1", "4"], ["3"], ["5"]]
    for names, batch in batches:
        assert batch[:, 0, 0, 0].tolist() == [int(name) for name in names]


def test_images_of_several_sizes_have_the_mean_of_their_losses():
    # All anchors and RoIs are samples, and there is no dropout: nothing is random.
    store = Squares(((64, 80), (80, 64), (72, 80)))
    task = detection_task(store, rpn_samples=10**6, rois=10**6)
    task.model.trunk.eval()
    batch = task.load(0)
    each = [task.loss([example]).item() for example in batch]
    assert task.loss(batch).item() == pytest.approx(sum(each) / 3)


def test_a_batch_of_one_size_has_the_loss_of_its_images():
    # The RoIs of an image are its two objects: nothing is random.
    task = detection_task(**ONLY_OBJECTS, rpn_negative_iou=0.0)
    task.model.trunk.eval()
    batch = task.load(0)
    each = [task.loss([example]).item() for example in batch]
    assert task.loss(batch).item() == pytest.approx(sum(each) / 3)


def test_pretrained_layers_are_copied_as_told(tmp_path):
    torch.manual_seed(7)
    trained = build_model(DETECTING, 5)
    torch.save(trained.state_dict(), tmp_path / "weights.pt")
    for copy_fc in (True, False):
        switches = DETECTOR | {"copy_fc": copy_fc, "frozen": ["conv1"]}
        recipe = RECIPE | {"batch_size": 1, "detector": switches}
        trunk = DetectionTask(Squares(), DETECTING, tmp_path / "weights.pt", recipe, 1).model.trunk
        assert torch.equal(trunk.conv5.weight, trained.conv5.weight)
        assert torch.equal(trunk.fc6.weight, trained.fc6.weight) == copy_fc
        assert torch.equal(trunk.fc7.weight, trained.fc7.weight) == copy_fc
        frozen = [name for name, tensor in trunk.named_parameters() if not tensor.requires_grad]
        assert frozen == ["conv1.weight", "conv1.bias"]


def counted(task):
    """Return a list that grows with each pass of a task's images through frozen parts."""
    calls = []
    original = task.model._through_frozen
    task.model._through_frozen = lambda *words: calls.append(1) or original(*words)
    return calls


def test_frozen_layers_see_an_image_once_and_change_nothing(monkeypatch):
    remembering = detection_task(frozen=["conv1", "conv2"])
    forgetting = detection_task(frozen=["conv1", "conv2"])
    few = counted(remembering)
    many = counted(forgetting)
    losses = fit(remembering, 8, 0.01)
    monkeypatch.setattr("imagenet_transfer.models.region_network.KEPT_BYTES", 0)
    assert fit(forgetting, 8, 0.01) == losses
    assert len(few) == 6  # three images and their mirror images
    assert len(many) == 24
    unfrozen = detection_task().model
    unfrozen.load_state_dict(forgetting.model.state_dict())
    image, _, key = forgetting.load(0)[0]
    features = forgetting.model.eval().view(image[None], [key]).features
    torch.testing.assert_close(features, unfrozen.eval().view(image[None]).features)


def test_detections_are_tabulated_as_voc_counts_pixels():
    found = Detections(box_tensor([0, 4, 10, 20]), torch.tensor([2]), torch.tensor([0.5]))
    table = detection_table("000005", found, ("cat", "dog"))
    corners = {"xmin": 1, "ymin": 5, "xmax": 10, "ymax": 20}
    assert table.to_dict("records") == [
        {"image": "000005", "class": "dog", "score": 0.5, **corners}
    ]


def test_finding_nothing_is_not_an_error():
    task = detection_task(score_threshold=1.0)
    assert task.evaluate() == {"mAP": 0.0, "AP/blue": 0.0, "AP/green": 0.0, "AP/red": 0.0}


def test_anchors_that_fit_nowhere_are_reported():
    with pytest.raises(UserError, match="No anchor fits into an image of 80 x 64 pixels"):
        fit(detection_task(anchor_scales=[8]), 1, 0.01)


def test_a_data_set_without_usable_objects_is_reported():
    with pytest.raises(UserError, match="stores/squares: no training image"):
        detection_task(Squares(difficult=(0, 1, 2)))


def test_a_detector_learns_three_images_by_heart():
    """Without dropout all of six seeds reach 100 within 100 steps, with AVX-512 and with AVX2."""
    task = detection_task(architecture=DETECTING | {"dropout": 0})
    before = task.evaluate()["mAP"]
    fit(task, 250, 0.01)
    metrics = task.evaluate()
    assert before < 50
    assert metrics["mAP"] > 90
    assert set(metrics) == {"mAP", "AP/blue", "AP/green", "AP/red"}


def test_training_is_repeatable_and_depends_on_the_seed():
    losses = fit(detection_task(), 3, 0.01)
    assert fit(detection_task(), 3, 0.01) == losses
    assert fit(detection_task(seed=2), 3, 0.01) != losses


def test_mixed_precision_gives_nearly_the_same_loss():
    task = detection_task(**ONLY_OBJECTS)
    task.model.trunk.eval()
    exact = task.loss(task.load(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = task.loss(task.load(0))
    mixed.backward()
    assert mixed.item() != exact.item()
    assert mixed.item() == pytest.approx(exact.item(), rel=0.02)
