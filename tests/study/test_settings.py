"""What each stage depends on: its own part of the config only, with seeds and draws by names."""

import itertools
import json
import shutil
from collections import OrderedDict

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from study_configs import SCHEMA, STUDIES, change

from imagenet_transfer.labels.label_sets import build_label_set
from imagenet_transfer.labels.manifests import draw_manifest
from imagenet_transfer.labels.taxonomy import read_classes, taxonomy_for
from imagenet_transfer.study.config_file import plain, read_config
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.kinds import FROZEN
from imagenet_transfer.versions import VERSIONS


@pytest.fixture
def config():
    """The default study with a task of each kind that measures frozen features."""
    config = read_config(ROOT / "config.yaml")
    config["tasks"] |= {f"sun-{kind}": {"kind": kind, "dataset": "sun397"} for kind in FROZEN}
    return config


def test_seeds_come_from_names(config):
    """Another subset, task or replicate changes no other run's settings."""
    before = Study.of(config, SCHEMA)
    more = change(config, "subsets.aa-first", dict(config["subsets"]["images-24"])) | {
        "replicates": 4
    }
    more["tasks"]["pascal-det"]["replicates"] = 4
    after = Study.of(more, SCHEMA)
    for replicate in (1, 2, 3):
        for subset in config["subsets"]:
            assert before.pretrain_settings(
                "alexnet", subset, replicate
            ) == after.pretrain_settings("alexnet", subset, replicate)
            assert before.manifest_settings(subset, replicate) == after.manifest_settings(
                subset, replicate
            )
        run = ("pascal-det", "alexnet", replicate)
        assert before.transfer_settings(*run) == after.transfer_settings(*run)


def seeds_of(study, replicate):
    """Return the seeds of a replicate's stages, of all subsets, by what they are for."""
    subsets = study.subsets
    return {
        "pre-training": {
            study.pretrain_settings("alexnet", subset, replicate)["seed"] for subset in subsets
        },
        "draw": {
            study.manifest_settings(name, replicate)["seed"] for name in subsets if name != "places"
        },
        "labels": {
            study.label_set_settings(name, replicate)["seed"] for name in ("random-a", "random-b")
        },
        "detection": {study.transfer_settings("pascal-det", "alexnet", replicate)["seed"]},
        "scenes": {study.transfer_settings("sun-cls", "alexnet", replicate)["seed"]},
    }


def test_seeds_are_shared_by_subsets_and_differ_between_replicates_and_stages(config):
    study = Study.of(config, SCHEMA)
    found = [seeds_of(study, replicate) for replicate in (1, 2, 3)]
    assert {len(seeds) for of_replicate in found for seeds in of_replicate.values()} == {1}
    assert (
        len(set().union(*(seeds for of_replicate in found for seeds in of_replicate.values())))
        == 3 * 5
    )
    other = seeds_of(Study.of(config | {"seed": 2017}, SCHEMA), 1)
    assert all(other[what].isdisjoint(found[0][what]) for what in other)


def test_only_what_is_drawn_is_drawn_anew_for_each_replicate(config):
    study = Study.of(config, SCHEMA)
    drawn = {name for name in study.subsets if study.is_drawn(name)}
    assert drawn == {
        name for name in study.subsets if name.startswith(("images-", "classes-", "random-"))
    }
    assert {name for name in study.label_sets if study.is_random(name)} == {"random-a", "random-b"}
    for name in study.label_sets:
        same = study.label_set_settings(name, 1) == study.label_set_settings(name, 2)
        assert same != study.is_random(name)


def test_draws_are_nested_within_a_replicate_and_differ_between_replicates(config):
    study = Study.of(config, SCHEMA)
    wnids = read_classes("miniature")
    images = pd.DataFrame(
        [(f"{wnid}_{i}", wnid) for wnid in wnids for i in range(48)], columns=["image", "class"]
    )
    labels = build_label_set(
        {"method": "identity"}, wnids, taxonomy_for(wnids), {}, None, "imagenet"
    )

    def drawn(subset, replicate):
        content = study.manifest_settings(subset, replicate)
        return set(
            draw_manifest(images, labels, content["sampling"], content["seed"], subset).rows[
                "image"
            ]
        )

    for family in (
        ["images-3", "images-6", "images-12", "images-24", "imagenet"],
        ["classes-8", "classes-16"],
    ):
        for replicate in (1, 2):
            draws = [drawn(subset, replicate) for subset in family]
            assert all(less < more for less, more in itertools.pairwise(draws))
    assert all(drawn(subset, 1) != drawn(subset, 2) for subset in ("images-24", "classes-16"))
    assert drawn("imagenet", 1) == drawn("imagenet", 2)


