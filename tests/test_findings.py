"""Findings: intervals against known numbers, verdicts at their edges, and claims on hand-worked tables."""

import math

import pandas as pd
import pytest

from imagenet_transfer.reporting.answers import Results, kept_together
from imagenet_transfer.reporting.claims import CLAIMS
from imagenet_transfer.reporting.evidence import (
    Effect,
    effect_of,
    how_sure,
    proportion,
    rank_correlation,
    replicated,
    single,
    verdict,
)
from imagenet_transfer.reporting.findings import COLUMNS, findings

CURVE = {
    "builder": "curve",
    "along": "images_per_class",
    "subsets": ["scratch", "some", "most", "whole"],
    "tasks": ["det"],
    "accuracy": "top",
}
SIZES = {"some": (10, 100), "most": (10, 500), "whole": (10, 1000), "scratch": (math.nan, math.nan)}


def cell(subset, task, mean, std=math.nan, n=1, metric="mAP"):
    classes, images = SIZES[subset]
    facts = {"subset": subset, "n_classes": classes, "n_images": images, "task": task, "metric": metric}
    return facts | {"mean": mean, "std": std, "n": n, "paper": math.nan}


def curve(half=57.0, std=0.1):
    rows = [("scratch", 40.0), ("some", 48.0), ("most", half), ("whole", 58.0)]
    det = [cell(name, "det", mean, std, 3) for name, mean in rows]
    top = [cell("some", "top", 20.0, metric="top1"), cell("most", "top", 50.0, metric="top1")]
    return pd.DataFrame([*det, *top, cell("whole", "top", 60.0, metric="top1")])


def judge(tables, layouts, compare=True, tests=None, kinds=None):
    frame = findings(tables, layouts, tests or {"top": 50000}, compare, kinds or {"det": "detection"})
    assert tuple(frame.columns) == COLUMNS
    return frame.set_index("claim")


def test_welchs_interval_is_that_of_a_worked_example():
    # a: mean 20.6, s 1.62, n 10; b: mean 22.135, s 5.2, n 10: t = -0.891, 10.7 degrees of freedom, t(0.975) = 2.208
    effect = effect_of(lambda a, b: a - b, [replicated("a", 20.6, 1.62, 10), replicated("b", 22.135, 5.2, 10)])
    error = math.sqrt(1.62**2 / 10 + 5.2**2 / 10)
    assert effect.estimate == pytest.approx(-1.535)
    assert (effect.high - effect.estimate) / error == pytest.approx(2.208, abs=0.002)
    assert effect.estimate - effect.low == pytest.approx(effect.high - effect.estimate)


def test_equal_spreads_give_students_interval():
    # two means of three runs each with s = 1: 4 degrees of freedom, t = 2.7764, error sqrt(2/3)
    effect = effect_of(lambda a, b: a - b, [replicated("a", 5.0, 1.0, 3), replicated("b", 3.0, 1.0, 3)])
    assert effect.high == pytest.approx(2 + 2.7764451 * math.sqrt(2 / 3))


def test_a_proportions_error_is_binomial():
    # 50 % of 100 images, one more right and one more wrong: still one half; error 5 points, 1.96 times
    effect = effect_of(lambda a: a, [proportion("a", 50.0, 100)])
    assert (effect.low, effect.high) == pytest.approx((50 - 9.79982, 50 + 9.79982))
    assert proportion("none", 0.0, 98).error == pytest.approx(100 * math.sqrt(0.01 * 0.99 / 98))


def test_a_ratio_moves_by_its_slope():
    # d(a/b) = da / b at fixed b: an error of 2 points at b = 4 is one of 0.5
    a, b = replicated("a", 2.0, 2 * math.sqrt(3), 3), replicated("b", 4.0, 0.0, 3)
    effect = effect_of(lambda x, y: x / y, [a, b])
    assert effect.high - effect.estimate == pytest.approx(4.3026527 * 0.5, rel=1e-6)


def test_a_single_run_of_mean_average_precision_tells_nothing():
    effect = effect_of(lambda a, b: a - b, [single("a", 50.0), single("b", 1.0)])
    assert effect.estimate == 49.0
    assert verdict(effect) == "cannot tell"
    assert "raise `replicates`" in how_sure([single("a", 50.0)])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, "holds"),
        (-1e-9, 1.0, "cannot tell"),
        (-1.0, 0.0, "cannot tell"),
        (-1.0, -1e-9, "does not"),
        (math.nan, math.nan, "cannot tell"),
    ],
)
def test_the_verdict_depends_on_where_the_interval_lies(low, high, expected):
    assert verdict(Effect(0.0, low, high)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-10, 10, "holds"),
        (-10.1, 3, "cannot tell"),
        (-12, -10.1, "does not"),
        (10.1, 12, "does not"),
        (9, 11, "cannot tell"),
    ],
)
def test_a_claim_of_equality_has_two_sides(low, high, expected):
    assert verdict(Effect(0.0, low, high), -10, 10) == expected


