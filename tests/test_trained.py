"""A trained network outside of its study: its classes, its view of pictures, Caffe's files."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import RECIPE, ROOT, TINY
from helpers import image_bytes, refusal, smooth_picture
from PIL import Image

import imagenet_transfer
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.features.embeddings import classify
from imagenet_transfer.files import read_json, sha256_of, write_csv, write_json
from imagenet_transfer.labels.manifests import draw_manifest, write_manifest
from imagenet_transfer.models import build_model
from imagenet_transfer.training.caffemodel import read_caffemodel
from imagenet_transfer.training.checkpoints import save_weights
from imagenet_transfer.training.imported import checksums, given_model, import_network
from imagenet_transfer.training.stages import pretrain

NAMES = {"dog.n.01": ("n1", "n2"), "cat.n.01": ("n3",)}  # classes, each of these fine ones
SETTINGS = {"architecture": TINY, "recipe": RECIPE, "seed": 3}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A store of pictures of three fine classes and the folder of a network trained on it."""
    folder = tmp_path_factory.mktemp("trained")
    rows = []
    for number in range(12):
        name = f"p{number:02d}.png"
        (folder / name).write_bytes(image_bytes(smooth_picture(number, 40, 50), "PNG"))
        rows.append(("val" if number < 3 else "train", name[:-4], f"n{number % 3 + 1}", name))
    build_store(
        make_listing(rows, ["n1", "n2", "n3"]),
        *(folder, folder / "store"),
        {"codec": "raw", "size": 28},
        workers=1,
        progress=False,
    )
    labels = [
        (wnid, label, f"n{7 + label}", name)
        for label, (name, members) in zip((1, 0), NAMES.items(), strict=True)
        for wnid in members
    ]
    labels = pd.DataFrame(labels, columns=["wnid", "label", "class_wnid", "class_name"])
    write_csv(folder / "labels.csv", labels)
    images = Store(folder / "store").images
    drawn = draw_manifest(images[images["split"] == "train"], labels, {}, 1)
    write_manifest(drawn, folder / "all.csv.gz", folder / "all.json")
    names = {"stage": "pretrain", "arch": "tiny", "subset": "all", "rep": 1}
    inputs = (folder / "store", folder / "all.csv.gz", folder / "labels.csv")
    pretrain(*inputs, SETTINGS, names, folder / "run", threads=1, minutes=None)
    return folder


def test_classes_are_named_in_the_order_of_the_scores(study):
    network = imagenet_transfer.load(study / "run")
    assert network.classes == (("n7", "cat.n.01"), ("n8", "dog.n.01"))
    assert network.classes[0].name == "cat.n.01"
    assert network.model.last.out_features == 2
    assert network.record["n_images"] == 9


def test_a_picture_is_seen_as_in_the_study(study):
    """Its prediction is that of `classify`, which reads the store."""
    network = imagenet_transfer.load(study / "run")
    wnids = [entry.id for entry in network.classes]
    store = Store(study / "store")
    expected = classify(store, study / "run/weights.pt", TINY, wnids)
    for image, predicted in zip(expected["image"], expected["predicted"], strict=True):
        batch = network.preprocess(study / f"{image}.png")
        row = list(store.images["image"]).index(image)
        assert batch.shape == (1, 24, 24, 3) and batch.dtype == torch.uint8
        assert np.array_equal(batch[0], store.batch(np.array([row]))[0][2:26, 2:26])
        assert wnids[network.model(batch).argmax()] == predicted


def test_pictures_in_memory_are_pictures(study):
    network = imagenet_transfer.load(study / "run")
    path = study / "p00.png"
    assert torch.equal(network.preprocess(Image.open(path)), network.preprocess(str(path)))
    grey = network.preprocess(Image.open(path).convert("L"))
    assert torch.equal(grey[..., 0], grey[..., 2])
    (study / "text.png").write_text("no picture")
    refusal(lambda: network.preprocess(study / "text.png"), "text.png is not a picture that can")
    refusal(lambda: network.preprocess(study / "none.png"), "none.png is not a picture", "No such")


