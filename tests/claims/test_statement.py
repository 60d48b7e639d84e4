"""Statements that several claims make: differences, and what is kept over tasks and subsets."""

import math

import pytest
from hand_results import cells, results

from imagenet_transfer.claims.claims import CLAIMS
from imagenet_transfer.claims.effects import Images
from imagenet_transfer.claims.findings import judge
from imagenet_transfer.claims.statement import difference, kept_together

BOTH = [("det", "part"), ("act", "part")]


def study(det, act):
    """Return a study with values of whole, scratch and part on detection and action."""
    names = ("whole", "scratch", "part")
    return results(cells(names, "det", *det) | cells(names, "act", *act))


def judged(statement, given):
    return judge(CLAIMS[0], statement, given, Images({}, {}))


def test_a_difference_is_by_how_much_the_better_one_is_better():
    given = study((58.0, 40.0, 57.0), (50.0, 40.0, 44.0))
    whole, part = (given.sample(name, "det") for name in ("whole", "part"))
    statement = difference("text", whole, part, note="why")
    assert statement.function(58.0, 57.0) == 1.0
    assert judged(statement, given).effect.estimate == pytest.approx(1.0)
    assert (statement.least, statement.most, statement.note) == (0.0, math.inf, "why")


def test_what_is_kept_is_averaged_over_tasks_and_subsets():
    given = study((20.0, 10.0, 18.0), (50.0, 40.0, 44.0))
    (statement,) = kept_together(given, BOTH, "whole", 0.5, "this")
    assert statement.text.startswith("all tasks together: this keeps, on average, at least 50 %")
    one = judged(statement, given)
    assert one.effect.estimate == pytest.approx(100 * ((0.8 + 0.4) / 2 - 0.5))
    assert one.verdict == "holds"
    assert not list(kept_together(given, BOTH[:1], "whole", 0.5, "this"))


@pytest.mark.parametrize("lacking", ["whole", "scratch", "part"])
def test_a_task_that_lacks_a_run_is_left_out_of_the_average(lacking):
    names = [name for name in ("whole", "scratch", "part") if name != lacking]
    values = cells(("whole", "scratch", "part"), "det", 20.0, 10.0, 18.0)
    values |= cells(("whole", "scratch", "part"), "act", 50.0, 40.0, 44.0)
    given = results(values | cells(names, "sun", 50.0, 40.0))
    (statement,) = kept_together(given, [("sun", "part"), *BOTH], "whole", 0.5, "this")
    assert {sample.task for sample in statement.samples} == {"det", "act"}
    assert judged(statement, given).effect.estimate == pytest.approx(100 * (0.6 - 0.5))


@pytest.mark.parametrize("whole", [40.0, 38.0])
def test_of_an_absent_or_negative_gain_nothing_is_kept(whole):
    """The shares on action would be huge: 3 points of no gain, or 150 % of a negative one."""
    given = study((20.0, 10.0, 19.9), (whole, 40.0, 37.0))
    (statement,) = kept_together(given, BOTH, "whole", 0.5, "this")
    one = judged(statement, given)
    assert one.verdict == "cannot tell"
    assert math.isnan(one.effect.low)
    assert not one.clear
