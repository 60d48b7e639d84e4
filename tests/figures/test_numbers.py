"""The numbers that Figures 1, 2, 4 and 9 show: which runs, at which place, next to which."""

import math

import pandas as pd
import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.numbers import curve_frame, induction_frame, split_frame
from imagenet_transfer.files import write_csv, write_json

LAYOUT = {
    "along": "classes",
    "subsets": ["scratch", "coarse", "fine"],
    "tasks": ["det"],
    "accuracy": "cls",
    "metrics": {"det": "mAP", "cls": "top1"},
    "replicates": {"det": 2, "cls": 2},
    "own": {"fine": 2},
    "paper": False,
}


class Runs:
    """A folder of metrics and manifest summaries."""

    def __init__(self, folder):
        self.folder = folder
        self.metrics = []
        self.manifests = []

    def add(self, subset, value, task=None, rep=1, metric="top1"):
        path = self.folder / f"{subset}-{task}-{rep}.json"
        names = {"subset": subset, "arch": "alexnet", "seed": 1, "fingerprint": "f", "wall_s": 1}
        names |= {"stage": "transfer", "task": task} if task else {"stage": "pretrain"}
        record = names | {"rep": rep, "metrics": [{"metric": metric, "value": value}]}
        write_json(path, record | {"provenance": {"commit": "c"}})
        self.metrics.append(path)

    def manifest(self, subset, classes, n_images):
        path = self.folder / f"{subset}.json"
        write_json(path, {"n_classes": len(classes), "n_images": n_images, "classes": classes})
        self.manifests.append(path)

    def without(self, *names):
        assert set(names) <= {path.stem for path in self.metrics}
        return [path for path in self.metrics if path.stem not in names]


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
            runs.add(subset, 3 * value + rep, "cls", rep)  # the random start's is shown nowhere
    for rep in (1, 2):
        runs.add("fine", 60.0 + rep, rep=rep)
        runs.add("coarse", 90.0 + rep, rep=rep)  # of two classes: no accuracy over all four


def test_accuracy_is_that_of_a_new_last_layer_next_to_a_fine_networks_own(runs):
    add_curve(runs)
    frame = curve_frame(LAYOUT, runs.metrics, runs.manifests)
    cells = {(row.subset, row.task): (row.x, row.mean, row.n) for row in frame.itertuples()}
    assert cells == {
        ("scratch", "det"): (0, 2.5, 2),
        ("coarse", "det"): (2, 21.5, 2),
        ("fine", "det"): (4, 31.5, 2),
        ("coarse", "cls"): (2, 61.5, 2),
        ("fine", "cls"): (4, 91.5, 2),
        ("fine", "cls:own"): (4, 61.5, 2),
    }
    assert frame["x"].is_monotonic_increasing


def test_a_missing_network_is_an_error(runs):
    add_curve(runs)
    with pytest.raises(UserError, match="fine, cls:own has 1 runs"):
        curve_frame(LAYOUT, runs.without("fine-None-2"), runs.manifests)


def test_images_per_class_are_the_mean_number(runs):
    add_curve(runs)
    frame = curve_frame(LAYOUT | {"along": "images_per_class"}, runs.metrics, runs.manifests)
    places = set(zip(frame["subset"], frame["x"], strict=True))
    assert places == {("scratch", 0), ("coarse", 200), ("fine", 100)}


def test_a_missing_replicate_is_an_error(runs):
    add_curve(runs)
    with pytest.raises(UserError, match="coarse, det has 1 runs"):
        curve_frame(LAYOUT, runs.without("coarse-det-2"), runs.manifests)


SPLITS = {
    "splits": {"random": ["half-a", "half-b"]},
    "halves": {"half-a": "a", "half-b": "b"},
    "baseline": "all",
    "metrics": {"half-a": "top1", "half-b": "top1"},
}


def add_halves(runs):
    runs.manifest("a", ["n1", "n2"], 20)
    runs.manifest("b", ["n3"], 10)
    for subset, value in (("a", 70.0), ("b", 80.0), ("all", 50.0)):
        for rep in (1, 2):
            runs.add(subset, value + 2 * rep, rep=rep)
            runs.add(subset, 5.0, rep=f"{rep}-top5", metric="top5")  # not the figure's metric
    values = (("a", "a", 74.0), ("a", "all", 60.0), ("b", "b", 84.0), ("b", "all", 65.0))
    for half, subset, value in values:
        for rep in (1, 2):
            runs.add(subset, value + 4 * rep, f"half-{half}", rep)


def test_halves_show_three_networks_each_over_their_replicates(tmp_path):
    runs = Runs(tmp_path)
    add_halves(runs)
    frame = split_frame(SPLITS, runs.metrics, runs.manifests)
    assert list(frame) == ["split", "half", "n_classes", "network", "mean", "std", "n"]
    found = {
        tuple(row[:4]): (row.mean, pytest.approx(row.std), row.n)
        for row in frame.itertuples(index=False)
    }
    assert found == {
        ("random", "a", 2, "own"): (73.0, math.sqrt(2), 2),
        ("random", "a", 2, "half"): (80.0, math.sqrt(8), 2),
        ("random", "a", 2, "everything"): (66.0, math.sqrt(8), 2),
        ("random", "b", 1, "own"): (83.0, math.sqrt(2), 2),
        ("random", "b", 1, "half"): (90.0, math.sqrt(8), 2),
        ("random", "b", 1, "everything"): (71.0, math.sqrt(8), 2),
    }


def test_a_bar_without_a_run_is_an_error(tmp_path):
    runs = Runs(tmp_path)
    add_halves(runs)
    left = runs.without("all-half-b-1", "all-half-b-2")
    with pytest.raises(UserError, match="no run for the bar everything, b"):
        split_frame(SPLITS, left, runs.manifests)


def test_a_networks_induction_is_next_to_the_baselines_on_the_same_classes(runs):
    columns = ["network", "k", "value", "n_queries", "n_gallery", "n_classes"]
    paths = []
    for subset, rep in (("coarse", 1), ("coarse", 2), ("other", 1)):
        rows = [("subset", 1, 30.0 + rep, 8, 40, 4), ("baseline", 1, 50.0 + rep, 8, 40, 4)]
        paths.append(runs.folder / f"{subset}{rep}.csv")
        write_csv(paths[-1], pd.DataFrame(rows, columns=columns))
    runs.manifest("other", ["x", "y", "z"], 400)
    layout = {"subsets": ["coarse", "other"], "baseline": "fine"}
    layout |= {"networks": {"coarse": 2, "other": 1, "fine": 2}}
    frame = induction_frame(layout, paths, runs.manifests)
    assert list(frame) == [
        *("subset", "n_classes", "n_fine", "n_unseen", "n_queries"),
        *("k", "network", "rep", "value"),
    ]
    assert list(frame.itertuples(index=False, name=None)) == [
        ("coarse", 2, 4, 4, 8, 1, "coarse", 1, 31.0),
        ("coarse", 2, 4, 4, 8, 1, "fine", 1, 51.0),
        ("coarse", 2, 4, 4, 8, 1, "coarse", 2, 32.0),
        ("coarse", 2, 4, 4, 8, 1, "fine", 2, 52.0),
        ("other", 3, 4, 4, 8, 1, "other", 1, 31.0),
        ("other", 3, 4, 4, 8, 1, "fine", 1, 51.0),
    ]
