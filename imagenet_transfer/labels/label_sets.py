"""Label sets: which fine classes are kept, and which coarser class each one counts as.

Sections in these docstrings are those of the paper; label sets are the subject of Sections 4 and 5.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import check_regular
from imagenet_transfer.labels.groups import (
    Groups,
    classes_of,
    even_groups,
    groups_of_sizes,
    names_of,
)
from imagenet_transfer.labels.label_files import Labels, digest_of_labels, read_labels
from imagenet_transfer.labels.taxonomy import (
    Taxonomy,
    read_classes,
    read_pascal_roots,
    taxonomy_for,
)
from imagenet_transfer.seeds import seed_of

COLUMNS = ("wnid", "label", "class_wnid", "class_name")
METHODS = (
    "The methods are identity, bottom-up (depth), top-down (round), exclusion (roots: pascal or "
    "a list of wnids), minimal-split (depth, half: a or b) and random-split (size, half: a or b)."
)
METHODS_OF_WORDNET = (
    *("identity", "bottom-up", "top-down", "exclusion", "minimal-split", "random-split"),
)
Classes = Mapping[str, str]  # wnid of a fine class that is kept -> wnid of its class


def label_set_of(
    settings: Mapping[str, Any],
    name: str,
    categories_of: Sequence[str] = (),
    path: Path | str = "",
) -> pd.DataFrame:
    """Return the label set that a study's `Study.label_set_settings` describes.

    `categories_of`: the classes of its data set, if it names one; `path`: that of the user's file,
    for the method "file". Raises UserError as the methods do. The method "visual" needs features:
    `features.class_groups`.
    """
    match settings["spec"]["method"]:
        case "categories":
            return categories(categories_of)
        case "file":
            return _from_file(settings, name, categories_of, path)
        case "random-merge":
            return _random_merge(settings, name, categories_of)
    wnids = read_classes(settings["classes"])
    return build_label_set(
        settings["spec"], wnids, taxonomy_for(wnids), read_pascal_roots(), settings["seed"], name
    )


def _from_file(
    settings: Mapping[str, Any], name: str, known: Sequence[str], path: Path | str
) -> pd.DataFrame:
    """Return the label set of a user's file: each label is a class and its name.

    Raises UserError if the file is not a table of labels, is no longer what the study found in it,
    or lists classes that are not among the `known` ones of a data set.
    """
    labels = read_labels(path)
    if digest_of_labels(labels) != settings["labels"]:
        raise UserError(
            f"label_sets.{name}: {path} was changed while the workflow ran; run the same command "
            "again."
        )
    frame = labels_frame(labels)
    if known:
        check_classes(frame, known, f"label_sets.{name}: {path}")
    return frame


def labels_frame(labels: Labels) -> pd.DataFrame:
    """Return the label set of labels by fine class."""
    return _frame(labels, {label: label for label in labels.values()})


def _random_merge(settings: Mapping[str, Any], name: str, own: Sequence[str]) -> pd.DataFrame:
    """Return the label set of random groups of a data set's own classes, or else of the study's.

    The groups are even, or as large as the classes of the label set that the settings are `like`.
    """
    fine = own or read_classes(settings["classes"])
    if like := settings.get("like"):
        sizes = label_set_of(like, name).groupby("class_wnid").size().tolist()
        groups = groups_of_sizes(fine, sizes, settings["seed"])
    else:
        number = settings["spec"]["classes"]
        check_number(number, len(fine), name)
        groups = even_groups(fine, number, settings["seed"])
    return merged(groups, None if own else taxonomy_for(fine))


def check_number(asked: int, fine: int, name: str) -> None:
    """Raise UserError if a number of merged classes leaves nothing to merge."""
    _require(asked < fine, name, f"asks for {asked} merged classes of {fine}; take fewer")


def merged(groups: Groups, taxonomy: Taxonomy | None = None) -> pd.DataFrame:
    """Return the label set in which each group of fine classes is one class.

    `groups.classes_of` and `groups.names_of` say how classes are called.
    """
    return _frame(classes_of(groups), names_of(groups, taxonomy))


def check_classes(label_set: pd.DataFrame, known: Iterable[str], what: str) -> None:
    """Raise UserError if a label set has fine classes that a data set does not; `what` has them."""
    unknown = sorted(set(label_set["wnid"]).difference(known))
    if unknown:
        listed = ", ".join(name[:60] for name in unknown[:3]) + (", ..." if unknown[3:] else "")
        raise UserError(
            f"{what} has {len(unknown)} classes that its data set does not have ({listed}): correct "
            "their names, or take the data set that they are of."
        )


def build_label_set(
    spec: Mapping[str, Any],
    wnids: Sequence[str],
    taxonomy: Taxonomy,
    pascal_roots: Mapping[str, str],
    seed: int,
    name: str,
) -> pd.DataFrame:
    """Return the label set that `spec` makes of the classes `wnids`.

    `spec` is the config's `label_sets.<name>`.
    The frame has one row per fine class kept, by ascending wnid: wnid, label (the rank of
    class_wnid among the set's distinct ones, from 0), class_wnid and class_name (NLTK's,
    "dog.n.01"). `seed` is the study's; only `random-split` depends on it. Raises UserError if a
    parameter is out of range, if no class is left, or if the name of a bottom-up or top-down set
    ends in a number ("bottom-up-918") that is not its number of classes.
    """
    wnids = sorted(set(wnids))
    classes = _classes(spec, wnids, taxonomy, pascal_roots, seed, name)
    _require(
        bool(classes), name, "keeps none of the classes; choose other roots or another class list"
    )
    if spec["method"] in ("bottom-up", "top-down"):
        _check_name(name, len(set(classes.values())))
    return _frame(classes, taxonomy.names)


def _classes(
    spec: Mapping[str, Any],
    wnids: list[str],
    taxonomy: Taxonomy,
    pascal_roots: Mapping[str, str],
    seed: int,
    name: str,
) -> Classes:
    """Return the fine classes that the method keeps, each with the class it counts as."""
    match spec:
        case {"method": "identity"}:
            return _identity(wnids)
        case {"method": "bottom-up", "depth": depth}:
            return _bottom_up(wnids, taxonomy, depth, name)
        case {"method": "top-down", "round": rounds}:
            return _top_down(wnids, taxonomy, rounds, name)
        case {"method": "exclusion", "roots": "pascal"}:
            return _exclusion(wnids, taxonomy, pascal_roots.values())
        case {"method": "exclusion", "roots": roots}:
            kept = _exclusion(wnids, taxonomy, roots)
            _require(
                len(kept) < len(wnids), name, "excludes nothing: no class is below its `roots`"
            )
            return kept
        case {"method": "minimal-split", "depth": depth, "half": "a" | "b" as half}:
            return _half(wnids, half, _minimal_split(wnids, taxonomy, depth, name))
        case {"method": "random-split", "size": size, "half": "a" | "b" as half}:
            return _half(wnids, half, _random_split(wnids, size, seed, name))
        case _:
            raise UserError(
                f"label_sets.{name} is not a known method with all its keys: {dict(spec)}. "
                f"{METHODS}"
            )


def _identity(wnids: Sequence[str]) -> Classes:
    return {wnid: wnid for wnid in wnids}


def _bottom_up(wnids: Sequence[str], taxonomy: Taxonomy, depth: int, name: str) -> Classes:
    """Return each class's ancestor at `depth`, or the class if it lies higher (Section 4.2)."""
    _check_depth(wnids, taxonomy, depth, name)
    return {wnid: taxonomy.ancestor_at(wnid, depth) for wnid in wnids}


