"""How well a network does: PASCAL VOC's average precision, mean class accuracy, top-k accuracy."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.errors import UserError

# The recalls 0, 0.1, ..., 1 of VOC2007's measure in floating point, as in py-faster-rcnn's
# `voc_eval`: three lie a bit above 0.3, 0.6 and 0.7, so recalls of exactly 3/10, 6/10 and 7/10 miss
# them.
RECALLS = np.arange(0, 1.1, 0.1)


class Matches(NamedTuple):
    """What became of each detection, in the given order; one without a flag is a false positive."""

    true_positive: np.ndarray  # (N,) bool
    ignored: np.ndarray  # (N,) bool


def by_descending_score(scores: np.ndarray) -> np.ndarray:
    """Return the positions of scores from highest to lowest; equal scores keep their order."""
    return np.argsort(-np.asarray(scores, dtype=float), kind="stable")


def pixel_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the IoU of paired boxes (...,4).

    As in the VOC devkit, both corners belong to a box: a side is max - min + 1 pixels.
    """
    a = np.asarray(a, dtype=float)
    b = np.asarray(b, dtype=float)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + 1
    intersection = np.clip(sides, 0, None).prod(-1)
    areas = (a[..., 2:] - a[..., :2] + 1).prod(-1) + (b[..., 2:] - b[..., :2] + 1).prod(-1)
    return intersection / (areas - intersection)


def best_objects(detections: pd.DataFrame, objects: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each detection, the position of the best object of its image and their IoU.

    The best object has the highest IoU; the first of equal ones counts. A detection in an image
    without objects has position -1 and IoU 0.
    """
    numbers = np.arange(len(detections))
    found = pd.DataFrame({"image": detections["image"].to_numpy(), "detection": numbers})
    truth = pd.DataFrame({"image": objects["image"].to_numpy(), "object": np.arange(len(objects))})
    pairs = found.merge(truth, on="image").sort_values(["detection", "object"], ignore_index=True)
    corners = [frame[CORNERS].to_numpy(float) for frame in (detections, objects)]
    pairs["iou"] = pixel_iou(corners[0][pairs["detection"]], corners[1][pairs["object"]])
    best = pairs.loc[pairs.groupby("detection")["iou"].idxmax()]
    position = np.full(len(detections), -1)
    position[best["detection"]] = best["object"]
    iou = np.zeros(len(detections))
    iou[best["detection"]] = best["iou"]
    return position, iou


def match_detections(
    detections: pd.DataFrame, objects: pd.DataFrame, iou_threshold: float = 0.5
) -> Matches:
    """Return which detections of one class are right, by the rules of the VOC devkit.

    `detections` has the columns image, score and `CORNERS`; `objects` has image, `CORNERS` and
    difficult. By descending score (ties: input order) a detection meets the object of its image
    with the highest IoU, which must exceed `iou_threshold`. If the object is difficult, the
    detection is ignored; if it is free, a true positive; if it is claimed, a false positive without
    a second choice.
    """
    position, iou = best_objects(detections, objects)
    overlapping = iou > iou_threshold
    difficult = objects["difficult"].to_numpy(bool)
    ignored = overlapping.copy()
    ignored[overlapping] = difficult[position[overlapping]]
    order = by_descending_score(detections["score"])
    claims = [i for i in order if overlapping[i] and not ignored[i]]
    _, first = np.unique(position[claims], return_index=True)
    true_positive = np.zeros(len(detections), dtype=bool)
    true_positive[np.asarray(claims, dtype=int)[first]] = True
    return Matches(true_positive, ignored)


def average_precision(
    scores: np.ndarray,
    true_positive: np.ndarray,
    ignored: np.ndarray,
    num_positives: int,
    variant: str,
) -> float:
    """Return the average precision, 0..1, of scored decisions if `num_positives` can be found.

    `variant` is "11-point" (VOC2007: mean of the best precision at recall >= each of RECALLS) or
    "all-point" (since VOC2010: area under the precision envelope). Without decisions the value is
    0; without positives it is undefined: NaN. Ignored decisions are neither right nor wrong.
    """
    if num_positives == 0:
        return float("nan")
    order = by_descending_score(scores)
    right = np.asarray(true_positive, dtype=bool)[order][~np.asarray(ignored, dtype=bool)[order]]
    found = np.cumsum(right)
    precision = found / np.arange(1, len(right) + 1)
    # The best precision at this recall or a higher one
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if variant == "11-point":
        recall = found / num_positives
        return float(sum(envelope[recall >= threshold][:1].sum() for threshold in RECALLS) / 11)
    return float(envelope[right].sum() / num_positives)


def outcomes(detections: pd.DataFrame, objects: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """Return what became of each detection (N int8): 1 true positive, 0 false positive, -1 ignored.

    Columns as for `voc_map`, rules as of `match_detections`.
    """
    result = np.zeros(len(detections), dtype=np.int8)
    for name in classes:
        own = (detections["class"] == name).to_numpy()
        right, ignored = match_detections(detections[own], objects[objects["class"] == name])
        result[own] = np.where(ignored, -1, right)
    return result


def judged_map(
    judged: pd.DataFrame, objects: pd.DataFrame, classes: Sequence[str], variant: str = "11-point"
) -> dict[str, float]:
    """Return `voc_map` of detections whose `outcomes` are known.

    `judged` has the columns class, score and outcome; `objects`, of the same images, has class and
    difficult.
    """
    counted = objects["class"][objects["difficult"] == 0].value_counts()
    result = {}
    for name in classes:
        own = judged[judged["class"] == name]
        outcome = own["outcome"].to_numpy()
        flags = (outcome == 1, outcome == -1)
        positives = int(counted.get(name, 0))
        result[name] = average_precision(own["score"].to_numpy(), *flags, positives, variant)
    return result


def voc_map(
    detections: pd.DataFrame,
    objects: pd.DataFrame,
    classes: Sequence[str],
    variant: str = "11-point",
) -> dict[str, float]:
    """Return the average precision of each class, in the order of `classes`.

    `detections` has the columns image, class, score and `CORNERS`; `objects` has image, class,
    `CORNERS` and difficult. A class without detections has 0. One without objects, or with only
    difficult ones, has NaN, as no detector could score on it; `mean_ap` leaves it out.
    """
    judged = detections.assign(outcome=outcomes(detections, objects, classes))
    return judged_map(judged, objects, classes, variant)


def mean_ap(class_ap: dict[str, float]) -> float:
    """Return the mean over the classes whose average precision is defined; NaN if none is."""
    defined = [ap for ap in class_ap.values() if not np.isnan(ap)]
    return float(np.mean(defined)) if defined else float("nan")


def label_ranks(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the rank (N,) of the right class by scores (N,classes), from 0.

    Of equal scores, the lower class comes first.
    """
    scores = np.asarray(scores)
    labels = np.asarray(labels)
    own = scores[np.arange(len(labels)), labels][:, None]
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels[:, None]))
    return ahead.sum(1)


