"""images.csv.gz of a run: each test image's result, from which the run's metrics follow."""

import numpy as np
import pandas as pd
import pytest
import test_action
import test_detection
from conftest import RECIPE, TINY, Pictures, finish_run

from imagenet_transfer.data.layouts.voc_action import ACTIONS
from imagenet_transfer.files import read_json
from imagenet_transfer.running.records import read_tested
from imagenet_transfer.training import loop as training
from imagenet_transfer.training.metrics import average_precision, judged_map, match_detections
from imagenet_transfer.training.tasks.action import ActionTask, action_ap
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tasks.detection import DetectionTask

pytestmark = pytest.mark.usefixtures("one_thread")


def classification():
    pictures = Pictures(28, 8)
    table = pictures.table()
    return ClassificationTask(pictures, table, table[5:], 8, TINY, RECIPE, seed=7)


def detection():
    recipe = RECIPE | {"batch_size": 3, "detector": test_detection.SMALL | {"score_threshold": 0.0}}
    store = test_detection.Squares(((64, 80),) * 5, difficult=(1,))
    return DetectionTask(store, test_detection.TINY, None, recipe, 7)


def action():
    store = test_action.Scenes()
    recipe = RECIPE | {"batch_size": 2, "rstarcnn": test_action.SMALL}
    return ActionTask(store, store.proposals(), TINY, None, recipe, 7)


def finish(job, folder):
    """Run a job; return its images.csv.gz and its metrics in percent."""
    finish_run(job, {"recipe": RECIPE, "seed": 7}, folder)
    metrics = {
        entry["metric"]: entry["value"] for entry in read_json(folder / "metrics.json")["metrics"]
    }
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
    job = detection()
    tested, metrics = finish(job, tmp_path)
    assert list(tested.columns) == ["image", "class", "score", "outcome"]
    assert set(tested["outcome"]) == {-1, 0, 1}
    assert metrics["mAP"] > 0
    for name in job.classes:
        own, objects = (
            frame[frame["class"] == name] for frame in (job.detections(), job.test_objects)
        )
        positives = int((objects["difficult"] == 0).sum())
        direct = average_precision(
            own["score"], *match_detections(own, objects), positives, "11-point"
        )
        outcome = tested["outcome"][tested["class"] == name].to_numpy()
        scores = tested["score"][tested["class"] == name]
        assert metrics[f"AP/{name}"] == 100 * direct
        assert direct == average_precision(
            scores, outcome == 1, outcome == -1, positives, "11-point"
        )


def test_a_part_of_the_test_images_is_judged_as_if_it_were_tested_by_itself(tmp_path):
    job = detection()
    tested, _ = finish(job, tmp_path)
    job.test_rows = job.test_rows[:3]
    names = job.names[job.test_rows]
    job.test_objects = job.test_objects[job.test_objects["image"].isin(names)]
    own = judged_map(tested[tested["image"].isin(names)], job.test_objects, job.classes)
    assert {f"AP/{name}": 100 * ap for name, ap in own.items()} == {
        name: ap for name, ap in job.evaluate().items() if name != "mAP"
    }


def test_average_precision_of_actions_follows_from_the_scores(tmp_path):
    job = action()
    tested, metrics = finish(job, tmp_path)
    assert list(tested.columns) == ["image", "person", *ACTIONS]
    people = tested[["image", "person"]].merge(
        job.store.objects, left_on=["image", "person"], right_on=["image", "object"]
    )
    assert len(people) == len(tested) == 4
    ap = action_ap(tested[list(ACTIONS)].to_numpy(), people[list(ACTIONS)].to_numpy())
    assert {f"AP/{name}": 100 * value for name, value in ap.items() if not np.isnan(value)} == {
        name: value for name, value in metrics.items() if name != "mAP"
    }
    exact = np.concatenate([job.probabilities(row) for row in job.test_rows])[:, : len(ACTIONS)]
    assert (tested[list(ACTIONS)].to_numpy() == exact).all()


class Stops:
    """A deadline that passes at the second question."""

    def __init__(self, minutes):
        self.left = 2

    def passed(self):
        self.left -= 1
        return self.left <= 0


@pytest.mark.parametrize("make", [classification, detection, action])
def test_a_resumed_run_writes_the_same_file(make, tmp_path, monkeypatch):
    finish(make(), tmp_path / "whole")
    with monkeypatch.context() as patched, pytest.raises(training.DeadlineReachedError):
        patched.setattr("imagenet_transfer.training.stages.Deadline", Stops)
        finish(make(), tmp_path / "parts")
    assert not (tmp_path / "parts/images.csv.gz").exists()
    finish(make(), tmp_path / "parts")
    whole, parts = ((tmp_path / name / "images.csv.gz").read_bytes() for name in ("whole", "parts"))
    assert whole == parts
    assert len(pd.read_csv(tmp_path / "whole/images.csv.gz")) > 3
