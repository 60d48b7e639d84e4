"""Claims of Figure 1: gains over a random start, half of the images, and ImageNet accuracy."""

from dataclasses import replace

import pytest
from hand_results import CURVE, SETS, SIZES, by_title, cells, curve, found, results

from imagenet_transfer.claims.findings import judge_all


def test_pre_training_is_compared_with_a_random_start():
    (one,) = found(curve(), "1a")
    assert one.effect.estimate == pytest.approx(18.0)
    assert one.verdict == "holds"
    (worse,) = found(curve(det=(58.0, 48.0, 57.0, 40.0)), "1a")
    assert worse.verdict == "does not"


@pytest.mark.parametrize(
    ("half", "expected"), [(57.0, "holds"), (55.0, "does not"), (56.2, "cannot tell")]
)
def test_half_the_images_keeps_the_gain(half, expected):
    (one,) = found(curve(det=(40.0, 48.0, half, 58.0)), "1b")
    points_above = half - 40 - 0.9 * 18  # 90 % of the gain
    assert one.effect.estimate == pytest.approx(points_above)
    assert one.verdict == expected
    assert "keeps at least 90 %" in one.statement.text
    assert f"keeps {100 * (half - 40) / 18:.0f} %" in one.statement.note


def test_tolerances_come_from_the_config():
    (strict,) = found(curve(half=0.97), "1b")
    assert strict.effect.estimate == pytest.approx(17 - 0.97 * 18)
    assert strict.verdict == "does not"
    assert "keeps at least 97 %" in strict.statement.text


def test_shares_are_counted_from_a_random_start_and_from_chance():
    """The chance of 10 % is subtracted from each accuracy."""
    half, few = (found(curve(), name)[0] for name in ("1c", "1d"))
    assert half.effect.estimate == pytest.approx(100 * (17 / 18 - 40 / 50))
    assert few.effect.estimate == pytest.approx(100 * (8 / 18 - 10 / 50))
    assert [half.verdict, few.verdict] == ["holds", "holds"]
    assert half.statement.unit == "percent of the gain"


@pytest.mark.parametrize("name", ["1c", "1d"])
def test_what_equals_a_random_start_holds_nothing_whatever_the_raw_shares_are(name):
    """Scenes 35.0 of 50, at random 35.6: 70 % of the raw number, and nothing of the gain."""
    scenes = cells(SETS, "sun", 35.6, 35.0, 35.0, 50.0)
    given = curve(top=(13.0, 13.0, 60.0), tasks=("det", "sun"), more=scenes)
    one = by_title(found(given, name))["sun"]
    assert one.effect.estimate == pytest.approx(100 * (-0.6 / 14.4 - 3 / 50))
    assert one.verdict == "does not"


def test_a_task_without_a_clear_gain_cannot_keep_more_than_accuracy():
    lost = cells(SETS, "sun", 35.6, 35.9, 35.8, 35.6)
    given = curve(top=(10.0, 10.0, 60.0), tasks=("det", "sun"), more=lost)
    for name in ("1b", "1c", "1d"):
        judged = by_title(found(given, name))
        scenes, together = (judged[title] for title in ("sun", "all tasks together"))
        assert scenes.verdict == together.verdict == "cannot tell"
        assert not scenes.clear


def test_tasks_are_judged_each_and_together():
    more = cells(SETS, "act", 50.0, 52.0, 59.0, 60.0)
    judged = by_title(found(curve(tasks=("det", "act"), more=more), "1d"))
    assert list(judged) == ["det", "act", "all tasks together"]
    together = judged["all tasks together"]
    assert together.effect.estimate == pytest.approx(100 * ((8 / 18 + 2 / 10) / 2 - 10 / 50))


@pytest.mark.parametrize("name", ["1c", "1d"])
@pytest.mark.parametrize(("full", "word"), [(10.2, "cannot tell"), (60.0, "holds")])
def test_there_is_no_larger_share_than_of_an_accuracy_at_chance(name, full, word):
    """An accuracy of 10 % of ten classes is all guessed."""
    (one,) = found(curve(top=(10.0, 10.0, full)), name)
    assert (one.verdict, one.clear) == (word, word == "holds")


def test_chance_of_five_guesses_is_subtracted_from_the_top_5_accuracy():
    given = curve(top=(60.0, 70.0, 90.0))
    tasks = given.tasks | {"top": given.tasks["top"] | {"chance": 50.0}}
    (one,) = found(replace(given, tasks=tasks), "1c")
    assert one.effect.estimate == pytest.approx(100 * (17 / 18 - 20 / 40))


def test_one_set_only_has_no_fewer_images():
    values = cells(("scratch", "whole"), "det", 40.0, 58.0) | cells(("whole",), "top", 60.0)
    layout = CURVE | {"tasks": ["det"], "subsets": ["scratch", "whole"]}
    judged = judge_all(results(values, {"figure1": layout}, sizes=SIZES))
    assert [one.claim.name for one in judged] == ["1a"]


ALL = ["1a", "1b", "1c", "1d"]


@pytest.mark.parametrize(
    ("missing", "left_out"),
    [("scratch", ALL), ("half", ["1b", "1c"]), ("few", ["1d"]), ("whole", ALL)],
)
def test_a_missing_run_of_one_task_leaves_the_statements_about_the_other_in(missing, left_out):
    more = cells([name for name in SETS if name != missing], "act", 50.0, 59.0, 60.0)
    given = curve(tasks=("act", "det"), more=more)  # the task that lacks a run comes first
    for name in ALL:
        expected = {"det"} if name in left_out else {"act", "det"}
        if name not in left_out and name != "1a":  # which is not judged over tasks
            expected |= {"all tasks together"}
        assert set(by_title(found(given, name))) == expected


def test_a_task_without_a_random_start_is_left_out_and_the_others_stay():
    more = cells(("few", "half", "whole"), "act", 50.0, 60.0, 61.0)
    given = curve(tasks=("det", "act"), more=more)
    assert {one.statement.text.partition(":")[0] for one in judge_all(given)} == {"det"}
