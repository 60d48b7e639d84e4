"""Measures on frozen features in the workflow: one embedding for all, and what reruns when."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import TINY
from projects import Project, contents

from imagenet_transfer.models import build_model
from imagenet_transfer.training.checkpoints import save_weights

pytestmark = pytest.mark.slow
CLASSES = ("daisy", "rose", "tulip")
STUDY = {
    "study": "flowers",
    "replicates": 2,
    "datasets": {"flowers": {"layout": "sun397", "root": "flowers", "partition": 1}},
    "architectures": {"tiny": TINY},
    "subsets": {"bought": {"dataset": "flowers", "weights": "given/{arch}.pt"}},
    "tasks": {
        "near": {"kind": "knn", "dataset": "flowers", "k": 3},
        "probed": {"kind": "probe", "dataset": "flowers", "l2": [1.0, 0.1]},
        "shots": {"kind": "few-shot", "dataset": "flowers", "shots": 2, "draws": 5},
    },
    "outputs": {
        "table-flowers": {
            "builder": "transfer",
            "architecture": "tiny",
            "tasks": ["near", "probed", "shots"],
            "subsets": ["bought", "scratch"],
        }
    },
}
MEASURED = {"measure_knn": 3, "measure_probe": 3, "measure_few_shot": 3}


def paint(root):
    """Pictures of a colour per class, with noise; eight of each for training and four for tests."""
    draw = np.random.default_rng(0)
    listed = {"Training_01": [], "Testing_01": []}
    for label, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for number in range(12):
            colour = np.full((28, 28, 3), 80) + 40 * np.eye(3)[label]
            picture = colour + draw.integers(-60, 60, (28, 28, 3))
            cv2.imwrite(str(root / name / f"{number}.png"), picture.astype(np.uint8))
            part = "Testing_01" if number % 3 == 0 else "Training_01"
            listed[part].append(f"/{name}/{number}.png")
    for part, lines in {**listed, "ClassName": [f"/{name}" for name in CLASSES]}.items():
        (root / f"{part}.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A study of two random starts and a given network that has run once."""
    project = Project(tmp_path_factory.mktemp("measured")).create()
    paint(project.folder / "flowers")
    (project.folder / "given").mkdir()
    torch.manual_seed(0)
    save_weights(project.folder / "given/tiny.pt", build_model(TINY, 5))
    project.configure(STUDY)
    project.run()
    return project


@pytest.fixture
def project(measured, tmp_path):
    return measured.copy(tmp_path / "copy")


def change(project, **tasks):
    """Change keys of tasks."""
    for name, keys in tasks.items():
        project.edit(lambda config, name=name, keys=keys: config["tasks"][name].update(keys))


def record(project, run):
    path = project.folder / f"results/transfer/{run}/metrics.json"
    return path, json.loads(path.read_text())


def test_all_is_measured_from_one_embedding_per_network(measured):
    jobs = measured.plan("--forceall")
    assert {rule: jobs[rule] for rule in ("embed", *MEASURED)} == {"embed": 3, **MEASURED}
    table = pd.read_csv(measured.folder / "results/table-flowers.csv")
    assert table.groupby("subset")["n"].unique().map(list).to_dict() == {
        "bought": [1],
        "scratch": [2],
    }
    assert table["mean"].between(0, 100).all()
    assert "there is one network of bought" in measured.read("table-flowers.md").decode()
    assert "Nothing to be done" in measured.run()


def test_random_starts_differ_between_replicates(measured):
    features = [
        np.load(measured.folder / f"embeddings/tiny/scratch/rep{rep}/flowers/fc7.npy")
        for rep in (1, 2)
    ]
    assert not np.allclose(*features, atol=0.05)


