"""docs/extending.md, networks from and for elsewhere: its commands import them, its code runs them."""

import os
import shlex
import subprocess
import sys

import numpy as np
import pages
import pytest
import torch
import torchvision
import yaml
from conftest import ROOT
from helpers import image_bytes, smooth_picture
from PIL import Image
from study_configs import SCHEMA

from imagenet_transfer.files import read_json
from imagenet_transfer.models import build_model
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.caffe_export import write_for_caffe
from imagenet_transfer.training.caffemodel import read_caffemodel

PAGE = "docs/extending.md"
CONFIG = "configs/published.yaml"
SMALL = {"width": 0.05, "fc_width": 16, "init": "he"}  # of Caffe's AlexNet, which has 0.2 GB
OURS = "results/pretrain/resnet18/imagenet/rep1"


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(6)
    model = torchvision.models.resnet18(num_classes=1000)
    model(torch.randn(4, 3, 64, 64))  # statistics of its own
    return model.eval()


@pytest.fixture(scope="module")
def study(tmp_path_factory, resnet):
    """The folder of the page's study: files to import and one picture, imported by its commands."""
    code = pages.copy_of_code(tmp_path_factory.mktemp("published") / "code")
    config = yaml.safe_load((code / CONFIG).read_text())
    config["architectures"]["alexnet"] |= SMALL
    (code / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))
    folder = code / "runs/published"
    (folder / "published").mkdir(parents=True)
    torch.save({"state_dict": resnet.state_dict()}, folder / "published/resnet18.pth")
    torch.manual_seed(7)
    alexnet = build_model(config["architectures"]["alexnet"], 1000)
    write_for_caffe(alexnet, folder / "published/bvlc_alexnet.caffemodel")
    (folder / "flowers/daisy").mkdir(parents=True)
    (folder / "flowers/daisy/0.jpg").write_bytes(image_bytes(smooth_picture(3, 300, 400)))
    imports = [OURS, OURS.replace("resnet18/imagenet", "alexnet/caffe")]
    targets = [f"{path}/metrics.json" for path in imports]
    assert targets[0] in commands(dry=False)[0]
    pages.snakemake(code, *targets, "--directory", "runs/published", "--configfile", CONFIG)
    return folder


def commands(dry):
    lines = [line.split() for line in pages.commands(PAGE) if CONFIG in line]
    return [words[1:] for words in lines if ("-n" in words) == dry]


def code_of(start):
    """Return the page's block of Python that begins so."""
    (text,) = [block.text for block in pages.blocks(PAGE) if block.text.startswith(start)]
    return text


def run(study, monkeypatch, text):
    """Execute code in the study's folder and return its names."""
    monkeypatch.chdir(study)
    names = {}
    exec(compile(text, PAGE, "exec"), names)
    return names


def test_the_shipped_study_is_valid_and_shown_on_the_page():
    config = read_config(ROOT / CONFIG)
    assert len(Study.of(config, SCHEMA).transfer_runs("table-networks")) == 2 * 2 * 2 * 3
    (shown,) = [
        yaml.safe_load(block.text)
        for block in pages.blocks(PAGE)
        if block.language == "yaml" and block.text.startswith(f"# {CONFIG}")
    ]
    for section, entries in shown.items():
        for name, entry in entries.items():
            assert config[section][name] == entry


def test_its_table_lists_every_network(study):
    (words,) = commands(dry=True)
    said = pages.snakemake(study.parents[1], *words)
    jobs = pages.jobs_of(said)
    assert jobs["import_network"] == 1  # vgg16; resnet18 is there already
    assert jobs["finetune_classification"] == 24
    assert jobs["make_table"] == 1
    assert "draw_manifest" not in jobs and "make_label_set" not in jobs


def test_the_import_tells_what_is_known(study):
    record = read_json(study / OURS / "metrics.json")
    assert (record["n_classes"], record["n_images"]) == (1000, "")
    assert record["given"]["file"] == "published/resnet18.pth"


def test_an_imported_network_gives_torchvisions_scores(study, resnet, monkeypatch):
    """As the page says: torchvision's own model, on the same crop with torchvision's constants."""
    names = run(study, monkeypatch, code_of("import imagenet_transfer"))
    picture = Image.open(study / "flowers/daisy/0.jpg").resize((256, 256), Image.BILINEAR)
    crop = torch.from_numpy(np.array(picture)[16:240, 16:240]).permute(2, 0, 1)[None] / 255
    normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        expected = resnet(normalise(crop))[0]
        torch.testing.assert_close(names["scores"], expected, rtol=1e-5, atol=1e-5)
    assert names["name"] == f"class {expected.argmax()}"
    plain = run(study, monkeypatch, code_of("import torch\n"))["model"]
    with torch.no_grad():
        torch.testing.assert_close(plain(normalise(crop))[0], expected)


def test_the_exported_network_is_caffes(study):
    (line,) = [line for line in pages.commands(PAGE) if "export_caffe" in line]
    words = shlex.split(line)
    assert words[0] == "python"
    environment = os.environ | {"PYTHONPATH": str(study.parents[1])}
    subprocess.run([sys.executable, *words[1:]], cwd=study, env=environment, check=True)
    ours, given = (
        {layer.name: layer.blobs for layer in read_caffemodel(study / name) if layer.blobs}
        for name in ("ours.caffemodel", "published/bvlc_alexnet.caffemodel")
    )
    assert ours.keys() == given.keys()
    for name, blobs in ours.items():
        assert all(map(np.array_equal, blobs, given[name])), name
    assert (study / "ours.prototxt").read_text().startswith("# Input: BGR, 0 to 255, less the mean")


def test_the_page_states_the_input_of_the_networks():
    from imagenet_transfer.models.geometry import IMAGENET_MEAN, IMAGENET_STD

    text = pages.read(PAGE)
    for constants in (IMAGENET_MEAN, IMAGENET_STD):
        assert f"({', '.join(map(str, constants))})" in text
    urls = [
        torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url,
        torchvision.models.VGG16_Weights.IMAGENET1K_V1.url,
    ]
    assert all(url in text for url in urls)
    assert torchvision.models.VGG16_BN_Weights.IMAGENET1K_V1.url.rpartition("/")[2] in text
