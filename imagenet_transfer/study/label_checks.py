"""What the schema cannot say of a config's label sets: keys, files, networks behind them, circles."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.label_files import Labels, read_labels
from imagenet_transfer.labels.label_sets import build_label_set
from imagenet_transfer.labels.methods import LIKE, METHODS
from imagenet_transfer.labels.taxonomy import read_pascal_roots, taxonomy_for
from imagenet_transfer.models import network_of
from imagenet_transfer.study.config_file import unknown_name
from imagenet_transfer.study.data_checks import (
    has_boxes,
    has_wnids,
    may_have_wnids,
    size_problems,
)
from imagenet_transfer.study.outputs import label_sets_named

Config = Mapping[str, Any]
Entry = Mapping[str, Any]


def label_set_problems(config: Config, wnids: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the label sets; `wnids` are the study's classes."""
    for name, entry in config["label_sets"].items():
        where = f"label_sets.{name}"
        yield from _key_problems(where, entry)
        if "dataset" in entry:
            dataset = entry["dataset"]
            yield from unknown_name(config, f"{where}.dataset", dataset, "datasets")
            if has_boxes(config, dataset):
                yield (
                    f"{where}.dataset: the images of {dataset} have boxes instead of one category."
                )
        check = CHECKS.get(entry["method"])
        if check:
            yield from check(config, name, entry, wnids)
    for name, entry in config["subsets"].items():
        label_set = config["label_sets"].get(entry.get("label_set"))
        if label_set and entry.get("dataset") in config["datasets"]:
            yield from _fit_problems(config, f"subsets.{name}", entry["dataset"], label_set)
    yield from _circle_problems(config)


def _key_problems(where: str, entry: Entry) -> Iterator[str]:
    method = entry["method"]
    known = METHODS[method]
    for key in known.needs:
        if key not in entry:
            yield f"{where}: method {method} needs the key `{key}`."
    for key in sorted(set(entry).difference(known.needs, known.takes, ["method"])):
        yield f"{where}: method {method} has no use for the key `{key}`; remove it."


def merging_problems(config: Config, wnids: Collection[str]) -> Iterator[str]:
    """Yield what a job would find hours later: label sets and draws that the class list rules out.

    `config` has no other problem; `wnids` are its classes.
    """
    used = {entry.get("label_set") for entry in config["subsets"].values()}
    used.update(name for entry in config["outputs"].values() for name in label_sets_named(entry))
    merged = {
        name: entry
        for name, entry in config["label_sets"].items()
        if name in used and METHODS[entry["method"]].in_wordnet
    }
    if not merged:
        return
    taxonomy = taxonomy_for(wnids)
    for name, entry in merged.items():
        try:
            made = build_label_set(
                entry, list(wnids), taxonomy, read_pascal_roots(), config["seed"], name
            )
        except UserError as error:
            yield str(error)
            continue
        yield from _draw_problems(config, name, made["class_wnid"].nunique())


def _draw_problems(config: Config, label_set: str, found: int) -> Iterator[str]:
    """Yield which subsets ask for more classes than their label set was found to have."""
    for name, entry in config["subsets"].items():
        if entry.get("label_set") == label_set and entry.get("classes", 0) > found:
            yield (
                f"subsets.{name}: `classes` asks for {entry['classes']}, but its label set "
                f"{label_set} has {found}. Lower it."
            )


# Files


def _file_problems(
    config: Config, name: str, entry: Entry, wnids: Collection[str]
) -> Iterator[str]:
    if "path" not in entry:
        return
    try:
        labels = read_labels(entry["path"])
    except UserError as error:
        yield f"label_sets.{name}: {error}"
        return
    yield from _promise_problems(name, len(set(labels.values())))
    used_with = {
        subset.get("dataset")
        for subset in config["subsets"].values()
        if subset.get("label_set") == name
    }
    sets = {*used_with, entry.get("dataset")}.intersection(config["datasets"])
    if wnids and any(has_wnids(config, dataset) for dataset in sets):
        yield from _unknown_classes(config, f"label_sets.{name}: {entry['path']}", labels, wnids)


def _unknown_classes(
    config: Config, where: str, labels: Labels, wnids: Collection[str]
) -> Iterator[str]:
    unknown = sorted(set(labels).difference(wnids))
    if unknown:
        yield (
            f"{where} has {len(unknown)} of {len(labels)} classes that the study does not have "
            f"({config['classes']}; first: {unknown[0][:60]}): correct them, or leave them out."
        )


def _promise_problems(name: str, found: int) -> Iterator[str]:
    """Yield that a name ends in "-<number>", but not that of its classes."""
    promised = name.rpartition("-")[2]
    if promised.isdecimal() and int(promised) != found:
        yield (
            f"label_sets.{name} promises {promised} classes by its name but has {found}; rename it."
        )


# Groups


