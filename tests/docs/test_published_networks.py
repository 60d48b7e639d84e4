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
from helpers import image_bytes, smooth_picture
from PIL import Image

from imagenet_transfer.files import read_json
from imagenet_transfer.models import build_model
from imagenet_transfer.models.geometry import IMAGENET_MEAN, IMAGENET_STD
from imagenet_transfer.training.caffemodel import read_caffemodel
from imagenet_transfer.training.checkpoints import load_weights, save_weights

PAGE = "docs/extending.md"
IMPORTED = "results/pretrain/resnet18/torchvision/rep1"
OURS = "results/pretrain/alexnet/ours/rep1"


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(6)
    model = torchvision.models.resnet18(num_classes=1000)
    model(torch.randn(4, 3, 64, 64))  # statistics of its own
    return model.eval()


@pytest.fixture(scope="module")
def study(tmp_path_factory, resnet):
    """The folder of the page's study with two networks, given as files and imported."""
    code = pages.copy_of_code(tmp_path_factory.mktemp("published") / "code")
    config = yaml.safe_load((code / "config.yaml").read_text()) | {"study": "mine"}
    for block in pages.blocks(PAGE):
        if block.language == "yaml" and "weights:" in block.text:
            for section, entries in yaml.safe_load(block.text).items():
                config[section] |= entries
    (code / "mine.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    folder = code / "runs/mine"
    for name in ("published", "flowers/daisy"):
        (folder / name).mkdir(parents=True)
    torch.save({"state_dict": resnet.state_dict()}, folder / "published/resnet18.pth")
    torch.manual_seed(7)
    alexnet = build_model(config["architectures"]["alexnet"], 64)
    save_weights(folder / "given/alexnet/ours/weights.pt", alexnet)
    (folder / "flowers/daisy/0.jpg").write_bytes(image_bytes(smooth_picture(3, 300, 400)))
    targets = [f"{path}/metrics.json" for path in (IMPORTED, OURS)]
    (shown,) = [line for line in pages.commands(PAGE) if targets[0] in line]
    pages.snakemake(code, targets[1], *shown.split()[1:])
    return folder


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


def test_the_import_tells_what_is_known_and_asks_for_no_image(study):
    record = read_json(study / IMPORTED / "metrics.json")
    assert (record["n_classes"], record["n_images"]) == (1000, "")
    assert record["given"]["file"] == "published/resnet18.pth"
    assert not (study / "stores").exists() and not (study / "results/manifests").exists()


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
    (line,) = [line for line in pages.commands(PAGE) if "imagenet_transfer caffe" in line]
    words = shlex.split(line)
    assert words[0] == "python"
    environment = os.environ | {"PYTHONPATH": str(study.parents[1])}
    subprocess.run([sys.executable, *words[1:]], cwd=study, env=environment, check=True)
    given = load_weights(study / "given/alexnet/ours/weights.pt")
    layers = {one.name: one.blobs for one in read_caffemodel(study / "ours.caffemodel")}
    assert sum(map(len, layers.values())) == len(given) == 16
    for name, tensor in given.items():
        layer, _, kind = name.partition(".")
        assert np.array_equal(layers[layer][kind == "bias"], tensor), name
    assert (study / "ours.prototxt").read_text().startswith("# Input: BGR, 0 to 255, less the mean")


def test_the_page_states_files_and_input_of_the_networks():
    text = pages.read(PAGE)
    for constants in (IMAGENET_MEAN, IMAGENET_STD):
        assert f"({', '.join(map(str, constants))})" in text
    models = torchvision.models
    assert models.ResNet18_Weights.IMAGENET1K_V1.url in text
    assert models.VGG16_Weights.IMAGENET1K_V1.url in text
    assert models.VGG16_BN_Weights.IMAGENET1K_V1.url.rpartition("/")[2] in text
