"""docs/extending.md: its examples together make a valid study, whose commands run or list jobs."""

import csv
import re
import subprocess

import cv2
import numpy as np
import pages
import pytest
import yaml
from conftest import ROOT

from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.config_schema import config_schema

PAGE = "docs/extending.md"
WHERE = ["--directory", "runs/mine", "--configfile", "mine.yaml"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A copy of the code with mine.yaml, made as the page says, and with its pictures."""
    code = pages.copy_of_code(tmp_path_factory.mktemp("examples") / "code")
    flowers = code / "runs/mine/flowers"
    paint(flowers, "daisy", "rose")
    for script in pages.scripts(PAGE):
        programs = ("snakemake", "python")  # run below, or by test_published_networks.py
        lines = [line for line in script.splitlines() if not line.startswith(programs)]
        subprocess.run(["bash", "-ec", "\n".join(lines)], cwd=code, check=True)
    config = yaml.safe_load((code / "mine.yaml").read_text())
    for section in ("A network", "A figure", "A task"):
        pages.add_code(code, section)
    for example in examples():
        add(config, example)
    config["recipes"]["sun"] |= {"iterations": 2, "lr_steps": [1], "evaluate_every": 2}
    (code / "mine.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    weights = code / "runs/mine/given/alexnet/ours/weights.pt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"read when it is imported")
    publish(code / "runs/mine/published/resnet18.pth")
    return code


def publish(path):
    """Write torchvision's ResNet-18 with random values."""
    import torch
    from torchvision.models import resnet18

    path.parent.mkdir(parents=True)
    torch.save(resnet18(num_classes=1000).state_dict(), path)


def examples():
    texts = [block.text for block in pages.blocks(PAGE) if block.language == "yaml"]
    return [yaml.safe_load(text) for text in texts if not text.startswith("# ")]


def add(config, example):
    """Add an example's entries to a config; one that is there already is a mistake of the page."""
    for section, entries in example.items():
        there = config.setdefault(section, {})
        assert not there.keys() & entries.keys()
        there |= entries


def paint(folder, *classes):
    draw = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(10):
            picture = draw.integers(0, 255, (70, 90, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / name / f"{number}.jpg"), picture)


def targets(dry):
    """Return the targets of the page's commands with `mine.yaml` that list jobs, or that run."""
    lines = [line.split() for line in pages.commands(PAGE) if line.startswith("snakemake")]
    chosen = [words for words in lines if ("-n" in words) == dry]
    return [word for words in chosen for word in words if word.startswith(("results/", "stores/"))]


def test_the_copy_is_a_study_of_its_own(study):
    assert read_config(study / "mine.yaml")["study"] == "mine"


def test_examples_that_run(study):
    assert len(targets(dry=False)) == 10
    pages.snakemake(study, *targets(dry=False), *WHERE)
    sets = study / "runs/mine/results/label_sets"
    without, merged = (
        list(csv.DictReader((sets / f"{name}.csv").open()))
        for name in ("no-mammals", "bottom-up-25")
    )
    own = list(csv.DictReader((sets / "my-labels.csv").open()))
    assert {row["class_name"] for row in own} == {"hunter", "thing"}
    random = [
        list(csv.DictReader((sets / name).open()))
        for name in ("random-12.csv", "rep2/random-even.csv")
    ]
    assert [len({row["label"] for row in rows}) for rows in random] == [12, 12]
    stated = re.search(
        r"(\d+) of the default study's (\d+) classes are left, and (\d+) merged", pages.read(PAGE)
    )
    found = [len(without), len(merged), len({row["label"] for row in merged})]
    assert [int(number) for number in stated.groups()] == found
    store = yaml.safe_load((study / "runs/mine/stores/flowers/meta.json").read_text())
    assert store["num_images"] == {"train": 18, "test": 2}


def test_examples_that_list_jobs(study):
    listed = pages.jobs_of(pages.snakemake(study, "--dry-run", *targets(dry=True), *WHERE))
    assert listed["import_network"] == 1
    assert listed["pretrain"] > 3
    assert listed["group_classes"] == 1
    assert listed["make_table"] > 2
    assert listed["judge_findings"] == 1
    assert listed["measure_knn"] == listed["measure_probe"] == 9  # three subsets of three networks


def test_all_methods_and_builders_are_named():
    schema = config_schema(ROOT / "workflow/schemas/config.schema.yaml")
    text = pages.read(PAGE)
    sections = schema["properties"]
    for section, key in (("label_sets", "method"), ("outputs", "builder")):
        for name in sections[section]["additionalProperties"]["properties"][key]["enum"]:
            assert f"`{name}`" in text, name
