"""The action task: labels and average precision, what it loads, its loss and its learning."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import RECIPE, TINY
from helpers import box_tensor
from small_tasks import Scenes, StopsAt, action_task, check_same_tensors

from imagenet_transfer.data.layouts.voc_action import ACTIONS
from imagenet_transfer.errors import UserError
from imagenet_transfer.models import build_model
from imagenet_transfer.models.rstarcnn import testing_regions
from imagenet_transfer.training.checkpoints import StateFile, save_weights
from imagenet_transfer.training.loop import DeadlineReachedError, train
from imagenet_transfer.training.tasks.action import (
    ActionTask,
    action_ap,
    people_of,
    training_labels,
)

pytestmark = pytest.mark.usefixtures("one_thread")

testing_regions.__test__ = False  # not a test, whatever its name

# Labels and average precision


def labelled(**labels):
    number = len(next(iter(labels.values())))
    return pd.DataFrame({action: labels.get(action, [-1] * number) for action in ACTIONS})


def test_the_first_positive_action_is_the_label():
    table = labelled(
        jumping=[0, -1, -1, 1],
        phoning=[1, -1, -1, 1],
        running=[1, 1, 0, -1],
        walking=[-1, 1, 0, -1],
    )
    assert training_labels(table).tolist() == [1, 6, 10, 0]


def test_people_are_in_half_open_pixels():
    table = labelled(walking=[1]).assign(xmin=[1], ymin=[3], xmax=[10.5], ymax=[20])
    people = people_of(table)
    assert people.boxes.tolist() == [[0, 2, 10.5, 20]]
    assert people.labels.tolist() == [9]


def test_average_precision_by_hand():
    """Jumping: right, unclear, wrong, right, wrong; phoning: nobody; reading: wrong, right."""
    labels = labelled(jumping=[1, 0, -1, 1, -1], reading=[-1, 1, -1, -1, -1]).to_numpy()
    scores = np.zeros((5, len(ACTIONS)))
    scores[:, 0] = [0.9, 0.8, 0.70001, 0.7, 0.1]  # R*CNN's own files have three decimals
    scores[:, 3] = [0.2, 0.9, 0.1, 0.95, 0.0]
    ap = action_ap(scores, labels)
    assert ap["jumping"] == pytest.approx((1 + 2 / 3) / 2)
    assert ap["reading"] == pytest.approx(1 / 2)
    assert np.isnan(ap["phoning"])
    eleven = action_ap(scores, labels, "11-point")["jumping"]
    assert eleven == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


# The task


def test_images_are_mirrored_with_their_regions():
    sizes = ((48, 64), (48, 64), (40, 70), (48, 64)) * 6
    task = action_task(Scenes(sizes, splits=("train", "val", "train")))
    mirrored = 0
    for step in range(4):
        for image, regions, labels, _ in task.load(step):
            assert len(labels) == len(regions.primary) >= 1
            person = regions.primary[regions.primary[:, 3].argmax()].int().tolist()
            assert (image[person[1] : person[3], person[0] : person[2]] == 190).all()
            wide = [box for box in regions.secondary.int().tolist() if box[2] - box[0] == 28]
            mirrored += bool(wide) and wide[0][0] < person[0]  # the thing is on the left now
    assert 0 < mirrored < 8


def test_a_step_is_a_function_of_its_number():
    steps = [action_task().load(3), action_task().load(3), action_task().load(4)]
    once, again, other = ([one.regions.secondary for one in step] for step in steps)
    assert [one.key for one in steps[0]] == [one.key for one in steps[1]]
    assert all(map(torch.equal, once, again))
    assert not all(map(torch.equal, once, other))
    for first, second in zip(*steps[:2], strict=True):
        assert torch.equal(first.image, second.image)


def test_the_loss_is_the_mean_over_primary_regions_of_images_of_any_size():
    task = action_task(Scenes(sizes=((48, 64), (48, 64), (40, 70), (48, 64))))
    task.model.eval()
    batch = task.load(0)
    assert {tuple(example.image.shape) for example in batch} == {(48, 64, 3), (40, 70, 3)}
    parts = [(task.loss([example]).item(), len(example.labels)) for example in batch]
    expected = sum(loss * number for loss, number in parts) / sum(number for _, number in parts)
    assert task.loss(batch).item() == pytest.approx(expected)


def test_probabilities_are_of_the_given_people():
    task = action_task()
    task.model.eval()
    found = task.probabilities(1)
    assert found.shape == (1, 11)
    assert found.sum() == pytest.approx(1)
    person = box_tensor([4 + 2, 7, 4 + 2 + 14, 37])
    regions = testing_regions(person, torch.tensor(task.proposals.of(1)), task.config)
    with torch.no_grad():
        expected = task.model(torch.from_numpy(task.store.image(1))[None], [regions]).softmax(1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def fit(path, recipe=RECIPE, deadline=None, **options):
    task = action_task(recipe=recipe, **options)
    return task, train(task, recipe, 7, StateFile(path, "f"), deadline)


def test_a_run_is_repeatable_and_ends_in_the_same_bits_after_an_interruption(tmp_path):
    whole, expected = fit(tmp_path / "whole.pt")
    again, _ = fit(tmp_path / "again.pt")
    with pytest.raises(DeadlineReachedError, match="saved at step 2 of 6"):
        fit(tmp_path / "parts.pt", deadline=StopsAt(2))
    parts, outcome = fit(tmp_path / "parts.pt")
    assert outcome.history == expected.history
    check_same_tensors(parts.model, whole.model)
    check_same_tensors(again.model, whole.model)


def judged(task):
    task.model.eval()
    return [task.probabilities(row).argmax() for row in task.test_rows]


def test_actions_are_learnt_from_things_next_to_people(tmp_path):
    """Without dropout five of five seeds reach 100 in 40 steps, with AVX-512, AVX2 and SSE4.1."""
    recipe = RECIPE | {"iterations": 160, "lr": 0.003, "lr_steps": [], "evaluate_every": 160}
    truth = [ACTIONS.index(name) for name in ("phoning", "reading", "phoning", "reading")]
    assert judged(action_task()) != truth
    task, outcome = fit(tmp_path / "s.pt", recipe, architecture=TINY | {"dropout": 0})
    assert judged(task) == truth
    assert outcome.metrics == {"mAP": 100, "AP/phoning": 100, "AP/reading": 100}


def test_pretrained_layers_are_copied_as_told(tmp_path):
    torch.manual_seed(7)
    trained = build_model(TINY, 5)
    save_weights(tmp_path / "weights.pt", trained)
    for copy_fc in (True, False):
        task = action_task(weights=tmp_path / "weights.pt", copy_fc=copy_fc, frozen=["conv1"])
        model = task.model
        assert torch.equal(model.trunk.conv5.weight, trained.conv5.weight)
        assert torch.equal(model.trunk.fc7.weight, trained.fc7.weight) == copy_fc
        frozen = [name for name, tensor in model.named_parameters() if not tensor.requires_grad]
        assert frozen == ["trunk.conv1.weight", "trunk.conv1.bias"]


def test_mixed_precision_gives_nearly_the_same_loss():
    task = action_task()
    task.model.eval()
    exact = task.loss(task.load(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = task.loss(task.load(0))
    mixed.backward()
    assert mixed.item() != exact.item()
    assert mixed.item() == pytest.approx(exact.item(), rel=0.02)


def test_what_is_wrong_is_named():
    with pytest.raises(UserError, match=r"rstarcnn has the unknown key 'iou'.*primary_iou"):
        action_task(iou=1)
    with pytest.raises(UserError, match="stores/scenes: nobody in a val image"):
        action_task(Scenes(does=("",)))
    with pytest.raises(UserError, match="stores/scenes has no train images"):
        action_task(Scenes(splits=("val",)))
    store = Scenes()
    with pytest.raises(UserError, match="proposals are not of stores/scenes as it is now"):
        ActionTask(store, store.proposals("e"), TINY, None, RECIPE, 1)