def _top_down(wnids: Sequence[str], taxonomy: Taxonomy, rounds: int, name: str) -> Classes:
    """Return the classes after `rounds` rounds of `_merge_into_parents` (Section 5.1)."""
    _require(rounds >= 1, name, f"has the round {rounds}; rounds count from 1")
    classes = _identity(wnids)
    for done in range(rounds):
        merged = _merge_into_parents(classes, taxonomy)
        _require(
            merged != classes,
            name,
            f"asks for round {rounds}, but nothing is left to merge after round {done}",
        )
        classes = merged
    return classes


def _merge_into_parents(classes: Classes, taxonomy: Taxonomy) -> Classes:
    """Return each class's parent, or the topmost of these parents on the chain above it."""
    parents = {wnid: taxonomy.parent(above) or above for wnid, above in classes.items()}
    nodes = set(parents.values())
    top_most = {
        node: next(above for above in taxonomy.chain(node) if above in nodes) for node in nodes
    }
    return {wnid: top_most[parent] for wnid, parent in parents.items()}


def _exclusion(wnids: Sequence[str], taxonomy: Taxonomy, roots: Iterable[str]) -> Classes:
    """Return the classes without any of the roots on any of their hypernym paths (Section 5.2)."""
    return _identity([wnid for wnid in wnids if taxonomy.ancestors(wnid).isdisjoint(roots)])


def _minimal_split(wnids: Sequence[str], taxonomy: Taxonomy, depth: int, name: str) -> set[str]:
    """Return the larger part of the most even split whose parts share no ancestor at `depth`.

    This is the minimal split of Section 5.5. If both parts have the same size, the one with the
    lowest wnid is returned. `_most_even` chooses among equally even splits.
    """
    _check_depth(wnids, taxonomy, depth, name)
    groups: dict[str, list[str]] = {}
    for wnid in wnids:
        groups.setdefault(taxonomy.ancestor_at(wnid, depth), []).append(wnid)
    _require(
        len(groups) > 1,
        name,
        f"cannot split: all classes share one ancestor at depth {depth}; go deeper",
    )
    parts = list(groups.values())
    return {wnid for index in _most_even([len(part) for part in parts]) for wnid in parts[index]}


