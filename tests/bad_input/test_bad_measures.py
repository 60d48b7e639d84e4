"""Tasks that measure frozen features, with mistakes in their keys."""

import pytest
import yaml
from config_changes import complaint_about
from study_configs import MEASURES, change


@pytest.fixture
def config():
    return yaml.safe_load(MEASURES)


WRONG = [
    ("tasks.near.recipe", "short", "tasks.near has the unknown key 'recipe'"),
    ("tasks.near.shots", 3, "tasks.near has the unknown key 'shots'"),
    ("tasks.one.k", 3, "tasks.one has the unknown key 'k'"),
    ("tasks.tuned.k", 3, "tasks.tuned has the unknown key 'k'"),
    ("tasks.near.k", 0, "tasks.near.k is 0, but should be 1 or more"),
    ("tasks.near.k", 61, "tasks.near.k is 61, but flowers has 60 training images; take fewer."),
    ("tasks.one.shots", 61, "tasks.one.shots is 61, but flowers has 60 training images"),
    ("tasks.near.temperature", 0, "temperature is 0, which is none of what is allowed there"),
    ("tasks.near.temperature", "cold", "temperature is 'cold', which is none of what is allowed"),
    ("tasks.near.augmentation", "crops", "augmentation is 'crops', but should be one of none"),
    ("tasks.probed.l2", [], "tasks.probed.l2 is [], but should have 1 or more entries"),
    ("tasks.probed.l2", [0], "tasks.probed.l2.0 is 0, but should be more than 0"),
    ("tasks.probed.l2", 1, "tasks.probed.l2 is 1, but should be a list"),
    ("tasks.probed.held_out", 1, "tasks.probed.held_out is 1, but should be less than 1"),
    ("tasks.one.method", "svm", "tasks.one.method is 'svm', but should be one of ridge"),
    ("tasks.one.metric", "mAP", "tasks.one.metric: mAP is not a metric of kind few-shot"),
    ("tasks.one.subset", "own", "tasks.one needs the key `dataset`, or"),
    ("tasks.one.dataset", "roses", "tasks.one.dataset names 'roses', which is not in datasets"),
    ("tasks.near.layer", "fc7", "tasks.near.layer: fc7 is not a layer of architecture small"),
    ("tasks.near.layer", "fc", "which the random start in outputs.table-flowers has none of"),
    ("tasks.near.layer", "FC", "tasks.near.layer is 'FC', but"),
    ("tasks.near.replicates", 4, "tasks.near.replicates is 4, but subsets have 3 networks"),
    ("datasets.flowers.store", {"size": 32}, "datasets.flowers.store.size is 32, but"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), WRONG)
def test_mistakes_get_a_sentence(config, path, value, sentence):
    assert sentence in complaint_about(change(config, path, value))


def test_a_data_set_with_boxes_cannot_be_measured(config):
    config["datasets"]["scenes"] = {"layout": "voc", "root": "VOCdevkit", "year": 2007}
    said = complaint_about(change(config, "tasks.near.dataset", "scenes"))
    assert "scenes has boxes instead of one category per image" in said
