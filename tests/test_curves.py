"""The numbers behind Figures 1, 2, 4 and 9: whose accuracy, at which place, beside what."""

import pandas as pd
import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_csv, write_json
from imagenet_transfer.reporting.curves import curve_frame, induction_frame, split_frame

LAYOUT = {
    "along": "classes",
    "subsets": ["scratch", "coarse", "fine"],
    "tasks": ["det"],
    "accuracy": "cls",
    "metrics": {"det": "mAP", "cls": "top1"},
    "replicates": {"det": 2, "cls": 1},
    "paper": False,
}


class Runs:
    """A folder of metrics and manifest summaries."""

    def __init__(self, folder):
        self.folder, self.metrics, self.manifests = folder, [], []

    def add(self, subset, value, task=None, rep="", metric="top1"):
        path = self.folder / f"{subset}-{task}-{rep}.json"
        names = {"subset": subset, "arch": "alexnet", "seed": 1, "fingerprint": "f", "wall_s": 1}
        names |= {"stage": "transfer", "task": task, "rep": rep} if task else {"stage": "pretrain"}
        record = names | {"metrics": [{"metric": metric, "value": value}], "provenance": {"commit": "c"}}
        write_json(path, record)
        self.metrics.append(path)

    def manifest(self, subset, classes, n_images):
        path = self.folder / f"{subset}.json"
        write_json(path, {"n_classes": len(classes), "n_images": n_images, "classes": classes})
        self.manifests.append(path)


@pytest.fixture
def runs(tmp_path):
    runs = Runs(tmp_path)
    runs.manifest("fine", ["a", "b", "c", "d"], 400)
    runs.manifest("coarse", ["x", "y"], 400)
    return runs


def add_curve(runs):
    for subset, value in (("scratch", 1.0), ("coarse", 20.0), ("fine", 30.0)):
        for rep in (1, 2):
            runs.add(subset, value + rep, "det", rep, "mAP")
    runs.add("fine", 60.0)
    runs.add("coarse", 90.0)  # of two classes: no accuracy over all four
    runs.add("coarse", 40.0, "cls", 1)


def test_accuracy_is_a_networks_own_or_that_of_its_new_last_layer(runs):
    add_curve(runs)
    frame = curve_frame(LAYOUT, runs.metrics, runs.manifests)
    cells = {(row.subset, row.task): (row.x, row.mean, row.n) for row in frame.itertuples()}
    assert cells == {
        ("scratch", "det"): (0, 2.5, 2),
        ("coarse", "det"): (2, 21.5, 2),
        ("fine", "det"): (4, 31.5, 2),
        ("coarse", "cls"): (2, 40.0, 1),
        ("fine", "cls"): (4, 60.0, 1),
    }
    assert frame["x"].is_monotonic_increasing


def test_images_per_class_are_the_mean_number(runs):
    add_curve(runs)
    frame = curve_frame(LAYOUT | {"along": "images_per_class"}, runs.metrics, runs.manifests)
    assert set(zip(frame["subset"], frame["x"], strict=True)) == {("scratch", 0), ("coarse", 200), ("fine", 100)}


def test_a_missing_replicate_is_an_error(runs):
    add_curve(runs)
    with pytest.raises(UserError, match="coarse, det has 1 runs"):
        curve_frame(LAYOUT, [path for path in runs.metrics if path.name != "coarse-det-2.json"], runs.manifests)


def test_halves_are_tested_on_their_own_validation_images(tmp_path):
    runs = Runs(tmp_path)
    layout = {"splits": {"random": ["half-a", "half-b"]}, "halves": {"half-a": "a", "half-b": "b"}, "baseline": "all"}
    layout["metrics"] = {"half-a": "top1", "half-b": "top1"}
    runs.manifest("a", ["n1", "n2"], 20)
    runs.manifest("b", ["n3"], 10)
    for subset, value in (("a", 70.0), ("b", 80.0), ("all", 50.0)):
        runs.add(subset, value)
    for task, value in (("half-a", 75.0), ("half-b", 78.0)):
        runs.add("all", value, task, 1)
    images = pd.DataFrame({"split": ["train", "val", "val", "val", "val"], "class": ["n1", "n1", "n2", "n2", "n3"]})
    frame = split_frame(layout, runs.metrics, runs.manifests, images)
    assert list(frame.itertuples(index=False, name=None)) == [
        ("random", "a", 2, "half", 70.0, 3),
        ("random", "a", 2, "everything", 75.0, 3),
        ("random", "b", 1, "half", 80.0, 1),
        ("random", "b", 1, "everything", 78.0, 1),
    ]


def test_induction_stands_beside_the_baseline_on_the_same_classes(runs):
    columns = ["network", "k", "value", "n_queries", "n_gallery", "n_classes"]
    rows = [("subset", 1, 30.0, 8, 40, 4), ("baseline", 1, 50.0, 8, 40, 4)]
    write_csv(runs.folder / "coarse.csv", pd.DataFrame(rows, columns=columns))
    frame = induction_frame({"subsets": ["coarse"], "baseline": "fine"}, [runs.folder / "coarse.csv"], runs.manifests)
    assert list(frame.itertuples(index=False, name=None)) == [
        ("coarse", 2, 4, 8, 1, "coarse", 30.0),
        ("coarse", 2, 4, 8, 1, "fine", 50.0),
    ]
