"""What parts do for transfer: hand-worked effects, their order, sign and correction."""

import math

import pandas as pd
import pytest
from made_runs import runs_of

from imagenet_transfer.claims.statistics import OPEN, Sample, contrast, holm, prior_of
from imagenet_transfer.errors import UserError
from imagenet_transfer.figures.influence_numbers import (
    COLUMNS,
    HARMS,
    HELPS,
    influence_frame,
    verdict_of,
)

DET = {"pascal-det": "mAP"}
WITHOUT = {"dogs": "no-dogs", "birds": "no-birds", "cars": "no-cars"}
CONTROLS = {"no-dogs": "random-8", "no-cars": "random-8"}
SIZES = {
    "imagenet": {"n_classes": 10, "n_images": 1000},
    "no-dogs": {"n_classes": 8, "n_images": 790},
    "no-birds": {"n_classes": 9, "n_images": 905},
    "no-cars": {"n_classes": 8, "n_images": 800},
    "random-8": {"n_classes": 8, "n_images": 810},
}
VALUES = {
    "imagenet": [50, 52, 51],
    "no-dogs": [53, 54.5, 54],  # 3, 2.5, 3 better: dogs harm
    "no-birds": [49, 52, 50.5],  # 1, 0, 0.5 worse
    "no-cars": [44, 46.5, 45],  # 6, 5.5, 6 worse: cars help
    "random-8": [48, 50, 49.5],
}


def frame_of(values=VALUES, controls=CONTROLS, metrics=DET):
    runs = runs_of(dict.fromkeys(metrics, values), metrics)
    return influence_frame(runs, metrics, SIZES, "imagenet", WITHOUT, controls)


def test_effects_are_the_full_set_minus_the_set_without_the_part():
    frame = frame_of()
    assert tuple(frame.columns) == COLUMNS
    assert frame["name"].tolist() == ["cars", "birds", "dogs"]  # from what helps most
    assert frame["effect"].tolist() == pytest.approx([35 / 6, 0.5, -17 / 6])
    assert frame["n_classes_left_out"].tolist() == [2, 1, 2]
    assert frame["n_images_left_out"].tolist() == [200, 95, 210]
    assert frame["subset"].tolist() == ["no-cars", "no-birds", "no-dogs"]
    assert set(frame["n"]) == {3}


def test_effects_against_a_control_are_the_control_minus_the_set_without_the_part():
    frame = frame_of().set_index("name")
    assert frame["control"].tolist() == ["random-8", "", "random-8"]
    # 48 - 44, 50 - 46.5, 49.5 - 45
    assert frame.loc["cars", "against_control"] == pytest.approx(4)
    assert frame.loc["dogs", "against_control"] == pytest.approx(-14 / 3)
    empty = ["against_control", "control_low", "control_high", "control_p", "control_adjusted"]
    assert frame.loc["birds", empty].isna().all()
    assert frame.loc["birds", "control_verdict"] == ""


def test_intervals_are_those_of_the_studys_contrasts():
    samples = {
        name: Sample(name, "pascal-det", tuple(map(float, of))) for name, of in VALUES.items()
    }
    prior = prior_of(list(samples.values()))
    frame = frame_of().set_index("name")
    for name, subset in WITHOUT.items():
        pair = [samples["imagenet"], samples[subset]]
        effect = contrast(lambda a, b: a - b, pair, prior)
        row = frame.loc[name]
        assert [row["low"], row["high"]] == pytest.approx([effect.low, effect.high])
    pair = [samples["random-8"], samples["no-cars"]]
    effect = contrast(lambda a, b: a - b, pair, prior)
    found = frame.loc["cars", ["control_low", "control_high"]].tolist()
    assert found == pytest.approx([effect.low, effect.high])


def test_verdicts_follow_holm_over_the_parts_of_a_task():
    frame = frame_of()
    assert frame["verdict"].tolist() == [HELPS, OPEN, HARMS]
    assert frame["adjusted"].tolist() == pytest.approx(holm(frame["p"]))
    smallest = frame["p"].min()
    assert frame["adjusted"].min() == pytest.approx(3 * smallest)
    controlled = frame[frame["control"] != ""]
    assert controlled["control_adjusted"].min() == pytest.approx(2 * controlled["control_p"].min())
    assert controlled["control_verdict"].tolist() == [HELPS, HARMS]


def test_what_is_sure_alone_may_not_be_sure_among_all():
    """The p of birds is below 0.05 and above 0.05 / 3."""
    values = VALUES | {"no-birds": [48, 51.4, 49.6]}
    values |= {"no-cars": [49.8, 52, 51], "no-dogs": [50, 52.2, 51]}
    birds = frame_of(values, {}).set_index("name").loc["birds"]
    assert 0.05 / 3 < birds["p"] < 0.05 < birds["adjusted"]
    assert birds["low"] > 0
    assert birds["verdict"] == OPEN


def test_tasks_are_corrected_and_sorted_each_for_itself():
    one = frame_of()
    both = frame_of(metrics=DET | {"sun-cls": "top1"})
    assert both["task"].tolist() == ["pascal-det"] * 3 + ["sun-cls"] * 3
    # The same values again: errors that two tasks share are known no better than those of one
    assert both["name"].tolist() == one["name"].tolist() * 2
    for _, rows in both.groupby("task"):
        assert rows["adjusted"].tolist() == pytest.approx(holm(rows["p"]))


def test_one_replicate_has_effects_without_verdicts():
    frame = frame_of({name: values[:1] for name, values in VALUES.items()})
    assert frame["effect"].tolist() == [6, 1, -3]
    assert frame[["low", "high", "p", "adjusted", "control_p"]].isna().all(axis=None)
    assert set(frame["verdict"]) == {OPEN}
    assert frame["control_verdict"].tolist() == [OPEN, "", OPEN]


def test_a_missing_run_is_named():
    runs = runs_of({"pascal-det": VALUES}, DET)
    runs = runs[runs["subset"] != "random-8"]
    with pytest.raises(UserError, match="influence needs random-8 on pascal-det, which was not"):
        influence_frame(runs, DET, SIZES, "imagenet", WITHOUT, CONTROLS)


@pytest.mark.parametrize(
    "effect, adjusted, verdict",
    [
        (1.0, 0.05, HELPS),
        (-1.0, 0.05, HARMS),
        (1.0, 0.051, OPEN),
        (1.0, math.nan, OPEN),
        (math.nan, math.nan, ""),
    ],
)
def test_verdicts(effect, adjusted, verdict):
    assert verdict_of(effect, adjusted) == verdict


def test_the_frame_reads_back_from_its_csv(tmp_path):
    frame = frame_of()
    frame.to_csv(tmp_path / "a.csv", index=False)
    read = pd.read_csv(tmp_path / "a.csv", keep_default_na=True)
    assert read["effect"].tolist() == pytest.approx(frame["effect"].tolist())
    assert read["control"].isna().tolist() == (frame["control"] == "").tolist()
