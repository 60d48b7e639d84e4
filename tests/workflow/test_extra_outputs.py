"""Outputs that the paper lacks, such as correlation: their runs and their mistakes."""

import copy

import pytest
from conftest import ROOT

from imagenet_transfer.errors import UserError
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.runs import PretrainRun, TransferRun
from imagenet_transfer.study.study import Study

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
CONFIG = read_config(ROOT / "config.yaml")
EXTRA = ("correlation", "coarse-limit", "examples-det", "examples-act")
CURVE = CONFIG["outputs"]["figure1"]


def runs(study, output):
    return {*study.pretrain_runs(output), *study.transfer_runs(output)}


@pytest.mark.parametrize(
    ("name", "number"),
    [("config.yaml", 4), ("configs/paper.yaml", 4), ("configs/tiny-imagenet.yaml", 1)],
)
def test_the_shipped_outputs_cost_no_run(name, number):
    study = Study.of(read_config(ROOT / name), SCHEMA)
    others = set().union(*(runs(study, output) for output in study.outputs if output not in EXTRA))
    shipped = [output for output in EXTRA if output in study.outputs]
    assert len(shipped) == number
    for output in shipped:
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


def test_examples_are_of_the_first_replicate():
    study = Study.of(CONFIG, SCHEMA)
    assert study.transfer_runs("examples-det") == [
        TransferRun("pascal-det", "alexnet", subset, 1) for subset in ("imagenet", "scratch")
    ]
    assert study.pretrain_runs("examples-det") == [PretrainRun("alexnet", "imagenet", 1)]
    kinds = {name: study.output_layout(f"examples-{name}")["kind"] for name in ("det", "act")}
    assert kinds == {"det": "detection", "act": "action"}
    assert study.output_layout("examples-act")["images"] == 6
    assert "kind" not in study.output_layout("correlation")  # whose params stay as they were


@pytest.mark.parametrize(
    ("output", "changes", "complaint"),
    [
        ("examples-det", {"task": "sun-cls"}, "take a task of kind detection"),
        ("examples-det", {"task": "pascal-dat"}, "names 'pascal-dat', which is not in tasks"),
        (
            "examples-det",
            {"subsets": ["imagenet", "places", "scratch"]},
            "outputs.examples-det.subsets",
        ),
        ("examples-det", {"subsets": ["imagenett"]}, "names 'imagenett', which is not in subsets"),
        ("examples-act", {"images": 0}, "outputs.examples-act.images"),
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
    config["outputs"]["correlation-pascal"] = CONFIG["outputs"]["correlation"]
    config["outputs"]["figure-looks"] = CONFIG["outputs"]["examples-det"]
    assert len(Study.of(config, SCHEMA).built_by("correlation", "examples")) == 6
    config["outputs"]["examples-other"] = CURVE
    with pytest.raises(UserError, match="call it figure-anything, or take examples"):
        Study.of(config, SCHEMA)
    del config["outputs"]["examples-other"]
    config["outputs"]["figure-other-points"] = CURVE
    with pytest.raises(
        UserError, match=r"figure-other-points: the numbers of .* are written under this name"
    ):
        Study.of(config, SCHEMA)
