"""AlexNet in Caffe's files: its weights as .caffemodel, and the network that they belong to.

The network is that of BVLC/caffe's models/bvlc_alexnet/deploy.prototxt, in the sizes of an
architecture. OpenCV 4.14, which reads Caffe's files, gives the scores of the torch module to 2e-5.
"""

from collections.abc import Iterator
from pathlib import Path

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import write_text
from imagenet_transfer.models.alexnet import GROUPS, KERNELS
from imagenet_transfer.models.backbone import Backbone
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.models.normalisation import LRN_ALPHA, LRN_BETA, LRN_SIZE
from imagenet_transfer.training.caffemodel import CaffeLayer, write_caffemodel

NAME = "AlexNet"
CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
NORMALISED = ("conv1", "conv2")
POOLED = ("conv1", "conv2", "conv5")
LINEAR = ("fc6", "fc7", "fc8")
POOLING = "pooling_param { pool: MAX kernel_size: 3 stride: 2 }"
NORMALISATION = f"lrn_param {{ local_size: {LRN_SIZE} alpha: {LRN_ALPHA} beta: {LRN_BETA} }}"


def write_for_caffe(model: Backbone, path: Path) -> None:
    """Write a network's weights to `path` (.caffemodel) and its layers to the .prototxt next to it.

    Raises UserError for a network that is not Caffe's AlexNet, and for another ending.
    """
    network = model.network
    if not network.has_caffe_layers:
        raise UserError(
            f"A network of model {network.model} has no counterpart among Caffe's layers here: "
            "export one of model alexnet, or take weights.pt, which torchvision reads."
        )
    if path.suffix != ".caffemodel":
        raise UserError(f"{path} should end in .caffemodel: the network goes to a .prototxt.")
    outputs = model.last.out_features
    kinds = [(name, kind) for name, kind, _, _ in layers(network, outputs)]
    write_caffemodel(path, NAME, [_with_weights(model, name, kind) for name, kind in kinds])
    write_text(path.with_suffix(".prototxt"), prototxt(network, outputs))


def _with_weights(model: Backbone, name: str, kind: str) -> CaffeLayer:
    if name not in (*CONVOLUTIONS, *LINEAR):
        return CaffeLayer(name, kind)
    layer = model.get_submodule(name)
    blobs = (layer.weight, layer.bias)
    return CaffeLayer(name, kind, tuple(blob.detach().cpu().numpy() for blob in blobs))


def prototxt(network: Network, num_classes: int) -> str:
    """Return a network's layers as Caffe's text; what its pixels have to be is a comment."""
    mean = ", ".join(f"{value:g}" for value in network.pixel_mean)
    lines = [
        f"# Input: BGR, 0 to 255, less the mean {mean}, times {1 / network.pixel_std:.9g}.",
        f'name: "{NAME}"',
    ]
    before = ""
    for name, kind, output, settings in layers(network, num_classes):
        bottom = f'bottom: "{before}" ' if before else ""
        lines.append(f'layer {{ name: "{name}" type: "{kind}" {bottom}top: "{output}" {settings}}}')
        before = output
    return "\n".join(lines) + "\n"


def layers(network: Network, num_classes: int) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, type, output and settings of each layer; each takes the output before it."""
    size = network.input_size
    shape = f"input_param {{ shape {{ dim: 1 dim: 3 dim: {size} dim: {size} }} }} "
    yield "data", "Input", "data", shape
    for place, name in enumerate(CONVOLUTIONS):
        yield name, "Convolution", name, f"convolution_param {{ {_convolution(network, place)} }} "
        yield from _after(name)
    for place, name in enumerate(LINEAR):
        units = (network.fc_width, network.fc_width, num_classes)[place]
        yield name, "InnerProduct", name, f"inner_product_param {{ num_output: {units} }} "
        if name != LINEAR[-1]:
            yield f"relu{name[-1]}", "ReLU", name, ""
            yield (
                f"drop{name[-1]}",
                "Dropout",
                name,
                f"dropout_param {{ dropout_ratio: {network.dropout} }} ",
            )
    yield "prob", "Softmax", "prob", ""


def _convolution(network: Network, place: int) -> str:
    kernel = KERNELS[place] or network.conv1_kernel
    stride = network.conv1_stride if place == 0 else 1
    pad = kernel // 2 if place else 0
    return (
        f"num_output: {network.conv_channels[place]} kernel_size: {kernel} stride: {stride} "
        f"pad: {pad} group: {GROUPS[place]}"
    )


def _after(name: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield the layers after a convolution: ReLU, then normalisation and then pooling."""
    number = name.removeprefix("conv")
    yield f"relu{number}", "ReLU", name, ""
    if name in NORMALISED:
        yield f"norm{number}", "LRN", f"norm{number}", f"{NORMALISATION} "
    if name in POOLED:
        yield f"pool{number}", "Pooling", f"pool{number}", f"{POOLING} "
