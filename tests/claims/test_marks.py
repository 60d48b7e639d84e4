"""Which cells of a table are surely different, by hand and as findings have them."""

import pandas as pd
import pytest
from scipy import stats

from imagenet_transfer.claims.marks import compare_rows, reference_of, rows_of
from imagenet_transfer.claims.results import Results
from imagenet_transfer.claims.statistics import contrast, holm, p_value

LAYOUT = {
    "builder": "transfer",
    "architecture": "alexnet",
    "subsets": ["scratch", "full", "half", "other"],
    "tasks": ["det"],
}
VALUES = {
    "full": (50.0, 51.0, 52.0),
    "half": (40.1, 41.0, 41.9),
    "other": (50.1, 51.2, 51.7),
    "scratch": (10.0, 11.5, 11.0),
}


def runs_of(values, arch="alexnet", task="det"):
    rows = [
        ("transfer", arch, subset, task, rep, "mAP", value)
        for subset, of_subset in values.items()
        for rep, value in enumerate(of_subset, start=1)
    ]
    return pd.DataFrame(rows, columns=["stage", "arch", "subset", "task", "rep", "metric", "value"])


def settings_of(networks, subsets=("full", "half", "other"), tasks=("det",)):
    entry = {"dataset": "d", "method": "identity", "networks": networks, "given": False}
    known = {task: {"dataset": "d", "kind": "detection", "metric": "mAP"} for task in tasks}
    return {"tasks": known, "subsets": dict.fromkeys(subsets, entry)}


def signs(found):
    """Return the sure comparisons as {(subset, other subset): better or not}."""
    return {
        (one.row[1], one.other[1]): one.effect.estimate > 0 for one in found.compared if one.is_sure
    }


def test_cells_are_compared_with_the_first_network_and_the_random_start():
    found = compare_rows(LAYOUT, runs_of(VALUES), settings_of(3))
    assert found.reference == ("alexnet", "full")
    asked = {(one.row[1], one.other[1]) for one in found.compared}
    start = {(name, "scratch") for name in ("full", "half", "other")}
    assert asked == {("half", "full"), ("other", "full")} | start
    assert signs(found) == {("half", "full"): False} | dict.fromkeys(start, True)
    assert found.tested == 5
    assert found.counts == {"det": (3, 3)}


def test_a_single_comparison_is_a_paired_t_test():
    """Two cells leave nothing to moderate with: 2.0, 3.0 and 2.5 points, t with 2 degrees."""
    values = {"full": (50.0, 51.0, 52.0), "half": (48.0, 48.0, 49.5)}
    layout = LAYOUT | {"subsets": ["full", "half"]}
    (one,) = compare_rows(layout, runs_of(values), settings_of(3, values)).compared
    assert one.effect.estimate == pytest.approx(-2.5)
    assert one.adjusted == pytest.approx(stats.ttest_rel(values["half"], values["full"]).pvalue)


def test_other_cells_of_the_study_tell_the_noise_as_in_findings():
    """`more` is in no table, but its runs moderate the errors."""
    values = VALUES | {"more": (30.0, 31.1, 31.9)}
    settings = settings_of(3, values.keys() - {"scratch"})
    found = compare_rows(LAYOUT, runs_of(values), settings)
    results = Results(runs_of(values), {}, {}, settings["tasks"], settings["subsets"], {})
    expected = [
        contrast(
            lambda a, b: a - b,
            [results.sample(row[1], "det") for row in (one.row, one.other)],
            results.prior,
        )
        for one in found.compared
    ]
    assert [one.effect.low for one in found.compared] == [effect.low for effect in expected]
    corrected = holm([p_value(effect) for effect in expected])
    assert [one.adjusted for one in found.compared] == corrected
    alone = compare_rows(LAYOUT, runs_of(VALUES), settings_of(3))
    pairs = [(one.row[1], one.other[1]) for one in alone.compared]
    place = pairs.index(("half", "full"))
    assert found.compared[place].effect.freedom > alone.compared[place].effect.freedom > 2


def test_holm_counts_the_tests_of_the_whole_table():
    """Sure by itself, not among many: 2 points with p = 0.03 before the correction."""
    values = {"full": (50.0, 51.0, 52.0), "half": (48.5, 48.5, 50.2)}
    one_task = compare_rows(
        LAYOUT | {"subsets": ["full", "half"]}, runs_of(values), settings_of(3, values)
    )
    assert one_task.compared[0].is_sure
    tasks = ("det", "act", "sun")
    others = {"full": (50.0, 51.0, 52.0), "half": (50.3, 50.9, 51.8)}
    runs = pd.concat([runs_of(values), *(runs_of(others, task=task) for task in tasks[1:])])
    layout = LAYOUT | {"subsets": ["full", "half"], "tasks": list(tasks)}
    found = compare_rows(layout, runs, settings_of(3, values, tasks))
    assert found.tested == 3
    assert not any(one.is_sure for one in found.compared)


def test_single_runs_and_equal_runs_are_not_tested():
    once = {name: values[:1] for name, values in VALUES.items()}
    found = compare_rows(LAYOUT, runs_of(once), settings_of(1))
    assert (found.tested, signs(found), found.counts) == (0, {}, {"det": (1, 1)})
    equal = {"full": (50.0, 51.0), "half": (40.0, 41.0)}
    layout = LAYOUT | {"subsets": list(equal)}
    assert compare_rows(layout, runs_of(equal), settings_of(2, equal)).tested == 0


def test_runs_that_share_a_network_count_once():
    """Two networks with two runs each are two values: n is 2, not 4."""
    values = {name: (*of[:2], *of[:2]) for name, of in VALUES.items() if name != "scratch"}
    layout = LAYOUT | {"subsets": ["full", "half", "other"]}
    assert compare_rows(layout, runs_of(values), settings_of(2)).counts == {"det": (2, 2)}


def test_random_starts_are_those_of_the_same_network():
    layout = {key: value for key, value in LAYOUT.items() if key != "architecture"}
    layout |= {"builder": "networks", "architectures": ["small", "large"]}
    layout["subsets"] = ["full", "scratch"]
    chosen = {name: VALUES[name] for name in ("full", "scratch")}
    better = {"full": (60.2, 61.0, 61.9), "scratch": (11.0, 10.5, 11.2)}
    runs = pd.concat([runs_of(chosen, "small"), runs_of(better, "large")])
    found = compare_rows(layout, runs, settings_of(3, ["full"]))
    asked = [(one.row, one.other) for one in found.compared]
    assert asked == [
        (("small", "full"), ("small", "scratch")),
        (("large", "full"), ("small", "full")),
        (("large", "full"), ("large", "scratch")),
    ]


@pytest.mark.parametrize(
    ("keys", "reference"),
    [
        ({"subsets": ["scratch", "full"]}, "full"),
        ({"references": ["scratch", "full"], "rows": [{"subsets": ["half"]}]}, "full"),
        ({"references": [], "rows": [{"subsets": ["half"]}]}, None),
        ({"references": ["scratch"], "rows": [{"subsets": ["half"]}]}, None),
    ],
)
def test_the_reference_is_a_network_that_the_table_names_as_one(keys, reference):
    layout = {"architecture": "alexnet", **keys}
    assert reference_of(layout) == (("alexnet", reference) if reference else None)
    assert len(rows_of(layout)) == len(set(rows_of(layout)))
