"""images.csv.gz of a run: each test image's result, from which the run's metrics follow."""

import numpy as np
import pandas as pd
import pytest
from conftest import RECIPE, TINY, Pictures, finish_run
from small_tasks import DETECTING, DETECTOR, Squares, StopsAt, action_task

from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.data.layouts.voc_action import ACTIONS
from imagenet_transfer.files import read_json
from imagenet_transfer.running.records import read_tested
from imagenet_transfer.training import loop as training
from imagenet_transfer.training.metrics import average_precision, judged_map, match_detections
from imagenet_transfer.training.tasks.action import action_ap
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tasks.detection import DetectionTask

pytestmark = pytest.mark.usefixtures("one_thread")


def classification():
    pictures = Pictures(28, 8)
    table = pictures.table()
    return ClassificationTask(pictures, table, table[5:], 8, TINY, RECIPE, seed=7)


def detection():
    recipe = RECIPE | {"batch_size": 3, "detector": DETECTOR | {"score_threshold": 0.0}}
    store = Squares(((64, 80),) * 5, difficult=(1,))
    return DetectionTask(store, DETECTING, None, recipe, 7)


def finish(task, folder):
    """Carry out a task; return its images.csv.gz and its metrics in percent."""
    finish_run(task, {"recipe": RECIPE, "seed": 7}, folder)
    entries = read_json(folder / "metrics.json")["metrics"]
    metrics = {entry["metric"]: entry["value"] for entry in entries}
    return read_tested(folder / "images.csv.gz"), metrics


def test_the_accuracies_follow_from_the_ranks(tmp_path):
    tested, metrics = finish(classification(), tmp_path)
    assert list(tested["image"]) == [f"{i:05}" for i in range(5, 28)]
    assert list(tested["label"]) == [i % 8 for i in range(5, 28)]
    for name, k in (("top1", 1), ("top5", 5)):
        right = (tested["rank"] < k).groupby(tested["label"]).mean()
        assert metrics[name] == pytest.approx(100 * right.mean(), abs=1e-12)
    assert metrics["top1"] < metrics["top5"] < 100  # not all alike


def test_average_precision_of_detection_follows_from_the_outcomes(tmp_path):
    task = detection()
    tested, metrics = finish(task, tmp_path)
    assert list(tested.columns) == ["image", "class", "score", "outcome", *CORNERS]
    assert set(tested["outcome"]) == {-1, 0, 1}
    assert metrics["mAP"] > 0
    for name in task.classes:
        tables = (task.detections(), task.test_objects, tested)
        own, objects, rows = (table[table["class"] == name] for table in tables)
        positives = int((objects["difficult"] == 0).sum())
        matches = match_detections(own, objects)
        direct = average_precision(own["score"], *matches, positives, "11-point")
        flags = [rows["outcome"].to_numpy() == outcome for outcome in (1, -1)]
        assert metrics[f"AP/{name}"] == 100 * direct
        assert direct == average_precision(rows["score"], *flags, positives, "11-point")


def test_boxes_are_those_that_were_judged_to_a_tenth_of_a_pixel(tmp_path):
    task = detection()
    tested, _ = finish(task, tmp_path)
    exact = task.detections()
    assert list(tested["image"]) == list(exact["image"])
    corners = [table[CORNERS].to_numpy() for table in (tested, exact)]
    assert abs(corners[0] - corners[1]).max() <= 0.05 + 1e-9
    assert (np.round(10 * corners[0]) / 10 == corners[0]).all()
    assert (corners[0] != np.round(corners[0])).any()
    heights, widths = np.array(
        [task.store.pictures[int(name)].shape[:2] for name in tested["image"]]
    ).T
    assert (corners[0][:, :2] >= 1).all()  # counted from 1
    assert (corners[0][:, 2] <= widths).all()
    assert (corners[0][:, 3] <= heights).all()


def test_a_part_of_the_test_images_is_judged_as_if_it_were_tested_by_itself(tmp_path):
    task = detection()
    tested, _ = finish(task, tmp_path)
    task.test_rows = task.test_rows[:3]
    names = task.names[task.test_rows]
    task.test_objects = task.test_objects[task.test_objects["image"].isin(names)]
    own = judged_map(tested[tested["image"].isin(names)], task.test_objects, task.classes)
    metrics = task.evaluate()
    del metrics["mAP"]
    assert {f"AP/{name}": 100 * ap for name, ap in own.items()} == metrics


def test_average_precision_of_actions_follows_from_the_scores(tmp_path):
    task = action_task()
    tested, metrics = finish(task, tmp_path)
    assert list(tested.columns) == ["image", "person", *ACTIONS]
    objects = task.store.objects.rename(columns={"object": "person"})
    people = tested[["image", "person"]].merge(objects, on=["image", "person"])
    assert len(people) == len(tested) == 4
    ap = action_ap(tested[list(ACTIONS)].to_numpy(), people[list(ACTIONS)].to_numpy())
    del metrics["mAP"]
    defined = {name: value for name, value in ap.items() if not np.isnan(value)}
    assert {f"AP/{name}": 100 * value for name, value in defined.items()} == metrics
    exact = np.concatenate([task.probabilities(row) for row in task.test_rows])
    assert (tested[list(ACTIONS)].to_numpy() == exact[:, : len(ACTIONS)]).all()


@pytest.mark.parametrize("make", [classification, detection, action_task])
def test_a_resumed_run_writes_the_same_file(make, tmp_path, monkeypatch):
    finish(make(), tmp_path / "whole")
    with monkeypatch.context() as patched, pytest.raises(training.DeadlineReachedError):
        patched.setattr("imagenet_transfer.training.stages.Deadline", lambda minutes: StopsAt(2))
        finish(make(), tmp_path / "parts")
    assert not (tmp_path / "parts/images.csv.gz").exists()
    finish(make(), tmp_path / "parts")
    whole, parts = ((tmp_path / name / "images.csv.gz").read_bytes() for name in ("whole", "parts"))
    assert whole == parts
    assert len(pd.read_csv(tmp_path / "whole/images.csv.gz")) > 3