def test_records_say_what_was_measured(measured):
    _, found = record(measured, "probed/tiny/bought/rep1")
    assert found["settings"]["measure"]["layer"] == "fc7"
    assert found["fit"]["l2"] in (1.0, 0.1)
    network = json.loads(
        (measured.folder / "results/pretrain/tiny/bought/rep1/metrics.json").read_text()
    )
    assert found["inputs"]["weights"] == network["weights"]
    assert found["network"] == network["rep"] == 1
    _, start = record(measured, "near/tiny/scratch/rep2")
    assert start["inputs"]["weights"] is None and start["network"] == ""
    assert (
        len({record(measured, f"{task}/tiny/bought/rep1")[1]["seed"] for task in STUDY["tasks"]})
        == 1
    )


@pytest.mark.parametrize(
    ("tasks", "jobs"),
    [
        ({"near": {"k": 5}}, {"measure_knn": 3}),
        ({"near": {"temperature": "none"}}, {"measure_knn": 3}),
        ({"probed": {"l2": [10.0, 1.0]}}, {"measure_probe": 3}),
        ({"shots": {"draws": 6}}, {"measure_few_shot": 3}),
        ({"near": {"augmentation": "mirror"}}, {"embed": 3, "measure_knn": 3}),
        (
            {"near": {"layer": "fc6"}, "shots": {"layer": "fc6"}},
            {"embed": 3, "measure_knn": 3, "measure_few_shot": 3},
        ),
        ({"near": {"layer": "fc7"}}, {}),
        ({"shots": {"method": "ridge", "l2": 1.0}}, {}),
    ],
)
def test_only_what_changed_is_measured_again(project, tasks, jobs):
    change(project, **tasks)
    assert project.stages() == jobs


@pytest.mark.parametrize(
    ("stage", "jobs"),
    [
        ("knn", {"measure_knn": 3}),
        ("few-shot", {"measure_few_shot": 3}),
        ("embedding", {"embed": 3, **MEASURED}),
    ],
)
def test_a_raised_version_measures_again(project, stage, jobs):
    path = project.code / "imagenet_transfer/versions.py"
    path.write_text(path.read_text().replace(f'"{stage}": ', f'"{stage}": 9'))
    assert project.stages() == jobs


def test_another_measure_of_the_same_features_embeds_nothing(project):
    def add(config):
        config["tasks"]["wide"] = {"kind": "knn", "dataset": "flowers", "k": 9}
        config["outputs"]["table-flowers"]["tasks"].append("wide")

    project.edit(add)
    assert project.stages() == {"measure_knn": 3}


def test_another_replicate_adds_its_random_start(project):
    project.edit(lambda config: config.update(replicates=3))
    assert project.stages() == {
        "embed": 1,
        **{rule: 1 for rule in MEASURED},
    }


def test_a_measurement_of_other_weights_is_refused(project):
    path, found = record(project, "near/tiny/bought/rep1")
    found["inputs"]["weights"] = "0" * 64
    path.write_text(json.dumps(found))
    (project.folder / "results/table-flowers.csv").unlink()
    said = project.run("results/table-flowers.csv", expect=1)
    assert "started from other weights than those that replicate 1 of the network bought" in said


def test_lost_features_are_computed_again_to_the_same_numbers(project, measured):
    folder = project.folder / "embeddings/tiny/bought"
    before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in [*folder.rglob("*.npy"), *folder.rglob("*.json")]:
        path.unlink()
    change(project, near={"k": 5})
    project.run()
    after = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert before == after
    ours, theirs = contents(project), contents(measured)
    same = [name for name in ours if "/probed/" in name or "/shots/" in name]
    assert len(same) == 2 * 3 * 3 and all(ours[name] == theirs[name] for name in same)


def test_too_many_votes_or_shots_end_with_a_sentence(project):
    change(project, near={"k": 25}, shots={"shots": 9})
    said = project.run(expect=1)
    assert "Error: tasks.near.k is 25, but there are 24 training images; take fewer." in said
    assert "Error: tasks.shots.shots is 9, but a class has 8 training images; take fewer." in said
