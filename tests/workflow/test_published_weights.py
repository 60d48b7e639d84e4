"""Published networks on a user's own pictures: from files to a table of networks and the report."""

import pandas as pd
import pytest
import torch
from helpers import image_bytes, smooth_picture, write_file
from projects import Project

from imagenet_transfer.files import read_json
from imagenet_transfer.models import build_model

pytestmark = pytest.mark.slow

WIDE = {"model": "resnet18", "image_size": 36, "input_size": 32, "width": 16}
NARROW = WIDE | {"width": 8}
RECIPE = {
    **{"batch_size": 4, "iterations": 2, "lr": 0.01, "lr_steps": [1], "lr_gamma": 0.1},
    **{"momentum": 0.9, "weight_decay": 0.0005, "fresh_lr_factor": 10, "evaluate_every": 2},
}
CONFIG = {
    "study": "published",
    "replicates": 2,
    "datasets": {
        "flowers": {"layout": "folder", "root": "flowers", "held_out": 0.3},
    },
    "subsets": {
        "elsewhere": {
            "weights": "published/{arch}.pth",
            "facts": {"classes": 7, "images": 1000, "source": "a page"},
        },
        "own": {"dataset": "flowers", "recipe": "short"},
    },
    "architectures": {"narrow": NARROW, "wide": WIDE},
    "recipes": {"short": RECIPE},
    "tasks": {"flowers-cls": {"kind": "classification", "dataset": "flowers", "recipe": "short"}},
    "claims": {
        "elsewhere-is-better": {
            "about": "a published network is better than one of these pictures only",
            "tasks": ["flowers-cls"],
            "contrast": {"elsewhere": 1, "own": -1},
            "least": 0,
            "unit": "points",
        }
    },
    "outputs": {
        "table-networks": {
            "builder": "networks",
            "architectures": ["narrow", "wide"],
            "subsets": ["elsewhere", "own", "scratch"],
            "tasks": ["flowers-cls"],
        }
    },
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("published")).create()
    for number in range(20):
        name = f"flowers/{'rose' if number % 2 else 'daisy'}/{number:02}.jpg"
        write_file(project.folder / name, image_bytes(smooth_picture(number, 50, 60)))
    for name, architecture in CONFIG["architectures"].items():
        path = project.folder / f"published/{name}.pth"
        path.parent.mkdir(exist_ok=True)
        state = build_model(architecture, 7).state_dict()
        torch.save({"state_dict": {f"module.{key}": t for key, t in state.items()}}, path)
    project.configure(CONFIG)
    project.run()
    return project


def test_the_table_has_a_row_per_network(project):
    frame = pd.read_csv(project.folder / "results/table-networks.csv")
    cells = list(zip(frame["architecture"], frame["subset"], strict=True))
    subsets = ("elsewhere", "own", "scratch")
    assert cells == [(name, subset) for name in ("narrow", "wide") for subset in subsets]
    assert frame["n"].tolist() == [2] * 6
    assert frame["n_classes"].tolist()[:2] == [7, 2]
    assert frame["n_images"].iloc[0] == 1000
    text = (project.folder / "results/table-networks.md").read_text()
    assert "| narrow | elsewhere | " in text
    assert "wide elsewhere (SHA-256 " in text and ", a page)" in text


def test_no_image_of_theirs_was_asked_for(project):
    files = {path.name for path in (project.folder / "results/manifests").iterdir()}
    assert files == {"own.csv.gz", "own.json"}
    record = read_json(project.folder / "results/pretrain/wide/own/rep1/metrics.json")
    assert [entry["name"] for entry in record["classes"]] == ["daisy", "rose"]


def test_claims_are_judged_for_each_architecture_and_the_report_shows_the_table(project):
    findings = pd.read_csv(project.folder / "results/findings.csv")
    own = findings[findings["claim"] == "elsewhere-is-better"]["statement"]
    assert sorted(text.split(",")[0] for text in own) == ["narrow", "wide"]
    html = (project.folder / "results/report.html").read_text()
    assert '<th scope="row">narrow</th><td>elsewhere</td>' in html


def test_other_facts_only_make_the_table_again(project):
    assert project.plan() == {}
    facts = {"classes": 7, "images": 2000}
    project.edit(lambda config: config["subsets"]["elsewhere"].update(facts=facts))
    assert project.stages() == {}
    assert project.plan()["make_table"] == 1
    project.run("results/table-networks.md")
    assert "2,000 images" in (project.folder / "results/table-networks.md").read_text()


def test_facts_that_are_not_those_of_the_file_are_refused(project):
    before = project.read("table-networks.csv")
    project.edit(lambda config: config["subsets"]["elsewhere"]["facts"].update(classes=8))
    said = project.run("results/table-networks.csv", expect=1)
    assert "subsets.elsewhere.facts.classes is 8, but" in said
    project.edit(lambda config: config["subsets"]["elsewhere"]["facts"].update(classes=7))
    project.run("results/table-networks.csv")
    assert project.read("table-networks.csv") == before


def test_a_file_of_another_network_stops_with_a_sentence(project):
    target = "results/pretrain/narrow/elsewhere/rep1/metrics.json"
    (project.folder / "published/wide.pth").replace(project.folder / "published/narrow.pth")
    said = project.run(target, expect=1)
    assert "correct the architecture's `width`" in said
    assert "Traceback" not in said.replace("RuleException", "")
