"""Changes of the shipped configs, and the sentences that changed configs are refused with."""

import copy

import pytest
from conftest import ROOT

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.study import Study

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
STUDIES = [
    ROOT / name for name in ("config.yaml", "configs/paper.yaml", "configs/tiny-imagenet.yaml")
]
CONFIG = read_config(STUDIES[0])
REMOVED = object()  # instead of a value: the key goes
ENTRY = {"dataset": "imagenet", "label_set": "imagenet", "recipe": "pretrain"}

# Dotted paths of places in the config
PRETRAIN = "recipes.pretrain"
DETECTOR = "recipes.detection.detector"
STORE = "datasets.imagenet.store"
ALEXNET = "architectures.alexnet"
ACTION = "datasets.voc2012-action.proposals"


def changed(path, value, config=CONFIG):
    """Return a copy with the value at a dotted path set, or removed."""
    config = copy.deepcopy(config)
    *parents, last = path.split(".")
    place = config
    for key in parents:
        place = place[key]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return config


def complaint_about(config):
    """Return the sentences about a config, after a check of their form."""
    with pytest.raises(UserError) as caught:
        Study.of(config, SCHEMA)
    return checked_sentences(str(caught.value))


def checked_sentences(said):
    """Return the sentences, after a check that they are short, whole, and each there only once."""
    assert said.splitlines()
    for line in said.splitlines():
        assert len(line) < 700, line
        assert line.endswith((".", "?", ")")), line
    assert len(set(said.splitlines())) == len(said.splitlines()), said
    return said
