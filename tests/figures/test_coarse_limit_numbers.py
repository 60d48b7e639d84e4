"""The limit of coarse labels: hand-worked crossings and ranges, and every possible answer."""

import math

import numpy as np
import pandas as pd
import pytest
from made_runs import runs_with_gains

from imagenet_transfer.claims.statistics import Effect, Sample, contrast, prior_of
from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.coarse_limit_numbers import (
    COLUMNS,
    coarse_limit_frame,
    find_limit,
    weights_at,
)

DET = {"pascal-det": "mAP"}


def found_for(gains, reach=1.0, n=2):
    """Return the limit of gains by number of classes with intervals of +/- `reach` points."""

    def gain_at(size):
        gain = float(np.interp(math.log(size), np.log(list(gains)), list(gains.values())))
        return Effect(gain, gain - reach, gain + reach)

    return find_limit(list(gains), gain_at, n)


# Weights and crossings by hand


def test_gains_between_label_sets_are_linear_in_the_logarithm():
    sets = {"all": 64, "few": 4}
    assert weights_at(4, sets) == {"few": 1, "scratch": -1}
    assert weights_at(16, sets) == {"all": 0.5, "few": 0.5, "scratch": -1}  # half-way by ratio
    assert weights_at(8, sets) == pytest.approx({"all": 0.25, "few": 0.75, "scratch": -1})
    assert weights_at(64, sets) == {"all": 1, "scratch": -1}
    twice = weights_at(16, {"all": 64, "few": 4, "other": 4, "one": 1})
    assert twice == pytest.approx({"all": 0.5, "few": 0.25, "other": 0.25, "scratch": -1})


def test_the_crossing_is_interpolated_in_the_logarithm():
    assert found_for({3: -1, 12: 1}).limit == pytest.approx(6)
    assert found_for({2: -1, 16: 2}).limit == pytest.approx(4)
    assert found_for({2: -3, 8: 0, 32: 2}).limit == pytest.approx(8)


def test_the_range_is_where_the_interpolated_interval_holds_zero():
    # The gain is 2 log10(n) - 2: -1 at 10^0.5, 0 at 10, 1 at 10^1.5
    found = found_for({1: -2, 100: 2})
    assert found.limit == pytest.approx(10)
    assert found.low == pytest.approx(10**0.5, rel=1e-6)
    assert found.high == pytest.approx(10**1.5, rel=1e-6)
    assert found.statement.endswith("random start from about 10 classes on (95 %: 3.2 to 32)")


def test_the_range_is_pooled_over_every_number_above():
    # At 50 the gain falls to half a point: only above that are all surely better
    found = found_for({5: -4, 20: 4, 50: 0.5, 80: 5})
    assert found.limit == pytest.approx(10)
    assert 50 < found.high < 80
    assert found.low < 10


def test_a_range_may_be_open_at_either_end():
    below = found_for({10: -0.5, 1000: 5})
    assert math.isnan(below.low)
    assert below.statement.endswith(f"(95 %: at most {below.high:.0f})")
    above = found_for({10: -5, 1000: 0.5})
    assert math.isnan(above.high)
    assert above.statement.endswith(f"(95 %: more than {above.low:.0f})")
    both = found_for({10: -0.5, 1000: 0.5})
    assert both.statement.endswith("from about 100 classes on (95 %: any number)")


# Every possible answer


def test_even_the_fewest_classes_may_be_better():
    found = found_for({3: 2, 64: 5})
    assert (math.isnan(found.limit), math.isnan(found.low), found.high) == (True, True, 3)
    assert found.statement == "even 3 classes are better than a random start (surely)"
    # 0.5 + log10(n) is 1 at 10^0.5
    found = found_for({1: 0.5, 100: 2.5})
    assert found.high == pytest.approx(10**0.5, rel=1e-6)
    sure = "even a single class is better than a random start (surely from 3.2 on)"
    assert found.statement == sure
    found = found_for({3: 0.1, 64: 0.2})
    assert math.isnan(found.high)
    assert found.statement == "even 3 classes are better than a random start (no number surely)"


def test_no_measured_number_may_be_better():
    found = found_for({3: -4, 64: -2})
    assert (math.isnan(found.limit), found.low, math.isnan(found.high)) == (True, 64, True)
    none = "no measured number of classes, up to 64, is better than a random start"
    assert found.statement == none
    found = found_for({3: -4, 12: 2, 64: -2})
    assert math.isnan(found.limit)
    assert found.statement == "no limit: 12 classes are better than a random start, 64 not"


def test_the_last_of_several_crossings_counts_and_the_statement_says_so():
    found = found_for({3: 1, 6: -1, 24: 1})
    assert found.limit == pytest.approx(12)
    assert found.statement.endswith("; the gain changes its sign 2 times, this is the last")


def test_one_replicate_has_a_limit_without_a_range():
    found = found_for({3: -1, 12: 1}, reach=math.nan, n=1)
    assert found.limit == pytest.approx(6)
    assert np.isnan([found.low, found.high]).all()
    assert "about 6 classes on (one replicate: its range is unknown)" in found.statement
    found = found_for({3: 1, 12: 1}, reach=math.nan, n=1)
    assert found.statement.endswith("(one replicate: how surely is unknown)")


def test_a_single_label_set_has_an_answer():
    assert found_for({64: 3}).high == 64
    assert found_for({64: -3}).low == 64


# The frame


GAINS = {"all": [5, 6, 7], "coarse-3": [-2, -1, 0], "coarse-12": [0, 1, 2]}
CLASSES = {"all": 64, "coarse-3": 3, "coarse-12": 12}


