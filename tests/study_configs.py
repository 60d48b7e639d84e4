"""Configs for tests: those that are shipped, and one with a change."""

import copy

from conftest import ROOT

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
STUDIES = ["config.yaml", "configs/paper.yaml", "configs/tiny-imagenet.yaml"]


def change(config, path, value):
    """Return a copy with the value at a dotted path set, or removed if it is `...`."""
    config = copy.deepcopy(config)
    *parents, last = path.split(".")
    place = config
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return config