def test_random_halves_are_drawn_anew_for_each_replicate_and_fit_each_other(config):
    study = Study.of(config, SCHEMA)
    wnids = read_classes("miniature")

    def half(name, replicate):
        content = study.label_set_settings(name, replicate)
        found = build_label_set(
            content["spec"], wnids, taxonomy_for(wnids), {}, content["seed"], name
        )
        return set(found["wnid"])

    halves = {rep: (half("random-a", rep), half("random-b", rep)) for rep in (1, 2)}
    for a, b in halves.values():
        assert a.isdisjoint(b)
        assert a | b == set(wnids)
    assert halves[1][0] not in halves[2]


def test_training_parameters_stay_out_of_manifests(config):
    faster = Study.of(change(config, "recipes.pretrain.lr", 0.5), SCHEMA)
    study = Study.of(config, SCHEMA)
    assert faster.manifest_settings("images-24") == study.manifest_settings("images-24")
    assert faster.pretrain_settings("alexnet", "images-24", 1) != study.pretrain_settings(
        "alexnet", "images-24", 1
    )


def test_the_order_of_keys_does_not_matter(config):
    backwards = change(
        config, "recipes.pretrain", dict(reversed(config["recipes"]["pretrain"].items()))
    )
    one = Study.of(config, SCHEMA)
    other = Study.of(backwards, SCHEMA)
    assert str(one.pretrain_settings("alexnet", "imagenet", 1)) == str(
        other.pretrain_settings("alexnet", "imagenet", 1)
    )


def test_a_user_s_list_of_classes_counts_by_what_it_holds(config, tmp_path, monkeypatch):
    merged_well = "imagenet_transfer.study.study.merging_problems"  # the list fits no name of a set
    monkeypatch.setattr(merged_well, lambda *_: ())
    path = tmp_path / "mine.txt"
    found = []
    wnids = read_classes("miniature")
    for names in (wnids[:-1], wnids[1:]):
        path.write_text("\n".join(names))
        study = Study.of(change(config, "classes", str(path)), SCHEMA)
        found.append(
            (
                study.store_settings("imagenet"),
                study.label_set_settings("imagenet"),
                study.render_settings("ilsvrc"),
            )
        )
    assert all(one != other for one, other in zip(*found, strict=True))


def test_label_sets_depend_on_the_hierarchy_and_some_on_pascals_objects(
    config, tmp_path, monkeypatch
):
    names = ("imagenet", "bottom-up-12", "random-a", "places", "pascal-removed")

    def found():
        return {name: Study.of(config, SCHEMA).label_set_settings(name) for name in names}

    def changed_by(file):
        folder = tmp_path / file
        shutil.copytree(ROOT / "resources", folder)
        with (folder / file).open("a") as opened:
            opened.write("\n")
        monkeypatch.setattr("imagenet_transfer.study.study.RESOURCES", folder)
        return {name for name, content in found().items() if content != before[name]}

    before = found()
    assert changed_by("taxonomy.csv") == {"imagenet", "bottom-up-12", "random-a", "pascal-removed"}
    assert changed_by("pascal_roots.csv") == {"pascal-removed"}
    other = change(config, "label_sets.pascal-removed.roots", ["n02084071"])
    assert "pascal_roots" not in Study.of(other, SCHEMA).label_set_settings("pascal-removed")


def test_what_changes_no_byte_repacks_nothing(config):
    before = Study.of(config, SCHEMA).store_settings("imagenet")
    for path, value in (("images", ...), ("store.max_unreadable", 9)):
        assert (
            Study.of(change(config, f"datasets.imagenet.{path}", value), SCHEMA).store_settings(
                "imagenet"
            )
            == before
        )


