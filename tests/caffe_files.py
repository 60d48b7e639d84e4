"""Caffe's files for tests: layers of a network, and what Google's protobuf writes of small ones."""

import torch

from imagenet_transfer.models import build_model
from imagenet_transfer.training.caffe_export import CONVOLUTIONS, LINEAR, layers
from imagenet_transfer.training.caffemodel import CaffeLayer
from imagenet_transfer.training.protobuf import packed, written

# A NetParameter of four V1LayerParameter: conv1 (2,1,1,3 and a bias of 2, with `diff` and
# `blobs_lr`), norm1, pool1, fc6 (1,1,2,2). protobuf 7.36 wrote it with Caffe's field numbers ...
PACKED = bytes.fromhex(
    "0a07416c65784e657412721204646174611a05636f6e76312205636f6e76312804323c0802100118012003"
    "2a180000003f000080bf0000004000004040000080400000a0403218000010410000104100001041000010"
    "410000104100001041321208011001180120022a080000e040000000413d0000803f3d0000004012092205"
    "6e6f726d31280f12092205706f6f6c31281112232203666336280e321a08011001180220022a100000803f"
    "000000400000404000008040"
)
# ... and once more with data that is not packed
UNPACKED = bytes.fromhex(
    "0a07416c65784e657412761204646174611a05636f6e76312205636f6e7631280432400802100118012003"
    "2d0000003f2d000080bf2d000000402d000040402d000080402d0000a04032180000104100001041000010"
    "41000010410000104100001041321208011001180120022d0000e0402d000000413d0000803f3d00000040"
    "120922056e6f726d31280f12092205706f6f6c31281112252203666336280e321c08011001180220022d00"
    "00803f2d000000402d000040402d00008040"
)
TYPES_V1 = {"Convolution": 4, "InnerProduct": 14, "LRN": 15, "Pooling": 17, "ReLU": 18}


def alexnet(architecture, num_classes=5):
    """Return a network with random values, and its layers as Caffe saves them."""
    torch.manual_seed(2)
    model = build_model(architecture, num_classes).eval()
    kinds = [(name, kind) for name, kind, *_ in layers(model.network, num_classes)]
    return model, [CaffeLayer(name, kind, blobs_of(model, name)) for name, kind in kinds]


def blobs_of(model, name):
    if name not in (*CONVOLUTIONS, *LINEAR):
        return ()
    layer = model.get_submodule(name)
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def first_pooled(layers):
    """Return layers in the order of CaffeNet: pooling before normalisation."""
    names = [layer.name for layer in layers]
    swapped = list(layers)
    for number in "12":
        norm, pool = names.index(f"norm{number}"), names.index(f"pool{number}")
        swapped[norm], swapped[pool] = layers[pool], layers[norm]
    return swapped


def written_as_v1(layers):
    """Return the bytes of layers as Caffe wrote them in 2014: V1LayerParameter, four sizes."""
    parts = [written(1, b"AlexNet")]
    for layer in layers:
        fields = [written(4, layer.name.encode()), written(5, TYPES_V1.get(layer.kind, 0))]
        for blob in layer.blobs:
            sizes = (1,) * (4 - blob.ndim) + blob.shape
            shape = b"".join(written(i, size) for i, size in enumerate(sizes, start=1))
            fields.append(written(6, shape + written(5, blob.astype("<f4").tobytes())))
        parts.append(written(2, b"".join(fields)))
    return b"".join(parts)


def blob_that_claims(*shape, name=b"conv1"):
    """Return a file of one layer whose blob claims a shape but holds three numbers."""
    blob = written(5, bytes(12)) + written(7, written(1, packed(shape)))
    return written(100, written(1, name) + written(2, b"Convolution") + written(7, blob))
