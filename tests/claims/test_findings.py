"""Findings: verdicts after Holm's correction, what they rest on, and several architectures."""

import pandas as pd
import pytest
from hand_results import TASKS, TOLERANCES, cells, frame_of, measured, results, runs_of, table1

from imagenet_transfer.claims.claims import Claim
from imagenet_transfer.claims.findings import (
    COLUMNS,
    Judged,
    chance_of,
    evidence,
    findings,
    how_sure,
    judge_all,
    judge_architectures,
)
from imagenet_transfer.claims.statement import Statement
from imagenet_transfer.claims.statistics import Effect, Sample
from imagenet_transfer.files import write_csv


def test_a_row_says_what_was_found_and_on_what_it_rests():
    given = table1(58.0, 57.0, 40.0)
    frame = findings(judge_all(given), compare=True)
    assert tuple(frame.columns) == COLUMNS
    (row,) = frame.to_dict("records")
    assert row["claim"] == "1a"
    assert [row[key] for key in ("verdict", "within_claim", "adjusted")] == ["holds"] * 3
    assert row["effect"] == pytest.approx(18.0)
    assert row["low"] < 18 < row["high"]
    assert row["p"] < 0.001
    assert row["unit"] == "points"
    assert row["evidence"] == "whole 58.0 ± 0.1 (3 runs); scratch 40.0 ± 0.1 (3 runs)"
    assert row["how_sure"].startswith("3 replicates, in pairs; t with")
    assert row["comparable"].startswith("with the paper")
    other = findings(judge_all(given), compare=False)
    assert other["comparable"].str.startswith("within this study only").all()


def test_networks_that_were_pre_trained_once_are_named():
    (one,) = judge_all(table1(58.0, 57.0, 40.0, networks=1))
    words = "for these networks, pre-trained once (whole): 3 replicates, in pairs; t with"
    assert how_sure(one).startswith(words)


def test_nothing_found_is_a_table_without_rows():
    assert findings([], False).empty
    assert tuple(findings([], False).columns) == COLUMNS


def test_verdicts_are_corrected_within_the_claim_and_over_the_study():
    """p is 0.0124, 0.0278 and twice 0.32.

    Holm multiplies by 2 and 1 within the claim, by 4 and 3 over the study.
    """
    judged = [measured("a", 2.5), measured("a", 2.2), measured("b", 1.0), measured("b", -1.0)]
    frame = findings(judged, True)
    assert frame["p"].tolist() == pytest.approx([0.01242, 0.02781, 0.31731, 0.31731], abs=1e-5)
    assert frame["verdict"].tolist() == ["holds", "holds", "cannot tell", "cannot tell"]
    assert frame["within_claim"].tolist() == ["holds", "holds", "cannot tell", "cannot tell"]
    assert frame["adjusted"].tolist() == ["holds", "cannot tell", "cannot tell", "cannot tell"]
    alone = findings(judged[:2], True)
    assert alone["adjusted"].tolist() == ["holds", "holds"]


def test_the_correction_within_a_claim_does_not_see_the_others():
    """p is 0.0278 in a claim of its own, and twice 0.0278 in another: times 2."""
    frame = findings([measured("a", 2.2), measured("b", 2.2), measured("b", 2.2)], True)
    assert frame["within_claim"].tolist() == ["holds", "cannot tell", "cannot tell"]


def test_a_correction_keeps_what_is_refuted_refuted():
    frame = findings([measured("a", -4.0)], True)
    assert frame[["verdict", "within_claim", "adjusted"]].to_numpy().tolist() == [["does not"] * 3]


def test_statements_without_an_interval_take_no_part_in_the_correction():
    claim = Claim("a", "here", "", None)
    unknown = Judged(claim, Statement("t", float, ()), Effect(1.0), True, results({}))
    frame = findings([measured("a", 2.2), *[unknown] * 20], True)
    assert frame["adjusted"].tolist() == ["holds"] + ["cannot tell"] * 20
    assert frame["p"].isna().tolist() == [False] + [True] * 20


def test_evidence_names_the_tasks_where_there_are_several():
    cells = (("a", "det", 1), ("b", "act", 2), ("c", "det", 3))
    samples = [Sample(name, task, (value,)) for name, task, value in cells]
    several = Statement("text", float, [*samples, samples[0]], note="why")
    assert evidence(several) == "det: a 1.0 (1 run), c 3.0 (1 run); act: b 2.0 (1 run); why"
    assert evidence(Statement("text", float, samples[::2])) == "a 1.0 (1 run); c 3.0 (1 run)"


# Architectures


