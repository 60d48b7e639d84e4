"""What the schema cannot say of a config's outputs and claims: what they show has to be there."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from imagenet_transfer.figures.builders import BUILDERS, NEEDED, REFUSED, builder_of
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.labels.methods import MERGED, METHODS
from imagenet_transfer.study.config_file import unknown_name
from imagenet_transfer.study.data_checks import (
    is_without_data,
    may_have_wnids,
    size_problems,
)
from imagenet_transfer.study.outputs import (
    architectures_named,
    halves_named,
    label_sets_named,
    subsets_named,
    tasks_named,
    values,
)
from imagenet_transfer.training.kinds import KINDS

Config = Mapping[str, Any]
Entry = Mapping[str, Any]


def output_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with the outputs."""
    for name, entry in config["outputs"].items():
        yield from _name_problems(config, name, entry)
        yield from _unknown_names(config, f"outputs.{name}", entry)
        for check in (_shape_problems, _half_problems, _label_problems, _class_problems):
            yield from check(config, f"outputs.{name}", entry)
        yield from _data_problems(config, f"outputs.{name}", entry)
        yield from _accuracy_problems(config, f"outputs.{name}", entry)
        yield from _box_problems(config, f"outputs.{name}", entry)
        yield from _size_problems(config, entry)


def _name_problems(config: Config, name: str, entry: Entry) -> Iterator[str]:
    where = f"outputs.{name}"
    kind = entry["builder"]
    builder = builder_of(entry)
    if name.startswith("table") != builder.is_table:
        asked = name.partition("-")[0].rstrip("0123456789")
        yield f"{where}: builder {kind} makes no {asked}."
    owner = _owner_of(name)
    if owner not in (None, kind):
        yield (
            f"{where}: builder {kind} makes another figure; call it figure-anything, or take "
            f"{owner}."
        )
    for more in builder.more:
        if f"{name}-{more}" in config["outputs"]:
            yield f"{where}-{more}: the numbers of {where} are written under this name; rename it."


def _owner_of(name: str) -> str | None:
    """Return the builder whose name an output has, maybe with more words; None without one."""
    own = [kind for kind, builder in BUILDERS.items() if builder.names_output]
    return next((kind for kind in own if name == kind or name.startswith(f"{kind}-")), None)


def _unknown_names(config: Config, where: str, entry: Entry) -> Iterator[str]:
    place = f"{where}.{'architectures' if 'architectures' in entry else 'architecture'}"
    for architecture in architectures_named(entry):
        yield from unknown_name(config, place, architecture, "architectures")
    for task in tasks_named(entry):
        yield from unknown_name(config, f"{where}.tasks", task, "tasks")
    reserved = [] if builder_of(entry).scratch == REFUSED else [SCRATCH]
    for subset in subsets_named(entry):
        yield from unknown_name(config, where, subset, "subsets", *reserved)
    for label_set in label_sets_named(entry):
        yield from unknown_name(config, where, label_set, "label_sets")
    for task in halves_named(entry, "tasks"):
        yield from unknown_name(config, where, task, "tasks")
    if "dataset" in entry:
        yield from unknown_name(config, f"{where}.dataset", entry["dataset"], "datasets")


def _shape_problems(config: Config, where: str, entry: Entry) -> Iterator[str]:
    """Yield what does not fit together in an entry."""
    for row in entry.get("rows", []):
        shown = len(row["subsets"])
        if shown != len(entry["columns"]):
            count = len(entry["columns"])
            yield f"{where}: the row '{row['title']}' has {shown} subsets for {count} columns."
    if builder_of(entry).scratch == NEEDED:
        subsets = subsets_named(entry)
        if SCRATCH not in subsets:
            yield (
                f"{where}.subsets lacks scratch, the random start that gains are counted from; "
                "add it."
            )
        if not _networks(entry):
            yield (
                f"{where}.subsets names no network that is compared with the random start; add one."
            )
    sets = _datasets_of(config, _networks(entry))
    if "layer" in entry and len(set(sets)) > 1:
        listed = ", ".join(sorted(set(sets)))
        yield f"{where} compares features of several data sets ({listed}); take networks of one."


def _half_problems(config: Config, where: str, entry: Entry) -> Iterator[str]:
    for task in halves_named(entry, "tasks"):
        if "subset" not in config["tasks"].get(task, {"subset": ""}):
            yield f"{where}: the task '{task}' should name the half as its `subset`."


def _label_problems(config: Config, where: str, entry: Entry) -> Iterator[str]:
    """Yield the subsets whose labels are not of the kind that the builder is about."""
    needed = builder_of(entry).labels
    if not needed:
        return
    named = entry[needed.key]
    for subset in [named] if isinstance(named, str) else named:
        label_set = config["subsets"].get(subset, {}).get("label_set")
        known = config["label_sets"].get(label_set)
        if known and known["method"] not in needed.methods:
            yield f"{where}.{needed.key}: {needed.problem.format(subset=subset)}"


