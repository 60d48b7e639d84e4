"""Findings: verdicts after Holm's correction, what they rest on, what would decide the open ones, and own claims."""

import math

import pandas as pd
import pytest
from conftest import ROOT
from hand_results import TASKS, TOLERANCES, cells, frame_of, results, runs_of

from imagenet_transfer.claims.claims import Claim
from imagenet_transfer.claims.findings import (
    COLUMNS,
    POWER_COLUMNS,
    Judged,
    chance_of,
    evidence,
    findings,
    how_sure,
    judge_all,
    judge_architectures,
    power,
)
from imagenet_transfer.claims.own_claims import own_claims
from imagenet_transfer.claims.results import Statement, difference
from imagenet_transfer.claims.statistics import Effect, Sample, contrast, replicates_needed
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_csv
from imagenet_transfer.labels.taxonomy import read_classes
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.cross_checks import problems_of
from imagenet_transfer.study.study import Study

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
TABLE = {"builder": "transfer", "tasks": ["det"], "subsets": ["whole", "part", "scratch"]}


def study(*means, n=3, spread=0.1, **facts):
    """Return a study with one table: values of whole, part and scratch on detection."""
    values = cells(("whole", "part", "scratch"), "det", *means, n=n, spread=spread)
    return results(values, {"table1": TABLE}, **facts)


def measured(claim, z, least=0.0, most=math.inf):
    """Return a judged statement whose effect lies z standard errors above 0."""
    effect = Effect(z, z - 1.96, z + 1.96, 1.0, math.inf)
    statement = Statement("text", float, (), least, most, measured=effect, source="made by hand")
    return Judged(Claim(claim, "here", "about", None), statement, effect, True, results({}))


# findings.csv


def test_a_row_says_what_was_found_and_on_what_it_rests():
    given = study(58.0, 57.0, 40.0)
    frame = findings(judge_all(given), compare=True)
    assert tuple(frame.columns) == COLUMNS
    (row,) = frame.to_dict("records")
    assert (row["claim"], row["verdict"], row["within_claim"], row["adjusted"]) == (
        "1a",
        *["holds"] * 3,
    )
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
    (one,) = judge_all(study(58.0, 57.0, 40.0, networks=1))
    assert how_sure(one).startswith(
        "for these networks, pre-trained once (whole): 3 replicates, in pairs; t with"
    )


def test_nothing_found_is_a_table_without_rows():
    assert findings([], False).empty
    assert tuple(findings([], False).columns) == COLUMNS


def test_verdicts_are_corrected_within_the_claim_and_over_the_study():
    """p: 0.0124, 0.0278 and twice 0.32. Holm: times 2 and 1 within the claim, times 4 and 3 over the study."""
    judged = [measured("a", 2.5), measured("a", 2.2), measured("b", 1.0), measured("b", -1.0)]
    frame = findings(judged, True)
    assert frame["p"].tolist() == pytest.approx([0.01242, 0.02781, 0.31731, 0.31731], abs=1e-5)
    assert frame["verdict"].tolist() == ["holds", "holds", "cannot tell", "cannot tell"]
    assert frame["within_claim"].tolist() == ["holds", "holds", "cannot tell", "cannot tell"]
    assert frame["adjusted"].tolist() == ["holds", "cannot tell", "cannot tell", "cannot tell"]
    alone = findings(judged[:2], True)
    assert alone["adjusted"].tolist() == ["holds", "holds"]


def test_the_correction_within_a_claim_does_not_see_the_others():
    """p: 0.0278 in a claim of its own, and twice 0.0278 in one: times 2."""
    frame = findings([measured("a", 2.2), measured("b", 2.2), measured("b", 2.2)], True)
    assert frame["within_claim"].tolist() == ["holds", "cannot tell", "cannot tell"]


def test_a_correction_keeps_what_is_refuted_refuted():
    frame = findings([measured("a", -4.0)], True)
    assert frame[["verdict", "within_claim", "adjusted"]].to_numpy().tolist() == [["does not"] * 3]


def test_statements_without_an_interval_take_no_part_in_the_correction():
    unknown = Judged(
        Claim("a", "here", "", None), Statement("t", float, ()), Effect(1.0), True, results({})
    )
    frame = findings([measured("a", 2.2), *[unknown] * 20], True)
    assert frame["adjusted"].tolist() == ["holds"] + ["cannot tell"] * 20
    assert frame["p"].isna().tolist() == [False] + [True] * 20


