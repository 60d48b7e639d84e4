"""Claims of the user's own: contrasts in points and in the gain, and what the config may state."""

import math

import pytest
from conftest import ROOT
from hand_results import TABLE, TOLERANCES, cells, results, table1

from imagenet_transfer.claims.findings import judge_all
from imagenet_transfer.claims.own_claims import own_claims
from imagenet_transfer.claims.statistics import contrast
from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import read_classes
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.cross_checks import problems_of
from imagenet_transfer.study.defaults import completed
from imagenet_transfer.study.study import Study

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
OWN = {"about": "less is more", "tasks": ["det"], "unit": "points"}
OWN |= {"contrast": {"part": 1, "whole": -1}, "least": 0}


def own(entry, given):
    """Return the judged statements of the user's claim."""
    return [one for one in judge_all(given, own={"mine": entry}) if one.claim.name == "mine"]


def test_a_contrast_in_points():
    (one,) = own(OWN, table1(57.0, 58.0, 40.0))
    assert one.effect.estimate == pytest.approx(1.0)
    assert one.statement.text == "det: less is more (+1 part -1 whole is at least 0 points)"
    assert (one.verdict, one.statement.unit, one.claim.section) == ("holds", "points", "this study")
    assert own(OWN, table1(58.0, 57.0, 40.0))[0].verdict == "does not"


def test_a_contrast_in_percent_of_the_gain():
    entry = OWN | {"unit": "gain", "least": -10, "most": 10}
    (one,) = own(entry, table1(60.0, 58.0, 40.0))
    assert one.effect.estimate == pytest.approx(-10.0)
    bounds = "(+1 part -1 whole is at least -10 and at most 10 percent of the gain)"
    assert bounds in one.statement.text
    (close,) = own(entry, table1(60.0, 59.5, 40.0))
    assert (close.effect.estimate, close.verdict) == (pytest.approx(-2.5), "holds")
    (absent,) = own(entry, table1(40.0, 39.0, 40.0))
    assert absent.verdict == "cannot tell"


def test_a_random_start_that_is_listed_and_in_the_gain_is_one():
    """The weights of `scratch` nearly cancel, so that the other cells tell the error."""
    names = ("whole", "part", "scratch", "a", "b", "c", "d")
    values = cells(names, "det", 60.0, 59.0, 40.0, 58.0, 57.0, 56.0, 55.0, n=4, spread=0.5)
    given = results(values, {"table1": TABLE})
    entry = OWN | {"contrast": {"part": 1, "scratch": -1}, "unit": "gain", "least": 80}
    (one,) = own(entry, given)
    samples = [given.sample(name, "det") for name in ("part", "whole", "scratch")]
    expected = contrast(lambda x, f, s: 100 * (x - s) / (f - s), samples, given.prior)
    assert one.effect.error == pytest.approx(expected.error, rel=1e-6)
    assert one.effect.freedom == pytest.approx(expected.freedom, rel=1e-6)
    assert one.effect.freedom > 4


def test_an_own_claim_is_left_out_only_on_a_task_that_lacks_a_run():
    values = cells(("whole", "part"), "det", 50.0, 51.0) | cells(("whole",), "act", 60.0)
    judged = own(OWN | {"tasks": ["act", "det"]}, results(values, {"table1": TABLE}))
    assert [one.statement.text[:4] for one in judged] == ["det:"]


def test_weights_and_one_sided_bounds():
    entry = {"about": "x", "tasks": ["det"], "unit": "points", "most": 5.0}
    entry["contrast"] = {"whole": 0.5, "part": 0.5, "scratch": -1}
    (one,) = own(entry, table1(50.0, 46.0, 40.0))
    assert one.effect.estimate == pytest.approx(8.0)
    assert one.statement.least == -math.inf
    assert one.verdict == "does not"


def test_a_claim_is_made_of_each_of_its_tasks():
    names = ("whole", "part")
    values = cells(names, "det", 50.0, 51.0) | cells(names, "act", 60.0, 59.0)
    judged = own(OWN | {"tasks": ["det", "act"]}, results(values, {"table1": TABLE}))
    assert [one.verdict for one in judged] == ["holds", "does not"]
    assert [claim.about for claim in own_claims({"mine": OWN})] == ["less is more"]


MINE = {"about": "half of the images is as good", "tasks": ["sun-cls"], "unit": "gain"}
MINE |= {"contrast": {"images-24": 1, "imagenet": -1}, "least": -5}


@pytest.fixture
def config():
    return read_config(ROOT / "config.yaml")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"most": 5},
        {"contrast": {"images-24": 1, "imagenet": -0.75, "scratch": -0.25}},
        # Figure 1 re-trains every network's last layer, Figure 9 that of halves.
        {"unit": "points", "tasks": ["imagenet-cls"]},
        {"unit": "points", "tasks": ["half-minimal-a"]}
        | {"contrast": {"minimal-a": 1, "imagenet": -1}},
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
def test_shipped_studies_set_tolerances_and_are_sound(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = read_config(ROOT / name)
    assert set(config["tolerances"]) == set(TOLERANCES)
    assert problems_of(completed(config), read_classes(config["classes"])) == []