def _random_problems(
    config: Config, name: str, entry: Entry, wnids: Collection[str]
) -> Iterator[str]:
    where = f"label_sets.{name}"
    if ("classes" in entry) == ("like" in entry):
        yield f"{where}: method random-merge needs either `classes` or `like`, and not both."
        return
    if "classes" in entry:
        yield from _number_problems(config, name, entry, wnids)
        return
    like = entry["like"]
    yield from unknown_name(config, f"{where}.like", like, "label_sets")
    method = config["label_sets"].get(like, {"method": LIKE[0]})["method"]
    if method not in LIKE:
        yield f"{where}.like: {like} is of method {method}; take one of method {' or '.join(LIKE)}."
    if "dataset" in entry:
        yield f"{where}: `like` is about the study's WordNet classes; remove `dataset`."


def _number_problems(
    config: Config, name: str, entry: Entry, wnids: Collection[str]
) -> Iterator[str]:
    """Yield that a number of merged classes is not that in the name, or merges nothing."""
    asked = entry["classes"]
    yield from _promise_problems(name, asked)
    fine = _number_of_classes(config, entry.get("dataset"), wnids)
    if fine and asked >= fine:
        yield (
            f"label_sets.{name}.classes is {asked}, but there are only {fine} classes to merge; "
            "take fewer."
        )


def _number_of_classes(config: Config, dataset: str | None, wnids: Collection[str]) -> int | None:
    """Return the number of a data set's classes, or of the study's; None if it is not declared."""
    if dataset not in config["datasets"]:
        return None if dataset else len(wnids)
    declared = config["datasets"][dataset].get("num_classes")
    return len(wnids) if has_wnids(config, dataset) else declared


def _visual_problems(
    config: Config, name: str, entry: Entry, wnids: Collection[str]
) -> Iterator[str]:
    """Yield what is wrong with the network whose features group classes."""
    where = f"label_sets.{name}"
    for key, section in (("subset", "subsets"), ("architecture", "architectures")):
        if key in entry:
            yield from unknown_name(config, f"{where}.{key}", entry[key], section)
    if entry.get("subset") in config["subsets"] and "dataset" not in entry:
        yield (
            f"{where}: the network {entry['subset']} has no data set of its own; name the one whose "
            "classes are merged with the key `dataset`."
        )
    if "classes" in entry:
        yield from _number_problems(config, name, entry, wnids)
    yield from _layer_problems(config, where, entry)
    if "dataset" in entry and "architecture" in entry:
        yield from size_problems(config, [entry["dataset"]], entry["architecture"])


def _layer_problems(config: Config, where: str, entry: Entry) -> Iterator[str]:
    architecture = entry.get("architecture")
    if architecture not in config["architectures"] or "layer" not in entry:
        return
    layers = list(network_of(config["architectures"][architecture]).feature_sizes(1))
    if entry["layer"] not in layers:
        yield (
            f"{where}.layer: {entry['layer']} is not a layer of architecture {architecture} that "
            f"features are taken from; take one of {', '.join(layers)}."
        )


CHECKS = {"file": _file_problems, "random-merge": _random_problems, "visual": _visual_problems}


# Label sets with subsets


def _fit_problems(config: Config, where: str, dataset: str, label_set: Entry) -> Iterator[str]:
    """Yield that a subset's label set has classes of another data set than its own."""
    method = label_set["method"]
    named = label_set.get("dataset")
    if method == "categories":
        if named != dataset:
            yield f"{where}: its label set holds the categories of another data set than {dataset}."
    elif named in config["datasets"]:
        both = has_wnids(config, dataset) and has_wnids(config, named)
        if named != dataset and not both:
            yield f"{where}: its label set has the classes of {named}, not those of {dataset}."
    elif method == "file" and has_boxes(config, dataset):
        yield f"{where}.dataset: the images of {dataset} have boxes instead of one category."
    elif method != "file" and not may_have_wnids(config, dataset):
        advice = "give it a label set of method categories"
        if "dataset" in METHODS[method].takes:
            advice = f"name it as the `dataset` of its label set, or {advice}"
        yield f"{where}: {dataset} has no WordNet classes; {advice}."


def _circle_problems(config: Config) -> Iterator[str]:
    """Yield each circle of label sets that are made with networks that learn them."""
    before = {name: _learnt_before(config, entry) for name, entry in config["label_sets"].items()}
    for start in sorted(before):
        circle = [start]
        while (above := before.get(circle[-1])) and above not in circle:
            circle.append(above)
        if above == start == min(circle):
            yield _circle(config, circle)


def _learnt_before(config: Config, entry: Entry) -> str | None:
    """Return the label set that is learnt by the network behind a label set, if it is trained."""
    network = config["subsets"].get(entry.get("subset"), {})
    return None if "weights" in network else network.get("label_set")


def _circle(config: Config, names: list[str]) -> str:
    steps = [
        f"{name} is made with the network {config['label_sets'][name]['subset']}, which learns "
        f"{learnt}"
        for name, learnt in zip(names, [*names[1:], names[0]], strict=True)
    ]
    return (
        f"label_sets.{names[0]} waits for itself: {'; '.join(steps)}. Name a network that learns "
        "other labels."
    )
