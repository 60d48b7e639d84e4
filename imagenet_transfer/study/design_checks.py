"""What outputs about a full set and parts of it need of their subsets: a design that compares like.

`surface` draws classes and images from the full set; `influence` leaves out parts of WordNet.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

Config = Mapping[str, Any]
Entry = Mapping[str, Any]
DRAWS = ("classes", "images_per_class")
FEWEST_SIZES = 4  # of classes, and of images per class: the surface bends differently at budgets
FEWEST_CELLS = 9  # one more than the surface has terms


def design_problems(config: Config, wnids: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the designs of outputs; `wnids` are the study's classes."""
    for name, entry in config["outputs"].items():
        check = CHECKS.get(entry["builder"])
        if check and all(subset in config["subsets"] for subset in _named(entry)):
            yield from check(config, f"outputs.{name}", entry, wnids)


def _named(entry: Entry) -> list[str]:
    pairs = [name for key in ("without", "controls") for name in entry.get(key, {}).values()]
    return [entry["full"], *entry.get("subsets", []), *pairs]


def _full_problems(config: Config, where: str, full: str) -> Iterator[str]:
    """Yield why a subset is not a full set."""
    drawn = [key for key in DRAWS if key in config["subsets"][full]]
    if drawn:
        yield (
            f"{where}.full: {full} is a draw itself (`{drawn[0]}`); take the subset that the "
            "others are drawn from."
        )


def _unlike(config: Config, subset: str, full: str, *keys: str) -> list[str]:
    """Return the keys in which a subset differs from the full set."""
    one, other = config["subsets"][subset], config["subsets"][full]
    return [key for key in keys if one.get(key) != other.get(key)]


def surface_problems(config: Config, where: str, entry: Entry, _: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with a grid of classes and images per class."""
    full = entry["full"]
    yield from _full_problems(config, where, full)
    grid = dict.fromkeys([full, *entry["subsets"]])
    for subset in grid:
        for key in _unlike(config, subset, full, "dataset", "label_set", "recipe", "weights"):
            yield (
                f"{where}.subsets: {subset} is not a draw from {full}, as its `{key}` is another; "
                "give it the same one, or take other subsets."
            )
    sizes = {subset: tuple(map(config["subsets"][subset].get, DRAWS)) for subset in grid}
    for key, numbers in zip(DRAWS, zip(*sizes.values(), strict=True), strict=True):
        if len(set(numbers)) < FEWEST_SIZES:
            yield (
                f"{where}.subsets: with {full} they have {len(set(numbers))} different `{key}`; "
                f"the surface takes at least {FEWEST_SIZES}, so add subsets."
            )
    if len(set(sizes.values())) < FEWEST_CELLS:
        yield (
            f"{where}.subsets: with {full} they have {len(set(sizes.values()))} different sizes; "
            f"the surface takes at least {FEWEST_CELLS}, so add subsets."
        )


CHECKS: Mapping[str, Callable[..., Iterator[str]]] = {"surface": surface_problems}
