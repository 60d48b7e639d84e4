"""Groups of classes that look alike to a network: the method "visual" of label sets.

A class is the mean of its training images' features, divided by its length. Classes are merged step
by step, always the two nearest groups, until the wanted number is left (agglomerative clustering).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.spatial.distance import pdist

from imagenet_transfer.errors import UserError
from imagenet_transfer.features.neighbours import Rows
from imagenet_transfer.labels.label_sets import check_number, merged
from imagenet_transfer.labels.taxonomy import taxonomy_for

BLOCK = 2048  # rows of features in memory: 64 MB as float64 at D = 4096
EUCLIDEAN = ("ward",)  # linkages that are about squared Euclidean distances


def visual_label_set(
    features: Rows,
    images: pd.DataFrame,
    classes: Sequence[str],
    settings: Mapping[str, Any],
    name: str,
) -> pd.DataFrame:
    """Return the label set that merges classes by the likeness of their features.

    `features` has one row per row of `images` (the store's: split, class), of which those of the
    split `train` count; `settings` is the study's `label_set_settings`, which has a `taxonomy` if
    the classes are wnids. Raises UserError, naming the label set, if there are too few classes, or
    if one has no training images or no features.
    """
    spec = settings["spec"]
    check_number(spec["classes"], len(classes), name)
    ordered = sorted(classes)
    means = class_means(features, images, ordered, name)
    found = groups_of(means, spec["classes"], spec["linkage"])
    taxonomy = taxonomy_for(ordered) if "taxonomy" in settings else None
    return merged([[ordered[row] for row in group] for group in found], taxonomy)


def class_means(
    features: Rows, images: pd.DataFrame, classes: Sequence[str], name: str
) -> np.ndarray:
    """Return the mean of each class's training images, divided by its length, float64 (C,D).

    Sums of float16 features are exact in float64, so neither blocks nor threads change a bit.
    Raises UserError, naming the label set, for a class without training images or features.
    """
    labels = pd.Index(classes).get_indexer(images["class"])
    labels[(images["split"] != "train").to_numpy()] = -1
    _refuse(classes, np.bincount(labels[labels >= 0], minlength=len(classes)) == 0, name, "images")
    sums = np.zeros((len(classes), features.shape[1]))
    rows = np.flatnonzero(labels >= 0)
    for start in range(0, len(rows), BLOCK):
        chosen = rows[start : start + BLOCK]
        block = features.take(chosen)
        for label in np.unique(labels[chosen]):
            sums[label] += block[labels[chosen] == label].sum(axis=0, dtype=np.float64)
    lengths = np.sqrt((sums**2).sum(axis=1, keepdims=True))
    _refuse(classes, ~((lengths > 0) & np.isfinite(lengths)).ravel(), name, "features")
    return sums / lengths


def _refuse(classes: Sequence[str], missing: np.ndarray, name: str, what: str) -> None:
    """Raise UserError if classes lack training images, or features that can be compared."""
    if missing.any():
        first = classes[int(missing.argmax())]
        advice = {
            "images": "complete the data set, or take a class list that it covers",
            "features": "take a network that has learnt something, or another layer",
        }
        raise UserError(
            f"label_sets.{name}: {int(missing.sum())} classes have no {what} to be compared by "
            f"(first: {first}): {advice[what]}."
        )


def groups_of(means: np.ndarray, number: int, linkage: str) -> list[list[int]]:
    """Return exactly `number` groups of rows (C,D), by the first row of each.

    `linkage` "average" and "complete" take the mean and the largest cosine distance of rows of two
    groups, "ward" the growth of the squared distances from the groups' means. Of pairs that are
    equally near, SciPy's order decides, which follows that of the rows.
    """
    metric = "euclidean" if linkage in EUCLIDEAN else "sqeuclidean"  # twice the cosine distance
    steps = scipy_linkage(pdist(means, metric), linkage)
    groups = {row: [row] for row in range(len(means))}
    for step, (one, other) in enumerate(steps[: len(means) - number, :2].astype(int).tolist()):
        groups[len(means) + step] = sorted(groups.pop(one) + groups.pop(other))
    return sorted(groups.values())
