"""What features and predictions tell about classes (Section 4): induction, neighbours, coarse gain.

Figures 4, 5 and 6 show them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from imagenet_transfer.data.store import tested_split
from imagenet_transfer.errors import UserError
from imagenet_transfer.features.neighbours import Rows, nearest
from imagenet_transfer.seeds import seed_of

TOP_KS = (1, 5)
INDUCTION_COLUMNS = ["network", "k", "value", "n_queries", "n_gallery", "n_classes"]
GAIN_COLUMNS = [
    *("class_wnid", "class_name", "n_subclasses"),
    *("coarse_accuracy", "fine_accuracy", "gain", "similarity"),
]


def unseen_classes(label_set: pd.DataFrame) -> list[str]:
    """Return, ascending, the fine classes that a label set merges with others.

    A network trained on it never saw them as labels. A class that is the only one under its label
    was a training label, whatever its name ("the classes that are present in the original set").
    `label_set` has the columns wnid and class_wnid.
    """
    return sorted(label_set.loc[label_set.duplicated("class_wnid", keep=False), "wnid"])


def induction(
    networks: Mapping[str, Rows],
    images: pd.DataFrame,
    label_set: pd.DataFrame,
    top_ks: Sequence[int] = TOP_KS,
    device: str = "cpu",
) -> pd.DataFrame:
    """Return how well neighbours tell apart the fine classes that `label_set` merges (Figure 4).

    `networks` gives each network's features, one row per row of `images` (the store's: split,
    class). For all networks, the queries are the validation images of the unseen classes, and the
    gallery is their training images. A query is right at k if one of its k nearest has its class.

    The frame has one row per network and k: network, k, value (percent of right queries, which is
    mean class accuracy if all classes have as many validation images), n_queries, n_gallery,
    n_classes. Raises UserError if nothing is merged, or a split has no such images.
    """
    unseen = unseen_classes(label_set)
    if not unseen:
        raise UserError(
            "The label set merges no classes, so there is nothing to induce: choose a coarser one."
        )
    queries, gallery = (
        _rows_of(images, split, unseen) for split in (tested_split(images), "train")
    )
    classes = images["class"].to_numpy()
    counts = (len(queries), len(gallery), len(unseen))
    rows = []
    for network, features in networks.items():
        found = nearest(features.take(queries), features, max(top_ks), rows=gallery, device=device)
        hits = classes[found.indices] == classes[queries, None]
        rows += [(network, k, 100 * hits[:, :k].any(axis=1).mean(), *counts) for k in top_ks]
    return pd.DataFrame(rows, columns=INDUCTION_COLUMNS)


def _rows_of(images: pd.DataFrame, split: str, wnids: Sequence[str]) -> np.ndarray:
    """Return the rows of a split's images of some classes; UserError if there are none."""
    rows = np.flatnonzero((images["split"] == split) & images["class"].isin(wnids))
    if not len(rows):
        raise UserError(
            f"The data set has no images of {_some(wnids)} in its split '{split}': check its class "
            "list."
        )
    return rows


def _some(wnids: Sequence[str]) -> str:
    return ", ".join(list(wnids)[:3]) + (", ..." if len(wnids) > 3 else "")


