"""Tasks that measure frozen features: their keys, runs, seeds, and the features that they share."""

import pytest
import yaml
from study_configs import MEASURES, SCHEMA

from imagenet_transfer.study.runs import Embedding, TransferRun
from imagenet_transfer.study.study import Study


@pytest.fixture
def config():
    return yaml.safe_load(MEASURES)


@pytest.fixture
def study(config):
    return Study.of(config, SCHEMA)


def cells(study):
    """Return the number of runs of each task and subset."""
    runs = study.transfer_runs("table-flowers")
    pairs = [(run.task, run.subset) for run in runs]
    return {pair: pairs.count(pair) for pair in pairs}


def test_a_network_is_measured_once(study):
    found = cells(study)
    assert {found["tuned", subset] for subset in ("own", "bought", "scratch")} == {3}
    for task in ("near", "probed", "one", "ten"):
        assert [found[task, subset] for subset in ("own", "bought", "scratch")] == [3, 1, 3]
    fewer = study.output_layout("table-flowers")["fewer"]
    assert fewer == {task: {"bought": 1} for task in ("near", "probed", "one", "ten")}


def test_a_single_measurement_is_compared_by_its_test_images(study):
    found = {(run.task, run.subset) for run in study.single_runs()}
    assert found == {(task, "bought") for task in ("near", "probed", "one", "ten")}


def test_measures_of_one_data_set_share_the_features_of_a_network(study):
    own = [("own", rep) for rep in (1, 2, 3)]
    networks = [*own, ("bought", 1), *(("scratch", rep) for rep in (1, 2, 3))]
    expected = {Embedding("small", *network, "flowers", "conv5") for network in networks}
    assert set(study.features_measured("table-flowers")) == expected
    assert len(study.features_measured("table-flowers")) == len(expected)
    trained = {(run.subset, run.replicate) for run in study.pretrain_runs("table-flowers")}
    assert trained == {*own, ("bought", 1)}
    assert study.embeddings("table-flowers") == []


def test_layer_and_augmentation_tell_features_apart(config):
    config["tasks"]["near"] |= {"layer": "fc", "augmentation": "mirror"}
    config["outputs"]["table-flowers"]["subsets"] = ["own"]
    study = Study.of(config, SCHEMA)
    run = TransferRun("near", "small", "own", 2)
    assert study.features_of_run(run) == Embedding("small", "own", 2, "flowers", "fc", "mirror")
    known = study.features_settings("small", "own", 2, "none")
    assert known == study.embedding_settings("small")
    assert study.features_settings("small", "own", 2, "mirror") == {
        **known,
        "augmentation": "mirror",
    }


def test_random_starts_have_a_seed_per_replicate(study):
    settings = [study.features_settings("small", "scratch", rep, "none") for rep in (1, 2)]
    assert settings[0]["seed"] != settings[1]["seed"]
    assert all("seed" not in study.features_settings("small", "own", rep, "none") for rep in (1, 2))


def test_draws_are_shared_by_measures_of_a_data_set_and_differ_between_replicates(study):
    seeds = {
        rep: {
            study.transfer_settings(task, "small", rep)["seed"] for task in ("near", "one", "ten")
        }
        for rep in (1, 2)
    }
    assert len(seeds[1]) == len(seeds[2]) == 1
    assert seeds[1] != seeds[2]


def test_a_key_that_is_left_out_means_its_default(config, study):
    config["tasks"]["near"] |= {"k": 20, "temperature": 0.07, "layer": "conv5"}
    told = Study.of(config, SCHEMA).transfer_settings("near", "small", 1)
    assert told == study.transfer_settings("near", "small", 1)
    assert told["measure"] == {
        "augmentation": "none",
        "k": 20,
        "layer": "conv5",
        "temperature": 0.07,
    }


def test_measures_serve_as_accuracies_and_halves(config):
    config["outputs"] = {
        "figure1": {
            "builder": "curve",
            "architecture": "small",
            "along": "images_per_class",
            "subsets": ["own", "scratch"],
            "tasks": ["probed"],
            "accuracy": "near",
        },
        "figure9": {
            "builder": "split-accuracy",
            "architecture": "small",
            "baseline": "own",
            "splits": {"minimal": ["ten", "ten-more"]},
        },
    }
    config["tasks"]["ten-more"] = {"kind": "probe", "subset": "own"}
    study = Study.of(config, SCHEMA)
    assert study.output_layout("figure1")["metrics"] == {"near": "top1", "probed": "top1"}
    assert study.output_layout("figure9")["layers"] == "last"
