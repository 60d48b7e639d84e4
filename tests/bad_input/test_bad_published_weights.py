"""Files of networks from elsewhere that are damaged, false or of another network get a sentence."""

import io
import os
import pickle
import shutil
import zipfile

import numpy as np
import pytest
import torch
import torchvision
from caffe_files import alexnet, blob_that_claims, first_pooled, written_as_v1
from conftest import TINY
from helpers import refusal

from imagenet_transfer.models import build_model
from imagenet_transfer.training.caffemodel import write_caffemodel
from imagenet_transfer.training.imported import checksums, given_model, import_network

RESNET = {"model": "resnet18", "image_size": 36, "input_size": 32, "width": 8}
VGG = {
    **{"model": "vgg16", "image_size": 68, "input_size": 64, "width": 0.125},
    **{"fc_width": 12, "batch_norm": False},
}
STATE = build_model(RESNET, 5).state_dict()
ARRAYS = {name: tensor.numpy() for name, tensor in STATE.items()}


class Trap:
    """What a pickle would execute: it makes the file PWNED."""

    def __reduce__(self):
        return os.system, ("touch PWNED",)


def saved(content):
    return lambda path: torch.save(content, path)


def state_of(architecture, **changes):
    return saved(build_model(architecture | changes, 5).state_dict())


def published(name, **options):
    """Return a writer of torchvision's network of that name, without values."""

    def write(path):
        with torch.device("meta"):
            shapes = getattr(torchvision.models, name)(num_classes=3, **options).state_dict()
        # One value each: the file stays small, and shapes are those of the network
        tensors = {key: torch.zeros(()).expand(tensor.shape) for key, tensor in shapes.items()}
        torch.save(tensors, path)

    return write


def content(data):
    return lambda path: path.write_bytes(data)


def arrays(**named):
    return lambda path: np.savez(path.open("wb"), **named)


def caffe(change=lambda layers: layers, cut=None):
    """Return a writer of AlexNet as Caffe's file, its layers changed or its bytes cut."""

    def write(path):
        write_caffemodel(path, "AlexNet", change(alexnet(TINY)[1]))
        path.write_bytes(path.read_bytes()[:cut])

    return write


def twice(layers):
    return [*layers, layers[1]]


