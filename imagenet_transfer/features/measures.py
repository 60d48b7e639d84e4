"""The stage that measures frozen features: from embeddings on disk to a run's files on disk."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from imagenet_transfer.data.store import Store
from imagenet_transfer.errors import UserError
from imagenet_transfer.features.embeddings import Embeddings, read_embeddings
from imagenet_transfer.features.neighbours import ArrayRows, Rows
from imagenet_transfer.running.provenance import commit
from imagenet_transfer.seeds import digest_of
from imagenet_transfer.training.kinds import KINDS, task_maker
from imagenet_transfer.training.loop import Outcome
from imagenet_transfer.training.metrics import check_finite, top_accuracies
from imagenet_transfer.training.run_files import RunFiles
from imagenet_transfer.training.stages import labelled_sets, manifest_digest, prepare

KEPT = 2**30  # bytes of features in memory; larger ones are read again as they are needed
HALF = 2  # bytes of a float16


@dataclass(frozen=True)
class Material:
    """What a measure is made from.

    `features` has a row per image of a store, `names` (N) are the images' names. `train` and `test`
    have the columns row, ascending, and label (0..num_classes-1). `seed` is for draws.
    """

    features: Embeddings
    names: np.ndarray
    train: pd.DataFrame
    test: pd.DataFrame
    num_classes: int
    task: str
    seed: int
    device: str = "cpu"


@dataclass(frozen=True)
class Found:
    """What a measure finds.

    `metrics` are in percent, `history` the rows of history.csv, `tested` that of images.csv.gz,
    `facts` more entries of metrics.json.
    """

    metrics: dict[str, float]
    history: list[dict[str, Any]]
    tested: pd.DataFrame
    facts: dict[str, Any] = field(default_factory=dict)


def measure(
    kind: str,
    inputs: Mapping[str, Path],
    settings: Mapping[str, Any],
    names: Mapping[str, Any],
    folder: Path,
    threads: int,
) -> None:
    """Measure a network's features by a kind of task and write a run's files into `folder`.

    `inputs`: store (its meta.json), features, and manifest and label_set where the classes of a
    subset are told apart. `names`: arch, subset, task, rep, and network (the pre-training replicate
    of the features; "" for a random start). See `RunFiles` for the files.
    """
    device = prepare(threads)
    start = time.monotonic()
    store = Store(inputs["store"].parent, threads=threads)
    features = read_embeddings(inputs["features"], store)
    material = material_of(store, features, inputs, names["task"], settings["seed"], device)
    found = task_maker(kind)(material, KINDS[kind].keys.of(settings["measure"]))
    check_finite(found.metrics, folder, "run the same command again")
    files = RunFiles(folder, settings, _digests(store, features, inputs), device)
    seconds = time.monotonic() - start
    outcome = Outcome(found.metrics, found.history, seconds, [commit()])
    files.write({"stage": "transfer", **names, **found.facts}, outcome, found.tested)


def material_of(
    store: Store,
    features: Embeddings,
    inputs: Mapping[str, Path],
    task: str,
    seed: int,
    device: str,
) -> Material:
    """Return what a measure is made from; raise UserError if there are no training images."""
    train, test, num_classes = labelled_sets(store, inputs)
    if train.empty:
        raise UserError(
            f"tasks.{task}: there are no training images; check the data set's splits and the "
            "subset's size."
        )
    train = train.sort_values("row", kind="stable")  # read in the order of the file
    names = store.images["image"].to_numpy()
    return Material(features, names, train, test, num_classes, task, seed, device)


def _digests(
    store: Store, features: Embeddings, inputs: Mapping[str, Path]
) -> dict[str, str | None]:
    """Return the digests of what a measure reads; weights are those of the features."""
    digests = {"store": store.meta["digest"], "features": features.meta["digest"]}
    digests["weights"] = features.meta["weights"]
    if "manifest" in inputs:
        digests["manifest"] = manifest_digest(inputs["manifest"])
    return digests


def training_rows(material: Material) -> tuple[Rows, np.ndarray]:
    """Return features and the row (N), ascending, of each training image in them.

    They are those of the training images, in memory, if these have room there.
    """
    rows = material.train["row"].to_numpy()
    if len(rows) * HALF * material.features.shape[1] > KEPT:
        return material.features, rows
    return ArrayRows(material.features.take(rows)), np.arange(len(rows))


def name_hashes(seed: int, what: str, names: np.ndarray) -> np.ndarray:
    """Return a hash of each name (N), uint64, by which names are ranked for a draw."""
    digests = (digest_of(seed, what, name)[:8] for name in names)
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def found_by_ranks(
    material: Material,
    ranks: np.ndarray,
    history: list[dict[str, Any]],
    facts: dict[str, Any] | None = None,
) -> Found:
    """Return what a measure finds by the rank (N), from 0, of each test image's class.

    The accuracies are added to the last row of the history.
    """
    labels = material.test["label"].to_numpy()
    metrics = top_accuracies(ranks, labels, material.num_classes)
    names = material.names[material.test["row"]]
    tested = pd.DataFrame({"image": names, "label": labels, "rank": ranks})
    *before, last = history
    return Found(metrics, [*before, last | metrics], tested, facts or {})
