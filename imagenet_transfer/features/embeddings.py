"""Features and predictions of a trained network for the images of a store (Section 4)."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from imagenet_transfer.data.store import Store, tested_split
from imagenet_transfer.data.windows import Windows
from imagenet_transfer.errors import UserError
from imagenet_transfer.features.neighbours import MatrixFile
from imagenet_transfer.files import atomic_write, read_facts, sha256_of, write_json
from imagenet_transfer.models import network_of
from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.running.progress import Progress
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.training.checkpoints import copy_weights, load_weights
from imagenet_transfer.training.feed import fed, feed_of
from imagenet_transfer.training.images import read_images
from imagenet_transfer.training.measures import NONE
from imagenet_transfer.versions import VERSIONS

BATCH = 256


class Embeddings(MatrixFile):
    """One layer's features of all records of a store: float16 rows of length 1 (or 0).

    `meta` has the keys version, layer, store (digest), weights (None: a random start), shape,
    digest and lengths (SHA-256 of the file and of that of its lengths), and where they apply
    augmentation and the seed of a random start.
    """

    def __init__(self, path: Path | str):
        self.meta = _read_meta(Path(path))
        super().__init__(path)
        if list(self.shape) != self.meta["shape"]:
            said = self.meta["shape"]
            raise self._damaged(f"its shape is {list(self.shape)}, its .json says {said}")

    @cached_property
    def lengths(self) -> np.ndarray:
        """Return the lengths (N,), float32, that the rows had; UserError if they are damaged."""
        path = lengths_of(self.path)
        if not path.is_file() or sha256_of(path) != self.meta.get("lengths"):
            raise UserError(
                f"{path} is not what {self.path} was written with: delete both, so that the same "
                "command computes them again."
            )
        return np.load(path)


def lengths_of(path: Path | str) -> Path:
    """Return the file with the lengths of the features in a file."""
    return Path(path).with_name(f"{Path(path).stem}-lengths.npy")


def read_embeddings(path: Path | str, store: Store) -> Embeddings:
    """Return the embeddings that `embed` wrote; UserError if not whole or of other images."""
    embeddings = Embeddings(path)
    if embeddings.meta["store"] != store.meta["digest"]:
        raise UserError(
            f"{path} holds features of other images than {store.folder}: compare networks of one "
            "data set, or run the target that computes the features again."
        )
    return embeddings


def _read_meta(path: Path) -> dict[str, Any]:
    facts = path.with_suffix(".json")
    if not facts.is_file():
        raise UserError(
            f"{path} is not finished ({facts.name} is missing): run the target that computes it."
        )
    meta = read_facts(facts, "version", "store", "weights", "shape", "digest")
    if meta["version"] != VERSIONS["embedding"]:
        raise UserError(
            f"{path} has format {meta['version']}, but this version reads format "
            f"{VERSIONS['embedding']}: delete it and run again."
        )
    return meta


def embed(
    store: Store,
    weights: Path | str | None,
    architecture: Mapping[str, Any],
    layer: str,
    path: Path | str,
    device: str = "cpu",
    batch: int = BATCH,
    augmentation: str = NONE,
    seed: int | None = None,
) -> None:
    """Write one layer's features of all records' centre crops to `path` (.npy).

    Their lengths go to a file next to it (`lengths_of`), and their origin to a .json, last. `layer`
    is one of `Network.feature_sizes`. Each record of the store has a row, float16 and divided by
    its length (a row of zeros stays one); with the augmentation `mirror`, it is the mean of the
    features of the crop and of its mirror image. Without weights, `seed` draws the first values of
    a network. The memory does not grow with the store, except by a number per record. Raises
    UserError for weights of another architecture and for damaged images.
    """
    path = Path(path)
    path.with_suffix(".json").unlink(missing_ok=True)
    if weights is None:
        model = random_network(architecture, seed, device)
    else:
        model = load_network(weights, architecture, device)
    shape = (len(store), model.network.feature_sizes(model.last.out_features)[layer])
    header = {"descr": "<f2", "fortran_order": False, "shape": shape}
    lengths = []
    progress = Progress(len(store), {"images": 1})
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for images in _centre_crops(store, np.arange(len(store)), model, batch):
            features = _augmented(model, images, layer, augmentation)
            lengths.append(torch.linalg.vector_norm(features, dim=1).cpu().numpy())
            file.write(F.normalize(features).half().cpu().numpy().tobytes())
            progress.advance(len(images))
    with atomic_write(lengths_of(path)) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate(lengths))
    more = {} if augmentation == NONE else {"augmentation": augmentation}
    more |= {} if seed is None else {"seed": seed}
    meta = {"version": VERSIONS["embedding"], "layer": layer, "shape": shape, **more}
    meta |= {"store": store.meta["digest"], "weights": weights and sha256_of(weights)}
    meta |= {"digest": sha256_of(path), "lengths": sha256_of(lengths_of(path))}
    write_json(path.with_suffix(".json"), meta)


def classify(
    store: Store,
    weights: Path | str,
    architecture: Mapping[str, Any],
    classes: Sequence[str],
    device: str = "cpu",
    batch: int = BATCH,
) -> pd.DataFrame:
    """Return image, wnid and predicted of the validation images, in store order.

    `predicted` is the top class of the centre crop, the first of equal ones. `classes` are the
    wnids of the network's outputs, in label order. Raises UserError if the network has another
    number of outputs.
    """
    model = load_network(weights, architecture, device)
    if model.last.out_features != len(classes):
        raise UserError(
            f"{weights} has {model.last.out_features} outputs, not {len(classes)}: train the "
            "network again."
        )
    rows = store.split(tested_split(store.images))
    crops = _centre_crops(store, rows, model, batch)
    scores = (activations(model, images, model.network.last) for images in crops)
    best = np.concatenate([batch.cpu().numpy().argmax(axis=1) for batch in scores])
    images = store.images.iloc[rows][["image", "class"]].rename(columns={"class": "wnid"})
    return images.assign(predicted=np.asarray(classes)[best]).reset_index(drop=True)


def load_network(
    weights: Path | str, architecture: Mapping[str, Any], device: str = "cpu"
) -> Backbone:
    """Return a trained network ready to evaluate; the weights tell its number of classes.

    Raises UserError if the weights belong to another architecture.
    """
    network = network_of(architecture)
    last = load_weights(weights).get(f"{network.last_module}.weight")
    if last is None:
        raise UserError(
            f"{weights} has no layer {network.last_module}: the weights belong to another "
            "architecture than the config's; train the network again."
        )
    model = network.build(len(last))
    copy_weights(model, weights)
    return model.eval().to(device, memory_format=torch.channels_last)


def random_network(
    architecture: Mapping[str, Any], seed: int | None, device: str = "cpu"
) -> Backbone:
    """Return a network with the first values that a seed draws, ready to evaluate.

    It has one class: what comes before the class scores is of interest.
    """
    torch.manual_seed(seed_of(seed, "initial values"))
    model = network_of(architecture).build(num_classes=1)
    return model.eval().to(device, memory_format=torch.channels_last)


def _augmented(model: Backbone, images: Tensor, layer: str, augmentation: str) -> Tensor:
    """Return a layer's features N,D of crops N,H,W,3, float32, by an augmentation of the config."""
    features = activations(model, images, layer).float()
    if augmentation == NONE:
        return features
    return (features + activations(model, images.flip(2), layer).float()) / 2


@torch.inference_mode()
def activations(model: Backbone, images: Tensor, layer: str) -> Tensor:
    """Return a layer's features N,D of uint8 RGB images N,H,W,3 of the input size.

    They are taken after the ReLU, except those of the last layer.
    """
    return model.activations(images, layer)


def _centre_crops(store: Store, rows: np.ndarray, model: Backbone, batch: int) -> Iterator[Tensor]:
    """Yield the centre crops of some records, uint8 N,H,W,3, on the network's device."""
    size = model.network.input_size
    stored = store.meta["size"]
    margin = (stored - size) // 2
    window = slice(margin, margin + size)
    device = model.pixel_mean.device
    feed = feed_of(device)

    def load(rows: np.ndarray) -> Tensor:
        if device.type != "cpu":
            return read_images(store, rows, None, feed, stored)
        return read_images(store, rows, Windows.centred(len(rows), size, stored), feed, size)

    parts = (rows[start : start + batch] for start in range(0, len(rows), batch))
    for images in fed(feed, load, parts, ahead=1):
        yield images if device.type == "cpu" else images.to(device)[:, window, window]
