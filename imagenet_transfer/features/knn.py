"""Accuracy by nearest neighbours: the classes of the training images whose features are nearest."""

import numpy as np

from imagenet_transfer.errors import UserError
from imagenet_transfer.features.measures import Found, Material, found_by_ranks, training_rows
from imagenet_transfer.features.neighbours import nearest
from imagenet_transfer.training.measures import NONE, Neighbours

QUERIES = 2**29  # bytes of test images' features that are searched for at once
CELLS = 2**22  # pairs of test image and class whose votes are counted at once


def measure(material: Material, keys: Neighbours) -> Found:
    """Return how often the nearest training images tell the class of a test image.

    Raises UserError if there are fewer training images than should vote.
    """
    images = len(material.train)
    if keys.k > images:
        raise UserError(
            f"tasks.{material.task}.k is {keys.k}, but there are {images:,} training images; take "
            "fewer."
        )
    gallery, rows = training_rows(material)
    label_of = np.zeros(gallery.shape[0], dtype=np.int64)
    label_of[rows] = material.train["label"]
    queries = material.test["row"].to_numpy()
    step = max(1, QUERIES // (2 * material.features.shape[1]))
    parts = []
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        asked = material.features.take(queries[part])
        found = nearest(asked, gallery, keys.k, rows, material.device)
        votes = weights(found.similarities, keys.temperature)
        labels = material.test["label"].to_numpy()[part]
        parts.append(vote_ranks(label_of[found.indices], votes, labels, material.num_classes))
    history = [{"k": keys.k, "temperature": keys.temperature, "images": images}]
    return found_by_ranks(material, np.concatenate(parts), history)


def weights(similarities: np.ndarray, temperature: float | str) -> np.ndarray:
    """Return how much the neighbours (Q,k), nearest first, count; the nearest counts 1.

    exp(similarity / temperature) by Wu et al. (2018), up to a factor per query, which keeps small
    temperatures within the range of numbers.
    """
    similarities = similarities.astype(np.float64)
    if temperature == NONE:
        return np.ones_like(similarities)
    return np.exp((similarities - similarities[:, :1]) / temperature)


def vote_ranks(
    neighbours: np.ndarray, votes: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """Return the rank (Q,), from 0, of each query's class among the classes by their votes.

    `neighbours` (Q,k) are the classes of the neighbours, nearest first, `votes` (Q,k) what they
    count. Of classes with equal votes, that of the nearest of their neighbours comes first. A class
    without a neighbour comes last: to guess among those would favour some.
    """
    step = max(1, CELLS // num_classes)
    starts = range(0, len(labels), step)
    parts = [
        _ranks(
            *(values[start : start + step] for values in (neighbours, votes, labels)), num_classes
        )
        for start in starts
    ]
    return np.concatenate(parts)


def _ranks(
    neighbours: np.ndarray, votes: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    queries, k = neighbours.shape
    each = np.arange(queries)
    places = each[:, None] * num_classes + neighbours
    totals = np.bincount(places.ravel(), votes.ravel(), queries * num_classes)
    totals = totals.reshape(queries, num_classes)
    first = np.full((queries, num_classes), k)  # place of a class's nearest neighbour
    for place in reversed(range(k)):
        first[each, neighbours[:, place]] = place
    own_total = totals[each, labels][:, None]
    own_first = first[each, labels][:, None]
    ahead = (totals > own_total) | ((totals == own_total) & (first < own_first))
    return np.where(own_first[:, 0] < k, ahead.sum(1), num_classes - 1)
