"""What a config may leave out."""

import pytest
import yaml
from conftest import ROOT

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.defaults import completed
from imagenet_transfer.study.study import Study

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
SHORT = """
study: flowers
replicates: 2
datasets:
  flowers: {layout: sun397, root: flowers, partition: 1}
  scenes: {layout: voc, root: VOCdevkit, year: 2007}
architectures:
  small: {model: resnet18, image_size: 64, input_size: 56}
recipes:
  short: {batch_size: 4, iterations: 2, lr: 0.1}
subsets:
  own: {dataset: flowers, recipe: short}
tasks:
  flowers-cls: {kind: classification, dataset: flowers, recipe: short}
  scenes-det: {kind: detection, dataset: scenes, recipe: short}
outputs:
  table-flowers: {builder: transfer, architecture: small, tasks: [flowers-cls], subsets: [own, scratch]}
"""


@pytest.fixture
def config():
    return yaml.safe_load(SHORT)


def test_a_short_config_is_completed(config):
    full = completed(config)
    assert full["datasets"]["flowers"]["store"] == {
        "codec": "jpeg",
        "size": 64,
        "max_unreadable": 0,
    }
    assert full["datasets"]["scenes"]["store"] == {"codec": "original", "max_unreadable": 0}
    assert full["subsets"]["own"]["label_set"] == "flowers"
    assert full["label_sets"]["flowers"] == {"method": "categories", "dataset": "flowers"}
    assert full["tasks"]["flowers-cls"] == config["tasks"]["flowers-cls"] | {
        "replicates": 2,
        "metric": "top1",
    }
    assert full["tasks"]["scenes-det"]["average_precision"] == "all-point"
    assert completed(full) == full
    assert "seed" not in config and "label_sets" not in config


def test_what_is_given_stays(config):
    config["datasets"]["flowers"]["store"] = {"codec": "raw", "size": 64}
    config["tasks"]["flowers-cls"]["metric"] = "top5"
    full = completed(config)
    assert full["datasets"]["flowers"]["store"]["codec"] == "raw"
    assert full["tasks"]["flowers-cls"]["metric"] == "top5"


def test_a_short_config_is_a_study(config):
    del config["tasks"]["scenes-det"]
    study = Study.of(config, SCHEMA)
    assert study.seed == 0 and study.classes is None and not study.compare_with_paper
    assert len(study.all_runs()) == 2 + 4


def test_the_size_of_networks_that_differ_is_asked_for(config):
    config["architectures"]["other"] = {"model": "resnet18", "image_size": 32, "input_size": 32}
    with pytest.raises(UserError, match="codec jpeg needs the key `size`"):
        Study.of(config, SCHEMA)


def test_wordnet_classes_are_asked_for_where_they_are_needed(config):
    config["datasets"]["imagenet"] = {"layout": "ilsvrc", "root": "imagenet"}
    config["label_sets"] = {"merged": {"method": "bottom-up", "depth": 3}}
    with pytest.raises(UserError) as error:
        Study.of(config, SCHEMA)
    assert "datasets.imagenet: layout ilsvrc needs WordNet classes" in str(error.value)
    assert "label_sets.merged: method bottom-up needs WordNet classes" in str(error.value)
