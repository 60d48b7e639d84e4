"""Effects by replicates, by test images where a cell was run once, and by both."""

import math

import numpy as np
import pandas as pd
import pytest
from hand_results import results

from imagenet_transfer.claims.effects import Images, effect_of
from imagenet_transfer.claims.findings import how_sure, judge_all
from imagenet_transfer.claims.statement import Statement
from imagenet_transfer.claims.statistics import verdict
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_csv

FIRST = [True] * 30 + [False] * 20  # of a class's 50 images
SECOND = [True] * 20 + [False] * 30
TABLE = {"builder": "transfer", "tasks": ["sun"], "subsets": ["whole", "scratch"]}


def answers(folder, name, *right):
    """Write the images.csv.gz of a run; return its path.

    For each class, `right` says whether each of its images is right.
    """
    rows = [
        {"image": f"{label}-{i}", "class": f"c{label}", "label": label, "rank": 0 if hit else 3}
        for label, hits in enumerate(right)
        for i, hit in enumerate(hits)
    ]
    write_csv(folder / f"{name}.csv.gz", pd.DataFrame(rows))
    return folder / f"{name}.csv.gz"


def less(first, second):
    return first - second


def judged(values, files, top=1):
    """Return the effect of `whole` less `scratch` on scenes, whose values and files are given."""
    given = results(values, {"table1": TABLE})
    samples = [given.sample(name, "sun") for name in ("whole", "scratch")]
    statement = Statement("text", less, samples)
    return effect_of(statement, given, Images(files, {"sun": top}))[0]


def test_two_single_runs_are_compared_image_by_image(tmp_path):
    """Of 100 images ten are right in one run only, all in the first class: 10 points."""
    files = {("whole", "sun"): answers(tmp_path, "whole", FIRST, SECOND)}
    files["scratch", "sun"] = answers(tmp_path, "scratch", SECOND, SECOND)
    effect = judged({("whole", "sun"): [50.0], ("scratch", "sun"): [40.0]}, files)
    assert effect.estimate == pytest.approx(10.0)
    variance = (0.2 - 0.2**2) * 50 / 49  # in the first class, where ten of fifty differences are 1
    error = 100 * math.sqrt(variance / 50) / 2
    assert effect.error == pytest.approx(error)
    assert effect.freedom == 98
    assert verdict(effect) == "holds"


def test_shares_of_draws_count_as_parts_of_right_answers(tmp_path):
    """Two images, right in 80 and 50, against 60 and 50 % of the draws: 10 points."""
    files = {}
    for name, shares in (("whole", (0.8, 0.5)), ("scratch", (0.6, 0.5))):
        frame = pd.DataFrame({"image": ["a", "b"], "label": [0, 0], "top1": shares, "top5": 1.0})
        write_csv(tmp_path / f"{name}.csv.gz", frame)
        files[name, "sun"] = tmp_path / f"{name}.csv.gz"
    values = {("whole", "sun"): [65.0], ("scratch", "sun"): [55.0]}
    effect = judged(values, files)
    assert effect.estimate == pytest.approx(10.0)
    # Differences of 20 and 0 points: variance 200, halved for their mean, but no less than an image
    assert effect.error == pytest.approx(math.sqrt(max(200 / 2, (100 / 2) ** 2)))
    assert judged(values, files, top=5).estimate == pytest.approx(0.0)


def of_both(folder):
    """Return the files and values of two single runs, of 60 and 40 % of 50 images."""
    files = {("whole", "sun"): answers(folder, "whole", FIRST)}
    files["scratch", "sun"] = answers(folder, "scratch", SECOND)
    return files, {("whole", "sun"): [60.0], ("scratch", "sun"): [40.0]}


def test_the_metric_of_the_task_decides_which_images_are_right(tmp_path):
    """Ranks 0 and 3 are both among the first five."""
    files, values = of_both(tmp_path)
    assert judged(values, files).estimate == pytest.approx(20.0)
    assert judged(values, files, top=5).estimate == pytest.approx(0.0)


@pytest.mark.parametrize(
    "change", [lambda frame: frame[::-1], lambda frame: frame.assign(image=frame["image"] + "x")]
)
def test_networks_that_were_tested_on_other_images_or_in_another_order_are_refused(
    tmp_path, change
):
    files, values = of_both(tmp_path)
    write_csv(files["scratch", "sun"], change(pd.read_csv(files["scratch", "sun"])))
    refusal = "The runs of whole and scratch on sun were not tested on the same images"
    with pytest.raises(UserError, match=refusal):
        judged(values, files)


def test_a_single_run_against_replicates_has_both_errors(tmp_path):
    """The error of the images is 4.9 points (60 and 40 % of 50 each).

    That of the replicates 48, 50 and 52 is 2 / sqrt(3).
    """
    files = {("whole", "sun"): answers(tmp_path, "whole", FIRST, SECOND)}
    effect = judged({("whole", "sun"): [50.0], ("scratch", "sun"): [48.0, 50.0, 52.0]}, files)
    assert effect.estimate == pytest.approx(0.0)
    images = 100 * math.sqrt((0.6 * 0.4 + 0.4 * 0.6) / 49) / 2
    replicates = 2 / math.sqrt(3)
    assert effect.error == pytest.approx(math.hypot(images, replicates))
    freedom = (images**2 + replicates**2) ** 2 / (images**4 / 98 + replicates**4 / 2)
    assert effect.freedom == pytest.approx(freedom)


