"""Claims of Table 2: the tolerance is counted in the gain over a random start."""

from dataclasses import replace

import pytest
from hand_results import cells, found, results

ROWS = [
    {"title": "more classes", "subsets": ["many-2", "many-4"]},
    {"title": "more images", "subsets": ["few-2", "few-4"]},
]
TABLE2 = {"builder": "budgets", "columns": ["1/2", "1/4"], "tasks": ["det", "sun"]}
TABLE2 |= {"references": ["whole", "scratch"]}
SIZES = {"whole": (10, 1000)}
SIZES |= {"many-2": (10, 500), "few-2": (5, 500), "many-4": (10, 250), "few-4": (5, 250)}
NAMES = ("scratch", "whole", "many-2", "few-2", "many-4", "few-4")
ALIKE = {"det": (40.0, 60.0, 55.0, 56.0, 50.0, 51.0), "sun": (30.0, 50.0, 45.0, 45.5, 40.0, 45.0)}


def budgets(det, sun, rows=ROWS, **tolerances):
    """Return a study with Table 2, from the means of NAMES on two tasks."""
    values = cells(NAMES, "det", *det) | cells(NAMES, "sun", *sun)
    return results(values, {"table2": TABLE2 | {"rows": rows}}, sizes=SIZES, **tolerances)


@pytest.mark.parametrize("rows", [ROWS, ROWS[::-1]])
def test_comparable_is_counted_in_the_gain(rows):
    """Images less classes, of a gain of 20 points; classes are counted, titles are not read."""
    half, quarter, scenes_half, scenes_quarter = found(budgets(**ALIKE, rows=rows), "4a")
    assert half.effect.estimate == pytest.approx(100 * 1 / 20)
    assert (half.statement.least, half.statement.most) == (-10, 10)
    assert [half.verdict, quarter.verdict, scenes_half.verdict] == ["holds"] * 3
    assert scenes_quarter.effect.estimate == pytest.approx(100 * 5 / 20)
    assert scenes_quarter.verdict == "does not"
    wider = found(budgets(**ALIKE, comparable=0.3), "4a")
    assert wider[-1].verdict == "holds"


def test_over_all_budgets_detection_is_better_and_others_are_comparable():
    det, sun = found(budgets(**ALIKE), "4b")
    assert det.statement.text.startswith(
        "det, in the mean of the budgets: more images per class are better, by at most"
    )
    assert (det.effect.estimate, det.verdict) == (pytest.approx(100 * 1 / 20), "holds")
    assert sun.effect.estimate == pytest.approx(100 * (0.5 + 5) / 2 / 20)
    assert (sun.statement.unit, sun.verdict) == ("percent of the gain", "does not")


@pytest.mark.parametrize(
    ("better", "word"),
    [(20, "does not"), (3, "does not"), (1, "holds"), (0, "cannot tell"), (-1, "does not")],
)
def test_slightly_better_is_better_by_at_most_the_tolerance(better, word):
    """Of a gain of 20 points at most 2 are slight."""
    det, _ = found(budgets((40.0, 60.0, 50.0, 50 + better, 50.0, 50 + better), ALIKE["sun"]), "4b")
    assert det.verdict == word
    assert (det.statement.least, det.statement.most) == (0, 10)
    assert det.statement.unit == "percent of the gain"


def test_a_task_of_table_2_that_lacks_a_run_is_left_out_and_the_other_stays():
    given = budgets(**ALIKE)
    lacking = given.runs[(given.runs["task"] != "sun") | (given.runs["subset"] != "few-4")]
    given = replace(given, runs=lacking)
    for name, number in (("4a", 2), ("4b", 1)):
        assert [one.statement.text[:3] for one in found(given, name)] == ["det"] * number