def test_rank_correlation():
    effect = rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert effect.estimate == pytest.approx(0.8)
    reach = 1.959964 * math.sqrt((1 + 0.8**2 / 2) / 2)
    assert effect.low == pytest.approx(math.tanh(math.atanh(0.8) - reach), rel=1e-5)
    assert math.isnan(rank_correlation([1, 2, 3, 4], [1, 2, 3, 4]).low)


def test_half_the_images_keeps_the_gain():
    rows = judge({"figure1": curve()}, {"figure1": CURVE})
    row = rows.loc["1b"]
    assert row["effect"] == pytest.approx(57.0 - 40 - 0.9 * 18)  # 0.8 points above 90 % of the gain
    assert row["verdict"] == "holds"
    assert "keeps 94 %" in row["evidence"]
    assert "at least 90 %" in row["statement"]
    assert "spread between pre-trainings is not in it" in row["how_sure"]


@pytest.mark.parametrize(("half", "expected"), [(55.0, "does not"), (56.2, "cannot tell")])
def test_half_the_images_loses_the_gain(half, expected):
    assert judge({"figure1": curve(half)}, {"figure1": CURVE}).loc["1b", "verdict"] == expected


def test_where_pretraining_gains_nothing_nothing_is_kept():
    table = curve(half=40.0)
    table.loc[(table["subset"] == "whole") & (table["task"] == "det"), "mean"] = 40.05
    rows = judge({"figure1": table}, {"figure1": CURVE})
    assert rows.loc["1a", "verdict"] == "cannot tell"
    assert rows.loc["1b", "verdict"] == "cannot tell"
    assert "gain itself is uncertain" in rows.loc["1b", "how_sure"]


def test_accuracy_loses_more_than_transfer():
    rows = judge({"figure1": curve()}, {"figure1": CURVE})
    assert rows.loc["1c", "effect"] == pytest.approx(100 * (57 / 58 - 50 / 60))
    assert rows.loc["1d", "effect"] == pytest.approx(100 * (48 / 58 - 20 / 60))
    assert rows.loc["1d", "verdict"] == "holds"
    assert "run-to-run spread is not in it" in rows.loc["1d", "how_sure"]


def test_the_reference_is_named_by_the_layout_not_by_its_size():
    table = pd.DataFrame([cell("some", "det", 58.0, 0.1, 3), cell("whole", "det", 30.0, 0.1, 3)])
    table = pd.concat([table, pd.DataFrame([cell("scratch", "det", 40.0, 0.1, 3)])])
    layout = {"builder": "transfer", "tasks": ["det"], "subsets": ["some", "whole", "scratch"]}
    rows = judge({"table1": table}, {"table1": layout})
    assert rows.loc["1a", "effect"] == pytest.approx(18.0)


def test_budgets_are_told_apart_by_their_classes():
    sizes = {"few": (5, 500), "many": (10, 500), "whole": (10, 1000)}
    means = {"few": 52.0, "many": 50.0, "whole": 60.0}
    rows = [
        {"subset": s, "n_classes": sizes[s][0], "n_images": sizes[s][1], "task": "det", "metric": "mAP"}
        | {"mean": means[s], "std": 0.1, "n": 3}
        for s in sizes
    ]
    layout = {"builder": "budgets", "tasks": ["det"], "columns": ["1/2"], "references": ["whole"]}
    for order in (["few", "many"], ["many", "few"]):  # the title of a row does not matter
        layout["rows"] = [{"title": "x", "subsets": [name]} for name in order]
        found = judge({"table2": pd.DataFrame(rows)}, {"table2": layout})
        assert found.loc["4a", "effect"] == pytest.approx(100 * 2 / 60)
        assert found.loc["4a", "verdict"] == "holds"
        assert found.loc["4b", ["effect", "verdict"]].tolist() == [pytest.approx(2.0), "holds"]