def lying(path):
    """Write an .npz whose array claims 2^40 values."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f4", "fortran_order": False, "shape": (2**20, 2**20)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conv1.weight.npy", buffer.getvalue() + bytes(12))


def flipped(path):
    np.savez(path.open("wb"), **ARRAYS)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


OTHER = "take weights of one."
GIVEN = {  # name: the file's ending, what writes it, the architecture, what is said
    "an empty file": (".pth", content(b""), RESNET, "is empty: copy or download it again"),
    "an empty file of Caffe's": (".caffemodel", content(b""), TINY, "is empty"),
    "a page of the web": (".pth", content(b"<html>"), RESNET, "not a file of plain tensors"),
    "another wrapper": (
        ".pth",
        saved({"weights": STATE, "epoch": 3}),
        RESNET,
        "nor does it hold one under state_dict or model_state_dict or model (it has the keys "
        "weights, epoch)",
    ),
    "a wrapped number": (".pth", saved({"state_dict": 3}), RESNET, "not a dictionary of tensors"),
    "an empty checkpoint": (".pth", saved({"model": {}}), RESNET, "not a dictionary of tensors"),
    "a list": (".pth", saved([1, 2]), RESNET, "(it has no names)"),
    "a whole network": (
        ".pth",
        saved(torch.nn.Linear(2, 2)),
        RESNET,
        "is not a file of plain tensors",
    ),
    "code": (".pth", content(pickle.dumps(Trap(), 2)), RESNET, "is not a file of plain tensors"),
    "code in a checkpoint": (
        ".pth",
        saved({"state_dict": STATE, "hook": Trap()}),
        RESNET,
        "is not a file of plain tensors",
    ),
    "half of the names with a prefix": (
        ".pth",
        saved(
            {
                ("module." if "layer" in name else "") + name: tensor
                for name, tensor in STATE.items()
            }
        ),
        RESNET,
        "it lacks layer1.0.conv1.weight, of shape (8, 8, 3, 3)",
    ),
    "without its last layer": (
        ".pth",
        saved({name: tensor for name, tensor in STATE.items() if "fc" not in name}),
        RESNET,
        "not fc.weight, the last layer of resnet18, which tells the number of classes",
    ),
    "without classes": (
        ".pth",
        saved(STATE | {"fc.weight": torch.zeros(0, 64), "fc.bias": torch.zeros(0)}),
        RESNET,
        "fc.weight has no classes",
    ),
    "names of control characters": (
        ".pth",
        saved({"a\nb" * 100: torch.zeros(2), "\x1b[31m": torch.zeros(2)}),
        RESNET,
        "it holds a\\nba\\nb",
    ),
    "a module with control characters": (
        ".pth",
        saved(STATE | {"fc.\n" + "b" * 500: torch.zeros(2)}),
        RESNET,
        "resnet18 has no fc.\\nbb",
    ),
    "keys of control characters": (
        ".pth",
        saved({"\n" * 900: 1, 3: 4}),
        RESNET,
        "it has the keys \\n\\n",
    ),
    "a layer of control characters": (
        ".caffemodel",
        content(blob_that_claims(2**40, name=b"\n" * 500)),
        TINY,
        "a blob of \\n\\n",
    ),
    "without a layer": (
        ".pth",
        saved({name: tensor for name, tensor in STATE.items() if name != "bn1.running_var"}),
        RESNET,
        "it lacks bn1.running_var, of shape (8,)",
    ),
    "another width": (
        ".pth",
        state_of(RESNET, width=16),
        RESNET,
        "conv1.weight should have shape (8, 3, 7, 7) but the file holds (16, 3, 7, 7): correct "
        "the architecture's `width`",
    ),
    "another kernel": (
        ".pth",
        state_of(RESNET, conv1_kernel=3),
        RESNET,
        "correct the architecture's `conv1_kernel`",
    ),
    "other crops": (
        ".pth",
        state_of(VGG, input_size=32),
        VGG,
        "file holds (12, 64): correct the architecture's `input_size` or `width`",
    ),
    "normalised": (
        ".pth",
        state_of(VGG, batch_norm=True),
        VGG,
        "the file fits an architecture with `batch_norm: true`; set it so",
    ),
    "not normalised": (
        ".pth",
        state_of(VGG),
        VGG | {"batch_norm": True},
        "the file fits an architecture with `batch_norm: false`; set it so",
    ),
    "a value per image": (
        ".pth",
        saved(STATE | {"fc.bias": torch.full((5,), float("nan"))}),
        RESNET,
        "fc.bias holds values that are infinite or not numbers",
    ),
    "whole numbers": (
        ".pth",
        saved(STATE | {"fc.bias": torch.zeros(5).int()}),
        RESNET,
        "fc.bias holds values of type torch.int32",
    ),
    "torchvision's AlexNet": (
        ".pth",
        published("alexnet"),
        TINY,
        "it holds torchvision's AlexNet, without groups and local response normalisation, another "
        "network than alexnet here, which is Caffe's: take bvlc_alexnet.caffemodel",
    ),
    "torchvision's AlexNet as VGG": (".pth", published("alexnet"), VGG, OTHER),
    "ResNet-34": (".pth", published("resnet34"), RESNET | {"width": 64}, "it holds ResNet-34"),
    "ResNet-50": (".pth", published("resnet50"), RESNET, "such as ResNet-50"),
    "ResNet-18 as AlexNet": (
        ".pth",
        published("resnet18"),
        TINY,
        "it holds ResNet-18, not alexnet: name it under an architecture of model resnet18",
    ),
    "VGG-19": (".pth", published("vgg19_bn"), VGG, "it holds VGG-19"),
    "VGG-16 as ResNet": (".pth", published("vgg16"), RESNET, "of model vgg16"),
    "Caffe's AlexNet as ResNet": (".pth", state_of(TINY), RESNET, "of model alexnet"),
    "objects as arrays": (
        ".npz",
        arrays(**{"conv1.weight": np.array([Trap()], dtype=object)}),
        RESNET,
        "conv1.weight.npy holds Python objects, which are not read",
    ),
    "complex numbers as arrays": (
        ".npz",
        arrays(**{"conv1.weight": np.zeros(3, complex)}),
        RESNET,
        "conv1.weight.npy holds type complex128",
    ),
    "whole numbers as arrays": (
        ".npz",
        arrays(**ARRAYS | {"conv1.weight": ARRAYS["conv1.weight"].astype(int)}),
        RESNET,
        "conv1.weight holds values of type torch.int64",
    ),
    "an array of 2^40 values": (".npz", lying, RESNET, "claims 4,398,046,511,104 bytes but has 12"),
    "a flipped bit": (".npz", flipped, RESNET, "Bad CRC-32"),
    "arrays of PyTorch": (".npz", saved(STATE), RESNET, "is not a file of arrays by name"),
    "no archive": (".npz", content(b"PK"), RESNET, "File is not a zip file"),
    "TensorFlow's order": (
        ".npz",
        arrays(**{"conv1/weights": np.zeros((5, 5, 3, 4), "f4"), "fc8/weights": np.ones((2, 16))}),
        TINY,
        "conv1.weight should have shape (4, 3, 5, 5) but the file holds (5, 5, 3, 4)",
    ),
    "half of Caffe's file": (".caffemodel", caffe(cut=9_000), TINY, "is not a whole file of Caffe"),
    "a blob of 2^40 values": (
        ".caffemodel",
        content(blob_that_claims(2**20, 2**20)),
        TINY,
        "a blob of conv1 claims 1,099,511,627,776 values but has 3",
    ),
    "CaffeNet": (
        ".caffemodel",
        caffe(first_pooled),
        TINY,
        "pools before it normalises, as CaffeNet does",
    ),
    "CaffeNet of 2014": (
        ".caffemodel",
        content(written_as_v1(first_pooled(alexnet(TINY)[1]))),
        TINY,
        "take bvlc_alexnet.caffemodel",
    ),
    "a layer twice": (".caffemodel", caffe(twice), TINY, "two layers conv1 with weights"),
    "another width of Caffe's": (
        ".caffemodel",
        caffe(),
        TINY | {"fc_width": 32},
        "fc6.weight should have shape (32, 48) but the file holds (16, 48): correct the "
        "architecture's `fc_width`",
    ),
    "Caffe's file for ResNet": (
        ".caffemodel",
        caffe(),
        RESNET,
        "name it under an architecture of model alexnet, or take weights of torchvision",
    ),
    "a checkpoint called Caffe's": (
        ".caffemodel",
        saved(STATE),
        TINY,
        "is not a whole file of Caffe's weights",
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", GIVEN)
def test_what_is_not_the_network_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    ending, write, architecture, sentence = GIVEN[name]
    path = tmp_path / f"given{ending}"
    write(path)
    refusal(lambda: given_model(path, architecture), path, sentence, longest=600)
    assert list(tmp_path.iterdir()) == [path], "nothing was executed"


def test_nothing_half_written_stays(tmp_path):
    path = tmp_path / "given/a.caffemodel"
    path.parent.mkdir()
    caffe(first_pooled)(path)
    names = {"arch": "tiny", "subset": "mine"}
    files = checksums(path, "none")
    folder = tmp_path / "imported"
    settings = {"architecture": TINY}
    refusal(lambda: import_network(path, settings, files, names, folder), "CaffeNet")
    assert not folder.exists()


def test_huge_files_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / "huge.pth"
    with path.open("wb") as file:
        file.truncate(2**32 + 1)  # takes no room on the disk
    refusal(lambda: given_model(path, RESNET), path, "4,294,967,297 bytes")
    monkeypatch.setattr("imagenet_transfer.training.weight_files.MOST_BYTES", 2**20)
    zeros = tmp_path / "bomb.npz"
    np.savez_compressed(zeros, **{"conv1.weight": np.zeros(2**20, "f4")})
    assert zeros.stat().st_size < 2**16
    refusal(lambda: given_model(zeros, RESNET), zeros, "it unpacks to more than 1,048,576 bytes")


def test_what_is_no_file(tmp_path):
    """A pipe would be waited for."""
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    names = {"arch": "tiny", "subset": "mine"}
    for name, sentence in {"pipe": "but a pipe", "folder": "but a folder"}.items():
        path = tmp_path / f"{name}.npz"
        refusal(
            lambda path=path: import_network(path, {}, {}, names, tmp_path / "imported"),
            "subsets.mine.weights",
            sentence,
        )
    shutil.rmtree(tmp_path / "folder.npz")
