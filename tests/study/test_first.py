"""The network that others wait for: named, trained here, and without needing another one."""

import pytest
import yaml
from conftest import ROOT
from study_configs import MEASURES, SCHEMA

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.runs import PretrainRun
from imagenet_transfer.study.study import Study

FIRST = {"subset": "own", "top1": 50, "within": 5}


def study(**changes):
    config = yaml.safe_load(MEASURES)
    config["first"] = FIRST | changes.pop("first", {})
    return Study.of(config | changes, SCHEMA)


def test_its_first_replicate_of_the_only_architecture():
    assert study().first_run() == PretrainRun("small", "own", 1)
    assert Study.of(yaml.safe_load(MEASURES), SCHEMA).first is None


def test_several_architectures_need_a_choice():
    networks = yaml.safe_load(MEASURES)["architectures"]
    both = networks | {"other": networks["small"]}
    with pytest.raises(UserError, match=r"first needs the key `architecture`.*small, other"):
        study(architectures=both)
    chosen = study(architectures=both, first={"architecture": "other"})
    assert chosen.first_run() == PretrainRun("other", "own", 1)


def test_a_given_network_is_not_trained():
    with pytest.raises(UserError, match=r"first\.subset: bought is a given network"):
        study(first={"subset": "bought"})


def test_labels_made_by_another_network_cannot_be_waited_for():
    config = read_config(ROOT / "configs/visual.yaml")
    visual = [name for name, entry in config["label_sets"].items() if entry["method"] == "visual"]
    subsets = config["subsets"].items()
    subset = next(name for name, entry in subsets if entry.get("label_set") in visual)
    config["first"] = FIRST | {"subset": subset}
    with pytest.raises(UserError, match=r"first\.subset: the labels of .* by another network"):
        Study.of(config, SCHEMA)