def test_evidence_names_the_tasks_where_there_are_several():
    samples = [
        Sample(name, task, (value,))
        for name, task, value in (("a", "det", 1), ("b", "act", 2), ("c", "det", 3))
    ]
    several = Statement("text", float, [*samples, samples[0]], note="why")
    assert evidence(several) == "det: a 1.0 (1 run), c 3.0 (1 run); act: b 2.0 (1 run); why"
    assert evidence(Statement("text", float, samples[::2])) == "a 1.0 (1 run); c 3.0 (1 run)"


# Architectures


def both(values, tasks=("det",), names=("net", "deep"), **settings):
    """Return runs, tables, settings and classes of a study whose tables are each of one architecture."""
    runs = pd.concat([runs_of(of_one, name) for name, of_one in zip(names, values, strict=True)])
    layout = {"builder": "transfer", "tasks": list(tasks), "subsets": ["whole", "scratch"]}
    outputs = {f"table-{name}": layout | {"architecture": name} for name in names}
    subsets = {
        "whole": {"dataset": "imagenet", "method": "identity", "networks": 3, "given": False}
    }
    known = {
        "outputs": outputs,
        "tasks": TASKS,
        "subsets": subsets,
        "tolerances": TOLERANCES,
        "claims": {},
    }
    return (
        runs,
        {name: frame_of(layout, {}) for name in outputs},
        known | settings,
        {"imagenet": 10},
    )


def of_whole(mean, n=3, task="det"):
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
    assert [one.effect for one in judged] == [
        alone[name][0].effect for name in ("deep", "net")
    ]  # priors of their own


def test_single_runs_of_architectures_have_their_own_test_images(tmp_path):
    """`whole` is right of 40 images of 50 with one architecture, and of 20 with the other; a random start of 20."""
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
        ("top1", 10, 10.0),
        ("top5", 10, 50.0),
        ("top5", 3, 100.0),
        ("top1", 1000, 0.1),
        ("top5", 1000, 0.5),
    ],
)
def test_chance_is_that_of_the_metric(metric, classes, chance):
    assert chance_of({"metric": metric, "dataset": "d"}, {"d": classes}) == pytest.approx(chance)
    tasks = {"det": TASKS["det"] | {"metric": metric, "dataset": "d"}}
    runs, tables, settings, _ = both([of_whole(58.0)], names=["net"], tasks=("det",))
    given = judge_architectures(
        runs.assign(metric=metric), tables, settings | {"tasks": tasks}, {"d": classes}
    )
    assert given[0].results.tasks["det"]["chance"] == pytest.approx(chance)


# power.csv


COSTS = {"card": {"pretrain": 10.0, "det": 1.0}, "old": {"pretrain": 100.0, "det": 7.0}}


def test_open_statements_say_how_many_replicates_would_decide_them():
    given = study(40.8, 40.5, 40.0, spread=1.0)
    judged = judge_all(given)
    frame = power(judged, COSTS)
    assert tuple(frame.columns) == (*POWER_COLUMNS, "hours on card", "hours on old")
    (row,) = frame.to_dict("records")
    needed = replicates_needed(judged[0].effect, 3)
    assert (row["claim"], row["replicates"], row["needed"]) == ("1a", 3, needed)
    more = needed - 3
    assert more > 0
    assert (
        row["runs"] == more + 2 * more
    )  # networks of `whole`; fine-tunings of it and of a random start
    assert row["hours on card"] == pytest.approx(10 * more + 2 * more)
    assert row["hours on old"] == pytest.approx(100 * more + 14 * more)


def test_networks_that_are_there_already_cost_nothing():
    given = study(40.8, 40.5, 40.0, spread=1.0, networks=500)
    (row,) = power(judge_all(given), COSTS).to_dict("records")
    assert row["runs"] == 2 * (row["needed"] - 3)


def needs(given):
    """Return what the open statement on the first claim needs: replicates in all, and runs."""
    row = next(
        row for row in power(judge_all(given), COSTS).to_dict("records") if row["claim"] == "1a"
    )
    return row["needed"], row["runs"], row["hours on card"]


def test_given_networks_are_not_trained():
    needed, runs, hours = needs(
        study(40.8, 40.5, 40.0, spread=1.0, subsets={"whole": {"given": True}})
    )
    assert runs == hours == 2 * (needed - 3)


