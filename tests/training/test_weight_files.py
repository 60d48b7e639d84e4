"""Files of published networks: checkpoints, prefixes, arrays, Caffe's; each gives the same network."""

from argparse import Namespace
from collections import OrderedDict

import numpy as np
import pytest
import torch
import torchvision
from caffe_files import alexnet, written_as_v1
from conftest import TINY
from torchvision.models.vgg import make_layers

from imagenet_transfer.models import build_model
from imagenet_transfer.training.caffemodel import write_caffemodel
from imagenet_transfer.training.imported import given_model

RESNET = {"model": "resnet18", "image_size": 36, "input_size": 32, "width": 8}
STATE = build_model(RESNET, 5).state_dict()


def imported(path, architecture=RESNET):
    """Return the tensors of a file's network and its number of classes."""
    model, num_classes = given_model(path, architecture)
    return model.state_dict(), num_classes


def same(tensors, others):
    return tensors.keys() == others.keys() and all(
        torch.equal(tensors[name], others[name]) for name in tensors
    )


CHECKPOINTS = {  # as scripts write them
    "plain": STATE,
    "examples/imagenet": {
        "epoch": 90,
        "arch": "resnet18",
        "state_dict": OrderedDict((f"module.{name}", tensor) for name, tensor in STATE.items()),
        "best_acc1": torch.tensor(69.8),
        "optimizer": {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": []},
    },
    "torchvision/references": {"model": STATE, "epoch": 3, "args": Namespace(lr=0.1, model="r")},
    "timm": {"state_dict": STATE, "arch": "resnet18", "args": Namespace(a=1), "version": 2},
    "compiled": {"model": {f"_orig_mod.module.{name}": t for name, t in STATE.items()}},
    "module of compiled": {f"module._orig_mod.{name}": t for name, t in STATE.items()},
    "with heads": STATE | {"projector.0.weight": torch.zeros(3, 3), "queue": torch.ones(2).long()},
    "in double precision": {
        name: t.double() if t.is_floating_point() else t for name, t in STATE.items()
    },
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoints_of_scripts(tmp_path, name):
    torch.save(CHECKPOINTS[name], tmp_path / "a.pth.tar")
    tensors, num_classes = imported(tmp_path / "a.pth.tar")
    assert same(tensors, STATE)
    assert num_classes == 5


def test_old_files_of_torch(tmp_path):
    torch.save(CHECKPOINTS["plain"], tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert same(imported(tmp_path / "a.pth")[0], STATE)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_by_name(tmp_path, save):
    arrays = {name: tensor.numpy() for name, tensor in STATE.items()}
    del arrays["bn1.num_batches_tracked"]  # counters may be missing
    arrays["conv1.weight"] = np.asfortranarray(arrays["conv1.weight"])
    arrays["bn1.bias"] = arrays["bn1.bias"].astype(">f4")
    save(tmp_path / "a.npz", **arrays)
    assert same(imported(tmp_path / "a.npz")[0], STATE)


# Caffe's AlexNet

NAMES = {  # of weights and biases, as programs write them
    "here": ("{}.weight", "{}.bias"),
    "slashes": ("{}/weights", "{}/biases"),
    "Caffe2": ("{}_w", "{}_b"),
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("ending", [".npz", ".pth"])
def test_names_of_caffes_layers(tmp_path, names, ending):
    model, layers = alexnet(TINY)
    arrays = {
        name.format(layer.name): blob
        for layer in layers
        for name, blob in zip(names, layer.blobs, strict=False)
    }
    path = tmp_path / f"a{ending}"
    if ending == ".npz":
        np.savez(path, **arrays)
    else:
        torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, path)
    assert same(imported(path, TINY)[0], model.state_dict())


@pytest.mark.parametrize("version", ["2014", "2015"])
def test_files_of_caffe(tmp_path, version):
    path = tmp_path / "a.caffemodel"
    model, layers = alexnet(TINY)
    if version == "2014":
        path.write_bytes(written_as_v1(layers))
    else:
        write_caffemodel(path, "AlexNet", layers)
    tensors, num_classes = imported(path, TINY)
    assert same(tensors, model.state_dict())
    assert num_classes == 5


def test_a_single_class_keeps_its_dimensions(tmp_path):
    model, layers = alexnet(TINY, num_classes=1)
    (tmp_path / "a.caffemodel").write_bytes(written_as_v1(layers))
    assert same(imported(tmp_path / "a.caffemodel", TINY)[0], model.state_dict())


def test_pixels_and_vectors_are_in_caffes_order():
    """BGR less the mean, and fc6 takes pool5 channel by channel, rows before columns."""
    wide = TINY | {"input_size": 48, "image_size": 48, "pixel_std": 1}
    model, _ = alexnet(wide)
    image = torch.zeros(1, 48, 48, 3, dtype=torch.uint8)
    image[..., 0] = 200  # red
    blue, green, red = model.preprocess(image)[0, :, 0, 0].tolist()
    assert (blue, green, red) == (-104, -117, 200 - 123)
    side = model.network.pooled_side
    assert side > 1
    pooled = torch.arange(model.network.channels * side**2).float()
    pooled = pooled.reshape(1, model.network.channels, side, side)
    expected = model.fc6.weight @ pooled.flatten() + model.fc6.bias
    for memory in (torch.contiguous_format, torch.channels_last):
        given = pooled.contiguous(memory_format=memory)
        got = model.run_head(given, upto="fc6")[0]
        torch.testing.assert_close(got, expected.relu())


# torchvision's


def small_vgg(batch_norm):
    """Return torchvision's VGG of 16 layers with an eighth of its channels."""
    plan = [8, 8, "M", 16, 16, "M", *[32] * 3, "M", *[64] * 3, "M", *[64] * 3, "M"]
    model = torchvision.models.VGG(make_layers(plan, batch_norm), 5)
    inputs = 64 * 49
    first, second, last = (torch.nn.Linear(*of) for of in ((inputs, 24), (24, 24), (24, 5)))
    model.classifier[0], model.classifier[3], model.classifier[6] = first, second, last
    return model


NETWORKS = {
    "resnet18": (lambda: torchvision.models.resnet18(num_classes=5), {"model": "resnet18"}),
    "vgg16": (lambda: small_vgg(False), {"model": "vgg16", "width": 0.125, "fc_width": 24}),
    "vgg16_bn": (
        lambda: small_vgg(True),
        {"model": "vgg16", "width": 0.125, "fc_width": 24, "batch_norm": True},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_torchvisions_networks_give_their_own_scores(tmp_path, name):
    make, architecture = NETWORKS[name]
    torch.manual_seed(1)
    theirs = make()
    theirs(torch.randn(4, 3, 224, 224))  # statistics of their own
    torch.save(theirs.eval().state_dict(), tmp_path / "a.pth")
    sizes = {"image_size": 256, "input_size": 224}
    ours, _ = given_model(tmp_path / "a.pth", architecture | sizes)
    crop = torch.randint(0, 256, (2, 224, 224, 3), generator=torch.Generator().manual_seed(3))
    normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        expected = theirs(normalise(crop.permute(0, 3, 1, 2) / 255))
        torch.testing.assert_close(ours.eval()(crop.byte()), expected, rtol=1e-5, atol=1e-5)
    assert expected.std(0).min() > 0