def class_accuracies(right: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return each class's share of right samples (N bool), (num_classes,); NaN without samples."""
    samples = np.bincount(labels, minlength=num_classes)
    hits = np.bincount(labels, weights=right, minlength=num_classes)
    return np.divide(hits, samples, out=np.full(num_classes, np.nan), where=samples > 0)


def mean_class_accuracy(right: np.ndarray, labels: np.ndarray, num_classes: int) -> float:
    """Return the mean, in 0..1, of the classes' shares of right samples (N bool).

    Absent classes are left out.
    """
    return float(np.nanmean(class_accuracies(right, labels, num_classes)))


def top_accuracies(ranks: np.ndarray, labels: np.ndarray, num_classes: int) -> dict[str, float]:
    """Return top1 and, of more than 5 classes, top5: mean class accuracies in percent.

    `ranks` (N) are those of the right classes, from 0.
    """
    return {
        name: 100 * mean_class_accuracy(ranks < guesses, labels, num_classes)
        for name, guesses in guesses_that_count(num_classes).items()
    }


def guesses_that_count(num_classes: int) -> dict[str, int]:
    """Return how many guesses each accuracy allows: top1 and, of more than 5 classes, top5."""
    return {"top1": 1, "top5": 5} if num_classes > 5 else {"top1": 1}


def check_finite(metrics: Mapping[str, float], run: object, then: str) -> None:
    """Raise UserError if a metric of `run` is infinite or not a number.

    `then` says what to do after the cause is mended.
    """
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise UserError(
                f"{run}: the metric {name} is {value}. Check that the test images of its data set "
                "show every class that it is about and, in the run's log, that the loss stayed "
                f"finite; then {then}."
            )
