"""What the schema cannot say of a config: names that do not exist, keys and sizes that must agree.

Data and outputs have files of their own; here are networks, recipes and tasks.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from imagenet_transfer.data.known_layouts import content_of, layouts_with
from imagenet_transfer.study.config_file import nearest_name, unknown_name
from imagenet_transfer.study.data_checks import (
    class_problems,
    dataset_problems,
    has_boxes,
    is_without_data,
    subset_problems,
)
from imagenet_transfer.study.design_checks import design_problems
from imagenet_transfer.study.label_checks import label_set_problems
from imagenet_transfer.study.output_checks import claim_problems, output_problems
from imagenet_transfer.study.training_checks import network_problems, part_problems, recipe_problems
from imagenet_transfer.training.kinds import KINDS
from imagenet_transfer.training.recipe import SECTIONS

Config = Mapping[str, Any]


def problems_of(config: Config, wnids: Collection[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with a config of the right shape.

    `wnids` are its classes.
    """
    problems = itertools.chain(
        dataset_problems(config),
        network_problems(config),
        recipe_problems(config),
        label_set_problems(config, wnids),
        subset_problems(config, SECTIONS),
        _task_problems(config),
        output_problems(config),
        design_problems(config, wnids),
        claim_problems(config),
        part_problems(config),
        _first_problems(config),
        class_problems(config, wnids),
    )
    return list(dict.fromkeys(problems))


def _first_problems(config: Config) -> Iterator[str]:
    """Yield why the first network cannot be trained before all others."""
    entry = config.get("first")
    if entry is None:
        return
    if "architecture" not in entry:
        names = ", ".join(config["architectures"])
        yield f"first needs the key `architecture`, as there are several: take one of {names}."
    else:
        yield from unknown_name(
            config, "first.architecture", entry["architecture"], "architectures"
        )
    yield from unknown_name(config, "first.subset", entry["subset"], "subsets")
    subset = config["subsets"].get(entry["subset"], {})
    if "weights" in subset:
        yield (
            f"first.subset: {entry['subset']} is a given network, which is not trained here; take "
            "a subset with a recipe."
        )
    label_set = config["label_sets"].get(subset.get("label_set"), {})
    if label_set.get("method") == "visual":
        yield (
            f"first.subset: the labels of {entry['subset']} are made by another network, which "
            "would wait for this one; take a subset whose labels need none."
        )


def _task_problems(config: Config) -> Iterator[str]:
    sections = {"dataset": "datasets", "subset": "subsets", "recipe": "recipes"}
    for name, entry in config["tasks"].items():
        where = f"tasks.{name}"
        for key, section in sections.items():
            if key in entry:
                yield from unknown_name(config, f"{where}.{key}", entry[key], section)
        if KINDS[entry["kind"]].frozen:
            yield from _measure_problems(config, where, entry)
        else:
            yield from _section_problems(config, where, entry)
        yield from _kind_problems(where, entry)
        if is_without_data(config, entry.get("subset", "")):
            yield (
                f"{where}.subset: subsets.{entry['subset']} names no `dataset`, so there are no "
                "images and labels to learn; name one there, or take another subset."
            )
        dataset = config["datasets"].get(entry.get("dataset"))
        if dataset:
            yield from _image_problems(config, where, entry, dataset)
            yield from _class_problems(where, entry, dataset.get("classes", ()))


def _section_problems(config: Config, where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    if "recipe" not in entry:
        yield f"{where}: kind {entry['kind']} needs the key `recipe`, one of recipes."
    recipe = config["recipes"].get(entry.get("recipe"))
    if recipe is None:
        return
    for name, kind in KINDS.items():
        section = kind.section
        if section and name == entry["kind"] and section not in recipe:
            yield f"{where}: its recipe {entry['recipe']} lacks the section `{section}`."
        if section and name != entry["kind"] and section in recipe:
            yield (
                f"{where}: its recipe {entry['recipe']} has a section `{section}`, which is for "
                f"{name}."
            )


def _measure_problems(config: Config, where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a measure cannot do with the networks and with the declared number of images."""
    kind = entry["kind"]
    networks = config["replicates"]
    if entry["replicates"] > networks:
        yield (
            f"{where}.replicates is {entry['replicates']}, but subsets have {networks} "
            f"network{'s' * (networks > 1)} (the study's `replicates`), and kind {kind} gives one "
            f"number per network; take at most {networks}, or raise the study's."
        )
    images = config["datasets"].get(entry.get("dataset"), {}).get("images", {}).get("train")
    for key in ("k", "shots"):
        value = getattr(KINDS[kind].keys.of(entry), key, 0)
        if images is not None and value > images:
            yield (
                f"{where}.{key} is {value}, but {entry['dataset']} has {images} training images; "
                "take fewer."
            )


def _kind_problems(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    name = entry["kind"]
    kind = KINDS[name]
    if not kind.judges_boxes and "average_precision" in entry:
        yield f"{where}: kind {name} has no use for the key `average_precision`; remove it."
    if entry["metric"].partition("/")[0] not in kind.metrics:
        yield f"{where}.metric: {entry['metric']} is not a metric of kind {name}."
    learns_subset = "subset" in entry
    allowed = "manifest" in kind.inputs
    if learns_subset == ("dataset" in entry) or (learns_subset and not allowed):
        yield f"{where} needs the key `dataset`, or (classification) `subset`, and not both."


def _class_problems(where: str, entry: Mapping[str, Any], classes: Sequence[str]) -> Iterator[str]:
    """Yield that a task's metric is about a class that its data set does not name in the config."""
    _, _, name = entry["metric"].partition("/")
    if name and classes and name not in classes:
        yield (
            f"{where}.metric: {entry['metric']} is about none of the classes of "
            f"{entry['dataset']}.{nearest_name(name, classes)}"
        )


def _image_problems(
    config: Config, where: str, entry: Mapping[str, Any], dataset: Mapping[str, Any]
) -> Iterator[str]:
    """Yield why a task cannot use a data set's images."""
    kind = KINDS[entry["kind"]]
    name = entry["dataset"]
    if not kind.holds:
        if has_boxes(config, name):
            content = content_of(dataset)
            kinds = " or ".join(other for other, of in KINDS.items() if of.holds == content)
            yield (
                f"{where}: {name} has boxes instead of one category per image; take kind {kinds}."
            )
        return
    if content_of(dataset) != kind.holds:
        layouts = " or ".join(layouts_with(kind.holds))
        yield (
            f"{where}: kind {entry['kind']} needs {kind.holds}, as data sets of layout {layouts} "
            f"have, unlike {name}."
        )
    if dataset["store"]["codec"] != "original":
        yield f"{where}: {name} is stored warped, which moves its boxes; set its codec to original."
