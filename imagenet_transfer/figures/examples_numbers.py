"""Which test images show what a network gets right and wrong, chosen by fixed rules."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.data.layouts.voc_action import ACTIONS, OTHER
from imagenet_transfer.training.metrics import best_objects

SORTS = {  # what is shown of a task, by its kind
    "detection": ("right", "false", "missed"),
    "action": ("right", "wrong"),
}
COLUMNS = ["sort", "rank", "image", "class", "score", *CORNERS, "note", "threshold"]
FALLBACK = 0.5  # the threshold where no detection is right, so that none is better than another
OVERLAP = 0.1  # IoU from which a false detection has to do with an object (Hoiem et al. 2012, 2.1)
SAME = 0.5  # IoU above which a box is that of an object, as in testing


def best_threshold(tested: pd.DataFrame, positives: int) -> float:
    """Return the score from which detections have the best F1 over all classes together.

    `tested` has the columns score and outcome (1 right, 0 false, -1 ignored); `positives` is the
    number of objects that can be found. The highest of equally good scores; 0.5 if none is right.
    """
    counted = tested[tested["outcome"] != -1].sort_values("score", ascending=False)
    right = (counted["outcome"].to_numpy() == 1).cumsum()
    if not len(right) or not right[-1]:
        return FALLBACK
    scores = counted["score"].to_numpy()
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # of those of equal score
    f1 = 2 * right[last] / (last + 1 + positives)
    return float(scores[last][f1.argmax()])


def marks_of(tested: pd.DataFrame, objects: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return the boxes that pictures show: sort, image, class, score and `CORNERS` of each.

    They are detections from the threshold on, `right` or `false`, and the objects `missed` by them,
    which have no score. Difficult objects, and detections of them, do not count.
    """
    shown = tested[tested["score"] >= threshold]
    right = shown[shown["outcome"] == 1]
    counted = objects[objects["difficult"] == 0]
    position, _ = best_objects(_within_class(right), _within_class(counted))
    missed = counted[~np.isin(np.arange(len(counted)), position)]
    parts = {"right": right, "false": shown[shown["outcome"] == 0], "missed": missed}
    return pd.concat(
        [part.reindex(columns=COLUMNS).assign(sort=sort) for sort, part in parts.items()],
        ignore_index=True,
    )[["sort", "image", "class", "score", *CORNERS]]


def _within_class(boxes: pd.DataFrame) -> pd.DataFrame:
    """Return boxes as if each class had images of its own, so that only its own are compared."""
    return boxes.assign(image=boxes["image"] + "\0" + boxes["class"])


def chosen_detections(tested: pd.DataFrame, objects: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return at most `count` examples of each sort of `SORTS`, the columns COLUMNS.

    Right and false detections are those with the highest scores, missed objects the largest; see
    `spread`. `note` says what is where a false detection is, or what a missed object was taken for.
    `tested` is what a run found in the images whose `objects` these are.
    """
    positives = int((objects["difficult"] == 0).sum())
    threshold = best_threshold(tested, positives)
    marks = marks_of(tested, objects, threshold)
    area = (marks["xmax"] - marks["xmin"] + 1) * (marks["ymax"] - marks["ymin"] + 1)
    weighted = marks.assign(weight=marks["score"].where(marks["sort"] != "missed", area))
    parts = []
    for sort in SORTS["detection"]:
        part = spread(weighted[weighted["sort"] == sort], count)
        parts.append(part.assign(note=_notes(sort, part, marks, objects)))
    return pd.concat(parts, ignore_index=True).assign(threshold=threshold)[COLUMNS]


def _notes(
    sort: str, chosen: pd.DataFrame, marks: pd.DataFrame, objects: pd.DataFrame
) -> Sequence[str]:
    if sort == "false":
        return _reasons(chosen, objects)
    if sort == "missed":
        return _taken_for(chosen, marks[marks["sort"] == "false"])
    return [""] * len(chosen)


def _reasons(detections: pd.DataFrame, objects: pd.DataFrame) -> list[str]:
    """Return why each detection is false."""
    _, own = best_objects(_within_class(detections), _within_class(objects))
    position, iou = best_objects(detections, objects)
    names = objects["class"].to_numpy()
    return [
        _reason(*overlaps, names[place])
        for *overlaps, place in zip(own, iou, position, strict=True)
    ]


def _reason(own: float, other: float, name: str) -> str:
    """Return why a detection is false, by its IoU with its own class and with any object."""
    if own > OVERLAP:
        return "found twice" if own > SAME else "badly placed"
    return f"overlaps {name}" if other > OVERLAP else "nothing there"


def _taken_for(missed: pd.DataFrame, false: pd.DataFrame) -> list[str]:
    """Return the class of a false detection at each missed object's place, if there is one."""
    position, iou = best_objects(missed, false)
    names = false["class"].to_numpy()
    return [
        f"taken for {names[place]}" if overlap > SAME and names[place] != own else ""
        for own, place, overlap in zip(missed["class"], position, iou, strict=True)
    ]


def chosen_actions(tested: pd.DataFrame, objects: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return at most `count` people of each sort of `SORTS`, the columns COLUMNS.

    `class` is the action with a person's highest score; those with the highest scores are shown,
    see `spread`. It is right or wrong by the person's labels in `objects`; a person is left out for
    whom it is unclear. `note` names the true actions other than it. `tested` has the columns image,
    person and each action's score.
    """
    scores = tested[list(ACTIONS)].to_numpy()
    best = scores.argmax(1)
    rows = np.arange(len(tested))
    keys = pd.MultiIndex.from_frame(tested[["image", "person"]])
    people = objects.set_index(["image", "object"]).loc[keys]
    labels = people[list(ACTIONS)].to_numpy()
    answers = pd.DataFrame(
        {
            "sort": pd.Series(labels[rows, best]).map({1: "right", -1: "wrong"}),
            "image": tested["image"].to_numpy(),
            "class": np.array(ACTIONS)[best],
            "score": scores[rows, best],
            **{name: people[name].to_numpy() for name in CORNERS},
            "note": [_true(*answer) for answer in zip(labels, best, strict=True)],
        }
    ).assign(weight=lambda frame: frame["score"])
    parts = [spread(answers[answers["sort"] == sort], count) for sort in SORTS["action"]]
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS)


def _true(labels: np.ndarray, best: int) -> str:
    """Return which actions other than the one with the highest score a person does."""
    others = [name for i, name in enumerate(ACTIONS) if labels[i] == 1 and i != best]
    if labels[best] == 1:
        return f"also {', '.join(others)}" if others else ""
    return f"true: {', '.join(others) or OTHER}"


def spread(candidates: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return at most `count` candidates with a `rank` from 1, the greatest `weight` first.

    In turns: each class has one before any has a second. An image is shown once. Equal weights go
    by image, class and place.
    """
    order = ["weight", "image", "class", *CORNERS]
    ordered = candidates.sort_values(order, ascending=[False] + [True] * (len(order) - 1))
    chosen = ordered[:0]
    while len(chosen) < count:
        left = ordered[~ordered["image"].isin(chosen["image"])]
        turn = left.drop_duplicates("image").drop_duplicates("class")
        if turn.empty:
            break
        chosen = pd.concat([chosen, turn[: count - len(chosen)]])
    return chosen.assign(rank=range(1, len(chosen) + 1))