def test_runs_that_a_cell_has_more_of_than_others_are_not_needed_again():
    values = cells(("whole", "part", "scratch"), "det", 40.8, 40.5, 40.0, spread=1.0)
    values["scratch", "det"] += [40.3, 39.9]
    needed, runs, _ = needs(results(values, {"table1": TABLE}, networks=5))
    assert needed > 5
    assert runs == (needed - 3) + 2 * (needed - 5)  # of `whole`; of a random start, and networks


def test_where_all_runs_start_from_one_network_no_other_is_needed():
    needed, runs, hours = needs(study(40.8, 40.5, 40.0, spread=1.0, networks=1))
    assert runs == hours == 2 * (needed - 3)


def test_further_networks_have_as_many_runs_as_those_that_are_there():
    """Two networks with two runs each: every further one has two."""
    values = {
        ("whole", "det"): [41.0, 42.0, 41.2, 42.4],
        ("scratch", "det"): [40.4, 39.2, 40.0, 39.0],
    }
    needed, runs, hours = needs(results(values, {"table1": TABLE}, networks=2))
    more = needed - 2
    assert more > 0
    assert (runs, hours) == (5 * more, 14.0 * more)


def test_what_is_decided_needs_nothing_and_what_no_number_decides_stays_empty():
    decided = study(58.0, 57.0, 40.0)
    assert power(judge_all(decided), COSTS).empty
    equal = study(40.0, 40.0, 40.0, spread=1.0)
    (row,) = power(judge_all(equal), COSTS).to_dict("records")
    assert [row[key] for key in ("needed", "runs", "hours on card")] == ["", "", ""]
    (row,) = power([measured("7a", 1.0)], COSTS).to_dict("records")
    assert row["needed"] == ""


# Claims of the user's own


OWN = {
    "about": "less is more",
    "tasks": ["det"],
    "contrast": {"part": 1, "whole": -1},
    "least": 0,
    "unit": "points",
}


def own(entry, given):
    return [one for one in judge_all(given, own={"mine": entry}) if one.claim.name == "mine"]


def test_a_contrast_in_points():
    (one,) = own(OWN, study(57.0, 58.0, 40.0))
    assert one.effect.estimate == pytest.approx(1.0)
    assert one.statement.text == "det: less is more (+1 part -1 whole is at least 0 points)"
    assert (one.verdict, one.statement.unit, one.claim.section) == ("holds", "points", "this study")
    assert own(OWN, study(58.0, 57.0, 40.0))[0].verdict == "does not"


def test_a_contrast_in_percent_of_the_gain():
    entry = OWN | {"unit": "gain", "least": -10, "most": 10}
    (one,) = own(entry, study(60.0, 58.0, 40.0))
    assert one.effect.estimate == pytest.approx(-10.0)
    assert (
        "(+1 part -1 whole is at least -10 and at most 10 percent of the gain)"
        in one.statement.text
    )
    (close,) = own(entry, study(60.0, 59.5, 40.0))
    assert (close.effect.estimate, close.verdict) == (pytest.approx(-2.5), "holds")
    (absent,) = own(entry, study(40.0, 39.0, 40.0))
    assert absent.verdict == "cannot tell"


def test_a_random_start_that_is_listed_and_in_the_gain_is_one():
    """The weights of `scratch` nearly cancel, so that the other cells tell the error."""
    names = ("whole", "part", "scratch", "a", "b", "c", "d")
    given = results(
        cells(names, "det", 60.0, 59.0, 40.0, 58.0, 57.0, 56.0, 55.0, n=4, spread=0.5),
        {"table1": TABLE},
    )
    (one,) = own(OWN | {"contrast": {"part": 1, "scratch": -1}, "unit": "gain", "least": 80}, given)
    samples = [given.sample(name, "det") for name in ("part", "whole", "scratch")]
    expected = contrast(lambda x, f, s: 100 * (x - s) / (f - s), samples, given.prior)
    assert one.effect.error == pytest.approx(expected.error, rel=1e-6)
    assert one.effect.freedom == pytest.approx(expected.freedom, rel=1e-6)
    assert one.effect.freedom > 4


def test_an_own_claim_is_left_out_of_a_task_that_lacks_a_run_only():
    values = cells(("whole", "part"), "det", 50.0, 51.0) | cells(("whole",), "act", 60.0)
    judged = own(OWN | {"tasks": ["act", "det"]}, results(values, {"table1": TABLE}))
    assert [one.statement.text[:4] for one in judged] == ["det:"]


