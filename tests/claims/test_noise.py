"""What a table says about its noise: differences by hand, single runs, and which cells count."""

import math

import numpy as np
import pandas as pd
import pytest

from imagenet_transfer.claims.noise import clear_best, least_difference, noise_notes, samples_of
from imagenet_transfer.claims.statistics import Sample, prior_of

VALUES = {"whole": (50.0, 53.0, 52.0), "half": (49.0, 51.0, 53.0), "scratch": (10.0, 30.0, 20.0)}


def runs_of(values, task="det", metric="mAP"):
    """Return runs of these values by subset, in no order."""
    rows = [
        {"subset": name, "task": task, "rep": rep, "metric": metric, "value": value}
        for name, numbers in values.items()
        for rep, value in enumerate(numbers, start=1)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_two_sets_are_told_apart_by_the_paired_interval():
    """Differences 1, 2, -1: sd 1.5275; t(0.975) with 2 degrees of freedom is 4.3027."""
    samples = samples_of(runs_of(VALUES), ("whole", "half"), "det", "mAP")
    expected = 4.3027 * 1.5275 / math.sqrt(3)
    assert least_difference(samples, prior_of(samples)) == pytest.approx(expected, rel=1e-3)


def test_a_random_start_is_not_compared():
    with_scratch = noise_notes(runs_of(VALUES), ("whole", "half", "scratch"), {"det": "mAP"})
    without = noise_notes(runs_of(VALUES), ("whole", "half"), {"det": "mAP"})
    assert with_scratch == without
    assert "differences below 3.8 points are within the noise of 3 runs" in with_scratch[0]
    assert "the 2 pre-training sets of this table" in with_scratch[0]


def test_a_cell_with_a_single_run_tells_nothing_of_the_noise():
    with_one = noise_notes(
        runs_of(VALUES | {"bought": (90.0,)}), ("whole", "half", "bought"), {"det": "mAP"}
    )
    assert with_one == noise_notes(runs_of(VALUES), ("whole", "half"), {"det": "mAP"})


def test_what_cannot_be_told_is_said():
    single = {name: numbers[:1] for name, numbers in VALUES.items()}
    (note,) = noise_notes(runs_of(single), tuple(single), {"det": "mAP"})
    assert note == "det: one run each, whose spread is not known."
    (note,) = noise_notes(runs_of(VALUES), ("whole", "scratch"), {"det": "mAP"})
    assert note == "det: too few cells to tell the noise of a difference."
    assert noise_notes(runs_of(VALUES), ("whole", "half"), {}) == []


def test_each_task_has_its_own_noise():
    """Differences on action are -5, 7, -4: sd 6.658."""
    action = {"whole": (1.0, 9.0, 5.0), "half": (6.0, 2.0, 9.0)}
    runs = pd.concat([runs_of(VALUES), runs_of(action, "act")])
    (sentence,) = noise_notes(runs, ("whole", "half"), {"det": "mAP", "act": "mAP"})
    det, act = sentence.split("; act")
    assert "det: differences below 3.8" in det
    assert "differences below 16.5" in act


def test_the_best_is_named_where_all_differences_are_clear():
    """whole - half by replicate: 9, 11, 10; whole - third: 20, 22, 21."""
    values = {"half": (41.0, 42.0, 43.0), "whole": (50.0, 53.0, 53.0), "third": (30.0, 31.0, 32.0)}
    samples = samples_of(runs_of(values), tuple(values), "det", "mAP")
    assert clear_best(samples) == "whole"
    assert clear_best(samples[:1]) is None
    single = [Sample(sample.name, "det", sample.values[:1]) for sample in samples]
    assert clear_best(single) is None


def test_one_of_two_equally_good_cells_is_rarely_called_best():
    draw = np.random.default_rng(4)
    named = 0
    for _ in range(400):
        blocks = draw.standard_normal(3)
        samples = [
            Sample(name, "det", tuple(mean + blocks + draw.standard_normal(3)))
            for name, mean in {"a": 60, "b": 60, "c": 40, "d": 35}.items()
        ]
        named += clear_best(samples) is not None
    assert named / 400 < 0.08  # 0.05, give or take
    assert named > 0