def _most_even(sizes: Sequence[int]) -> list[int]:
    """Return the indices whose sizes add up to the least sum that is at least half of the total.

    Exact, by the subset sums of every tail of the list. Among several such choices, it takes the
    first index if any of them does, then the second, and so on.
    """
    tails = [{0}]  # tails[i]: the possible sums of the last i sizes
    for size in reversed(sizes):
        tails.append(tails[-1] | {total + size for total in tails[-1]})
    wanted = min(total for total in tails[-1] if 2 * total >= sum(sizes))
    chosen = []
    for index, (size, rest) in enumerate(zip(sizes, reversed(tails[:-1]), strict=True)):
        if wanted - size in rest:
            chosen.append(index)
            wanted -= size
    return chosen


def _random_split(wnids: Sequence[str], size: int, seed: int, name: str) -> set[str]:
    """Return a uniform draw of `size` classes: the first by hash of seed and wnid (Section 5.5)."""
    _require(
        0 < size < len(wnids), name, f"has the size {size}; its classes allow 1 to {len(wnids) - 1}"
    )
    return set(sorted(wnids, key=partial(seed_of, seed, "random-split"))[:size])


def _half(wnids: Sequence[str], half: str, first: set[str]) -> Classes:
    """Return half "a", which is `first`, or half "b", which is the rest."""
    return _identity([wnid for wnid in wnids if (wnid in first) == (half == "a")])


def _check_depth(wnids: Sequence[str], taxonomy: Taxonomy, depth: int, name: str) -> None:
    deepest = max(map(taxonomy.depth, wnids))
    _require(
        0 <= depth <= deepest, name, f"has the depth {depth}; its classes allow 0 to {deepest}"
    )


def _check_name(name: str, found: int) -> None:
    """Raise UserError if the name ends in "-<number>", but not of the classes found."""
    promised = name.rpartition("-")[2]
    _require(
        not promised.isdecimal() or int(promised) == found,
        name,
        f"promises {promised} classes by its name but has {found}; "
        "correct its depth or round, or rename it",
    )


def _require(holds: bool, name: str, complaint: str) -> None:
    if not holds:
        raise UserError(f"label_sets.{name} {complaint}.")


def _frame(classes: Classes, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows by ascending wnid, labelled with the rank of the class."""
    labels = dict(zip(sorted(set(classes.values())), itertools.count()))
    rows = [(wnid, labels[above], above, names[above]) for wnid, above in sorted(classes.items())]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def categories(names: Sequence[str]) -> pd.DataFrame:
    """Return a data set's own classes as a label set; labels are the ranks of the names."""
    rows = [(name, label, name, name) for label, name in enumerate(sorted(names))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def check_wnids(classes: Iterable[str], wnids: Iterable[str], where: str) -> None:
    """Raise UserError, which begins with `where`, if none of a data set's classes is wanted.

    `wnids` are those of a label set or a study.
    """
    found = sorted(set(classes))
    wanted = sorted(set(wnids))
    if not found or not set(found).isdisjoint(wanted):
        return
    called = ", ".join(f"'{name[:40]}'" for name in found[:3]) + (", ..." if found[3:] else "")
    raise UserError(
        f"{where}: none of the data set's classes, which are called {called}, is among the "
        f"{len(wanted)} classes of the labels, such as {wanted[0]}. Labels by WordNet need classes "
        "that are called by their wnids: rename the class folders or labels, or leave out "
        "`label_set`, so that the labels are the data set's own classes."
    )


def read_label_set(path: Path | str) -> pd.DataFrame:
    """Return a label set from its CSV: wnid, label (int64), class_wnid, class_name.

    Raises UserError if the file cannot be read, has other columns, names a fine class twice, or
    has labels that are not the ranks of class_wnid.
    """
    types = dict.fromkeys(COLUMNS, str) | {"label": "int64"}
    try:
        frame = pd.read_csv(check_regular(path), dtype=types, keep_default_na=False)
    except (OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:150]
        raise UserError(
            f"{path}: the label set cannot be read ({reason}). "
            "Build it again: delete the file and run the same command."
        ) from None
    if problem := _flaw(frame):
        raise UserError(
            f"{path}: {problem}. Build it again: delete the file and run the same command."
        )
    return frame


def _flaw(frame: pd.DataFrame) -> str | None:
    """Return what is wrong with a label set, None if nothing is."""
    if tuple(frame.columns) != COLUMNS:
        return f"a label set has the columns {', '.join(COLUMNS)}"
    if frame.empty:
        return "the label set has no classes"
    if frame["wnid"].duplicated().any():
        return f"{frame['wnid'][frame['wnid'].duplicated()].iloc[0]} appears twice"
    ranks = pd.Index(sorted(set(frame["class_wnid"]))).get_indexer(frame["class_wnid"])
    wrong = frame["wnid"][ranks != frame["label"]]
    if len(wrong):
        return f"the labels are not the ranks of class_wnid from 0 (first: that of {wrong.iloc[0]})"
    return None
