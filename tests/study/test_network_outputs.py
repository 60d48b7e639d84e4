"""Outputs of several architectures: their runs, their checks, their share of a plan."""

import pytest
from conftest import ROOT
from study_configs import SCHEMA, change

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.plan import plan, read_rates
from imagenet_transfer.study.runs import PretrainRun, TransferRun
from imagenet_transfer.study.study import Study

TABLE = {
    "builder": "networks",
    "architectures": ["resnet18", "vgg16"],
    "subsets": ["imagenet", "published", "scratch"],
    "tasks": ["sun-cls", "pascal-det"],
}


@pytest.fixture
def config():
    config = read_config(ROOT / "configs/networks.yaml")
    config["subsets"]["published"] = {"weights": "published/{arch}.pth"}
    config["outputs"] = {"table-networks": TABLE}
    config["tasks"]["pascal-det"]["replicates"] = 1
    return config


def complaint(config):
    with pytest.raises(UserError) as error:
        Study.of(config, SCHEMA)
    return str(error.value)


def test_its_runs_are_those_of_every_architecture(config):
    study = Study.of(config, SCHEMA)
    replicates = config["tasks"]["sun-cls"]["replicates"]
    runs = study.transfer_runs("table-networks")
    assert len(runs) == len(set(runs)) == 2 * 3 * (replicates + 1)
    assert TransferRun("pascal-det", "vgg16", "scratch", 1) in runs
    networks = study.pretrain_runs("table-networks")
    assert {run.architecture for run in networks} == {"resnet18", "vgg16"}
    assert PretrainRun("vgg16", "published", 1) in networks
    paths = {str(study.given_path(name, "published")) for name in TABLE["architectures"]}
    assert paths == {"published/resnet18.pth", "published/vgg16.pth"}
    assert study.architectures_of("table-networks") == ["resnet18", "vgg16"]


def test_it_is_planned_as_tables_of_one_architecture_each(config):
    one = plan(Study.of(config, SCHEMA), read_rates()).set_index("output").loc["all outputs"]
    parts = {}
    for name in TABLE["architectures"]:
        entry = TABLE | {"builder": "transfer", "architecture": name}
        del entry["architectures"]
        parts[f"table-{name}"] = entry
    several = Study.of(config | {"outputs": parts}, SCHEMA)
    expected = plan(several, read_rates()).set_index("output").loc["all outputs"]
    assert one["networks"] == expected["networks"] > 0
    counted = ["shared", "other"]  # jobs: one table, or one of each architecture
    assert one.drop(counted).tolist() == pytest.approx(expected.drop(counted).tolist())


@pytest.mark.parametrize(
    "path, value, sentence",
    [
        (
            "outputs.table-networks.architectures",
            ["resnet18", "vgg"],
            "outputs.table-networks.architectures names 'vgg', which is not in architectures. "
            "Did you mean 'vgg16'?",
        ),
        ("outputs.table-networks.architectures", [], "should have 1 or more entries"),
        ("outputs.table-networks.architectures", ["vgg16", "vgg16"], "has 'vgg16' twice"),
        ("outputs.table-networks.architecture", "vgg16", "has the unknown key 'architecture'"),
        ("outputs.table-networks.architectures", ..., "lacks the key 'architectures'"),
        (
            "recipes.detection.detector.frozen",
            ["fc6"],
            "frozen: fc6 is not a part of architecture resnet18",
        ),
        (
            "architectures.vgg16.image_size",
            128,
            "is 64, but architectures.vgg16.image_size is 128: make them equal",
        ),
    ],
)
def test_each_architecture_is_checked(config, path, value, sentence):
    assert sentence in complaint(change(config, path, value))


def test_a_claim_is_about_what_it_shows(config):
    claim = {"about": "published is better", "tasks": ["sun-cls"], "least": 0, "unit": "points"}
    claim["contrast"] = {"published": 1, "imagenet": -1}
    Study.of(config | {"claims": {"mine": claim}}, SCHEMA)
    claim["tasks"] = ["pascal-act"]
    assert "no output shows published on pascal-act" in complaint(
        config | {"claims": {"mine": claim}}
    )
