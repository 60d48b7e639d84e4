"""Claims of Figure 2: an eighth, half or most of the classes, merged."""

from dataclasses import replace

import pytest
from hand_results import by_title, cells, found, results

from imagenet_transfer.claims.findings import judge_all

MERGED = {"tenth": (12, 1000), "half": (50, 1000), "most": (90, 1000), "whole": (100, 1000)}
FIGURE2 = {"builder": "curve", "along": "classes", "accuracy": "top"}
FIGURE2 |= {"subsets": ["scratch", *MERGED]}
DET = (40, 55.0, 57.9, 58.5, 58)
SUN = (30, 47.0, 48.0, 51.0, 50)


def merged(sizes=MERGED, **means):
    """Return a study with Figure 2, from the means of a random start and of MERGED on each task."""
    values = {}
    for task, of_task in means.items():
        values |= cells(("scratch", *MERGED), task, *of_task)
    return results(values, {"figure2": FIGURE2 | {"tasks": list(means)}}, sizes=sizes)


def test_merged_labels_keep_the_gain():
    given = merged(det=DET, sun=SUN)
    eighth = by_title(found(given, "2a"))
    assert "12 coarse classes instead of 100" in eighth["det"].statement.text
    assert eighth["det"].effect.estimate == pytest.approx(15 - 0.8 * 18)
    together = eighth["all tasks together"].effect
    assert together.estimate == pytest.approx(100 * ((15 / 18 + 17 / 20) / 2 - 0.8))
    half = by_title(found(given, "2b"))
    assert half["sun"].effect.estimate == pytest.approx(18 - 0.9 * 20)
    assert half["sun"].verdict == "cannot tell"


def test_classes_merged_otherwise_than_along_wordnet_are_left_out():
    given = merged(det=DET)
    assert found(given, "2a")
    given.subsets["tenth"]["method"] = "visual"
    assert not found(given, "2a")


def test_a_few_merged_classes_are_better_on_the_tasks_other_than_detection():
    given = merged(det=DET, sun=SUN)
    (better,) = found(given, "2c")
    assert better.statement.text == "sun: 90 merged classes are better than all 100"
    assert (better.effect.estimate, better.verdict) == (pytest.approx(1.0), "holds")
    (enough,) = found(given, "2d")
    assert enough.effect.estimate == pytest.approx(100 * ((18.5 / 18 + 21 / 20) / 2 - 0.99))
    (worse,) = found(merged(det=DET, sun=(30, 47.0, 48.0, 49.0, 50)), "2c")
    assert worse.verdict == "does not"


@pytest.mark.parametrize("lacking", [(), ("act",)])
def test_one_merged_set_on_one_task_is_judged_in_points(lacking):
    """As other sets are; a task without a random start does not count."""
    given = merged(**dict.fromkeys(("det", *lacking), DET))
    of_act = (given.runs["subset"] == "scratch") & (given.runs["task"] == "act")
    (one,) = found(replace(given, runs=given.runs[~of_act]), "2d")
    assert one.statement.text.startswith("det: merging labels to 90 classes keeps at least 99 %")
    assert (one.effect.estimate, one.statement.unit) == (pytest.approx(18.5 - 0.99 * 18), "points")


def test_several_merged_sets_on_one_task_are_not_all_tasks_together():
    given = merged(MERGED | {"half": (80, 1000)}, det=DET)
    (one,) = found(given, "2d")
    assert one.statement.text.startswith(
        "det: merging labels to 80 or 90 classes keeps, on average, at least 99 %"
    )
    assert one.effect.estimate == pytest.approx(100 * ((17.9 + 18.5) / 2 / 18 - 0.99))
    assert not [one for one in judge_all(given) if "all tasks" in one.statement.text]
