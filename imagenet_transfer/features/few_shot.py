"""Accuracy of classifiers made from a few images per class, averaged over many draws of them."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from imagenet_transfer.errors import UserError
from imagenet_transfer.features.full_float32 import full_float32
from imagenet_transfer.features.measures import Found, Material, name_hashes, training_rows
from imagenet_transfer.features.neighbours import Rows
from imagenet_transfer.running.read_ahead import read_ahead
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.training.measures import FewShot
from imagenet_transfer.training.metrics import guesses_that_count, mean_class_accuracy

CLASSIFIERS = 2**28  # bytes of the classifiers that see a block of test images together
SCORES = 2**24  # scores that are compared at once
SAFE = 1e4  # condition of a matrix up to which float32 leaves three digits or more


@full_float32()
def measure(material: Material, keys: FewShot) -> Found:
    """Return the accuracies of `draws` classifiers, each made from `shots` images per class.

    A test image's result is the share of draws in which it is right. Raises UserError for a class
    with fewer images.
    """
    drawn = draw_places(material, keys.shots, keys.draws)
    tops = guesses_that_count(material.num_classes)
    right = {name: np.empty((keys.draws, len(material.test)), dtype=bool) for name in tops}
    features, rows = training_rows(material)
    together = max(1, CLASSIFIERS // (4 * material.num_classes * features.shape[1]))
    for start in range(0, keys.draws, together):
        group = slice(start, start + together)
        images = (take(features, rows[places]) for places in drawn[group])
        made = [classifier(torch.from_numpy(each).to(material.device), keys) for each in images]
        for columns, ranks in _ranks(material, made):
            for name, top in tops.items():
                right[name][group, columns] = ranks < top
    return _found(material, right)


def _found(material: Material, right: dict[str, np.ndarray]) -> Found:
    """Return what was found from the test images (draws,N) that each draw got right."""
    labels = material.test["label"].to_numpy()
    values = {
        name: [100 * mean_class_accuracy(draw, labels, material.num_classes) for draw in draws]
        for name, draws in right.items()
    }
    rows = zip(*values.values(), strict=True)
    history = [{"draw": i, **dict(zip(values, row, strict=True))} for i, row in enumerate(rows, 1)]
    shares = {name: draws.mean(axis=0) for name, draws in right.items()}
    names = material.names[material.test["row"]]
    tested = pd.DataFrame({"image": names, "label": labels, **shares})
    return Found({name: float(np.mean(each)) for name, each in values.items()}, history, tested)


# Draws


def draw_places(material: Material, shots: int, draws: int) -> np.ndarray:
    """Return which training images each draw takes, (draws, classes, shots), by their places.

    A draw ranks the images of a class by a hash of seed, draw and name, so that 1 image is among 5
    of the same draw, and the order of the images does not matter.
    """
    labels = material.train["label"].to_numpy()
    counts = np.bincount(labels, minlength=material.num_classes)
    if counts.min() < shots:
        raise UserError(
            f"tasks.{material.task}.shots is {shots}, but a class has {counts.min():,} training "
            "images; take fewer."
        )
    hashes = name_hashes(material.seed, "few-shot", material.names[material.train["row"]])
    first = (np.cumsum(counts) - counts)[:, None] + np.arange(shots)
    seeds = (seed_of(material.seed, "few-shot draw", draw) for draw in range(draws))
    return np.stack([np.lexsort((mixed(hashes ^ np.uint64(s)), labels))[first] for s in seeds])


def mixed(values: np.ndarray) -> np.ndarray:
    """Return uint64 numbers whose order is that of a random permutation (SplitMix64's finaliser).

    To hash a million names anew for each draw would take minutes. The constants are those of
    Steele, Lea & Flood 2014 as Vigna chose them.
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


# Classifiers


def take(features: Rows, rows: np.ndarray) -> np.ndarray:
    """Return the features (classes,shots,D) of some rows (classes,shots), read in file order."""
    needed, which = np.unique(rows, return_inverse=True)
    return features.take(needed)[which.reshape(rows.shape)]


def classifier(images: Tensor, keys: FewShot) -> tuple[Tensor, Tensor]:
    """Return weights (D,classes) and offsets (classes) made from images (classes,shots,D)."""
    images = images.float()
    return prototypes(images) if keys.method == "prototypes" else ridge(images, keys.l2)


def prototypes(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the directions (D,C) of the class means of images (C,shots,D), and no offsets.

    For images of length 1 a score is then, up to the length of the test image, a cosine.
    """
    means = torch.nn.functional.normalize(images.mean(1))
    return means.T, means.new_zeros(len(means))


def ridge(images: Tensor, l2: float) -> tuple[Tensor, Tensor]:
    """Return weights (D,C) and offsets (C) of ridge regression on the classes of images (C,shots,D).

    They minimise the squared errors of one-hot targets plus l2 times the squared weights; offsets
    are free. With fewer images than features the dual problem is solved. As each class has equally
    many images, the mean of the targets is the same for all classes and left out.
    """
    num_classes, shots, size = images.shape
    mean = images.mean((0, 1))
    x = images.reshape(-1, size) - mean
    y = torch.eye(num_classes, dtype=x.dtype, device=x.device).repeat_interleave(shots, 0)
    y = y - 1 / num_classes
    weights = x.T @ _solve(x @ x.T, y, l2) if len(x) < size else _solve(x.T @ x, x.T @ y, l2)
    return weights, -(mean @ weights)


def _solve(products: Tensor, targets: Tensor, l2: float) -> Tensor:
    """Return the solution of (products + l2) z = targets, found in float64 where it is delicate.

    For features of length 1, the trace of the products is at most the number of images.
    """
    delicate = float(products.diagonal().sum()) > SAFE * l2
    products = products.double() if delicate else products
    products.diagonal().add_(l2)
    factor = torch.linalg.cholesky(products)
    return torch.cholesky_solve(targets.to(products.dtype), factor).to(targets.dtype)


# Test images


def _ranks(
    material: Material, made: Sequence[tuple[Tensor, Tensor]]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield, for blocks of test images, their places and ranks (classifiers,block), from 0.

    Of classes with equal scores the lower comes first.
    """
    weights = torch.stack([weights for weights, _ in made], 1).flatten(1)
    offsets = torch.cat([offsets for _, offsets in made])
    rows = material.test["row"].to_numpy()
    labels = torch.from_numpy(np.array(material.test["label"], np.int64)).to(material.device)
    step = max(1, SCORES // len(offsets))
    blocks = [slice(start, start + step) for start in range(0, len(rows), step)]
    for block, features in zip(
        blocks, read_ahead(lambda b: _take(material, rows[b]), blocks), strict=True
    ):
        scores = torch.addmm(offsets, features.to(material.device).float(), weights)
        yield block, _places(scores.unflatten(1, (len(made), -1)), labels[block])


def _take(material: Material, rows: np.ndarray) -> Tensor:
    return torch.from_numpy(material.features.take(rows))


def _places(scores: Tensor, labels: Tensor) -> np.ndarray:
    """Return the ranks (classifiers,N) of labels (N) by scores (N,classifiers,classes)."""
    own = scores.gather(2, labels[:, None, None].expand(-1, scores.shape[1], 1))
    lower = torch.arange(scores.shape[2], device=scores.device) < labels[:, None]
    ahead = (scores > own) | ((scores == own) & lower[:, None])
    return ahead.sum(2).T.cpu().numpy()
