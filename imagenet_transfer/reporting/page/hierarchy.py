"""The classes of a study in WordNet, and where each label set puts them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pandas as pd

from imagenet_transfer.labels.taxonomy import Taxonomy, readable


@dataclass
class Node:
    """A synset of the drawn tree: its name, how many classes it holds, and what is below it."""

    name: str
    wnid: str
    classes: int = 0
    children: list["Node"] = field(default_factory=list)


def class_tree(wnids: Iterable[str], taxonomy: Taxonomy) -> list[Node]:
    """Return the roots of the tree of the classes, usually one.

    Synsets with one child that are not classes are skipped, and so are classes that the taxonomy
    does not know.
    """
    classes = {wnid for wnid in wnids if wnid in taxonomy.names}
    below: dict[str, set[str]] = {}
    roots = set()
    for wnid in classes:
        chain = taxonomy.chain(wnid)
        roots.add(chain[0])
        for parent, child in pairwise(chain):
            below.setdefault(parent, set()).add(child)
    return [_node(root, below, classes, taxonomy) for root in sorted(roots)]


def _node(wnid: str, below: Mapping[str, set[str]], classes: set[str], taxonomy: Taxonomy) -> Node:
    while wnid not in classes and len(below[wnid]) == 1:
        (wnid,) = below[wnid]
    children = [_node(child, below, classes, taxonomy) for child in below.get(wnid, ())]
    children.sort(key=lambda node: (-node.classes, node.name))
    held = sum(child.classes for child in children) + (wnid in classes)
    return Node(readable(taxonomy.names[wnid]), wnid, held, children)


def places_table(label_sets: Mapping[str, pd.DataFrame], taxonomy: Taxonomy) -> pd.DataFrame:
    """Return one row per fine class with its group in every label set; "" where it is left out.

    The columns are class, wnid, and the label sets by name. A group is named with its number of
    classes. Label sets that share no class with the first one are of other data and left out.
    """
    frames = {name: frame.astype(str) for name, frame in label_sets.items()}
    if not frames:
        return pd.DataFrame(columns=["class", "wnid"])
    largest = max(frames.values(), key=len)
    wnids = sorted(set(largest["wnid"]))
    shared = {name: frame for name, frame in frames.items() if set(frame["wnid"]) & set(wnids)}
    columns: dict[str, Sequence[str]] = {
        "class": [
            readable(taxonomy.names[wnid]) if wnid in taxonomy.names else wnid for wnid in wnids
        ],
        "wnid": wnids,
    }
    for name, frame in shared.items():
        sizes = frame["label"].map(frame["label"].value_counts())
        words = frame["class_name"].map(readable) + " (" + sizes.astype(str) + ")"
        by_wnid = dict(zip(frame["wnid"], words.where(sizes > 1, "itself"), strict=True))
        columns[name] = [by_wnid.get(wnid, "") for wnid in wnids]
    return pd.DataFrame(columns)
