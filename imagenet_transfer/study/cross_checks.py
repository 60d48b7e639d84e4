"""What the schema cannot say of a config: names that do not exist, keys and sizes that must agree.

Data and outputs have files of their own; here are networks, recipes and tasks.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
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

Config = Mapping[str, Any]
SECTION_OF_KIND = {"detection": "detector", "action": "rstarcnn"}  # of a recipe
LAYOUT_OF_KIND = {"detection": "voc", "action": "voc-action"}


def problems_of(config: Config, wnids: Collection[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with a config of the right shape.

    `wnids` are its classes.
    """
    problems = itertools.chain(
        dataset_problems(config),
        _architecture_problems(config),
        _recipe_problems(config),
        label_set_problems(config),
        subset_problems(config, SECTION_OF_KIND.values()),
        _task_problems(config),
        output_problems(config),
        claim_problems(config),
        class_problems(config, wnids),
    )
    return list(dict.fromkeys(problems))


def _architecture_problems(config: Config) -> Iterable[str]:
    for name, entry in config["architectures"].items():
        where, kernel, stride = (
            f"architectures.{name}",
            entry["conv1_kernel"],
            entry["conv1_stride"],
        )
        if entry["input_size"] > entry["image_size"]:
            yield f"{where}: input_size exceeds image_size ({entry['image_size']})."
        if _pool5_side(entry["input_size"], kernel, stride) < 1:
            least = next(
                side for side in itertools.count(kernel) if _pool5_side(side, kernel, stride) > 0
            )
            yield (
                f"{where}.input_size is {entry['input_size']}, too small for conv1_kernel {kernel} and conv1_stride "
                f"{stride}: nothing is left after the last pooling; take {least} or more."
            )


def _pool5_side(side: int, kernel: int, stride: int) -> int:
    """Return the side of AlexNet's last pooling (models/alexnet.py, which takes seconds to import), or 0."""
    side = (side - kernel) // stride + 1
    for _ in range(3):
        side = -(-(side - 3) // 2) + 1 if side > 1 else 0
    return side


def _recipe_problems(config: Config) -> Iterator[str]:
    for name, entry in config["recipes"].items():
        where = f"recipes.{name}"
        unit = "iterations" if "iterations" in entry else "epochs"
        steps = entry["lr_steps"]
        if sorted(steps) != steps:
            listed = ", ".join(map(str, steps))
            yield f"{where}.lr_steps: {listed} do not ascend; put them in order."
        elif steps and steps[-1] >= entry[unit]:
            yield (
                f"{where}.lr_steps: {steps[-1]} lies beyond the end of the training, "
                f"{entry[unit]} {unit}; remove it."
            )
        for section in sorted(set(SECTION_OF_KIND.values()) & set(entry)):
            yield from _switch_problems(f"{where}.{section}", entry[section])


LIMITS_LEFT_OUT: Mapping[str, Any] = {  # the defaults of models/faster_rcnn.py and rstarcnn.py
    **{"short_side": 600, "long_side": 1000, "rpn_negative_iou": 0.3, "rpn_positive_iou": 0.7},
    **{"background_iou": (0, 0.5), "secondary_iou": (0.2, 0.75)},
}


def _switch_problems(where: str, switches: Mapping[str, Any]) -> Iterator[str]:
    """Yield the limits of a detector or of R*CNN that are the wrong way round."""
    switches = LIMITS_LEFT_OUT | switches
    for low, high in (("short_side", "long_side"), ("rpn_negative_iou", "rpn_positive_iou")):
        if switches[low] > switches[high]:
            yield f"{where}: {low}, {switches[low]}, exceeds {high}, {switches[high]}."
    for key in ("background_iou", "secondary_iou"):
        first, second = switches[key]
        if first > second:
            yield f"{where}.{key}: the first limit, {first}, exceeds the second, {second}."


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
