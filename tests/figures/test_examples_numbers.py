"""Which examples are shown of what a run found, worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from imagenet_transfer.data.layouts.listing import CORNERS, OBJECT_COLUMNS
from imagenet_transfer.data.layouts.voc_action import ACTIONS
from imagenet_transfer.figures.examples_numbers import (
    COLUMNS,
    FALLBACK,
    best_threshold,
    chosen_actions,
    chosen_detections,
    marks_of,
    spread,
)

BOX = (1, 1, 10, 10)
SHIFTED = (4, 1, 13, 10)  # IoU 7 / 13 with BOX
FAR = (31, 31, 50, 40)
CLOSE = (8, 1, 17, 10)  # IoU 3 / 17 with BOX


def detections(*rows):
    """Return detections (image, class, score, outcome, box) as images.csv.gz holds them."""
    flat = [(*facts, *box) for *facts, box in rows]
    return pd.DataFrame(flat, columns=["image", "class", "score", "outcome", *CORNERS])


def objects(*rows):
    """Return objects (image, class, box, difficult) as a store holds them."""
    flat = [(image, i, name, *box, hard) for i, (image, name, box, hard) in enumerate(rows)]
    return pd.DataFrame(flat, columns=OBJECT_COLUMNS)


def scored(*pairs):
    return pd.DataFrame(pairs, columns=["score", "outcome"])


def test_the_threshold_has_the_best_f1():
    # Found of 4: 1, 1, 2, 3, 3 by 1, 2, 3, 4, 5 detections: F1 is .4, .33, .57, .75, .67
    found = scored((0.9, 1), (0.8, 0), (0.7, 1), (0.65, -1), (0.6, 1), (0.5, 0), (0.4, -1))
    assert best_threshold(found, 4) == 0.6
    assert best_threshold(found[::-1], 4) == 0.6
    # Of 2: .67, .5, .8
    assert best_threshold(found[:3], 2) == 0.7


def test_detections_of_equal_score_are_taken_together():
    # Taking only the right one of .5 would be better than .9, but no threshold does: F1 .67, .57
    found = scored((0.9, 1), (0.5, 1), (0.5, 0), (0.5, 0), (0.5, 0))
    assert best_threshold(found, 2) == 0.9


def test_of_equal_f1_the_higher_threshold_counts():
    # F1 is 2 / 3 from the first on, and 4 / 6 from all four on
    assert best_threshold(scored((0.9, 1), (0.8, 0), (0.7, 0), (0.6, 1)), 2) == 0.9


@pytest.mark.parametrize("found", [scored(), scored((0.9, 0), (0.8, -1))])
def test_without_a_right_detection_there_is_a_fixed_threshold(found):
    assert best_threshold(found, 3) == FALLBACK == 0.5


def test_missed_are_objects_without_a_right_detection_of_their_class():
    truth = objects(
        ("a", "dog", BOX, 0),
        ("a", "dog", FAR, 0),
        ("a", "cat", BOX, 0),
        ("b", "dog", BOX, 0),
        ("b", "cat", FAR, 1),
    )
    found = detections(
        ("a", "dog", 0.9, 1, SHIFTED),  # the first dog, not the cat at its place
        ("a", "cat", 0.8, 0, FAR),
        ("b", "dog", 0.3, 1, BOX),  # below the threshold: missed
        ("b", "cat", 0.9, -1, FAR),  # difficult: neither found nor missed
    )
    marks = marks_of(found, truth, 0.8)
    rows = marks[["sort", "image", "class", "xmin"]].values.tolist()
    assert rows == [
        ["right", "a", "dog", 4],
        ["false", "a", "cat", 31],
        ["missed", "a", "dog", 31],
        ["missed", "a", "cat", 1],
        ["missed", "b", "dog", 1],
    ]
    assert marks["score"].tolist()[:2] == [0.9, 0.8]


def candidates(*rows):
    table = pd.DataFrame(rows, columns=["image", "class", "weight"])
    return table.assign(**dict.fromkeys(CORNERS, 1))


def names(chosen):
    return [row.image + row[2] for row in chosen[["image", "class"]].itertuples()]


def test_each_class_is_shown_before_one_is_shown_again():
    rows = candidates(
        ("1", "dog", 9), ("2", "dog", 8), ("3", "dog", 7), ("4", "cat", 2), ("5", "car", 1)
    )
    assert names(spread(rows, 4)) == ["1dog", "4cat", "5car", "2dog"]
    assert names(spread(rows, 2)) == ["1dog", "4cat"]
    assert spread(rows, 99)["rank"].tolist() == [1, 2, 3, 4, 5]


def test_an_image_is_shown_once():
    rows = candidates(("1", "dog", 9), ("1", "cat", 8), ("2", "cat", 3), ("1", "dog", 2))
    assert names(spread(rows, 9)) == ["1dog", "2cat"]


def test_the_order_of_rows_does_not_matter():
    rows = candidates(*((f"{k % 7}", "abc"[k % 3], k % 4) for k in range(60)))
    assert spread(rows, 6).to_csv(index=False) == spread(rows[::-1], 6).to_csv(index=False)
    assert len(spread(rows, 6)) == 6


def test_examples_of_detection_by_hand():
    truth = objects(
        ("a", "dog", BOX, 0),
        ("b", "dog", BOX, 0),
        ("c", "cat", FAR, 0),
        ("d", "cow", BOX, 0),
        ("e", "dog", BOX, 0),
        ("f", "dog", FAR, 1),
    )
    found = detections(
        ("a", "dog", 0.95, 1, BOX),
        ("b", "dog", 0.90, 1, BOX),
        ("g", "cow", 0.88, 0, BOX),
        ("e", "dog", 0.85, 1, BOX),
        ("a", "dog", 0.80, 0, SHIFTED),
        ("d", "dog", 0.75, 0, BOX),
        ("d", "cow", 0.70, 0, CLOSE),
        ("c", "cow", 0.65, 0, BOX),
        ("f", "dog", 0.60, -1, FAR),
        ("c", "cat", 0.55, 1, FAR),  # F1 is .67 from .85 on, .57 from here on
    )
    chosen = chosen_detections(found, truth, 2)
    assert list(chosen.columns) == COLUMNS
    assert set(chosen["threshold"]) == {0.85}
    columns = ["sort", "rank", "image", "class", "note"]
    assert chosen[columns].values.tolist() == [
        ["right", 1, "a", "dog", ""],
        ["right", 2, "b", "dog", ""],
        ["false", 1, "g", "cow", "nothing there"],
        ["missed", 1, "c", "cat", ""],  # 200 pixels, the cow 100
        ["missed", 2, "d", "cow", ""],
    ]


def test_notes_say_what_is_where_a_detection_is_false():
    truth = objects(("a", "dog", BOX, 0), ("b", "cow", BOX, 0), ("c", "cat", BOX, 0))
    found = detections(
        ("a", "dog", 0.9, 1, BOX),
        ("a", "dog", 0.8, 0, SHIFTED),
        ("b", "cow", 0.8, 0, CLOSE),
        ("c", "bird", 0.8, 0, SHIFTED),
        ("d", "car", 0.8, 0, FAR),
        ("b", "cow", 0.7, 1, BOX),
        ("c", "cat", 0.7, 1, BOX),
    )
    chosen = chosen_detections(found, truth, 9)
    false = chosen[chosen["sort"] == "false"]
    assert dict(zip(false["class"], false["note"], strict=True)) == {
        "dog": "found twice",
        "cow": "badly placed",
        "bird": "overlaps cat",
        "car": "nothing there",
    }


def test_a_missed_object_may_have_been_taken_for_something_else():
    truth = objects(("a", "dog", BOX, 0), ("b", "cat", BOX, 0))
    found = detections(("a", "dog", 0.5, 1, BOX), ("b", "cow", 0.9, 0, SHIFTED))
    (missed,) = chosen_detections(found, truth, 3).query("sort == 'missed'").to_dict("records")
    assert (missed["class"], missed["note"]) == ("cat", "taken for cow")
    apart = found.assign(xmin=found["xmin"].where(found["class"] == "dog", 9))
    (missed,) = chosen_detections(apart, truth, 3).query("sort == 'missed'").to_dict("records")
    assert missed["note"] == ""


def test_a_class_without_detections_is_only_missed():
    truth = objects(("a", "dog", BOX, 0), ("b", "cat", BOX, 0))
    chosen = chosen_detections(detections(("a", "dog", 0.9, 1, BOX)), truth, 3)
    assert chosen[["sort", "class"]].values.tolist() == [["right", "dog"], ["missed", "cat"]]


def test_without_detections_the_largest_objects_are_missed():
    truth = objects(("a", "dog", BOX, 0), ("b", "dog", FAR, 0), ("c", "dog", FAR, 1))
    chosen = chosen_detections(detections(), truth, 3)
    assert chosen[["sort", "image"]].values.tolist() == [["missed", "b"], ["missed", "a"]]
    assert chosen["score"].isna().all()


def people(*labels):
    """Return objects whose n-th person has these labels by action, -1 if not named."""
    rows = [
        (f"{i}", 2, "person", *BOX, 0, *(does.get(name, -1) for name in ACTIONS))
        for i, does in enumerate(labels)
    ]
    return pd.DataFrame(rows, columns=[*OBJECT_COLUMNS, *ACTIONS])


def scores(*tables):
    rows = [
        (f"{i}", 2, *(table.get(name, 0.01) for name in ACTIONS)) for i, table in enumerate(tables)
    ]
    return pd.DataFrame(rows, columns=["image", "person", *ACTIONS])


def test_examples_of_actions_by_hand():
    truth = people(
        {"running": 1},
        {"reading": 1, "phoning": 1},
        {"walking": 1},
        {"walking": 0},
        {},
        {"running": 1},
    )
    said = scores(
        {"running": 0.5},
        {"reading": 0.8, "phoning": 0.7},
        {"running": 0.9, "walking": 0.8},
        {"walking": 0.99},  # unclear: left out
        {"jumping": 0.4},
        {"running": 0.6},
    )
    chosen = chosen_actions(said, truth, 2)
    assert list(chosen.columns) == COLUMNS
    assert chosen[["sort", "rank", "image", "class", "score", "note"]].values.tolist() == [
        ["right", 1, "1", "reading", 0.8, "also phoning"],
        ["right", 2, "5", "running", 0.6, ""],
        ["wrong", 1, "2", "running", 0.9, "true: walking"],
        ["wrong", 2, "4", "jumping", 0.4, "true: other"],
    ]
    assert (chosen[CORNERS].to_numpy() == BOX).all()


def test_people_are_found_by_image_and_number_whatever_the_order():
    truth = people({"running": 1}, {"walking": 1})
    said = scores({"running": 0.5}, {"walking": 0.8})
    both = [chosen_actions(table, truth, 5) for table in (said, said[::-1])]
    assert both[0].equals(both[1])
    assert np.array_equal(both[0]["sort"], ["right", "right"])
    with pytest.raises(KeyError):
        chosen_actions(said.assign(person=1), truth, 5)
