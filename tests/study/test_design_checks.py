"""Designs of surface and influence: which runs they need, and what is wrong with their subsets."""

import copy

import pytest
from conftest import ROOT
from study_configs import SCHEMA, change

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.study import Study

STUDIES = {name: read_config(ROOT / f"configs/{name}.yaml") for name in ("surface", "influence")}
DRAWN = {"dataset": "imagenet", "label_set": "imagenet", "recipe": "pretrain"}


def complaint_about(config):
    with pytest.raises(UserError) as caught:
        Study.of(config, SCHEMA)
    lines = str(caught.value).splitlines()
    assert len(set(lines)) == len(lines)
    assert all(line.endswith((".", "?")) for line in lines)
    return str(caught.value)


@pytest.mark.parametrize("name, tasks, networks", [("surface", 3, 16), ("influence", 2, 14)])
def test_each_task_of_each_subset_is_run_once(name, tasks, networks):
    study = Study.of(STUDIES[name], SCHEMA)
    assert len(study.pretrain_runs(name)) == 3 * networks
    assert len(study.transfer_runs(name)) == 3 * networks * tasks
    assert len(study.output_layout(name)["networks"]) == networks
    assert set(study.subsets_of(name)) == set(study.subsets)


def test_a_control_that_parts_share_is_run_once():
    config = copy.deepcopy(STUDIES["influence"])
    entry = config["outputs"]["influence"]
    entry["without"] = {"dogs": "no-dogs", "wheeled-vehicles": "no-wheeled-vehicles"}
    entry["controls"] = dict.fromkeys(entry["without"].values(), "random-56")
    config["claims"] = {}
    study = Study.of(config, SCHEMA)
    shown = ["imagenet", "no-dogs", "no-wheeled-vehicles", "random-56"]
    assert study.subsets_of("influence") == shown


def test_claims_may_be_about_what_the_figure_shows():
    study = Study.of(STUDIES["influence"], SCHEMA)
    assert set(study.claims) == {"conveyances-matter", "dogs-can-be-spared"}
    claims = {"mine": study.claims["dogs-can-be-spared"] | {"contrast": {"no-dogs": 1, "fish": -1}}}
    assert "no output shows fish on" in complaint_about(STUDIES["influence"] | {"claims": claims})


@pytest.mark.parametrize(
    "path, value, sentence",
    [
        ("outputs.surface.full", "scratch", "names 'scratch', which is not in subsets"),
        (
            "outputs.surface.full",
            "grid-8x48",
            "surface.full: grid-8x48 is a draw (`classes`); take",
        ),
        (
            "subsets.grid-8x6.recipe",
            "other",
            "surface.subsets: grid-8x6 and imagenet differ in `recipe`, too, so that they cannot",
        ),
        ("subsets.grid-8x6.label_set", "coarse", "grid-8x6 and imagenet differ in `label_set`"),
        ("outputs.surface.subsets", ["grid-8x6", "scratch"], "names 'scratch', which is not"),
        (
            "outputs.surface.subsets",
            [f"grid-{k}x{n}" for k in (8, 16, 32) for n in (6, 12)],
            "with imagenet there are 7 different sizes, but the surface takes 9 or more",
        ),
        ("outputs.surface.tasks", [], "outputs.surface.tasks"),
        ("outputs.surface.accuracy", "imagenet-cls", "unknown key 'accuracy'"),
    ],
)
def test_mistakes_in_a_grid_are_named(path, value, sentence):
    config = copy.deepcopy(STUDIES["surface"])
    config["recipes"]["other"] = config["recipes"]["pretrain"] | {"lr": 0.1}
    config["label_sets"]["coarse"] = {"method": "bottom-up", "depth": 7}
    assert sentence in complaint_about(change(config, path, value))


@pytest.mark.parametrize(
    "classes, images, counted",
    [
        ((8, 16), (6, 12), "3 different `classes` and 3"),
        ((8, 16, 32), (6,), "4 different `classes` and 2"),
    ],
)
def test_a_grid_needs_enough_sizes(classes, images, counted):
    subsets = [f"grid-{k}x{n}" for k in classes for n in images]
    config = change(STUDIES["surface"], "outputs.surface.subsets", subsets)
    said = complaint_about(config)
    assert f"with imagenet there are {counted} different `images_per_class`, but" in said


GIVEN = {"dataset": "imagenet", "label_set": "imagenet", "weights": "given/{arch}/weights.pt"}


@pytest.mark.parametrize(
    "path, value, sentence",
    [
        ("subsets.imagenet", GIVEN, "influence.full: imagenet is given as a file"),
        ("subsets.imagenet.images_per_class", 24, "imagenet is a draw (`images_per_class`)"),
        (
            "subsets.imagenet.label_set",
            "coarse",
            "of imagenet is of the method bottom-up; take one",
        ),
        (
            "subsets.no-dogs.images_per_class",
            24,
            "influence.without: no-dogs and imagenet differ in `images_per_class`, too",
        ),
        ("subsets.no-dogs.dataset", "sun397", "no-dogs and imagenet differ in `dataset`"),
        (
            "subsets.no-dogs.label_set",
            "random-56",
            "influence.without: the label set of no-dogs is of the method random-split; take one "
            "of the method exclusion",
        ),
        (
            "outputs.influence.controls.no-dogs",
            "random-58",
            "influence.controls: no-dogs has 56 classes, but its control random-58 has 58; give "
            "the control 56",
        ),
        (
            "outputs.influence.controls.no-dogs",
            "no-wheeled-vehicles",
            "the label set of no-wheeled-vehicles is of the method exclusion; take one of the "
            "method random-split",
        ),
        ("subsets.random-56.recipe", "other", "random-56 and imagenet differ in `recipe`"),
        (
            "outputs.influence.controls.dogs",
            "random-56",
            "influence.controls names 'dogs', which is not a subset of `without`",
        ),
        ("outputs.influence.controls.no-dogs", "random-5", "names 'random-5', which is not in"),
        ("outputs.influence.without.dogs", "no-dgs", "Did you mean 'no-dogs'?"),
        ("outputs.influence.without", {}, "outputs.influence.without is {}"),
        ("outputs.influence.full", ..., "outputs.influence lacks the key 'full'"),
        ("label_sets.no-dogs.roots", ["n00001740"], "label_sets.no-dogs keeps none of the classes"),
    ],
)
def test_mistakes_in_parts_and_controls_are_named(path, value, sentence):
    config = copy.deepcopy(STUDIES["influence"])
    config["recipes"]["other"] = config["recipes"]["pretrain"] | {"lr": 0.1}
    config["label_sets"]["coarse"] = {"method": "bottom-up", "depth": 7}
    assert sentence in complaint_about(change(config, path, value))


def test_a_control_may_be_a_draw_of_classes():
    config = copy.deepcopy(STUDIES["influence"])
    config["subsets"]["random-56"] = DRAWN | {"classes": 56}
    assert Study.of(config, SCHEMA)
    config["subsets"]["random-56"] = DRAWN | {"classes": 55}
    assert "no-dogs has 56 classes, but its control random-56 has 55" in complaint_about(config)


def test_half_b_of_a_split_has_the_rest_of_the_classes():
    config = change(
        STUDIES["influence"],
        "label_sets.random-56",
        {"method": "random-split", "size": 8, "half": "b"},
    )
    assert Study.of(config, SCHEMA)