@pytest.mark.parametrize("known", ["whole", "scratch", None])
def test_without_the_results_of_each_single_run_there_is_no_interval(tmp_path, known):
    """As of given networks and of mean average precision."""
    files = {(known, "sun"): answers(tmp_path, "a", FIRST, SECOND)} if known else {}
    values = {("whole", "sun"): [50.0], ("scratch", "sun"): [30.0]}
    given = results(values, {"table1": TABLE}, networks=1)
    (one,) = judge_all(given, files)
    assert one.effect.estimate == pytest.approx(20.0)
    assert math.isnan(one.effect.low)
    assert one.verdict == "cannot tell"
    words = "no interval: one run has no spread; raise `replicates`, the study's and the task's"
    assert how_sure(one) == words


def test_an_interval_over_images_says_which_networks_it_is_about(tmp_path):
    files = {("whole", "sun"): answers(tmp_path, "whole", FIRST, FIRST)}
    files["scratch", "sun"] = answers(tmp_path, "scratch", SECOND, SECOND)
    values = {("whole", "sun"): [60.0], ("scratch", "sun"): [40.0]}
    given = results(values, {"table1": TABLE}, networks=1)
    (one,) = judge_all(given, files)
    assert one.verdict == "holds"
    words = "for these networks, each run once: 95 % interval over the test images"
    assert how_sure(one).startswith(words)


def test_replicates_need_no_images():
    values = {("whole", "sun"): [50.0, 51.0, 52.0], ("scratch", "sun"): [40.0, 41.5, 41.0]}
    effect = judged(values, {})
    assert effect.estimate == pytest.approx(51 - 122.5 / 3)
    assert effect.low < effect.estimate < effect.high


# Gains that a statement is about


def of_gain(given):
    """Return the samples of some, whole and scratch on scenes, and the gain of whole."""
    some, whole, start = (given.sample(name, "sun") for name in ("some", "whole", "scratch"))
    return {"samples": (some, whole, start), "gains": [(whole, start)]}


def test_an_uncertain_gain_takes_the_interval_away():
    values = {("some", "sun"): [44.0, 45.0, 46.0], ("whole", "sun"): [41.0, 45.0, 42.0]}
    given = results(values | {("scratch", "sun"): [40.0, 41.0, 45.0]}, {"table1": TABLE})
    share = Statement("text", lambda x, f, s: (x - s) / (f - s), **of_gain(given))
    effect, clear = effect_of(share, given, Images({}, {}))
    assert not clear
    assert math.isnan(effect.low)


def with_gain(errors):
    """Return a study whose gain of 10 points has this many standard errors, by five replicates."""
    steps = np.array([-1.0, 0.5, 0.3, 1.2, -1.0])
    steps *= 10 / errors * math.sqrt(5) / steps.std(ddof=1)
    values = {("whole", "sun"): 50 + steps, ("scratch", "sun"): np.full(5, 40.0)}
    values["some", "sun"] = 58 + steps + np.array([0.1, -0.2, 0.0, 0.2, -0.1])
    return results(values, {"table1": TABLE}, networks=5)


@pytest.mark.parametrize(
    ("errors", "points", "share"),
    [(2.7, False, False), (2.9, True, False), (3.9, True, False), (4.1, True, True)],
)
def test_a_gain_must_be_above_0_and_to_divide_by_it_clearly(errors, points, share):
    """With 4 degrees of freedom, t is 2.78."""
    given = with_gain(errors)
    common = of_gain(given)
    kept = Statement("text", lambda x, f, s: x - s - 0.5 * (f - s), **common)
    percent = {"unit": "percent of the gain"}
    shares = Statement("text", lambda x, f, s: 100 * (x - s) / (f - s), **percent, **common)
    for statement, expected in ((kept, points), (shares, share)):
        effect, clear = effect_of(statement, given, Images({}, {}))
        assert clear is expected
        assert math.isnan(effect.low) is not expected


@pytest.mark.parametrize("unit", ["points", "percent of the gain"])
def test_a_clear_gain_whose_interval_holds_0_is_none(unit):
    """With 2 degrees of freedom, the interval reaches 4.30 standard errors: 4.2 are fewer."""
    steps = np.array([-1.0, 0.0, 1.0]) * 10 / 4.2 * math.sqrt(3)
    values = {("whole", "sun"): 50 + steps, ("scratch", "sun"): np.full(3, 40.0)}
    values["some", "sun"] = [58.0, 58.2, 58.1]
    given = results(values, {"table1": TABLE})
    one = Statement("text", lambda x, f, s: (x - s) / (f - s), unit=unit, **of_gain(given))
    assert effect_of(one, given, Images({}, {}))[1] is False


# In words


def test_some_single_runs_among_replicates_are_said(tmp_path):
    files = {("whole", "sun"): answers(tmp_path, "whole", FIRST, SECOND)}
    values = {("whole", "sun"): [50.0], ("scratch", "sun"): [28.0, 30.0, 32.0]}
    given = results(values, {"table1": TABLE}, subsets={"whole": {"networks": 1}})
    (one,) = judge_all(given, files)
    assert one.verdict == "holds"
    once = "for these networks, pre-trained once (whole)"
    assert how_sure(one) == f"{once}: 3 replicates, or one run and its test images"
    (unknown,) = judge_all(given)
    assert how_sure(unknown).startswith("no interval: one run has no spread")


def test_exact_agreement_is_said():
    values = {("whole", "sun"): [51.0, 52.0, 53.0], ("scratch", "sun"): [21.0, 22.0, 23.0]}
    (one,) = judge_all(results(values, {"table1": TABLE}))
    assert (one.effect.estimate, one.verdict) == (pytest.approx(30.0), "cannot tell")
    words = "no interval: the replicates agree exactly, or there is nothing to divide by"
    assert how_sure(one) == words