def both(values, tasks=("det",), names=("net", "deep"), **settings):
    """Return runs, tables, settings and classes of a study with one table per architecture."""
    runs = pd.concat([runs_of(of_one, name) for name, of_one in zip(names, values, strict=True)])
    layout = {"builder": "transfer", "tasks": list(tasks), "subsets": ["whole", "scratch"]}
    outputs = {f"table-{name}": layout | {"architecture": name} for name in names}
    facts = {"dataset": "imagenet", "method": "identity", "networks": 3, "given": False}
    known = {"outputs": outputs, "tasks": TASKS, "subsets": {"whole": facts}}
    known |= {"tolerances": TOLERANCES, "claims": {}}
    tables = {name: frame_of(layout, {}) for name in outputs}
    return runs, tables, known | settings, {"imagenet": 10}


def of_whole(mean, n=3, task="det"):
    """Return values of whole, and of a random start of 40, on one task."""
    return cells(("whole", "scratch"), task, mean, 40.0, n=n)


def test_architectures_are_judged_each_by_its_own_runs_and_named():
    judged = judge_architectures(*both([of_whole(58.0), of_whole(45.0)]))
    found = {one.statement.text: one.effect.estimate for one in judged}
    text = "det: pre-training on all is better than a random start"
    assert found == {f"deep, {text}": pytest.approx(5.0), f"net, {text}": pytest.approx(18.0)}
    assert all(len(sample.values) == 3 for one in judged for sample in one.statement.samples)
    alone = {
        architecture: judge_architectures(*both([values], names=[architecture]))
        for architecture, values in (("net", of_whole(58.0)), ("deep", of_whole(45.0)))
    }
    assert [one.statement.text for one in alone["net"]] == [text]
    own = [alone[name][0].effect for name in ("deep", "net")]  # each by a prior of its own
    assert [one.effect for one in judged] == own


def test_a_table_of_several_architectures_is_judged_as_one_of_each():
    values = [of_whole(58.0), of_whole(45.0)]
    runs, _, settings, classes = both(values)
    expected = judge_architectures(*both(values))
    layout = settings["outputs"]["table-net"] | {"builder": "networks", "name": "table-all"}
    del layout["architecture"]
    layout["architectures"] = ["net", "deep"]
    frames = [frame_of(layout, {}).assign(architecture=name) for name in layout["architectures"]]
    tables = {"table-all": pd.concat(frames)}
    judged = judge_architectures(
        runs, tables, settings | {"outputs": {"table-all": layout}}, classes
    )
    assert [one.statement.text for one in judged] == [one.statement.text for one in expected]
    assert [one.effect for one in judged] == [one.effect for one in expected]


def test_single_runs_of_architectures_have_their_own_test_images(tmp_path):
    """Of 50 images, `whole` gets 40 right with one architecture, 20 with the other.

    A random start gets 20 right.
    """
    paths = []
    for architecture, right in (("net", 40), ("deep", 20)):
        for subset, of_subset in (("whole", right), ("scratch", 20)):
            paths.append(tmp_path / "sun" / architecture / subset / "rep1" / "images.csv.gz")
            paths[-1].parent.mkdir(parents=True)
            ranks = [0] * of_subset + [3] * (50 - of_subset)
            images = pd.DataFrame({"image": range(50), "class": "c", "label": 0, "rank": ranks})
            write_csv(paths[-1], images)
    given = both([of_whole(80.0, 1, "sun"), of_whole(40.0, 1, "sun")], tasks=("sun",))
    deep, net = judge_architectures(*given, paths)
    assert (deep.effect.estimate, net.effect.estimate) == (0.0, pytest.approx(40.0))
    assert (deep.verdict, net.verdict) == ("cannot tell", "holds")


@pytest.mark.parametrize(
    ("metric", "classes", "chance"),
    [
        ("top1", 10, 10),
        ("top5", 10, 50),
        ("top5", 3, 100),
        ("top1", 1000, 0.1),
        ("top5", 1000, 0.5),
    ],
)
def test_chance_is_that_of_the_metric(metric, classes, chance):
    assert chance_of({"metric": metric, "dataset": "d"}, {"d": classes}) == pytest.approx(chance)
    tasks = {"det": TASKS["det"] | {"metric": metric, "dataset": "d"}}
    runs, tables, settings, _ = both([of_whole(58.0)], names=["net"], tasks=("det",))
    settings |= {"tasks": tasks}
    given = judge_architectures(runs.assign(metric=metric), tables, settings, {"d": classes})
    assert given[0].results.tasks["det"]["chance"] == pytest.approx(chance)