def test_an_evaluated_network_does_not_change(study):
    model = imagenet_transfer.load(study / "run").model
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_names_of_classes_go_with_given_weights(study, tmp_path):
    names = {"arch": "tiny", "subset": "mine", "rep": 1}
    given = study / "run/weights.pt"
    files = checksums(given, "none")
    import_network(given, {"architecture": TINY}, files, names, tmp_path / "imported")
    assert imagenet_transfer.load(tmp_path / "imported").classes[1].name == "dog.n.01"
    save_weights(tmp_path / "alone/weights.pt", build_model(TINY, 4))
    given = tmp_path / "alone/weights.pt"
    files = checksums(given, "none")
    import_network(given, {"architecture": TINY}, files, names, tmp_path / "nameless")
    network = imagenet_transfer.load(tmp_path / "nameless")
    assert network.classes == () and network.model.last.out_features == 4


def test_what_is_no_run_gets_a_sentence(study, tmp_path):
    refusal(lambda: imagenet_transfer.load(tmp_path), "There is no", "pre-trained or imported")
    save_weights(tmp_path / "weights.pt", build_model(TINY, 2))
    refusal(lambda: imagenet_transfer.load(tmp_path), "metrics.json cannot be read")
    write_json(tmp_path / "metrics.json", read_json(study / "run/metrics.json"))
    refusal(lambda: imagenet_transfer.load(tmp_path), "not the file that the metrics.json next to")
    record = read_json(study / "run/metrics.json") | {"weights": sha256_of(tmp_path / "weights.pt")}
    del record["classes"]  # as older ones are
    write_json(tmp_path / "metrics.json", record)
    assert imagenet_transfer.load(tmp_path).classes == ()


def test_the_package_is_imported_without_torch():
    said = "import sys, imagenet_transfer; print('torch' in sys.modules, imagenet_transfer.load)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("False <function load")


# Caffe's files


def test_caffes_files_are_read_back(study, tmp_path):
    imagenet_transfer.export_caffe(study / "run", tmp_path / "a.caffemodel")
    model, num_classes = given_model(tmp_path / "a.caffemodel", TINY)
    own = imagenet_transfer.load(study / "run").model.state_dict()
    assert num_classes == 2
    assert all(torch.equal(own[name], tensor) for name, tensor in model.state_dict().items())
    kinds = [layer.kind for layer in read_caffemodel(tmp_path / "a.caffemodel")]
    assert kinds.index("LRN") < kinds.index("Pooling")


def test_caffes_network_has_its_sizes(study, tmp_path):
    imagenet_transfer.export_caffe(study / "run", tmp_path / "a.caffemodel")
    lines = (tmp_path / "a.prototxt").read_text().splitlines()
    assert lines[0] == "# Input: BGR, 0 to 255, less the mean 104, 117, 123, times 0.0172413793."
    assert "dim: 1 dim: 3 dim: 24 dim: 24" in lines[2]
    assert "num_output: 4 kernel_size: 5 stride: 1 pad: 0 group: 1" in lines[3]
    layers = {line.split('"')[1]: line for line in lines[2:]}
    assert 'bottom: "norm1" top: "pool1"' in layers["pool1"]
    assert 'bottom: "pool1" top: "conv2"' in layers["conv2"]
    assert "num_output: 12 kernel_size: 5 stride: 1 pad: 2 group: 2" in layers["conv2"]
    assert 'bottom: "pool5" top: "fc6"' in layers["fc6"]
    assert "num_output: 2 " in layers["fc8"]
    files = read_caffemodel(tmp_path / "a.caffemodel")
    assert [layer.name for layer in files] == list(layers)
    shapes = {layer.name: layer.blobs[0].shape for layer in files if layer.blobs}
    assert shapes["conv1"] == (4, 3, 5, 5)
    assert len(shapes) == 8


def test_what_caffe_has_no_layers_for_is_refused(study, tmp_path):
    resnet = {"model": "resnet18", "image_size": 36, "input_size": 32, "width": 8}
    save_weights(tmp_path / "weights.pt", build_model(resnet, 2))
    record = {"settings": {"architecture": resnet}, "n_classes": 2}
    write_json(tmp_path / "metrics.json", record)
    target = tmp_path / "a.caffemodel"
    said = refusal(lambda: imagenet_transfer.export_caffe(tmp_path, target), "of model resnet18")
    assert "take weights.pt, which torchvision reads" in said
    wrong = tmp_path / "a.model"
    refusal(lambda: imagenet_transfer.export_caffe(study / "run", wrong), "end in .caffemodel")
    assert not target.exists() and not wrong.exists()
