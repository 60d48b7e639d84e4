"""What the schema cannot say of a config: names that do not exist, keys and sizes that must agree.

Data and outputs have files of their own; here are networks, recipes and tasks.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from imagenet_transfer.study.config_file import unknown_name
from imagenet_transfer.study.data_checks import (
    WITH_BOXES,
    class_problems,
    dataset_problems,
    label_set_problems,
    subset_problems,
)
from imagenet_transfer.study.output_checks import claim_problems, output_problems
from imagenet_transfer.study.training_checks import network_problems, part_problems, recipe_problems

Config = Mapping[str, Any]
SECTION_OF_KIND = {"detection": "detector", "action": "rstarcnn"}  # of a recipe
LAYOUT_OF_KIND = {"detection": "voc", "action": "voc-action"}


def problems_of(config: Config, wnids: Collection[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with a config of the right shape.

    `wnids` are its classes.
    """
    problems = itertools.chain(
        dataset_problems(config),
        network_problems(config),
        recipe_problems(config),
        label_set_problems(config),
        subset_problems(config, SECTION_OF_KIND.values()),
        _task_problems(config),
        output_problems(config),
        claim_problems(config),
        part_problems(config),
        class_problems(config, wnids),
    )
    return list(dict.fromkeys(problems))


def _task_problems(config: Config) -> Iterator[str]:
    sections = {"dataset": "datasets", "subset": "subsets", "recipe": "recipes"}
    for name, entry in config["tasks"].items():
        where = f"tasks.{name}"
        for key, section in sections.items():
            if key in entry:
                yield from unknown_name(config, f"{where}.{key}", entry[key], section)
        yield from _section_problems(config, where, entry)
        yield from _kind_problems(where, entry)
        dataset = config["datasets"].get(entry.get("dataset"))
        if dataset:
            yield from _image_problems(where, entry, dataset)


def _section_problems(config: Config, where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    recipe = config["recipes"].get(entry["recipe"])
    if recipe is None:
        return
    for kind, section in SECTION_OF_KIND.items():
        if kind == entry["kind"] and section not in recipe:
            yield f"{where}: its recipe {entry['recipe']} lacks the section `{section}`."
        if kind != entry["kind"] and section in recipe:
            yield (
                f"{where}: its recipe {entry['recipe']} has a section `{section}`, which is for "
                f"{kind}."
            )


def _kind_problems(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    kind = entry["kind"]
    finds = kind in SECTION_OF_KIND
    if finds and "average_precision" not in entry:
        yield f"{where}: kind {kind} needs the key `average_precision` (11-point is VOC2007's)."
    if not finds and "average_precision" in entry:
        yield f"{where}: kind {kind} has no use for the key `average_precision`; remove it."
    if finds != (entry["metric"].partition("/")[0] in ("mAP", "AP")):
        yield f"{where}.metric: {entry['metric']} is not a metric of kind {kind}."
    if ("subset" in entry) == ("dataset" in entry) or (finds and "subset" in entry):
        yield f"{where} needs the key `dataset`, or (classification) `subset`, and not both."


def _image_problems(
    where: str, entry: Mapping[str, Any], dataset: Mapping[str, Any]
) -> Iterator[str]:
    """Yield why a task cannot use a data set's images."""
    kind = entry["kind"]
    name = entry["dataset"]
    if kind not in SECTION_OF_KIND:
        if dataset["layout"] in WITH_BOXES:
            yield (
                f"{where}: {name} has boxes instead of one category per image; take kind "
                "detection or action."
            )
        return
    if dataset["layout"] != LAYOUT_OF_KIND[kind] or dataset.get("year", 2007) != 2007:
        layout = "voc of the year 2007" if kind == "detection" else LAYOUT_OF_KIND[kind]
        yield f"{where}: kind {kind} needs a data set of layout {layout}, unlike {name}."
    if dataset["store"]["codec"] != "original":
        yield f"{where}: {name} is stored warped, which moves its boxes; set its codec to original."
