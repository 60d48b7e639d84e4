"""What a config may leave out, and what then holds: a short question needs a short config."""

import contextlib
from collections.abc import Mapping
from typing import Any

from imagenet_transfer.data.known_layouts import WITH_BOXES, content_of
from imagenet_transfer.errors import UserError
from imagenet_transfer.models import network_of
from imagenet_transfer.training.kinds import KINDS

Config = Mapping[str, Any]
TOLERANCES = {"half": 0.9, "eighth": 0.8, "few_merged": 0.01, "induction": 0.7, "comparable": 0.1}
SECTIONS = ("label_sets", "subsets", "architectures", "recipes", "tasks", "outputs")
AVERAGE_PRECISION = "all-point"
LINKAGE = "average"
OUTPUTS: Config = {"examples": {"images": 6}}  # by builder


def completed(config: Config) -> dict[str, Any]:
    """Return a config of the right shape with the keys that it leaves out."""
    known = {"seed": 0, "replicates": 1, "compare_with_paper": False, "tolerances": TOLERANCES}
    full = known | {name: {} for name in SECTIONS} | dict(config)
    full["datasets"] = {name: _dataset(full, entry) for name, entry in full["datasets"].items()}
    full["label_sets"] = _label_sets(full)
    full["subsets"] = {name: _subset(entry) for name, entry in full["subsets"].items()}
    full["tasks"] = {name: _task(full, entry) for name, entry in full["tasks"].items()}
    full["outputs"] = {name: _output(entry) for name, entry in full["outputs"].items()}
    if "first" in full:
        full["first"] = _first(full)
    return full


def _dataset(config: Config, entry: Config) -> dict[str, Any]:
    """Return a data set with its store: files as they are with boxes, else JPEGs of one size."""
    boxes = content_of(entry) in WITH_BOXES
    store = {
        "codec": "original" if boxes else "jpeg",
        "max_unreadable": 0,
        **entry.get("store", {}),
    }
    sides = {network_of(network).image_size for network in config["architectures"].values()}
    if store["codec"] != "original" and len(sides) == 1:
        store = {"size": min(sides), **store}
    return {**entry, "store": store}


def _label_sets(config: Config) -> dict[str, Any]:
    """Return the label sets with those of subsets that name none: their data set's own classes."""
    without = [entry for entry in config["subsets"].values() if "label_set" not in entry]
    named = [entry["dataset"] for entry in without if "dataset" in entry]
    own = {name: {"method": "categories", "dataset": name} for name in named}
    given = {name: _label_set(config, entry) for name, entry in config["label_sets"].items()}
    return {**own, **given}


def _label_set(config: Config, entry: Config) -> dict[str, Any]:
    """Return a label set; features are of the last layer but one and of the network's own images."""
    if entry["method"] != "visual":
        return dict(entry)
    known = {"linkage": LINKAGE}
    with contextlib.suppress(KeyError, UserError):  # which the checks have sentences for
        network = network_of(config["architectures"][entry["architecture"]])
        known["layer"] = list(network.feature_sizes(num_classes=1))[-2]
    with contextlib.suppress(KeyError):
        known["dataset"] = config["subsets"][entry["subset"]]["dataset"]
    return {**known, **entry}


def _subset(entry: Config) -> dict[str, Any]:
    if "label_set" in entry or "dataset" not in entry:
        return dict(entry)
    return {"label_set": entry["dataset"], **entry}


def _task(config: Config, entry: Config) -> dict[str, Any]:
    kind = KINDS[entry["kind"]]
    known = {"replicates": config["replicates"], "metric": kind.metrics[0]}
    if kind.judges_boxes:
        known["average_precision"] = AVERAGE_PRECISION
    return {**known, **entry}


def _first(config: Config) -> dict[str, Any]:
    """Return the check of the first network; its architecture is the only one, if there is one."""
    architectures = list(config["architectures"])
    known = {"architecture": architectures[0]} if len(architectures) == 1 else {}
    return {**known, **config["first"]}


def _output(entry: Config) -> dict[str, Any]:
    return {**OUTPUTS.get(entry["builder"], {}), **entry}
