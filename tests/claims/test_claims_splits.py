"""Claims of Figure 9 and Section 6: halves with their own classes and with all."""

from dataclasses import replace

import pandas as pd
import pytest
from hand_results import cells, found, results


def halves(layers, half_a, all_a, half_b, all_b, split="minimal", spread=0.1):
    """Return a study with Figure 9: the means of a half's network and of all, on both halves."""
    layout = {"builder": "split-accuracy", "baseline": "whole", "layers": layers}
    layout |= {"splits": {split: ["sun", "top"]}, "halves": {"sun": "half-a", "top": "half-b"}}
    values = cells(("half-a", "whole"), "sun", half_a, all_a, spread=spread)
    values |= cells(("half-b", "whole"), "top", half_b, all_b, spread=spread)
    frame = pd.DataFrame([{"split": split, "half": half, "n_classes": 5} for half in "ab"])
    return results(values, {"figure9": layout}, {"figure9": frame})


@pytest.mark.parametrize(
    ("split", "name", "own", "everything"),
    [("minimal", "6a", 62.0, 60.0), ("random", "6b", 60.0, 62.0)],
)
def test_minimal_halves_are_better_on_their_own_and_random_ones_with_all(
    split, name, own, everything
):
    """As the paper says on half A, and the other way round on half B."""
    a, b = found(halves("last", own, everything, everything, own, split), name)
    assert [a.effect.estimate, b.effect.estimate] == pytest.approx([2.0, -2.0])
    assert [a.verdict, b.verdict] == ["holds", "does not"]


def test_with_all_layers_half_a_gains_from_b_and_b_not_from_a():
    """Chance is that of five classes."""
    a, b = found(halves("all", 60.0, 62.0, 62.0, 60.0), "6c")
    assert a.effect.estimate == pytest.approx(2.0)
    assert b.effect.estimate == pytest.approx(100 * -2 / (62 - 20))
    assert [a.verdict, b.verdict] == ["holds", "holds"]
    a, b = found(halves("all", 62.0, 60.0, 60.0, 62.0), "6c")
    assert [a.verdict, b.verdict] == ["does not", "does not"]
    assert not found(halves("last", 60.0, 62.0, 62.0, 60.0), "6c")
    assert not found(halves("all", 60.0, 62.0, 62.0, 60.0), "6a")


@pytest.mark.parametrize(
    ("everything", "word"), [(60.2, "holds"), (60.4, "cannot tell"), (60.6, "does not")]
)
def test_a_half_does_not_gain_if_everything_is_better_by_at_most_1_percent(everything, word):
    """Of 40 points above chance: 0.4."""
    _, b = found(halves("all", 60.0, 62.0, 60.0, everything, spread=0.02), "6c")
    assert (b.statement.most, b.verdict) == (1.0, word)
    assert "better by at most 1 % of the accuracy above chance" in b.statement.text


def test_a_half_that_guesses_has_no_verdict():
    _, b = found(halves("all", 60.0, 62.0, 20.0, 20.0), "6c")
    assert (b.verdict, b.clear) == ("cannot tell", False)


@pytest.mark.parametrize(("layers", "name"), [("all", "6c"), ("last", "6a")])
def test_a_half_that_lacks_a_run_is_left_out_and_the_other_stays(layers, name):
    given = halves(layers, 60.0, 62.0, 62.0, 60.0)
    (one,) = found(replace(given, runs=given.runs[given.runs["subset"] != "half-a"]), name)
    assert "half b" in one.statement.text


def test_chance_of_a_half_is_that_of_its_metric():
    """Among five classes, five guesses are always right."""
    given = halves("all", 60.0, 62.0, 62.0, 60.0)
    tasks = given.tasks | {"top": given.tasks["top"] | {"metric": "top5"}}
    runs = given.runs.assign(metric=given.runs["metric"].where(given.runs["task"] != "top", "top5"))
    _, b = found(replace(given, tasks=tasks, runs=runs), "6c")
    assert (b.verdict, b.clear) == ("cannot tell", False)
