"""What claims read of a study: one value per network, the prior, outputs by name, the full set."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hand_results import cells, results

from imagenet_transfer.claims.results import MissingError
from imagenet_transfer.claims.statistics import contrast

NAMES = ("scratch", "whole", "part", "a", "b", "c", "d", "e")


# One value per network


def test_several_runs_of_each_of_several_networks_make_one_value_per_network():
    """Run 3 starts from network 1 again, and run 4 from network 2."""
    values = {("whole", "det"): [1.0, 2.0, 5.0, 8.0], ("scratch", "det"): [1.0, 1.0, 3.0, 5.0]}
    given = results(values, networks=2)
    assert given.sample("whole", "det").values == (3.0, 5.0)
    assert given.sample("scratch", "det").values == (2.0, 3.0)  # in pairs with the networks
    assert given.runs_per_value("whole", "det") == 2


@pytest.mark.parametrize("networks", [1, 3, 5])
def test_runs_of_one_network_or_one_run_of_each_stay_as_they_are(networks):
    given = results({("whole", "det"): [1.0, 2.0, 5.0]}, networks=networks)
    assert given.sample("whole", "det").values == (1.0, 2.0, 5.0)
    assert given.runs_per_value("whole", "det") == 1


def test_runs_are_taken_by_replicate_whatever_their_order():
    given = results({("whole", "det"): [1.0, 2.0, 5.0, 8.0]}, networks=2)
    assert replace(given, runs=given.runs[::-1]).sample("whole", "det").values == (3.0, 5.0)


def simulated(rng):
    """Return a study of subsets with equal means: two networks each, with two runs each.

    Networks vary by 1, their runs by 0.3.
    """
    networks = np.tile(rng.standard_normal((len(NAMES), 2)), 2)
    values = 50 + networks + 0.3 * rng.standard_normal((len(NAMES), 4))
    cells = {(name, "det"): row.tolist() for name, row in zip(NAMES, values, strict=True)}
    return results(cells, networks=2)


def test_intervals_over_networks_with_several_runs_each_hold_the_truth():
    """Four runs taken as independent hold it in fewer than 80 % of studies."""
    rng = np.random.default_rng(3)
    held = []
    for _ in range(300):
        given = simulated(rng)
        pair = [given.sample(name, "det") for name in ("whole", "part")]
        effect = contrast(lambda a, b: a - b, pair, given.prior)
        held.append(effect.low <= 0 <= effect.high)
    assert np.mean(held) >= 0.9


# The prior


def test_networks_given_once_in_a_study_of_several_are_set_apart():
    values = cells(NAMES, "det", *range(40, 48))
    given = results(values, subsets={"part": {"networks": 1, "given": True}})
    assert given.prior.names == ("whole", "a", "b", "c", "d", "e")
    assert results(values, networks=1).prior.names == NAMES[1:]
    assert results(values, subsets={"part": {"given": True}}).prior.names == NAMES[1:]


def test_a_network_given_once_does_not_narrow_the_intervals_of_others():
    """Its three runs differ less than those of three networks."""
    rng = np.random.default_rng(4)
    values = {(name, "det"): (50 + rng.standard_normal(3)).tolist() for name in NAMES}
    values["part", "det"] = [50.0, 50.001, 50.0]
    given = results(values, subsets={"part": {"networks": 1, "given": True}})
    without = results({cell: of_cell for cell, of_cell in values.items() if cell[0] != "part"})
    pair = [given.sample(name, "det") for name in ("whole", "a")]
    effects = [contrast(lambda x, y: x - y, pair, one.prior) for one in (given, without)]
    assert effects[0] == effects[1]


# Outputs


def curve_of(*subsets):
    """Return the layout of a curve along images per class."""
    layout = {"builder": "curve", "along": "images_per_class", "tasks": ["det"]}
    return layout | {"subsets": list(subsets)}


SIZES = {"whole": (10, 1000), "half": (10, 500), "other": (10, 400), "few": (10, 50)}


@pytest.mark.parametrize("names", [("figure-of-mine", "figure1"), ("figure1", "figure-of-mine")])
def test_an_output_is_found_by_its_name_first(names):
    layouts = {"figure1": curve_of("half", "whole"), "figure-of-mine": curve_of("few", "other")}
    given = results({}, {name: layouts[name] for name in names}, sizes=SIZES)
    frame, layout = given.find("figure1", "curve", along="images_per_class")
    assert layout == layouts["figure1"]
    assert frame["subset"].tolist() == ["half", "whole"]
    assert given.full_set() == "whole"


def test_another_output_of_the_builder_stands_in():
    given = results({}, {"figure-of-mine": curve_of("few", "other")}, sizes=SIZES)
    assert given.find("figure1", "curve")[1]["subsets"] == ["few", "other"]
    assert given.full_set() == "other"
    with pytest.raises(MissingError, match="no figure2"):
        given.find("figure2", "curve", along="classes")
    with pytest.raises(MissingError, match="no figure1"):
        given.named("figure1")


def test_the_name_is_not_enough():
    layouts = {"figure1": {"builder": "transfer", "subsets": ["few"]}}
    layouts["figure-of-mine"] = curve_of("few", "other")
    assert results({}, layouts, sizes=SIZES).find("figure1", "curve")[1]["builder"] == "curve"


def test_the_full_set_of_tables_is_the_first_pre_trained_one():
    table = {"builder": "transfer", "tasks": ["det"], "subsets": ["scratch", "half", "whole"]}
    assert results({}, {"table1": table}).full_set() == "half"
    layouts = {"table1": table | {"subsets": ["scratch"]}}
    layouts["table2"] = {"builder": "budgets", "tasks": ["det"], "rows": []}
    layouts["table2"] |= {"references": ["scratch", "whole"]}
    assert results({}, layouts).full_set() == "whole"
    with pytest.raises(MissingError, match="no table or curve"):
        results({}).full_set()


def test_a_frame_without_sizes_is_skipped():
    frames = {"figure1": pd.DataFrame({"subset": ["half"]})}
    given = results({}, {"figure1": curve_of("half")}, frames)
    assert given.class_counts().empty


@pytest.mark.parametrize(
    "entry",
    [
        {"builder": "surface", "subsets": ["half", "few"]},
        {"builder": "influence", "without": {"dogs": "half"}, "controls": {"half": "few"}},
    ],
)
def test_the_full_set_of_a_design_is_the_one_that_it_names(entry):
    layouts = {"figure-of-mine": entry | {"tasks": ["det"], "full": "whole"}}
    given = results({}, layouts, {"figure-of-mine": pd.DataFrame()})
    assert given.full_set() == "whole"
    with pytest.raises(MissingError, match="no table1"):
        given.find("table1", "transfer")
