"""Average precision worked by hand, and the accuracies."""

import numpy as np
import pandas as pd
import pytest

from imagenet_transfer.training.metrics import (
    average_precision,
    class_accuracies,
    label_ranks,
    match_detections,
    mean_ap,
    mean_class_accuracy,
    pixel_iou,
    voc_map,
)

BOX = (1, 1, 10, 10)  # 100 pixels
FAR = (101, 101, 110, 110)


def detections(*rows):
    """Rows: image, score, box."""
    return pd.DataFrame(
        [(image, score, *box) for image, score, box in rows], columns=["image", "score", *CORNERS]
    )


def objects(*rows):
    """Rows: image, box, difficult."""
    return pd.DataFrame(
        [(image, *box, d) for image, box, d in rows], columns=["image", *CORNERS, "difficult"]
    )


CORNERS = ["xmin", "ymin", "xmax", "ymax"]


def flags(found, truth):
    """One letter per detection: T true positive, F false positive, - ignored."""
    matches = match_detections(found, truth)
    return "".join("-" if i else "T" if t else "F" for t, i in zip(*matches, strict=True))


def test_iou_counts_the_last_pixel():
    assert pixel_iou(BOX, (1, 1, 10, 5)) == 0.5  # 50 / 100; without the + 1 it would be 36 / 81
    assert pixel_iou(BOX, (10, 10, 19, 19)) == 1 / 199  # they share one pixel
    assert pixel_iou(BOX, (11, 1, 20, 10)) == 0


def test_an_iou_of_exactly_one_half_is_not_enough():
    truth = objects(("a", BOX, 0))
    assert flags(detections(("a", 0.9, (1, 1, 10, 5))), truth) == "F"
    assert flags(detections(("a", 0.9, (1, 1, 10, 6))), truth) == "T"


def test_the_second_detection_of_an_object_is_false_whatever_the_order_of_the_rows():
    truth = objects(("a", BOX, 0))
    assert flags(detections(("a", 0.9, BOX), ("a", 0.8, BOX)), truth) == "TF"
    assert flags(detections(("a", 0.8, BOX), ("a", 0.9, BOX)), truth) == "FT"


def test_of_equal_scores_the_first_row_claims_the_object():
    found = detections(("a", 0.5, (1, 1, 10, 9)), ("a", 0.5, BOX))
    assert flags(found, objects(("a", BOX, 0))) == "TF"


def test_a_claimed_object_leaves_no_second_choice():
    near = (1, 1, 10, 12)  # overlaps both objects by more than a half, BOX most
    truth = objects(("a", BOX, 0), ("a", (1, 3, 10, 16), 0))
    assert pixel_iou((1, 1, 10, 12), (1, 3, 10, 16)) > 0.5
    assert flags(detections(("a", 0.9, BOX), ("a", 0.8, near)), truth) == "TF"
    assert flags(detections(("a", 0.8, near)), truth.iloc[1:]) == "T"


def test_of_two_equally_good_objects_the_first_counts():
    assert flags(detections(("a", 0.9, BOX)), objects(("a", BOX, 1), ("a", BOX, 0))) == "-"
    assert flags(detections(("a", 0.9, BOX)), objects(("a", BOX, 0), ("a", BOX, 1))) == "T"


def test_detections_of_difficult_objects_are_ignored_each_time():
    truth = objects(("a", BOX, 1))
    assert flags(detections(("a", 0.9, BOX), ("a", 0.8, BOX), ("a", 0.7, FAR)), truth) == "--F"


def test_objects_of_other_images_do_not_count():
    truth = objects(("a", BOX, 0))
    assert flags(detections(("b", 0.9, BOX), ("a", 0.1, BOX)), truth) == "FT"


def test_eleven_point_and_all_point_by_hand():
    # T F T F F T of 4 objects: recall 1/4 1/4 2/4 2/4 2/4 3/4, precision 1 1/2 2/3 1/2 2/5 1/2.
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    right = np.array([1, 0, 1, 0, 0, 1], dtype=bool)
    nothing = np.zeros(6, dtype=bool)
    eleven = (3 * 1 + 3 * 2 / 3 + 2 * 1 / 2) / 11  # recalls 0-0.2, 0.3-0.5, 0.6-0.7, none beyond
    assert average_precision(scores, right, nothing, 4, "11-point") == pytest.approx(eleven)
    assert average_precision(scores, right, nothing, 4, "all-point") == pytest.approx(
        (1 + 2 / 3 + 1 / 2) / 4
    )


def test_all_point_takes_the_envelope():
    # F T T of 2 objects: precision 0, 1/2, 2/3; 2/3 holds for the first object's recall too.
    right = np.array([0, 1, 1], dtype=bool)
    ap = average_precision(np.array([3, 2, 1]), right, np.zeros(3, bool), 2, "all-point")
    assert ap == pytest.approx(2 / 3)


def voc_eval(right, num_positives):
    """The 11-point average precision of decisions in order, as in py-faster-rcnn's voc_eval.py."""
    tp = np.cumsum(right)
    fp = np.cumsum(~right)
    rec = tp / float(num_positives)
    prec = tp / np.maximum(tp + fp, np.finfo(np.float64).eps)
    ap = 0.0
    for t in np.arange(0.0, 1.1, 0.1):
        p = 0 if np.sum(rec >= t) == 0 else np.max(prec[rec >= t])
        ap = ap + p / 11.0
    return ap


