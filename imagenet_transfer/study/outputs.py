"""What an output's entry in a config names, whichever builder makes it."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagenet_transfer.figures.builders import builder_of

Entry = Mapping[str, Any]


def architectures_named(entry: Entry) -> list[str]:
    """Return the architectures whose networks an output shows; none for labels and images."""
    return [*values(entry, "architecture"), *entry.get("architectures", [])]


def subsets_named(entry: Entry) -> list[str]:
    """Return the subsets that an output names, in its order; `scratch` is one of them."""
    rows = [name for row in entry.get("rows", []) for name in row["subsets"]]
    lists = (*entry.get("references", []), *entry.get("subsets", []))
    pairs = [name for key in ("without", "controls") for name in entry.get(key, {}).values()]
    return [*values(entry, "full"), *rows, *lists, *pairs, *values(entry, "subset", "baseline")]


def halves_named(entry: Entry, section: str) -> list[str]:
    """Return the halves of an output's splits if they are of this section of the config."""
    if builder_of(entry).halves != section:
        return []
    return [half for halves in entry.get("splits", {}).values() for half in halves]


def label_sets_named(entry: Entry) -> list[str]:
    """Return the label sets that an output names."""
    halves = halves_named(entry, "label_sets")
    return [*entry.get("label_sets", []), *values(entry, "label_set"), *halves]


def tasks_shown(entry: Entry) -> list[str]:
    """Return the tasks on which an output shows all of its subsets."""
    return [*entry.get("tasks", []), *values(entry, "task")]


def tasks_named(entry: Entry) -> list[str]:
    """Return the tasks that an output names, except those of halves."""
    return [*tasks_shown(entry), *values(entry, "accuracy")]


def values(entry: Entry, *keys: str) -> Sequence[Any]:
    """Return the values of the keys that an entry has."""
    return [entry[key] for key in keys if key in entry]
