"""Linear probe: the accuracy of multinomial logistic regression on a network's features."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from imagenet_transfer.errors import UserError
from imagenet_transfer.features.full_float32 import full_float32
from imagenet_transfer.features.logistic import (
    Fit,
    LabelledRows,
    Load,
    Scale,
    fit,
    products_of,
    scores_of,
)
from imagenet_transfer.features.measures import KEPT, Found, Material, found_by_ranks, name_hashes
from imagenet_transfer.running.progress import note
from imagenet_transfer.training.measures import Probe
from imagenet_transfer.training.metrics import label_ranks, mean_class_accuracy

SPAN = 100  # by which a penalty is weaker than the best so far when the search ends


@dataclass(frozen=True)
class Tried:
    """A penalty and how well the fit to a part of the training images does on the rest."""

    l2: float
    accuracy: float  # mean class accuracy of the images held out, in percent
    loss: float  # their mean cross-entropy

    def is_better(self, other: "Tried | None") -> bool:
        """Return whether it has the higher accuracy or, among equals, the lower loss."""
        return other is None or (self.accuracy, -self.loss) > (other.accuracy, -other.loss)


@full_float32()
def measure(material: Material, keys: Probe) -> Found:
    """Return the accuracy of the regression that is fitted to all training images.

    Its penalty is chosen on some of them. metrics.json has the penalty, whether it is the strongest
    or the weakest of those to choose from, iterations and loss; history.csv the search.
    """
    scale, load = _scaled(material)
    several = len(keys.l2) > 1
    part = held_out(material, keys.held_out if several else 0.0)
    sets = [_rows(material, load, of) for of in (~part, part)]
    only = (keys.l2[0], _zeros(material), [])
    products = products_of(sets[:1], material.num_classes)
    l2, values, history = _search(material, keys, sets, scale, products) if several else only
    final = fit(sets, values, l2 / scale.size**2, keys.iterations, products)
    history.append(_row(l2, sets, final))
    facts = {"fit": _facts(keys, l2, final)}
    note(f"Fitted to all images: {facts}")
    return found_by_ranks(material, _test(material, load, final), history, facts)


def _zeros(material: Material) -> torch.Tensor:
    """Return the weights and offsets (classes,D+1) that a search starts at."""
    shape = (material.num_classes, material.features.shape[1] + 1)
    return torch.zeros(shape, dtype=torch.float64, device=material.device)


def _scaled(material: Material) -> tuple[Scale, Load]:
    """Return the scale of the training images' features, and a function that loads scaled rows."""
    load = _loader(material)
    scale = Scale.of(load, material.train["row"].to_numpy())
    return scale, scale.scaled(load)


def _rows(material: Material, load: Load, chosen: np.ndarray) -> LabelledRows:
    """Return some training images, kept in memory if all of them have room there."""
    size = len(material.train) * 4 * material.features.shape[1]  # float32: 4 bytes
    rows, labels = (material.train[name].to_numpy()[chosen] for name in ("row", "label"))
    return LabelledRows(load, rows, labels, keep=size <= kept_bytes(material.device))


def _loader(material: Material) -> Load:
    """Return a function that loads some rows of the features as they were, with their lengths."""
    lengths = material.features.lengths

    def load(rows: np.ndarray) -> torch.Tensor:
        features = torch.from_numpy(material.features.take(rows)).to(material.device).float()
        return features.mul_(torch.from_numpy(lengths[rows])[:, None].to(material.device))

    return load


def kept_bytes(device: str) -> float:
    """Return how many bytes of features may stay in memory: of a GPU, half of what is free."""
    return torch.cuda.mem_get_info()[0] / 2 if device == "cuda" else KEPT


def held_out(material: Material, share: float) -> np.ndarray:
    """Return which training images (N bool) are held out: a share of each class, by a hash.

    Unless the share is 0, at least one of each class that has two or more. Raises UserError if
    there is no such class.
    """
    labels = material.train["label"].to_numpy()
    names = material.names[material.train["row"]]
    order = np.lexsort((name_hashes(material.seed, "held out", names), labels))
    counts = np.bincount(labels, minlength=material.num_classes)
    wanted = np.where((counts > 1) & (share > 0), np.maximum(1, (share * counts).astype(int)), 0)
    starts = np.cumsum(counts) - counts
    part = np.zeros(len(labels), dtype=bool)
    part[order] = np.arange(len(labels)) - starts[labels[order]] < wanted[labels[order]]
    if share > 0 and not part.any():
        raise UserError(
            f"tasks.{material.task}: no class has two training images, so none can be held out to "
            "choose l2 on; take more images."
        )
    return part


# The search for the penalty


def _search(
    material: Material,
    keys: Probe,
    sets: Sequence[LabelledRows],
    scale: Scale,
    products: torch.Tensor | None,
) -> tuple[float, torch.Tensor, list[dict[str, Any]]]:
    """Return the best penalty, the fit to the first set with it, and a row per penalty tried.

    From the strongest down, each fit starts at the last. The weakest ones take by far the longest,
    so the search ends two decades below the best.
    """
    best = None
    values = chosen = _zeros(material)
    history = []
    for l2 in sorted(keys.l2, reverse=True):
        found = fit(sets[:1], values, l2 / scale.size**2, keys.iterations, products)
        values = found.values
        one = Tried(l2, *_judge(material, sets[1], values))
        history.append(_row(l2, sets[:1], found, one))
        note(str(history[-1]))
        if one.is_better(best):
            best, chosen = one, values
        if l2 * SPAN <= best.l2:
            break
    return best.l2, chosen, history


def _judge(material: Material, rows: LabelledRows, values: torch.Tensor) -> tuple[float, float]:
    """Return accuracy, in percent, and mean cross-entropy of the images held out."""
    right = []
    labels = []
    loss = 0.0
    for scores, of in scores_of(rows, values):
        loss += float(torch.nn.functional.cross_entropy(scores, of, reduction="sum"))
        right.append(label_ranks(scores.cpu().numpy(), of.cpu().numpy()) < 1)
        labels.append(of.cpu().numpy())
    right, labels = map(np.concatenate, (right, labels))
    return 100 * mean_class_accuracy(right, labels, material.num_classes), loss / len(labels)


# The test and what is written


def _test(material: Material, load: Load, found: Fit) -> np.ndarray:
    """Return the rank (N), from 0, of each test image's class."""
    rows, labels = (material.test[name].to_numpy() for name in ("row", "label"))
    blocks = scores_of(LabelledRows(load, rows, labels, keep=False), found.values)
    return np.concatenate([label_ranks(scores.cpu(), of.cpu()) for scores, of in blocks])


def _row(
    l2: float, sets: Sequence[LabelledRows], found: Fit, tried: Tried | None = None
) -> dict[str, Any]:
    """Return a row of history.csv."""
    fitted = {"l2": l2, "images": sum(map(len, sets)), "iterations": found.iterations}
    accuracy, loss = (tried.accuracy, tried.loss) if tried else (math.nan, math.nan)
    return {**fitted, "loss": found.loss, "held_out_top1": accuracy, "held_out_loss": loss}


def _facts(keys: Probe, l2: float, found: Fit) -> dict[str, Any]:
    """Return what metrics.json says of the final fit."""
    return {
        "l2": l2,
        "at_edge": len(keys.l2) > 1 and l2 in (min(keys.l2), max(keys.l2)),
        "iterations": found.iterations,
        "loss": found.loss,
        "converged": found.converged,
    }
