"""Which runs an output shows and rests on, and which network each of them starts from."""

import pytest
from conftest import ROOT
from study_configs import SCHEMA, STUDIES, change

from imagenet_transfer.labels.taxonomy import taxonomy_for
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.runs import PretrainRun, TransferRun
from imagenet_transfer.study.study import Study


@pytest.fixture
def config():
    return read_config(ROOT / "config.yaml")


@pytest.mark.parametrize("path", STUDIES)
def test_shipped_studies_are_valid(path):
    study = Study.of(read_config(ROOT / path), SCHEMA)
    assert study.transfer_runs("table2")


def test_the_paper_declares_all_21_clusterings():
    sets = read_config(ROOT / "configs/paper.yaml")["label_sets"]
    depths = sorted(entry["depth"] for entry in sets.values() if entry["method"] == "bottom-up")
    rounds = sorted(entry["round"] for entry in sets.values() if entry["method"] == "top-down")
    assert depths == list(range(18))
    assert rounds == [1, 2, 3]


def test_fine_tuning_starts_from_the_network_of_its_replicate_cycled(config):
    config["tasks"]["pascal-det"]["replicates"] = 7
    study = Study.of(config, SCHEMA)
    runs = [
        run
        for run in study.transfer_runs("table1")
        if (run.task, run.subset) == ("pascal-det", "imagenet")
    ]
    assert [run.replicate for run in runs] == [1, 2, 3, 4, 5, 6, 7]
    assert [study.origin(run).replicate for run in runs] == [1, 2, 3, 1, 2, 3, 1]
    assert study.origin(TransferRun("pascal-det", "alexnet", "scratch", 2)) is None
    one = Study.of(config | {"replicates": 1}, SCHEMA)
    assert {one.origin(run).replicate for run in runs} == {1}


def test_a_half_is_learnt_as_it_was_drawn_for_its_own_network(config):
    config["tasks"]["half-random-a"]["replicates"] = 5
    study = Study.of(config, SCHEMA)
    runs = [run for run in study.transfer_runs("figure9") if run.task == "half-random-a"]
    assert {run.subset for run in runs} == {"random-a", "imagenet"}
    draws = {run.replicate: study.draw_of_task("half-random-a", run.replicate) for run in runs}
    assert draws == {1: 1, 2: 2, 3: 3, 4: 1, 5: 2}
    assert all(study.origin(run).replicate == draws[run.replicate] for run in runs)


@pytest.mark.parametrize(
    "weights, networks, files",
    [
        ("given/{arch}.pt", 1, ["given/alexnet.pt"] * 3),
        ("given/{arch}-{rep}.pt", 3, [f"given/alexnet-{rep}.pt" for rep in (1, 2, 3)]),
    ],
)
def test_a_given_file_serves_all_replicates_unless_its_path_names_each(
    config, weights, networks, files
):
    given = {"dataset": "imagenet", "label_set": "imagenet", "weights": weights}
    study = Study.of(change(config, "subsets.imagenet", given), SCHEMA)
    assert study.replicates_of("imagenet") == networks
    runs = [
        run
        for run in study.transfer_runs("table1")
        if (run.task, run.subset) == ("sun-cls", "imagenet")
    ]
    origins = [study.origin(run) for run in runs]
    assert [
        str(study.given_path("alexnet", "imagenet", origin.replicate)) for origin in origins
    ] == files
    assert (
        len([run for run in study.pretrain_runs("table1") if run.subset == "imagenet"]) == networks
    )
    assert study.output_layout("table1")["networks"]["imagenet"] == networks


def test_every_network_of_a_curve_gets_a_new_last_layer(config):
    study = Study.of(config, SCHEMA)
    for name in ("figure1", "figure2"):
        fitted = [run for run in study.transfer_runs(name) if run.task == "imagenet-cls"]
        trained = [subset for subset in study.subsets_of(name) if subset != "scratch"]
        assert fitted == [
            TransferRun("imagenet-cls", "alexnet", s, rep) for s in trained for rep in (1, 2, 3)
        ]


def test_accuracy_is_a_networks_own_only_if_it_was_trained_on_all_classes(config):
    study = Study.of(config, SCHEMA)
    assert study.output_layout("figure2")["own"] == {"imagenet": 3}
    fine = ["images-3", "images-6", "images-12", "images-24", "imagenet"]
    assert study.output_layout("figure1")["own"] == dict.fromkeys(sorted(fine), 3)
    given = {"dataset": "imagenet", "label_set": "imagenet", "weights": "given.pt"}
    of_given = Study.of(change(config, "subsets.images-3", given), SCHEMA)
    assert (
        "images-3" not in of_given.output_layout("figure1")["own"]
    )  # nobody knows how it was tested


def test_the_split_experiments_rest_on_the_halves_and_on_the_whole(config):
    study = Study.of(config, SCHEMA)
    replicates = (1, 2, 3)
    halves = ["random-a", "random-b", "minimal-a", "minimal-b"]
    for output, task, shown in (
        ("figure9", "half", halves),
        ("figure-all-layers", "whole", halves[2:]),
    ):
        networks = {
            PretrainRun("alexnet", name, rep) for name in [*shown, "imagenet"] for rep in replicates
        }
        assert set(study.pretrain_runs(output)) == networks
        cells = [(f"{task}-{half}", name) for half in shown for name in (half, "imagenet")]
        runs = [TransferRun(of, "alexnet", name, rep) for of, name in cells for rep in replicates]
        assert study.transfer_runs(output) == runs
    assert study.output_layout("figure9")["layers"] == "last"
    assert study.output_layout("figure-all-layers")["layers"] == "all"


def test_figure_5_of_the_paper_asks_for_a_macaque_and_a_giant_schnauzer():
    queries = read_config(ROOT / "configs/paper.yaml")["outputs"]["figure5"]["queries"]
    names = taxonomy_for(queries).names
    assert [names[wnid] for wnid in queries] == ["macaque.n.01", "giant_schnauzer.n.01"]


def test_a_subset_that_a_table_shows_twice_is_run_once(config):
    twice = change(config, "outputs.table2.references", ["imagenet", "images-24", "scratch"])
    runs = Study.of(twice, SCHEMA).transfer_runs("table2")
    assert len(runs) == len(set(runs)) == 48