def test_induction_is_compared_on_the_classes_never_seen():
    facts = {"n_classes": 2, "n_unseen": 9, "n_queries": 1000, "k": 1}
    rows = [{"subset": "coarse", "network": w, "value": v, **facts} for w, v in (("coarse", 40.0), ("whole", 50.0))]
    layout = {"builder": "induction", "subsets": ["coarse"], "baseline": "whole"}
    found = judge({"figure4": pd.DataFrame(rows), "figure1": curve()}, {"figure4": layout, "figure1": CURVE})
    assert found.loc["3a", "effect"] == pytest.approx(40 - 0.7 * 50)
    assert found.loc["3a", "verdict"] == "holds"
    assert "80 % as well" in found.loc["3a", "evidence"]
    assert found.loc["3b", ["evidence", "verdict"]].tolist() == [
        "this study's figure4 has one network only",
        "cannot tell",
    ]


def test_halves_against_everything():
    rows = [
        {"split": s, "half": h, "n_classes": 5, "network": w, "value": v, "n_test": 25000}
        for s, h, w, v in [
            *(("minimal", "a", "half", 52.0), ("minimal", "a", "everything", 50.0)),
            *(("random", "a", "half", 52.0), ("random", "a", "everything", 50.0)),
        ]
    ]
    layout = {"builder": "split-accuracy", "baseline": "whole", "splits": {}}
    found = judge({"figure9": pd.DataFrame(rows)}, {"figure9": layout})
    assert found.loc["6a", ["effect", "verdict"]].tolist() == [pytest.approx(2.0), "holds"]
    assert found.loc["6b", ["effect", "verdict"]].tolist() == [pytest.approx(-2.0), "does not"]


def test_gains_of_coarse_classes():
    wnids = {"n01861778": (30.0, 0.9), "n04451818": (12.0, 0.4), "n1": (10.0, 0.5), "n2": (8.0, 0.3), "n3": (6.0, 0.2)}
    rows = [{"class_wnid": w, "n_subclasses": 5, "gain": g, "similarity": s} for w, (g, s) in wnids.items()]
    layout = {"builder": "coarse-gain", "subset": "whole", "label_set": "x"}
    frames = {"figure6": pd.DataFrame(rows), "figure1": curve()}
    found = judge(frames, {"figure6": layout, "figure1": CURVE}, tests={"top": 1000})
    mammal, tool = (found.loc["7b"].iloc[i] for i in range(2))
    assert mammal["effect"] == pytest.approx(30 - 10)
    assert "500 test images" in mammal["evidence"]  # 1000 images of 10 classes, 5 sub-classes
    assert mammal["verdict"] == "holds"
    assert tool["effect"] == pytest.approx(-(12 - 10))
    assert tool["verdict"] == "cannot tell"
    assert found.loc["7a", "effect"] == pytest.approx(0.9)


def test_every_claim_without_its_output_cannot_be_told():
    frame = findings({}, {}, {}, False)
    assert frame["claim"].tolist() == [claim.name for claim in CLAIMS]
    assert set(frame["verdict"]) == {"cannot tell"}
    evidence = frame.set_index("claim")["evidence"]
    assert evidence["3a"] == "this study has no figure4"
    assert evidence["5a"] == "this study has no table3"
    assert frame["comparable"].str.startswith("within this study only").all()


def test_a_study_of_photographs_may_be_compared():
    assert judge({"figure1": curve()}, {"figure1": CURVE})["comparable"].str.startswith("with the paper").all()


def test_a_share_of_nothing_tells_nothing():
    values = [replicated("some", 3.0, 1.0, 3), replicated("none", 0.0, 0.0, 3)]
    effect = effect_of(lambda a, b: a / b, values)
    assert all(math.isnan(number) for number in (effect.estimate, effect.low, effect.high))
    assert verdict(effect) == "cannot tell"


def test_what_is_kept_is_averaged_over_tasks_and_subsets():
    rows = [
        {"subset": subset, "task": task, "metric": "mAP", "n": 3, "mean": mean, "std": 0.1}
        for task, means in {"det": (20, 10, 18), "act": (50, 40, 44)}.items()
        for subset, mean in zip(("whole", "scratch", "some"), means, strict=True)
    ]
    results = Results({"table1": pd.DataFrame(rows)}, {}, {}, {})
    (row,) = kept_together(results, ["det", "act"], ["some"], "whole", 0.5, "this")
    assert row["statement"].startswith("all tasks together: this keeps at least 50 %")
    assert row["effect"] == pytest.approx(100 * ((0.8 + 0.4) / 2 - 0.5))
    assert row["verdict"] == "holds"
    assert not list(kept_together(results, ["det"], ["some"], "whole", 0.5, "this"))
