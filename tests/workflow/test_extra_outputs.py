"""Outputs that the paper lacks, correlation and coarse-limit: their runs and their mistakes."""

import copy

import pytest
from conftest import ROOT

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.runs import PretrainRun, TransferRun
from imagenet_transfer.study.study import Study

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
CONFIG = read_config(ROOT / "config.yaml")
EXTRA = ("correlation", "coarse-limit")
CURVE = CONFIG["outputs"]["figure1"]


def runs(study, output):
    return {*study.pretrain_runs(output), *study.transfer_runs(output)}


@pytest.mark.parametrize("name", ["config.yaml", "configs/paper.yaml"])
def test_the_shipped_outputs_cost_no_run(name):
    study = Study.of(read_config(ROOT / name), SCHEMA)
    others = set().union(*(runs(study, output) for output in study.outputs if output not in EXTRA))
    for output in EXTRA:
        assert runs(study, output)
        assert runs(study, output) <= others


def test_which_runs_they_show():
    config = copy.deepcopy(CONFIG)
    config["replicates"] = 2
    config["outputs"]["correlation"] |= {"subsets": ["imagenet"], "tasks": ["sun-cls"]}
    config["outputs"]["coarse-limit"] |= {"subsets": ["scratch", "imagenet"], "tasks": ["sun-cls"]}
    study = Study.of(config, SCHEMA)
    networks = [PretrainRun("alexnet", "imagenet", rep) for rep in (1, 2)]
    assert study.pretrain_runs("correlation") == study.pretrain_runs("coarse-limit") == networks
    cells = {(run.task, run.subset) for run in study.transfer_runs("correlation")}
    assert cells == {("sun-cls", "imagenet"), ("imagenet-cls", "imagenet")}
    assert TransferRun("sun-cls", "alexnet", "scratch", 3) in study.transfer_runs("coarse-limit")
    assert study.output_layout("correlation")["metrics"] == {
        "imagenet-cls": "top1",
        "sun-cls": "top1",
    }


@pytest.mark.parametrize(
    ("output", "changes", "complaint"),
    [
        (
            "correlation",
            {"subsets": ["scratch", "imagenet"]},
            "correlation names 'scratch', which is not in subsets",
        ),
        ("correlation", {"accuracy": "pascal-det"}, "accuracy needs kind classification"),
        (
            "correlation",
            {"tasks": ["imagenet-cls"]},
            "names imagenet-cls, which is shown as `accuracy` already",
        ),
        ("correlation", {"tasks": []}, "outputs.correlation.tasks"),
        (
            "coarse-limit",
            {"subsets": ["imagenet"]},
            "lacks scratch, the random start that gains are counted from",
        ),
        (
            "coarse-limit",
            {"subsets": ["scratch"]},
            "names no network that is compared with the random start",
        ),
        ("coarse-limit", {"accuracy": "imagenet-cls"}, "unknown key 'accuracy'"),
    ],
)
def test_mistakes_are_named(output, changes, complaint):
    config = copy.deepcopy(CONFIG)
    config["outputs"][output] |= changes
    with pytest.raises(UserError) as caught:
        Study.of(config, SCHEMA)
    assert complaint in str(caught.value)


def test_names_belong_to_their_builders():
    config = copy.deepcopy(CONFIG)
    config["outputs"]["correlation"] = CURVE
    with pytest.raises(
        UserError, match="builder curve makes another figure; call it figure-anything"
    ):
        Study.of(config, SCHEMA)
    config["outputs"]["correlation"] = CONFIG["outputs"]["correlation"]
    config["outputs"]["figure-other"] = CONFIG["outputs"]["correlation"]  # a second one
    assert Study.of(config, SCHEMA).built_by("correlation") == ["correlation", "figure-other"]
    config["outputs"]["figure-other-points"] = CURVE
    with pytest.raises(
        UserError, match=r"figure-other-points: the numbers of .* are written under this name"
    ):
        Study.of(config, SCHEMA)
