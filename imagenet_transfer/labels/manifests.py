"""Manifests: the images and labels of one pre-training set, all of a label set or a draw from it.

A draw ranks names by a hash of study seed and name and takes the first ones. So draws are nested
(125 images of a class inside 250 inside 500), do not depend on the order of the rows, and do not
change when another subset is added.
"""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import check_regular, read_facts, write_csv, write_json
from imagenet_transfer.labels.label_sets import check_wnids
from imagenet_transfer.seeds import seed_of

SCRATCH = "scratch"  # the reserved name of the subset without images: random initial weights


@dataclass(frozen=True)
class Manifest:
    """The images of one pre-training set.

    `rows`: image and label (int64), sorted by image. `classes`: the class_wnid of label 0, 1, ...
    `short`: fine classes with fewer images than asked for, each as {class, wanted, available}.
    """

    rows: pd.DataFrame
    classes: tuple[str, ...]
    short: list[dict[str, Any]]


def draw_manifest(
    images: pd.DataFrame,
    label_set: pd.DataFrame,
    sampling: Mapping[str, int],
    seed: int,
    name: str = "subset",
) -> Manifest:
    """Return the manifest of a draw from `images` (columns image, class = wnid of the fine class).

    `sampling`: `classes`, a number of the label set's classes, and `images_per_class`, counted per
    fine class (our choice: the paper does not say). Without them all are taken; a class with fewer
    images keeps all (the paper's Section 4). `seed` is the study's. Raises UserError, naming the
    subset `name`, if there are fewer classes than asked for or a class has no image.
    """
    check_wnids(images["class"].unique(), label_set["wnid"], f"subsets.{name}")
    classes = _draw_classes(
        sorted(set(label_set["class_wnid"])), sampling.get("classes"), seed, name
    )
    chosen = label_set[label_set["class_wnid"].isin(classes)].sort_values("wnid", ignore_index=True)
    labels = pd.Index(classes).get_indexer(chosen["class_wnid"])  # of each fine class
    fine = pd.Index(chosen["wnid"]).get_indexer(images["class"])  # of each image; -1: left out
    candidates = images["image"][fine >= 0]
    fine = fine[fine >= 0]
    if not candidates.is_monotonic_increasing:
        order = candidates.to_numpy().argsort()
        candidates = candidates.iloc[order]
        fine = fine[order]
    available = np.bincount(fine, minlength=len(chosen))
    _check_classes(classes, labels[available > 0], name)
    wanted = sampling.get("images_per_class", len(candidates))
    taken = _first_of_each_class(candidates, fine, wanted, seed)
    rows = pd.DataFrame(
        {"image": candidates.array[taken], "label": labels[fine[taken]].astype("int64")}
    )
    short = _short(chosen["wnid"], available, sampling.get("images_per_class", 0))
    return Manifest(rows, classes, short)


def _draw_classes(
    classes: Sequence[str], wanted: int | None, seed: int, name: str
) -> tuple[str, ...]:
    """Return, in ascending order, the first `wanted` classes by hash of seed and class_wnid."""
    if wanted is None:
        return tuple(classes)
    if wanted > len(classes):
        raise UserError(
            f"subsets.{name}: `classes` asks for {wanted}, but its label set has {len(classes)}. "
            "Lower it."
        )
    return tuple(sorted(sorted(classes, key=partial(seed_of, seed, "classes"))[:wanted]))


def _check_classes(classes: Sequence[str], labels_found: np.ndarray, name: str) -> None:
    """Raise UserError for fewer than two classes, and for classes without images."""
    if len(classes) < 2:
        raise UserError(
            f"subsets.{name}: its label set has only the class {classes[0][:60]}, but a network "
            "needs at least two to learn. Take another label set, or other keys of this one."
        )
    empty = sorted(set(range(len(classes))) - set(labels_found.tolist()))
    if empty:
        raise UserError(
            f"subsets.{name}: the data set has no image of {len(empty)} of the classes of its "
            f"label set, {classes[empty[0]]} among them. Complete the data set, or take a class "
            "list that it covers."
        )


def _short(wnids: Iterable[str], available: np.ndarray, wanted: int) -> list[dict[str, Any]]:
    """Return, in the order of `wnids`, the fine classes with fewer images than wanted."""
    counts = zip(wnids, available.tolist(), strict=True)
    return [
        {"class": wnid, "wanted": wanted, "available": count}
        for wnid, count in counts
        if count < wanted
    ]


def _first_of_each_class(images: pd.Series, fine: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Return a mask of each class's first `wanted` images by hash; `images` is ascending."""
    if wanted >= len(images):
        return np.ones(len(images), dtype=bool)
    order = np.lexsort((_hashes(images.tolist(), seed), fine))
    starts = np.flatnonzero(np.diff(fine[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    mask = np.empty(len(order), dtype=bool)
    mask[order] = np.arange(len(order)) - np.repeat(starts, sizes) < wanted
    return mask


def _hashes(names: Iterable[str], seed: int) -> np.ndarray:
    """Return the first 8 bytes of `digest_of(seed, "images", name)` of each name, as uint64."""
    prefix = f"{seed}/images/"  # written out for speed: 1.28 million names take 1.2 s
    digests = [hashlib.sha256((prefix + name).encode()).digest()[:8] for name in names]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def write_manifest(
    manifest: Manifest,
    csv_gz_path: Path | str,
    json_path: Path | str,
    drawn: Mapping[str, Any] | None = None,
) -> None:
    """Write the rows as CSV, and n_classes, n_images, digest, classes and short as JSON.

    Equal content gives equal bytes. The digest is the SHA-256 of the uncompressed CSV. `drawn` goes
    into the JSON too: the settings of the draw (version, sampling, seed) and the SHA-256 of the
    label set's file (label_set).
    """
    write_csv(csv_gz_path, manifest.rows)
    summary = {
        "n_classes": len(manifest.classes),
        "n_images": len(manifest.rows),
        "digest": _digest(csv_gz_path),
        "classes": list(manifest.classes),
        "short": manifest.short,
    }
    if drawn is not None:
        summary["drawn"] = dict(drawn)
    write_json(json_path, summary)


def _digest(csv_gz_path: Path | str) -> str:
    with gzip.open(csv_gz_path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(csv_gz_path: Path | str) -> Manifest:
    """Return the manifest of a `<subset>.csv.gz` and the `<subset>.json` next to it.

    Raises UserError if one of them cannot be read, or if they are not from the same draw.
    """
    path = Path(csv_gz_path)
    json_path = path.with_name(path.name.removesuffix(".csv.gz") + ".json")
    try:
        summary = read_facts(json_path, "digest", "classes", "short")
        if not all(isinstance(summary[key], list) for key in ("classes", "short")):
            raise ValueError(f"{json_path.name} is no longer the summary of a draw")
        data = gzip.decompress(check_regular(path).read_bytes())
        rows = pd.read_csv(
            io.BytesIO(data), dtype={"image": str, "label": "int64"}, keep_default_na=False
        )
    except (UserError, OSError, EOFError, ValueError, OverflowError, zlib.error) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:150]
        raise UserError(
            f"{path}: the manifest cannot be read ({reason}). Delete it to draw it again."
        ) from None
    if hashlib.sha256(data).hexdigest() != summary["digest"]:
        raise UserError(
            f"{path} is not the manifest that its .json describes. Delete both to draw it again."
        )
    return Manifest(rows, tuple(summary["classes"]), summary["short"])
