"""What networks are tested on: the split `test` of a data set without `val`, and never nothing."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import RECIPE, TINY
from PIL import Image
from test_analyses import FEATURES, IMAGES, LABEL_SET

from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.errors import UserError
from imagenet_transfer.features.analyses import induction, neighbours_of
from imagenet_transfer.features.embeddings import classify
from imagenet_transfer.files import read_json, write_csv
from imagenet_transfer.labels.label_sets import categories
from imagenet_transfer.labels.manifests import draw_manifest, write_manifest
from imagenet_transfer.models import build_model
from imagenet_transfer.running.records import read_tested
from imagenet_transfer.training.checkpoints import save_weights
from imagenet_transfer.training.stages import finetune, pretrain, validation_set
from imagenet_transfer.training.tasks.classification import ClassificationTask

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {"architecture": TINY, "recipe": RECIPE, "seed": 3}
SCENES = ("abbey", "bar", "cave")
OTHERS = IMAGES.assign(split=IMAGES["split"].replace("val", "test"))


@pytest.fixture
def study(tmp_path):
    """A store of scenes with the splits train and test, with a manifest and a label set."""
    rows = []
    draw = np.random.default_rng(0)
    for number in range(12):
        name = f"{SCENES[number % 3]}{number:02d}"
        Image.fromarray(draw.integers(0, 255, (28, 28, 3), np.uint8)).save(tmp_path / f"{name}.png")
        rows.append(("test" if number < 3 else "train", name, SCENES[number % 3], f"{name}.png"))
    spec = {"codec": "raw", "size": 28}
    folders = (tmp_path, tmp_path / "store")
    build_store(make_listing(rows, SCENES), *folders, spec, workers=1, progress=False)
    labels = categories(SCENES)
    images = Store(tmp_path / "store").images
    write_csv(tmp_path / "labels.csv", labels)
    drawn = draw_manifest(images[images["split"] == "train"], labels, {}, 1)
    write_manifest(drawn, tmp_path / "scenes.csv.gz", tmp_path / "scenes.json")
    return tmp_path


TESTED = ["abbey00", "bar01", "cave02"]


def metrics(folder: Path) -> dict:
    entries = read_json(folder / "metrics.json")["metrics"]
    return {entry["metric"]: entry["value"] for entry in entries}


def judged(folder: Path) -> list[str]:
    return read_tested(folder / "images.csv.gz")["image"].tolist()


def trained(study, **changes):
    names = {"stage": "pretrain", "arch": "alexnet", "subset": "scenes", "rep": 1}
    inputs = (study / "store", study / "scenes.csv.gz", study / "labels.csv")
    pretrain(*inputs, SETTINGS | changes, names, study / "run", threads=1, minutes=None)


def test_pretraining_is_measured_on_test_images(study):
    trained(study)
    assert metrics(study / "run").keys() == {"top1"}
    assert judged(study / "run") == TESTED


def test_a_task_on_a_subset_is_measured_on_test_images(study):
    names = {"arch": "alexnet", "subset": "scratch", "task": "scenes", "rep": 1, "network": ""}
    inputs = {
        "store": study / "store/meta.json",
        "manifest": study / "scenes.csv.gz",
        "label_set": study / "labels.csv",
    }
    finetune("classification", inputs, SETTINGS, names, study / "run", threads=1, minutes=None)
    assert math.isfinite(metrics(study / "run")["top1"])
    assert judged(study / "run") == TESTED


def test_nothing_to_be_tested_on_is_said_before_training(study):
    store = Store(study / "store")
    sentence = "store: no image of the split test is of a class of the subset"
    with pytest.raises(UserError, match=sentence):
        validation_set(store, categories(["zoo"]), ["zoo"])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_metric_that_is_not_finite_is_not_written(study, monkeypatch, value):
    monkeypatch.setattr(ClassificationTask, "evaluate", lambda task: {"top1": value})
    sentence = rf"run: the metric top1 is {value}\. Check that the test images"
    with pytest.raises(UserError, match=sentence):
        trained(study)
    assert not (study / "run/metrics.json").exists()


def test_predictions_are_of_test_images(study):
    save_weights(study / "weights.pt", build_model(TINY, 3))
    found = classify(Store(study / "store"), study / "weights.pt", TINY, SCENES)
    assert found["image"].tolist() == TESTED


def test_features_are_compared_on_test_images():
    networks = {"coarse": FEATURES}
    found = induction(networks, OTHERS, LABEL_SET)
    pd.testing.assert_frame_equal(found, induction(networks, IMAGES, LABEL_SET))
    ask = (LABEL_SET, ["boxer"], 4, 0)
    found = neighbours_of("a", FEATURES, OTHERS, *ask)
    pd.testing.assert_frame_equal(found, neighbours_of("a", FEATURES, IMAGES, *ask))
