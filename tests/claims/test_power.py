"""What would decide open statements: replicates, the runs that are missing, and their hours."""

import pytest
from hand_results import TABLE, cells, measured, results, table1

from imagenet_transfer.claims.findings import POWER_COLUMNS, judge_all, power
from imagenet_transfer.claims.statistics import replicates_needed

HOURS = {"card": {"pretrain": 10.0, "det": 1.0}, "old": {"pretrain": 100.0, "det": 7.0}}
COSTS = {"": HOURS}  # of the only architecture


def test_open_statements_say_how_many_replicates_would_decide_them():
    given = table1(40.8, 40.5, 40.0, spread=1.0)
    judged = judge_all(given)
    frame = power(judged, COSTS)
    assert tuple(frame.columns) == (*POWER_COLUMNS, "hours on card", "hours on old")
    (row,) = frame.to_dict("records")
    needed = replicates_needed(judged[0].effect, 3)
    assert (row["claim"], row["replicates"], row["needed"]) == ("1a", 3, needed)
    more = needed - 3
    assert more > 0
    assert row["runs"] == more + 2 * more  # networks, and runs of `whole` and of a random start
    assert row["hours on card"] == pytest.approx(10 * more + 2 * more)
    assert row["hours on old"] == pytest.approx(100 * more + 14 * more)


def test_networks_that_are_there_already_cost_nothing():
    given = table1(40.8, 40.5, 40.0, spread=1.0, networks=500)
    (row,) = power(judge_all(given), COSTS).to_dict("records")
    assert row["runs"] == 2 * (row["needed"] - 3)


def needs(given):
    """Return what the open statement on claim 1a needs: replicates in all, runs, and hours."""
    rows = power(judge_all(given), COSTS).to_dict("records")
    (row,) = (row for row in rows if row["claim"] == "1a")
    return row["needed"], row["runs"], row["hours on card"]


def test_given_networks_are_not_trained():
    given = {"whole": {"given": True}}
    needed, runs, hours = needs(table1(40.8, 40.5, 40.0, spread=1.0, subsets=given))
    assert runs == hours == 2 * (needed - 3)


def test_runs_that_only_some_cells_have_are_not_needed_again():
    values = cells(("whole", "part", "scratch"), "det", 40.8, 40.5, 40.0, spread=1.0)
    values["scratch", "det"] += [40.3, 39.9]
    needed, runs, _ = needs(results(values, {"table1": TABLE}, networks=5))
    assert needed > 5
    assert runs == (needed - 3) + 2 * (needed - 5)  # of `whole`; networks, and a random start's


def test_where_all_runs_start_from_one_network_no_other_is_needed():
    needed, runs, hours = needs(table1(40.8, 40.5, 40.0, spread=1.0, networks=1))
    assert runs == hours == 2 * (needed - 3)


def test_further_networks_have_as_many_runs_as_those_that_are_there():
    """Two networks have two runs each, so every further one has two."""
    values = {("whole", "det"): [41.0, 42.0, 41.2, 42.4]}
    values["scratch", "det"] = [40.4, 39.2, 40.0, 39.0]
    needed, runs, hours = needs(results(values, {"table1": TABLE}, networks=2))
    more = needed - 2
    assert more > 0
    assert (runs, hours) == (5 * more, 14.0 * more)


def test_what_is_decided_needs_nothing_and_what_no_number_decides_stays_empty():
    decided = table1(58.0, 57.0, 40.0)
    assert power(judge_all(decided), COSTS).empty
    equal = table1(40.0, 40.0, 40.0, spread=1.0)
    (row,) = power(judge_all(equal), COSTS).to_dict("records")
    assert [row[key] for key in ("needed", "runs", "hours on card")] == ["", "", ""]
    (row,) = power([measured("7a", 1.0)], COSTS).to_dict("records")
    assert row["needed"] == ""


def test_hours_are_those_of_the_architecture():
    given = table1(40.8, 40.5, 40.0, spread=1.0)
    slow = {
        device: {of: 3 * of_run for of, of_run in hours.items()} for device, hours in HOURS.items()
    }
    judged = judge_all(given)
    costs = {"fast": HOURS, "slow": slow}
    both = power([*(one.of("fast") for one in judged), *(one.of("slow") for one in judged)], costs)
    first, second = both.to_dict("records")
    for device in HOURS:
        assert second[f"hours on {device}"] == pytest.approx(3 * first[f"hours on {device}"])
