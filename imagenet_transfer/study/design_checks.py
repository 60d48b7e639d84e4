"""What outputs about a full set and parts of it need of their subsets: a design that compares like.

`surface` draws classes and images from the full set; `influence` leaves out parts of WordNet.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.label_sets import build_label_set
from imagenet_transfer.labels.taxonomy import read_pascal_roots, taxonomy_for
from imagenet_transfer.study.outputs import subsets_named

Config = Mapping[str, Any]
Entry = Mapping[str, Any]
DRAWS = ("classes", "images_per_class")
FEWEST_SIZES = (
    3,
    4,
)  # of classes and of images per class, in either order: for the surface's terms
FEWEST_CELLS = 9  # one more than it has
ALL = "identity"  # methods of label sets
WITHOUT = "exclusion"
RANDOM = "random-split"


def design_problems(config: Config, wnids: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the designs of outputs; `wnids` are the study's classes."""
    for name, entry in config["outputs"].items():
        check = CHECKS.get(entry["builder"])
        if check and all(subset in config["subsets"] for subset in subsets_named(entry)):
            yield from _full_problems(config, f"outputs.{name}.full", entry["full"])
            yield from check(config, f"outputs.{name}", entry, wnids)


def _full_problems(config: Config, where: str, full: str) -> Iterator[str]:
    """Yield why a subset is not a full set."""
    entry = config["subsets"][full]
    for key in (key for key in DRAWS if key in entry):
        yield f"{where}: {full} is a draw (`{key}`); take the subset that others are drawn from."
    if "weights" in entry:
        yield (
            f"{where}: {full} is given as a file, and nothing else was trained as it was; take a "
            "subset with a recipe."
        )


def _differences(config: Config, where: str, subset: str, full: str, *keys: str) -> Iterator[str]:
    """Yield in which of the keys a subset differs from the full set."""
    for key in keys:
        if config["subsets"][subset].get(key) != config["subsets"][full].get(key):
            yield (
                f"{where}: {subset} and {full} differ in `{key}`, too, so that they cannot be "
                "compared; make it the same."
            )


def _method(config: Config, subset: str) -> str:
    """Return the method of a subset's label set; "" if the set is unknown."""
    label_set = config["label_sets"].get(config["subsets"][subset].get("label_set"), {})
    return str(label_set.get("method", ""))


# A grid of classes and images per class


def surface_problems(config: Config, where: str, entry: Entry, _: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with a grid of classes and images per class."""
    full = entry["full"]
    grid = list(dict.fromkeys([full, *entry["subsets"]]))
    for subset in grid:
        shared = ("dataset", "label_set", "recipe")
        yield from _differences(config, f"{where}.subsets", subset, full, *shared)
    sizes = [tuple(map(config["subsets"][subset].get, DRAWS)) for subset in grid]
    counts = [len(set(numbers)) for numbers in zip(*sizes, strict=True)]
    if any(count < fewest for count, fewest in zip(sorted(counts), FEWEST_SIZES, strict=True)):
        yield (
            f"{where}.subsets: with {full} there are {counts[0]} different `classes` and "
            f"{counts[1]} different `images_per_class`, but the surface takes four of one and "
            "three of the other, or more; add subsets."
        )
    if len(set(sizes)) < FEWEST_CELLS:
        yield (
            f"{where}.subsets: with {full} there are {len(set(sizes))} different sizes, but the "
            f"surface takes {FEWEST_CELLS} or more; add subsets."
        )


# Parts that are left out


def influence_problems(
    config: Config, where: str, entry: Entry, wnids: Collection[str]
) -> Iterator[str]:
    """Yield what is wrong with the parts that are left out and with their controls."""
    full = entry["full"]
    without = list(entry["without"].values())
    controls = entry.get("controls", {})
    yield from _method_problems(config, f"{where}.full", full, ALL)
    for subset in without:
        same = ("dataset", "recipe", *DRAWS)
        yield from _differences(config, f"{where}.without", subset, full, *same)
        yield from _method_problems(config, f"{where}.without", subset, WITHOUT)
    for subset, control in controls.items():
        if subset not in without:
            yield f"{where}.controls names '{subset}', which is not a subset of `without`."
            continue
        same = ("dataset", "recipe", "images_per_class")
        yield from _differences(config, f"{where}.controls", control, full, *same)
        drawn = "classes" in config["subsets"][control]
        yield from _method_problems(config, f"{where}.controls", control, ALL if drawn else RANDOM)
        yield from _size_problems(config, f"{where}.controls", subset, control, wnids)


def _method_problems(config: Config, where: str, subset: str, wanted: str) -> Iterator[str]:
    method = _method(config, subset)
    if method not in ("", wanted):
        yield (
            f"{where}: the label set of {subset} is of the method {method}; take one of the method "
            f"{wanted}."
        )


def _size_problems(
    config: Config, where: str, subset: str, control: str, wnids: Collection[str]
) -> Iterator[str]:
    """Yield that a control has another number of classes than its subset."""
    try:
        left, random = (_number_of_classes(config, name, wnids) for name in (subset, control))
    except UserError as error:
        yield str(error)
        return
    if left != random:
        yield (
            f"{where}: {subset} has {left} classes, but its control {control} has {random}; give "
            f"the control {left}."
        )


def _number_of_classes(config: Config, subset: str, wnids: Collection[str]) -> int:
    """Return the number of classes of a subset; UserError if its label set cannot be made."""
    entry = config["subsets"][subset]
    spec = config["label_sets"].get(entry.get("label_set"))
    if "classes" in entry or spec is None or not wnids:
        return int(entry.get("classes", 0))  # what is unknown has its own sentence
    classes = sorted(wnids)
    made = (classes, taxonomy_for(classes), read_pascal_roots())
    return len(build_label_set(spec, *made, seed=0, name=entry["label_set"]))


CHECKS: Mapping[str, Callable[..., Iterator[str]]] = {
    "surface": surface_problems,
    "influence": influence_problems,
}
