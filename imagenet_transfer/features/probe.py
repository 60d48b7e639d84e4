"""Linear probe: the accuracy of multinomial logistic regression on a network's features."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from imagenet_transfer.errors import UserError
from imagenet_transfer.features.logistic import Fit, Load, Rows, Scale, fit, scores_of
from imagenet_transfer.features.measures import Found, Material, found_by_ranks, name_hashes
from imagenet_transfer.training.measures import Probe
from imagenet_transfer.training.metrics import label_ranks, mean_class_accuracy

KEPT = 2**30  # bytes of features in memory; larger ones are read anew for each step
SEARCH_TOLERANCE = 1e-5  # of fits that only choose the penalty
SPAN = 100  # by which a penalty is weaker than the best so far when the search ends


@dataclass(frozen=True)
class Tried:
    """A penalty of the search: the fit to a part of the training images, tested on the rest."""

    l2: float
    fit: Fit
    accuracy: float  # mean class accuracy of the images held out, in percent
    loss: float  # their mean cross-entropy

    def is_better(self, other: "Tried") -> bool:
        """Return whether it has the higher accuracy or, among equals, the lower loss."""
        return (self.accuracy, -self.loss) > (other.accuracy, -other.loss)


def measure(material: Material, keys: Probe) -> Found:
    """Return the accuracy of the regression that is fitted to all training images.

    Its penalty is chosen on some of them. metrics.json has the penalty, whether it is the strongest
    or the weakest of those to choose from, iterations and loss; history.csv the search.
    """
    load = _loader(material)
    rows, labels = (material.train[name].to_numpy() for name in ("row", "label"))
    scale = Scale.of(load, rows)
    keep = len(rows) * 4 * material.features.shape[1] <= kept_bytes(material.device)
    part = held_out(material, keys.held_out)
    sets = [Rows(scale.scaled(load), rows[of], labels[of], keep) for of in (~part, part)]
    shape = (material.num_classes, material.features.shape[1] + 1)
    start = torch.zeros(shape, dtype=torch.float64, device=material.device)
    tried = _search(material, keys, sets, scale, start) if len(keys.l2) > 1 else []
    best = _best(tried)
    l2 = best.l2 if best else keys.l2[0]
    start = best.fit.values if best else start
    final = fit(sets, start, l2 / scale.size**2, keys.iterations)
    facts = _facts(keys, l2, final)
    history = [
        *_history(tried, len(sets[0])),
        {**_row(l2, len(rows), final), **_nothing_held_out()},
    ]
    print(f"Fitted to all images: {facts}", file=sys.stderr)
    return found_by_ranks(
        material, _test(material, scale.scaled(load), final), history, {"fit": facts}
    )


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

    At least one of each class that has two or more. Raises UserError if there is no such class.
    """
    labels = material.train["label"].to_numpy()
    names = material.names[material.train["row"]]
    order = np.lexsort((name_hashes(material.seed, "held out", names), labels))
    counts = np.bincount(labels, minlength=material.num_classes)
    wanted = np.where(counts > 1, np.maximum(1, (share * counts).astype(int)), 0)
    starts = np.cumsum(counts) - counts
    part = np.zeros(len(labels), dtype=bool)
    part[order] = np.arange(len(labels)) - starts[labels[order]] < wanted[labels[order]]
    if not part.any():
        raise UserError(
            f"tasks.{material.task}: no class has two training images, so none can be held out to "
            "choose l2 on; take more images."
        )
    return part


# The search for the penalty


def _search(
    material: Material, keys: Probe, sets: Sequence[Rows], scale: Scale, values: torch.Tensor
) -> list[Tried]:
    """Return what was tried, from the strongest penalty down, each fit starting at the last.

    The weakest ones take by far the longest, so the search ends two decades below the best.
    """
    tried: list[Tried] = []
    for l2 in sorted(keys.l2, reverse=True):
        found = fit(sets[:1], values, l2 / scale.size**2, keys.iterations, SEARCH_TOLERANCE)
        values = found.values
        tried.append(Tried(l2, found, *_judge(material, sets[1], found)))
        print(_history(tried[-1:], len(sets[0]))[0], file=sys.stderr)
        if l2 * SPAN <= _best(tried).l2:
            break
    return tried


def _best(tried: Sequence[Tried]) -> Tried | None:
    """Return the best, the first among equals; None if nothing was tried."""
    best = None
    for one in tried:
        best = one if best is None or one.is_better(best) else best
    return best


def _judge(material: Material, rows: Rows, found: Fit) -> tuple[float, float]:
    """Return accuracy, in percent, and mean cross-entropy of the images held out."""
    right = []
    labels = []
    loss = 0.0
    for scores, of in scores_of(rows, found.values):
        loss += float(torch.nn.functional.cross_entropy(scores, of, reduction="sum"))
        right.append(label_ranks(scores.cpu().numpy(), of.cpu().numpy()) < 1)
        labels.append(of.cpu().numpy())
    right, labels = map(np.concatenate, (right, labels))
    return 100 * mean_class_accuracy(right, labels, material.num_classes), loss / len(labels)


# The test and what is written


def _test(material: Material, load: Load, found: Fit) -> np.ndarray:
    """Return the rank (N), from 0, of each test image's class."""
    rows, labels = (material.test[name].to_numpy() for name in ("row", "label"))
    blocks = scores_of(Rows(load, rows, labels, keep=False), found.values)
    return np.concatenate([label_ranks(scores.cpu(), of.cpu()) for scores, of in blocks])


def _row(l2: float, images: int, found: Fit) -> dict[str, Any]:
    return {"l2": l2, "images": images, "iterations": found.iterations, "loss": found.loss}


def _nothing_held_out() -> dict[str, float]:
    return {"held_out_top1": math.nan, "held_out_loss": math.nan}


def _history(tried: Sequence[Tried], images: int) -> list[dict[str, Any]]:
    """Return a row per penalty that was tried on `images` images."""
    return [
        {
            **_row(one.l2, images, one.fit),
            "held_out_top1": one.accuracy,
            "held_out_loss": one.loss,
        }
        for one in tried
    ]


def _facts(keys: Probe, l2: float, found: Fit) -> dict[str, Any]:
    """Return what metrics.json says of the final fit."""
    return {
        "l2": l2,
        "at_edge": len(keys.l2) > 1 and l2 in (min(keys.l2), max(keys.l2)),
        "iterations": found.iterations,
        "loss": found.loss,
        "converged": found.converged,
    }