def test_weights_and_one_sided_bounds():
    entry = {"about": "x", "tasks": ["det"], "unit": "points", "most": 5.0}
    entry["contrast"] = {"whole": 0.5, "part": 0.5, "scratch": -1}
    (one,) = own(entry, study(50.0, 46.0, 40.0))
    assert one.effect.estimate == pytest.approx(8.0)
    assert one.statement.least == -math.inf
    assert one.verdict == "does not"


def test_a_claim_is_made_of_each_of_its_tasks():
    given = results(
        cells(("whole", "part"), "det", 50.0, 51.0) | cells(("whole", "part"), "act", 60.0, 59.0),
        {"table1": TABLE},
    )
    judged = own(OWN | {"tasks": ["det", "act"]}, given)
    assert [one.verdict for one in judged] == ["holds", "does not"]
    assert [claim.about for claim in own_claims({"mine": OWN})] == ["less is more"]


MINE = {
    "about": "half of the images is as good",
    "tasks": ["sun-cls"],
    "contrast": {"images-24": 1, "imagenet": -1},
    "least": -5,
    "unit": "gain",
}


@pytest.fixture
def config():
    return read_config(ROOT / "config.yaml")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"most": 5},
        {"contrast": {"images-24": 1, "imagenet": -0.75, "scratch": -0.25}},
        {
            "tasks": ["imagenet-cls"],
            "unit": "points",
        },  # Figure 1 re-trains every network's last layer
        {
            "tasks": ["half-minimal-a"],
            "contrast": {"minimal-a": 1, "imagenet": -1},
            "unit": "points",
        },  # Figure 9
    ],
)
def test_own_claims_that_are_taken(config, changes):
    given = Study.of(config | {"claims": {"mine": MINE | changes}}, SCHEMA)
    assert given.reporting_settings()["claims"]["mine"]["about"] == MINE["about"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"contrast": {"images-24": 1, "imagenet": -0.9}},
            "contrast: the weights add up to 0.1; they should cancel",
        ),
        (
            {"contrast": {"images-25": 1, "imagenet": -1}},
            "no output shows images-25 on sun-cls; add them to a table",
        ),
        (
            {"contrast": {"random-a": 1, "imagenet": -1}},
            "no output shows random-a on sun-cls; add them to a table",
        ),
        ({"contrast": {"imagenet": 1}}, "claims.mine.contrast"),
        ({"tasks": ["sun"]}, "claims.mine.tasks names 'sun', which is not in tasks"),
        ({"least": 6, "most": 5}, "claims.mine: least, 6, exceeds most, 5"),
        ({"least": None}, "claims.mine needs `least`, `most` or both"),
        ({"unit": "percent"}, "claims.mine.unit is 'percent', but should be one of points, gain"),
        (
            {"tasks": ["imagenet-cls"]},
            "no output shows scratch on imagenet-cls, which a gain is counted from",
        ),
        (
            {"tasks": ["imagenet-cls"], "contrast": {"imagenet": 1, "scratch": -1}},
            "no output shows scratch on",
        ),
        ({"about": "a | b"}, "claims.mine.about"),
    ],
)
def test_own_claims_that_are_refused(config, changes, sentence):
    entry = {key: value for key, value in (MINE | changes).items() if value is not None}
    with pytest.raises(UserError) as caught:
        Study.of(config | {"claims": {"mine": entry}}, SCHEMA)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "name", ["config.yaml", "configs/paper.yaml", "configs/tiny-imagenet.yaml"]
)
def test_shipped_studies_set_tolerances_and_sound_claims(name):
    config = read_config(ROOT / name)
    assert set(config["tolerances"]) == {"half", "eighth", "few_merged", "induction", "comparable"}
    assert not [
        problem
        for problem in problems_of(config, read_classes(config["classes"]))
        if "claims" in problem
    ]


def test_a_difference_is_by_how_much_the_better_one_is_better():
    given = study(58.0, 57.0, 40.0)
    statement = difference(
        "text", given.sample("whole", "det"), given.sample("part", "det"), note="why"
    )
    assert statement.function(58.0, 57.0) == 1.0
    assert (statement.least, statement.most, statement.note) == (0.0, math.inf, "why")
    assert isinstance(given.runs, pd.DataFrame)