def test_a_row_per_label_set_by_its_number_of_classes():
    frame = coarse_limit_frame(runs_with_gains(GAINS), DET, CLASSES)
    assert tuple(frame.columns) == COLUMNS
    assert frame["subset"].tolist() == ["coarse-3", "coarse-12", "all"]
    assert frame["n_classes"].tolist() == [3, 12, 64]
    assert frame["gain"].tolist() == pytest.approx([-1, 1, 6])
    assert frame["n"].tolist() == [3, 3, 3]
    lows = [mean - 2.484138 for mean in (-1, 1, 6)]
    assert frame["low"].tolist() == pytest.approx(lows, abs=1e-6)
    assert frame["limit"].tolist() == pytest.approx([6, 6, 6])
    assert frame["statement"].nunique() == 1
    # No number is surely worse: 1 - 2.484 < 0 at 3; all spreads are equal, so the gain is 2.484 at
    # 12 x (64 / 12) ** ((2.484 - 1) / 5)
    assert frame["limit_low"].isna().all()
    high = 12 * (64 / 12) ** (1.484138 / 5)
    assert frame["limit_high"].tolist() == pytest.approx([high] * 3, rel=1e-5)


def test_gains_are_paired_by_replicate():
    uneven = runs_with_gains(GAINS, start=(10, 30, 20))
    frame = coarse_limit_frame(uneven, DET, CLASSES)
    pd.testing.assert_frame_equal(frame, coarse_limit_frame(runs_with_gains(GAINS), DET, CLASSES))
    without = uneven[~((uneven["subset"] == "coarse-3") & (uneven["rep"] == 2))]
    shared = coarse_limit_frame(without, DET, CLASSES)
    assert shared["n"].tolist() == [2, 2, 2]  # the replicates that all of them have
    assert shared["gain"].tolist() == pytest.approx([-1, 1, 6])


def test_intervals_are_those_of_the_studys_contrasts():
    """With uneven gains: the interval of one cell less a random start, as findings have it."""
    gains = {"all": [5, 6, 9], "coarse-3": [-2, -1, 3], "coarse-12": [0, 4, 2]}
    frame = coarse_limit_frame(runs_with_gains(gains, start=(10, 12, 11)), DET, CLASSES).set_index(
        "subset"
    )
    cells = [("scratch", (10, 12, 11)), ("all", (15, 18, 20))]
    cells += [("coarse-3", (8, 11, 14)), ("coarse-12", (10, 16, 13))]
    samples = {name: Sample(name, "pascal-det", values) for name, values in cells}
    prior = prior_of(list(samples.values()))
    for name, row in frame.iterrows():
        effect = contrast(lambda a, b: a - b, [samples[name], samples["scratch"]], prior)
        assert [row["gain"], row["low"], row["high"]] == pytest.approx(
            [effect.estimate, effect.low, effect.high]
        )


def test_the_interval_may_be_the_callers():
    asked = []

    def measure(weights, task):
        asked.append((task, weights))
        gains = {"all": 6, "coarse-3": -1, "coarse-12": 1, "scratch": 0}
        gain = sum(weight * gains[name] for name, weight in weights.items())
        return Effect(gain, gain - 1, gain + 1)

    frame = coarse_limit_frame(runs_with_gains(GAINS), DET, CLASSES, measure)
    assert frame["low"].tolist() == pytest.approx([-2, 0, 5])
    assert {task for task, _ in asked} == {"pascal-det"}
    assert ("pascal-det", {"coarse-3": 1, "scratch": -1}) in asked
    assert frame["limit_high"].iloc[0] == pytest.approx(12, rel=1e-6)


def test_label_sets_of_equally_many_classes_are_averaged_in_the_curve_only():
    gains = GAINS | {"other-3": [-4, -3, -2]}
    frame = coarse_limit_frame(runs_with_gains(gains), DET, CLASSES | {"other-3": 3})
    assert frame["subset"].tolist() == ["coarse-3", "other-3", "coarse-12", "all"]
    assert frame["gain"].tolist()[:2] == pytest.approx([-1, -3])
    assert frame["limit"].iloc[0] == pytest.approx(3 * 4 ** (2 / 3))  # from -2 at 3 to 1 at 12


def test_tasks_have_limits_of_their_own():
    scenes = {name: [gain + 3 for gain in values] for name, values in GAINS.items()}
    both = pd.concat(
        [runs_with_gains(GAINS), runs_with_gains(scenes, task="sun-cls", metric="top1")]
    )
    frame = coarse_limit_frame(both, DET | {"sun-cls": "top1"}, CLASSES)
    assert frame.groupby("task")["limit"].first()["pascal-det"] == pytest.approx(6)
    assert frame[frame["task"] == "sun-cls"]["limit"].isna().all()


def test_equal_values_have_no_gain_and_no_interval():
    frame = coarse_limit_frame(runs_with_gains({name: [0, 0, 0] for name in GAINS}), DET, CLASSES)
    assert frame["statement"].iloc[0].startswith("no measured number of classes, up to 64")
    assert frame["gain"].tolist() == [0, 0, 0]
    assert frame[["low", "high"]].isna().all(axis=None)
    better = coarse_limit_frame(runs_with_gains({name: [1, 1, 1] for name in GAINS}), DET, CLASSES)
    assert better["statement"].iloc[0].endswith("(no interval: how surely is unknown)")


@pytest.mark.parametrize("missing", ["scratch", "coarse-12"])
def test_a_missing_run_is_named(missing):
    runs = runs_with_gains(GAINS)
    with pytest.raises(UserError, match=f"needs {missing} on pascal-det, which was not run"):
        coarse_limit_frame(runs[runs["subset"] != missing], DET, CLASSES)
    runs.loc[runs["subset"] == "coarse-12", "rep"] += 10
    with pytest.raises(UserError, match="no replicate in common on pascal-det"):
        coarse_limit_frame(runs, DET, CLASSES)
