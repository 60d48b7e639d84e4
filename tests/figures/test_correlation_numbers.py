"""Correlation of ImageNet accuracy with transfer: hand-worked values and awkward data."""

import math

import numpy as np
import pandas as pd
import pytest
from made_runs import METRICS, runs_of

from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.correlation_numbers import (
    COLUMNS,
    POINT_COLUMNS,
    correlation_frame,
    fisher_interval,
    log_odds,
    noise_free,
    pearson,
    points_frame,
    spearman,
)

TWO = {"imagenet-cls": "top1", "pascal-det": "mAP"}


def simple(x=(10, 20, 30, 40), y=(20, 10, 40, 30)):
    """Return runs of one replicate, with a set for each value."""
    names = "abcdefghijklmnop"
    cells = [{s: [v] for s, v in zip(names, values, strict=False)} for values in (x, y)]
    return runs_of({"imagenet-cls": cells[0], "pascal-det": cells[1]})


def row_of(runs, metrics=TWO, task="pascal-det", **options):
    frame = correlation_frame(runs, "imagenet-cls", metrics, **options)
    return frame.set_index("task").loc[task]


# Statistics


def test_pearson_and_spearman_by_hand():
    # Deviations -1.5, -0.5, 0.5, 1.5 and -0.5, -1.5, 1.5, 0.5: products sum to 3, squares to 5 each
    assert pearson([1, 2, 3, 4], [2, 1, 4, 3]) == pytest.approx(3 / 5)
    # Ranks 1, 2, 3.5, 3.5 and 1, 2, 3, 4: products of deviations sum to 4.5, squares to 4.5 and 5
    assert spearman([1, 5, 9, 9], [0, 1, 2, 30]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_fishers_interval_by_hand():
    # atanh(0.6) = ln 2 = 0.6931; with 4 pairs the standard error is 1: 0.6931 - 1.9600 and + 1.9600
    low, high = fisher_interval(0.6, 4)
    assert low == pytest.approx(math.tanh(math.log(2) - 1.959964), abs=1e-6)
    assert high == pytest.approx(math.tanh(math.log(2) + 1.959964), abs=1e-6)
    assert np.diff(np.arctanh(fisher_interval(0.6, 103)))[0] == pytest.approx(2 * 0.1959964)
    assert np.isnan(fisher_interval(0.6, 3)).all()
    assert np.isnan(fisher_interval(1.0, 9)).all()


def test_log_odds_of_percentages():
    odds = log_odds(pd.Series([50, 100 / (1 + math.exp(-2)), 0, 100]))
    assert odds[:2].tolist() == pytest.approx([0, 2])
    assert odds[2:].isna().all()


def test_noise_is_taken_out_of_the_correlation():
    rng = np.random.default_rng(0)
    sets = 20_000
    replicates = 3
    x = rng.normal(size=sets)
    y = 0.6 * x + 0.8 * rng.normal(size=sets)
    shared = rng.normal(size=(sets, replicates))  # the noise of the network that both start from
    noisy_x = x[:, None] + 0.6 * shared + 0.8 * rng.normal(size=(sets, replicates)) + [5, 0, -5]
    noisy_y = y[:, None] + 0.6 * shared + 0.8 * rng.normal(size=(sets, replicates)) + [3, 9, 0]
    measured = pearson(noisy_x.mean(axis=1), noisy_y.mean(axis=1))
    assert measured == pytest.approx((0.6 + 0.36 / 3) / (1 + 1 / 3), abs=0.02)
    assert noise_free(pd.DataFrame(noisy_x), pd.DataFrame(noisy_y)) == pytest.approx(0.6, abs=0.02)


def test_without_noise_nothing_is_taken_out():
    x, y = (pd.DataFrame({1: values, 2: values}) for values in ([1, 2, 3, 4], [2, 1, 4, 3]))
    assert noise_free(x, y) == pytest.approx(0.6)
    assert noise_free(x, y.add([7, 0])) == pytest.approx(0.6)  # the same noise in every set


def test_noise_needs_the_same_replicates_and_sets_that_differ():
    x = pd.DataFrame({1: [1.0, 2, 3], 2: [1.0, 2, 3]})
    assert math.isnan(noise_free(x, x[[1]]))
    assert math.isnan(noise_free(x[[1]], x[[1]]))
    assert math.isnan(noise_free(x, pd.DataFrame({1: [1.0, 2, 3], 2: [3.0, 2, 1]})))


# The frame


def test_a_row_has_the_correlation_and_its_interval():
    row = row_of(simple())
    assert (row["metric"], row["n_sets"], row["n_replicates"]) == ("mAP", 4, 1)
    assert row["r"] == pytest.approx(0.6)
    assert row["rho"] == pytest.approx(0.6)
    assert [row["low"], row["high"]] == pytest.approx(fisher_interval(0.6, 4))
    x, y = (np.array(v) / 100 for v in ([10, 20, 30, 40], [20, 10, 40, 30]))
    expected = np.corrcoef(np.log(x / (1 - x)), np.log(y / (1 - y)))[0, 1]
    assert row["r_logit"] == pytest.approx(expected)
    assert [row["low_logit"], row["high_logit"]] == pytest.approx(fisher_interval(expected, 4))
    assert row["sets"] == "a; b; c; d"
    assert row["note"] == "one replicate: its noise is unknown"


def test_replicates_are_averaged_whatever_the_order_of_runs():
    accuracies = {"c": [30, 32, 28], "a": [9, 10, 11], "b": [20, 22, 18], "d": [40] * 3}
    transfer = {"a": [20] * 3, "b": [9, 10, 11], "c": [38, 40, 42], "d": [30] * 3}
    runs = runs_of({"imagenet-cls": accuracies, "pascal-det": transfer})
    frame = correlation_frame(runs, "imagenet-cls", TWO)
    assert tuple(frame.columns) == COLUMNS
    row = frame.iloc[0]
    assert row["r"] == pytest.approx(0.6)
    assert (row["n_replicates"], row["sets"], row["note"]) == (3, "a; b; c; d", "")
    assert 0.6 < row["r_noise_free"] < 1
    shuffled = runs.sample(frac=1, random_state=0)
    assert correlation_frame(shuffled, "imagenet-cls", TWO).equals(frame)


def test_points_are_means_and_sample_deviations():
    cells = {"imagenet-cls": {"b": [20, 22, 24], "a": [30]}, "pascal-det": {"a": [5], "b": [1, 3]}}
    points = points_frame(runs_of(cells), "imagenet-cls", TWO)
    assert tuple(points.columns) == POINT_COLUMNS
    first, second = points.to_dict("records")
    assert first == {
        **{"task": "pascal-det", "metric": "mAP", "subset": "b"},
        **{"accuracy": 22, "accuracy_std": 2, "accuracy_n": 3},
        **{"transfer": 2, "transfer_std": pytest.approx(math.sqrt(2)), "transfer_n": 2},
    }
    assert (second["subset"], second["accuracy_n"]) == ("a", 1)
    assert math.isnan(second["accuracy_std"])
    assert math.isnan(second["transfer_std"])


def test_a_random_start_is_left_out_unless_asked_for():
    runs = simple().replace({"d": "scratch"})
    assert row_of(runs)["sets"] == "a; b; c"
    assert row_of(runs, subsets=["scratch", "a", "b", "c"])["n_sets"] == 3
    assert row_of(runs, with_scratch=True)["sets"] == "a; b; c; scratch"


def test_accuracies_of_pre_training_are_another_measure():
    runs = simple()
    own = runs[runs["task"] == "imagenet-cls"].assign(stage="pretrain", value=99.0)
    assert row_of(pd.concat([own, runs]))["r"] == pytest.approx(0.6)


def test_sets_measured_on_one_task_only_are_left_out_unless_asked_for():
    runs = simple()
    runs = runs[~((runs["subset"] == "d") & (runs["task"] == "imagenet-cls"))]
    assert row_of(runs)["sets"] == "a; b; c"
    with pytest.raises(UserError, match="needs d on imagenet-cls, which was not run"):
        row_of(runs, subsets=["a", "b", "c", "d"])
    runs = simple()
    runs = runs[~((runs["subset"] == "b") & (runs["task"] == "pascal-det"))]
    with pytest.raises(UserError, match="needs b on pascal-det"):
        row_of(runs, subsets=["a", "b", "c", "d"])


@pytest.mark.parametrize(
    ("x", "y", "r", "note"),
    [
        ((10, 20, 30), (20, 10, 40), 0.6547, "no interval: it takes at least 4 sets"),
        ((10, 20), (20, 10), math.nan, "no correlation: it takes at least 3 sets"),
        ((10, 20, 30, 40), (5, 5, 5, 5), math.nan, "no correlation: transfer values are equal"),
        ((7, 7, 7, 7), (1, 2, 3, 4), math.nan, "no correlation: accuracies are equal"),
        ((10, 20, 30, 40), (0, 10, 20, 30), 1, "no logit: 0 and 100 % have none"),
    ],
)
def test_what_is_missing_has_a_reason(x, y, r, note):
    row = row_of(simple(x, y))
    assert row["r"] == pytest.approx(r, abs=1e-4, nan_ok=True)
    assert note in row["note"].split("; ")
    if "no interval" in note or "no correlation" in note:
        assert row[["low", "high", "low_logit", "high_logit"]].isna().all()
    if "no correlation" in note:
        assert row[["rho", "r_logit", "r_without"]].isna().all()
    if "no logit" in note:
        assert math.isnan(row["r_logit"])


def test_the_set_that_changes_r_most_is_named():
    row = row_of(simple((10, 20, 30, 90), (30, 20, 10, 90)))
    assert row["r"] > 0.8
    assert row["r_without"] == pytest.approx(-1)
    assert row["without"] == "d"


def test_all_tasks_are_averaged_as_log_odds():
    odds = np.array([-2, -1, 0, 1.5])
    noise = np.array([0.5, -0.5, -0.5, 0.5])
    percent = {
        "imagenet-cls": 100 / (1 + np.exp(-odds)),
        "pascal-det": 100 / (1 + np.exp(-odds - noise)),
        "sun-cls": 100 / (1 + np.exp(1 - odds + noise)),
    }
    cells = {task: dict(zip("abcd", ps[:, None], strict=True)) for task, ps in percent.items()}
    frame = correlation_frame(runs_of(cells), "imagenet-cls", METRICS).set_index("task")
    assert list(frame.index) == ["pascal-det", "sun-cls", "all tasks"]
    assert frame.loc["pascal-det", "r_logit"] < 0.99
    together = frame.loc["all tasks"]
    assert together["r_logit"] == pytest.approx(1)
    assert together["rho"] == pytest.approx(1)
    assert math.isnan(together["r"])
    assert (together["metric"], together["n_sets"]) == ("mean log odds", 4)
    assert together["sets"] == "a; b; c; d"


def test_all_tasks_have_the_sets_that_each_has():
    cells = {task: {s: [10.0 + 3 * i] for i, s in enumerate("abcde")} for task in METRICS}
    cells["pascal-det"] |= {"b": [1.0]}
    del cells["sun-cls"]["c"]
    frame = correlation_frame(runs_of(cells), "imagenet-cls", METRICS).set_index("task")
    assert frame["n_sets"].to_dict() == {"pascal-det": 5, "sun-cls": 4, "all tasks": 4}
    assert frame.loc["all tasks", "sets"] == "a; b; d; e"
