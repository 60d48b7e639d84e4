"""What measures are made from, in memory or in a file: features of a few classes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from imagenet_transfer.features.embeddings import lengths_of, read_embeddings
from imagenet_transfer.features.measures import Material
from imagenet_transfer.features.neighbours import ArrayRows
from imagenet_transfer.files import sha256_of, write_json
from imagenet_transfer.versions import VERSIONS


class Features(ArrayRows):
    """Rows as an embedding has them, and the lengths that they had."""

    def __init__(self, vectors):
        self.lengths = np.linalg.norm(vectors, axis=1).astype(np.float32)
        unit = vectors / np.maximum(self.lengths, 1e-12)[:, None]
        super().__init__(unit.astype(np.float16))

    @property
    def vectors(self):
        """Return the features that are measured, with the rounding of an embedding (N,D)."""
        return self.array.astype(np.float64) * self.lengths[:, None]


def material(vectors, labels, tested, seed=1, num_classes=None, names=None):
    """Return the material of vectors (N,D) with labels (N); `tested` (N bool) are for the test."""
    labels = np.asarray(labels)
    names = np.array([f"image{row:04d}" for row in range(len(labels))]) if names is None else names
    tables = [
        pd.DataFrame({"row": np.flatnonzero(of), "label": labels[of]}) for of in (~tested, tested)
    ]
    number = num_classes or int(labels.max()) + 1
    return Material(Features(vectors), np.asarray(names), *tables, number, "flowers", seed)


def clusters(images=240, size=24, classes=6, spread=1.0, seed=0, every=3):
    """Return vectors like features after a ReLU around a centre per class, labels, and the test.

    Each `every`-th image is for the test.
    """
    draw = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    centres = draw.standard_normal((classes, size))
    vectors = centres[labels] + spread * draw.standard_normal((images, size)) + 0.5
    return np.maximum(vectors, 0) * 5, labels, np.arange(images) // classes % every == 0


def in_file(given, path):
    """Return the same material with its features in a file."""
    features = given.features
    np.save(path, features.array)
    np.save(lengths_of(path), features.lengths)
    meta = {"version": VERSIONS["embedding"], "store": "d", "weights": "w"}
    meta |= {"shape": list(features.shape), "layer": "fc7", "digest": sha256_of(path)}
    write_json(path.with_suffix(".json"), {**meta, "lengths": sha256_of(lengths_of(path))})

    store = SimpleNamespace(meta={"digest": "d"}, folder=path.parent)
    return Material(**{**vars(given), "features": read_embeddings(path, store)})


def rows(given):
    """Return training vectors and labels, test vectors and labels, as scikit-learn takes them."""
    vectors = given.features.vectors
    parts = [(vectors[table["row"]], table["label"]) for table in (given.train, given.test)]
    return [np.asarray(part) for pair in parts for part in pair]