def test_moved_data_change_no_settings(config):
    moved = Study.of(change(config, "datasets.imagenet.root", "/elsewhere"), SCHEMA)
    assert moved.store_settings("imagenet") == Study.of(config, SCHEMA).store_settings("imagenet")


def test_where_images_are_kept_changes_no_settings(with_visual):
    section = {"device_gb": 1, "host_gb": 2, "disk_gb": 3, "folder": "/scratch"}
    kept = Study.of(with_visual | {"input": section}, SCHEMA)
    assert settings_of_stages(kept) == settings_of_stages(Study.of(with_visual, SCHEMA))


def settings_of_stages(study):
    """Return stage -> what its results depend on."""
    return {
        "render": study.render_settings("ilsvrc"),
        "store": study.store_settings("imagenet"),
        "label_set": study.label_set_settings("imagenet"),
        "visual": study.label_set_settings("visual-12"),
        "manifest": study.manifest_settings("imagenet"),
        "given": study.given_settings("alexnet"),
        "classification": study.pretrain_settings("alexnet", "imagenet", 1),
        "detection": study.transfer_settings("pascal-det", "alexnet", 1),
        "action": study.transfer_settings("pascal-act", "alexnet", 1),
        **{kind: study.transfer_settings(f"sun-{kind}", "alexnet", 1) for kind in FROZEN},
        "proposals": study.proposals_settings("voc2012-action"),
        "embedding": study.embedding_settings("alexnet"),
        "analysis": study.analysis_settings(),
        "reporting": study.reporting_settings(),
    }


@pytest.fixture
def with_visual(config):
    network = {"subset": "imagenet", "architecture": "alexnet"}
    config["label_sets"]["visual-12"] = {"method": "visual", "classes": 12, **network}
    return config


def test_each_stage_carries_its_own_version(with_visual, monkeypatch):
    """With a number for each stage: most versions are 1, and swapped stages would not be seen."""
    numbers = {stage: 100 + number for number, stage in enumerate(VERSIONS)}
    monkeypatch.setattr("imagenet_transfer.study.study.VERSIONS", numbers)
    study = Study.of(with_visual, SCHEMA)
    found = settings_of_stages(study)
    assert {stage: content["version"] for stage, content in found.items()} == numbers
    assert study.transfer_settings("sun-cls", "alexnet", 1)["version"] == numbers["classification"]
    assert study.output_layout("table1")["version"] == numbers["reporting"]
    assert study.figure_settings("figure5")["analysis"] == numbers["analysis"]


@pytest.mark.parametrize("stage", VERSIONS)
def test_a_raised_version_changes_its_stage_only(with_visual, monkeypatch, stage):
    study = Study.of(with_visual, SCHEMA)
    before = settings_of_stages(study)
    raised = VERSIONS | {stage: VERSIONS[stage] + 1}
    monkeypatch.setattr("imagenet_transfer.study.study.VERSIONS", raised)
    after = settings_of_stages(study)
    assert {name for name in VERSIONS if after[name] != before[name]} == {stage}


@pytest.mark.parametrize(
    "figure, depends",
    [
        ("figure1", set()),
        ("figure3", {"classes"}),
        ("figure5", {"analysis", "seed"}),
        ("figure7", {"classes"}),
        ("figure8", {"seed"}),
        ("correlation", set()),
    ],
)
def test_a_figure_depends_on_what_its_builder_names(config, figure, depends):
    assert Study.of(config, SCHEMA).figure_settings(figure).keys() == depends


def test_a_study_in_json_is_recorded_like_one_in_yaml(config):
    as_json = json.loads(json.dumps(config), object_pairs_hook=OrderedDict)
    assert yaml.safe_dump(plain(as_json), sort_keys=False) == yaml.safe_dump(
        plain(config), sort_keys=False
    )
    assert (
        Study.of(as_json, SCHEMA).reporting_settings()
        == Study.of(config, SCHEMA).reporting_settings()
    )


def test_class_lists_of_shipped_studies_exist():
    for path in STUDIES:
        name = read_config(ROOT / path)["classes"]
        assert (ROOT / f"resources/classes/{name}.txt").exists()