def test_eleven_points_are_those_of_voc_eval():
    draw = np.random.default_rng(5)
    tenths = set()
    for _ in range(400):
        num_positives = int(draw.choice([3, 7, 10, 20, 30, 50, 100]))
        right = draw.random(num_positives + 5) < draw.uniform(0.1, 1)
        right[np.cumsum(right) > num_positives * draw.uniform(0.1, 1)] = False
        tenths.add(10 * right.sum() / num_positives)
        scores = np.arange(len(right), 0, -1)
        nothing = np.zeros(len(right), bool)
        found = average_precision(scores, right, nothing, num_positives, "11-point")
        assert found == pytest.approx(voc_eval(right, num_positives), abs=1e-12)
    assert {1, 2, 3, 4, 5, 6, 7, 8, 9} <= tenths  # recalls at which rounding decides


@pytest.mark.parametrize(
    ("found", "points"), [(1, 2), (2, 3), (3, 3), (4, 5), (5, 6), (6, 6), (7, 7), (8, 9)]
)
def test_a_recall_of_three_six_or_seven_tenths_misses_its_point(found, points):
    flags_of_all = (np.ones(found, bool), np.zeros(found, bool))
    ap = average_precision(np.arange(found), *flags_of_all, 10, "11-point")
    assert ap == pytest.approx(points / 11)


def test_scores_are_sorted_and_ignored_detections_leave_no_trace():
    scores = np.array([0.1, 0.9, 0.5])
    right = np.array([True, True, False])
    ignored = np.array([False, False, True])
    for variant in ("11-point", "all-point"):
        assert average_precision(scores, right, ignored, 2, variant) == pytest.approx(1)
        assert average_precision(scores, right, np.zeros(3, bool), 2, variant) < 1


def test_difficult_objects_do_not_count_in_recall():
    truth = objects(("a", BOX, 0), ("a", FAR, 1)).assign(**{"class": "cat"})
    found = detections(("a", 0.9, BOX)).assign(**{"class": "cat"})
    assert voc_map(found, truth, ["cat"]) == {"cat": 1.0}


def test_classes_without_detections_or_objects():
    truth = objects(("a", BOX, 0), ("a", FAR, 1), ("b", BOX, 0))
    truth["class"] = ["cat", "dog", "cow"]
    found = detections(("a", 0.9, BOX), ("a", 0.8, BOX)).assign(**{"class": ["cat", "bird"]})
    ap = voc_map(found, truth, ["bird", "cat", "cow", "dog"], "all-point")
    assert list(ap) == ["bird", "cat", "cow", "dog"]
    assert ap["cat"] == 1.0
    assert ap["cow"] == 0.0
    assert np.isnan(ap["dog"])  # its only object is difficult
    assert np.isnan(ap["bird"])
    assert mean_ap(ap) == 0.5
    assert np.isnan(mean_ap({"bird": float("nan")}))


def test_no_detections_at_all():
    truth = objects(("a", BOX, 0)).assign(**{"class": "cat"})
    nothing = detections().assign(**{"class": []})
    for variant in ("11-point", "all-point"):
        assert voc_map(nothing, truth, ["cat"], variant) == {"cat": 0.0}


def literal_matches(found, truth, threshold=0.5):
    """The devkit's loop, detection by detection."""
    claimed = set()
    flags = [None] * len(found)
    for i in sorted(range(len(found)), key=lambda i: -found["score"].iloc[i]):
        row = found.iloc[i]
        best = None
        best_iou = -1.0
        for j in range(len(truth)):
            if truth["image"].iloc[j] == row["image"]:
                corners = truth[CORNERS].iloc[j].to_numpy(float)
                iou = pixel_iou(row[CORNERS].to_numpy(float), corners)
                if iou > best_iou:
                    best = j
                    best_iou = iou
        if best_iou > threshold:
            flags[i] = "-" if truth["difficult"].iloc[best] else "F" if best in claimed else "T"
            claimed.add(best)
        else:
            flags[i] = "F"
    return "".join(flags)


def test_matching_agrees_with_the_loop_of_the_devkit():
    random = np.random.default_rng(0)

    def boxes(n):
        start = random.integers(1, 12, (n, 2))
        return [
            tuple(map(int, box))
            for box in np.hstack([start, start + random.integers(3, 9, (n, 2))])
        ]

    seen = ""
    for _ in range(20):
        found = detections(
            *((random.choice(["a", "b"]), random.integers(9) / 9, box) for box in boxes(25))
        )
        truth = objects(
            *((random.choice(["a", "b", "c"]), box, random.integers(2)) for box in boxes(8))
        )
        assert flags(found, truth) == literal_matches(found, truth)
        seen += flags(found, truth)
    assert min(seen.count(letter) for letter in "TF-") > 10


def test_mean_class_accuracy_weighs_classes_not_images():
    labels = np.array([0, 0, 0, 1, 3])
    scores = np.eye(4)[[0, 0, 1, 1, 0]]
    accuracies = class_accuracies(scores.argmax(1) == labels, labels, 4)
    np.testing.assert_allclose(accuracies, [2 / 3, 1, np.nan, 0])
    ranks = label_ranks(scores, labels)
    assert mean_class_accuracy(ranks < 1, labels, 4) == pytest.approx((2 / 3 + 1 + 0) / 3)
    # Of equal scores, the lower class comes first.
    assert mean_class_accuracy(ranks < 2, labels, 4) == pytest.approx((1 + 1 + 0) / 3)


def test_top_k():
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.1], [0.3, 0.3, 0.3]])
    labels = np.array([2, 1, 2])
    accuracies = [(label_ranks(scores, labels) < k).mean() for k in (1, 2, 3)]
    assert accuracies == pytest.approx([0, 2 / 3, 1])