def _class_problems(config: Config, where: str, entry: Entry) -> Iterator[str]:
    """Yield what has no WordNet classes where an output is about them."""
    allowed = MERGED if builder_of(entry).takes_merged else ()
    for name in label_sets_named(entry):
        method = config["label_sets"].get(name, {"method": "identity"})["method"]
        if not METHODS[method].in_wordnet and method not in allowed:
            yield (
                f"{where}: the label set '{name}' holds {METHODS[method].holds}, which have no "
                "place in WordNet; take another one."
            )
    sets = list(values(entry, "dataset"))
    if "layer" in entry:
        sets += _datasets_of(config, _networks(entry))
    for name in dict.fromkeys(sets):
        if name in config["datasets"] and not may_have_wnids(config, name):
            yield (
                f"{where}: {name} has no WordNet classes, which builder {entry['builder']} needs; "
                "take another one."
            )


def _data_problems(config: Config, where: str, entry: Entry) -> Iterator[str]:
    """Yield the networks without a data set of their own where an output is about that."""
    if not builder_of(entry).own_data:
        return
    for subset in dict.fromkeys(_networks(entry)):
        if is_without_data(config, subset):
            yield (
                f"{where}: builder {entry['builder']} is about a network's own images or their "
                f"number, but subsets.{subset} names no `dataset`: name one there, or show the "
                "network in a table or a correlation."
            )


def _accuracy_problems(config: Config, where: str, entry: Entry) -> Iterator[str]:
    if "accuracy" not in entry:
        return
    accuracy = entry["accuracy"]
    task = config["tasks"].get(accuracy)
    if task and not KINDS[task["kind"]].classifies:
        kinds = " or ".join(name for name, kind in KINDS.items() if kind.classifies)
        yield (
            f"{where}.accuracy: {accuracy} is of kind {task['kind']}; accuracy needs kind {kinds}."
        )
    if accuracy in entry["tasks"]:
        yield f"{where}.tasks names {accuracy}, which is shown as `accuracy` already; remove it."


def _box_problems(config: Config, where: str, entry: Entry) -> Iterator[str]:
    """Yield that the task whose test images are shown is not about boxes."""
    for name in values(entry, "task"):
        task = config["tasks"].get(name)
        if task and not KINDS[task["kind"]].judges_boxes:
            kinds = " or ".join(other for other, kind in KINDS.items() if kind.judges_boxes)
            yield (
                f"{where}.task: {name} is of kind {task['kind']}, but builder {entry['builder']} "
                f"shows boxes; take a task of kind {kinds}."
            )


def _size_problems(config: Config, entry: Entry) -> Iterator[str]:
    """Yield the classified sets of another size than the output's architecture reads."""
    named = tasks_named(entry)
    tasks = [config["tasks"][name] for name in named if name in config["tasks"]]
    classified = [task for task in tasks if KINDS[task["kind"]].classifies]
    sets = _datasets_of(config, _networks(entry)) + [
        task["dataset"] for task in classified if "dataset" in task
    ]
    for architecture in architectures_named(entry):
        yield from size_problems(config, sets, architecture)


def _networks(entry: Entry) -> list[str]:
    return [name for name in subsets_named(entry) if name != SCRATCH]


def _datasets_of(config: Config, subsets: list[str]) -> list[str]:
    known = config["subsets"]
    return [known[name]["dataset"] for name in subsets if "dataset" in known.get(name, {})]


# The user's own claims


def claim_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with the user's own claims, each about runs that some output shows."""
    shown = set(_cells_shown(config))
    for name, entry in config.get("claims", {}).items():
        where = f"claims.{name}"
        yield from _bound_problems(where, entry)
        for task in entry["tasks"]:
            yield from unknown_name(config, f"{where}.tasks", task, "tasks")
            if task in config["tasks"]:
                yield from _contrast_problems(where, entry, task, shown)


def _bound_problems(where: str, entry: Entry) -> Iterator[str]:
    if "least" not in entry and "most" not in entry:
        yield f"{where} needs `least`, `most` or both: what the contrast should be."
    if entry.get("least", -math.inf) > entry.get("most", math.inf):
        yield f"{where}: least, {entry['least']}, exceeds most, {entry['most']}."
    total = sum(entry["contrast"].values())
    if abs(total) > 1e-9:
        yield f"{where}.contrast: the weights add up to {total:g}; they should cancel."


def _contrast_problems(
    where: str, entry: Entry, task: str, shown: set[tuple[str, str]]
) -> Iterator[str]:
    for subset in entry["contrast"]:
        if (subset, task) not in shown:
            yield (
                f"{where}: no output shows {subset} on {task}; add them to a table, so that they "
                "are run."
            )
    if entry["unit"] == "gain" and (SCRATCH, task) not in shown:
        yield (
            f"{where}.unit: no output shows scratch on {task}, which a gain is counted from; take "
            "points."
        )


def _cells_shown(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the subsets and tasks that outputs show together."""
    for entry in config["outputs"].values():
        yield from itertools.product(subsets_named(entry), entry.get("tasks", []))
        if "accuracy" in entry:  # of networks: a random start has no last layer to re-train
            yield from ((name, entry["accuracy"]) for name in _networks(entry))
        for half in halves_named(entry, "tasks"):
            yield entry["baseline"], half
            yield config["tasks"].get(half, {}).get("subset", ""), half