def neighbours_of(
    subset: str,
    features: Rows,
    images: pd.DataFrame,
    label_set: pd.DataFrame,
    wnids: Sequence[str],
    k: int,
    seed: int,
    device: str = "cpu",
) -> pd.DataFrame:
    """Return the `k` nearest training images of a validation image per class in `wnids` (Figure 5).

    `features` has one row per row of `images` (the store's: image, split, class); the network was
    trained on `label_set`. The query depends only on `seed` and class: it is the same for all
    networks. Columns: subset, query_wnid, query_image, rank (from 1), image, wnid, relation
    ("fine": the query's class; "coarse": another class with the same label; "neither"), similarity
    (cosine), seen (whether the query's class is itself a training label). Raises UserError for a
    class without validation images.
    """
    queries = np.array([_query(images, wnid, seed) for wnid in wnids])
    training = np.flatnonzero(images["split"] == "train")
    found = nearest(features.take(queries), features, k, rows=training, device=device)
    parts = [
        _neighbour_rows(images, query, *neighbours, label_set)
        for query, *neighbours in zip(queries, found.indices, found.similarities, strict=True)
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame.insert(0, "subset", subset)
    return frame


def _query(images: pd.DataFrame, wnid: str, seed: int) -> int:
    """Return the row of a class's query."""
    rows = _rows_of(images, tested_split(images), [wnid])
    return min(rows.tolist(), key=lambda row: seed_of(seed, "query", images["image"].iat[row]))


def _neighbour_rows(
    images: pd.DataFrame,
    query: int,
    indices: np.ndarray,
    similarities: np.ndarray,
    label_set: pd.DataFrame,
) -> pd.DataFrame:
    """Return one query's rows of `neighbours_of`."""
    label_of = dict(zip(label_set["wnid"], label_set["class_wnid"], strict=True))
    wnid = images["class"].iat[query]
    names = images["image"].to_numpy()
    found = images["class"].to_numpy()[indices]
    return pd.DataFrame(
        {
            "query_wnid": wnid,
            "query_image": names[query],
            "rank": np.arange(1, len(indices) + 1),
            "image": names[indices],
            "wnid": found,
            "relation": [_relation(wnid, other, label_of) for other in found],
            "similarity": similarities,
            "seen": wnid in label_of and wnid not in unseen_classes(label_set),
        }
    )


def _relation(wnid: str, other: str, label_of: Mapping[str, str]) -> str:
    if wnid == other:
        return "fine"
    return "coarse" if wnid in label_of and label_of[wnid] == label_of.get(other) else "neither"


def coarse_gain(
    predictions: pd.DataFrame,
    label_set: pd.DataFrame,
    least: int,
    means: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return what coarse classes of at least `least` sub-classes gain over them (Figure 6).

    `predictions` has the columns wnid and predicted (fine classes) of a network trained on fine
    classes; `label_set` gives each wnid its class_wnid and class_name. The columns are
    GAIN_COLUMNS, largest gain first. coarse_accuracy is the percentage of images predicted as any
    sub-class, fine_accuracy as their own, both averaged over the sub-classes; gain is the
    difference. similarity is the mean cosine between the vectors of different sub-classes in
    `means`, empty without them. `means` should not come from the network whose predictions are
    counted; see `descriptors.class_descriptors`.
    """
    accuracy = _sub_class_accuracies(predictions, label_set)
    rows = []
    for names, members in label_set.groupby(["class_wnid", "class_name"]):
        fine = sorted(members["wnid"])
        if len(fine) >= least:
            coarse_accuracy, fine_accuracy = accuracy.reindex(fine).mean()
            gain = coarse_accuracy - fine_accuracy
            values = (coarse_accuracy, fine_accuracy, gain, _similarity(fine, means))
            rows.append((*names, len(fine), *values))
    frame = pd.DataFrame(rows, columns=GAIN_COLUMNS)
    order = {"by": ["gain", "class_wnid"], "ascending": [False, True], "kind": "stable"}
    return frame.sort_values(**order, ignore_index=True)


def _sub_class_accuracies(predictions: pd.DataFrame, label_set: pd.DataFrame) -> pd.DataFrame:
    """Return, by wnid, the percentages of images whose coarse and whose fine class is right."""
    label_of = label_set.set_index("wnid")["class_wnid"]
    wnid = predictions["wnid"]
    predicted = predictions["predicted"]
    coarse = predicted.map(label_of) == wnid.map(label_of)
    right = pd.DataFrame({"coarse": coarse, "fine": predicted == wnid})
    return 100 * right.groupby(wnid).mean()


def _similarity(wnids: Sequence[str], means: pd.DataFrame | None) -> float:
    """Return the mean cosine between the mean vectors of different classes; NaN for one class."""
    vectors = np.empty((0, 0)) if means is None else means.reindex(wnids).dropna().to_numpy()
    if len(vectors) < 2:
        return float("nan")
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    return float(cosines[~np.eye(len(vectors), dtype=bool)].mean())
