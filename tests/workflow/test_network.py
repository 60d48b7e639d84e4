"""The network of docs/extending.md goes through a whole small study, every stage of it."""

import re

import pages
import pandas as pd
import pytest
import yaml
from projects import Project, small_study

from imagenet_transfer.files import read_json

pytestmark = pytest.mark.slow

TOY = {"toy": {"model": "toy", "image_size": 64, "input_size": 56, "width": 16}}


def study_of_toys() -> dict:
    """Return the small study with the toy network everywhere, and one network that is given."""
    config = small_study()
    config["architectures"] = TOY
    for output in config["outputs"].values():
        if "architecture" in output:
            output["architecture"] = "toy"
        if "layer" in output:
            output["layer"] = "hidden"
    config["subsets"]["given"] = {
        **{"dataset": "imagenet", "label_set": "imagenet"},
        "weights": "given/{arch}/weights.pt",
    }
    config["outputs"]["table1"]["subsets"].append("given")
    return config


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("toy")).create()
    pages.add_code(project.code, "A network")
    config = study_of_toys()
    given = config["subsets"].pop("given")
    config["outputs"]["table1"]["subsets"].remove("given")
    project.configure(config)
    network = "results/pretrain/toy/imagenet/rep1"
    project.run(f"{network}/weights.pt")
    target = project.folder / "given/toy/weights.pt"
    target.parent.mkdir(parents=True)
    target.write_bytes((project.folder / network / "weights.pt").read_bytes())
    config["subsets"]["given"] = given
    config["outputs"]["table1"]["subsets"].append("given")
    project.configure(config)
    project.run()
    return project


def test_every_output_is_made_of_its_runs(project):
    config = yaml.safe_load((project.folder / "study.yaml").read_text())
    for name, output in config["outputs"].items():
        kinds = ("csv", "md") if name.startswith("table") else ("png", "svg")
        for kind in kinds:
            assert (project.folder / "results" / f"{name}.{kind}").stat().st_size > 100, output
    runs = pd.read_csv(project.folder / "results/runs.csv")
    assert set(runs["arch"]) == {"toy"}
    assert set(runs["stage"]) == {"pretrain", "transfer"}
    assert {"pascal-det", "pascal-act", "sun-cls", "imagenet-cls"} <= set(runs["task"])


def test_features_are_those_of_its_layer(project):
    (meta,) = (project.folder / "embeddings/toy/coarse/rep1").rglob("*.json")
    facts = read_json(meta)
    assert (facts["layer"], facts["shape"][1]) == ("hidden", 32)


def test_given_weights_are_imported(project):
    record = read_json(project.folder / "results/pretrain/toy/given/rep1/metrics.json")
    assert record["given"]["settings"]["architecture"]["model"] == "toy"


def test_its_costs_are_planned(project):
    said = project.run("plan")
    assert re.search(r"all outputs +\d", said)


def test_what_does_not_fit_it_gets_a_sentence(project, tmp_path):
    other = Project(project.code.parent)
    text = (other.folder / "study.yaml").read_text()
    try:
        other.edit(lambda config: config["outputs"]["figure5"].update(layer="fc7"))
        said = other.run("-n", expect=1)
        assert "outputs.figure5.layer: fc7 is not a layer of architecture toy" in said
        other.edit(lambda config: config["outputs"]["figure5"].update(layer="hidden"))
        other.edit(
            lambda config: config["recipes"]["detection"]["detector"].update(frozen=["conv3"])
        )
        said = other.run("-n", expect=1)
        assert "frozen: conv3 is not a part of architecture toy" in said
    finally:
        (other.folder / "study.yaml").write_text(text)
