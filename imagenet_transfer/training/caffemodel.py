"""Caffe's files of weights: a NetParameter of src/caffe/proto/caffe.proto (BVLC/caffe), in binary.

Only what weights need is read: names, kinds and blobs of layers. Files of 2014 have V1LayerParameter
in the field `layers` and four sizes per blob, later ones LayerParameter in `layer` and a shape.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_transfer.data.layouts.listing import printable
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import atomic_write, check_regular
from imagenet_transfer.training.protobuf import Damaged, Value, fields, packed, varints, written

MOST_BYTES = 2**31 - 1  # protobuf's own limit of a message
MOST_LAYERS = 10_000
MOST_AXES = 32  # Caffe's kMaxBlobAxes

# Numbers of fields
LAYERS_V1 = 2
LAYERS = 100
OLDEST = 1  # of a V1LayerParameter: what Caffe wrote before 2014
SIZES = (1, 2, 3, 4)  # of a BlobProto: num, channels, height, width
FLOATS, SHAPE, DOUBLES = 5, 7, 8
FIELDS_OF_LAYER = {LAYERS_V1: (4, 5, 6), LAYERS: (1, 2, 7)}  # name, type, blobs
KINDS_V1 = {4: "Convolution", 14: "InnerProduct", 15: "LRN", 17: "Pooling"}  # of its LayerType


@dataclass(frozen=True)
class CaffeLayer:
    """A layer: its name, its type ("" if it is of no matter here) and its float arrays."""

    name: str
    kind: str
    blobs: tuple[np.ndarray, ...] = ()


def read_caffemodel(path: Path | str) -> list[CaffeLayer]:
    """Return the layers of a .caffemodel in its order; UserError if it is damaged or another file.

    Arrays are views of the file's content, float32 (or float64 as Caffe wrote it).
    """
    try:
        if check_regular(path).stat().st_size > MOST_BYTES:
            raise Damaged(f"it has more than {MOST_BYTES:,} bytes")
        layers = list(_layers(memoryview(Path(path).read_bytes())))
    except (Damaged, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path} is not a whole file of Caffe's weights ({reason}): copy or download it again."
        ) from error
    return layers


def _layers(message: memoryview) -> Iterable[CaffeLayer]:
    found = 0
    for number, value in fields(message):
        if number in FIELDS_OF_LAYER:
            found += 1
            if found > MOST_LAYERS:
                raise Damaged(f"it has more than {MOST_LAYERS:,} layers")
            yield _layer(_message(value), number)
    if not found:
        raise Damaged("it has no layers")


def _layer(message: memoryview, version: int) -> CaffeLayer:
    of_name, of_kind, of_blobs = FIELDS_OF_LAYER[version]
    name, kind, blobs = "", "", []
    for number, value in fields(message):
        if number == of_name:
            name = _text(value)
        elif number == of_kind:
            kind = KINDS_V1.get(value, "") if isinstance(value, int) else _text(value)
        elif number == of_blobs:
            blobs.append(_message(value))
        elif version == LAYERS_V1 and number == OLDEST:
            raise Damaged(
                "it is of a Caffe before 2014; upgrade it with Caffe's upgrade_net_proto_binary"
            )
    return CaffeLayer(name, kind, tuple(_blob(blob, name) for blob in blobs))


def _blob(message: memoryview, layer: str) -> np.ndarray:
    """Return the array of a BlobProto."""
    sizes = dict.fromkeys(SIZES, 0)
    shape: list[int] | None = None
    values: dict[int, list[memoryview]] = {FLOATS: [], DOUBLES: []}
    for number, value in fields(message):
        if number in sizes and isinstance(value, int):
            sizes[number] = value
        elif number == SHAPE:
            shape = _shape(_message(value))
        elif number in values:
            values[number].append(_message(value))
    shape = list(sizes.values()) if shape is None else shape
    dtype = "<f8" if values[DOUBLES] else "<f4"
    parts = values[DOUBLES] or values[FLOATS]
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    claimed = math.prod(shape)
    if claimed * np.dtype(dtype).itemsize != len(data):
        held = len(data) // np.dtype(dtype).itemsize
        asked = f"{claimed:,}" if claimed < 2**64 else "too many"
        name = printable(layer) or "a layer"
        raise Damaged(f"a blob of {name} claims {asked} values but has {held:,}")
    return np.frombuffer(data, dtype).reshape(shape if claimed else [0])


def _shape(message: memoryview) -> list[int]:
    """Return the sizes of a BlobShape, packed or not."""
    sizes: list[int] = []
    for number, value in fields(message):
        if number == 1:
            each = [value] if isinstance(value, int) else varints(value)
            sizes += itertools.islice(each, MOST_AXES + 1)
        if len(sizes) > MOST_AXES:
            raise Damaged(f"a blob has more than {MOST_AXES} axes")
    return sizes


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise Damaged("a number stands where a message should")
    return value


def _text(value: Value) -> str:
    try:
        return str(_message(value), "utf-8")
    except UnicodeDecodeError as error:
        raise Damaged("the name of a layer is not text") from error


# Writing


def write_caffemodel(path: Path | str, name: str, layers: Sequence[CaffeLayer]) -> None:
    """Write layers as Caffe does today, in float32: LayerParameter, blobs with shapes."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        file.write(written(1, name.encode()))
        for layer in layers:
            file.write(written(LAYERS, _written_layer(layer)))


def _written_layer(layer: CaffeLayer) -> bytes:
    of_name, of_kind, of_blobs = FIELDS_OF_LAYER[LAYERS]
    blobs = [written(of_blobs, _written_blob(blob)) for blob in layer.blobs]
    head = written(of_name, layer.name.encode()) + written(of_kind, layer.kind.encode())
    return b"".join([head, *blobs])


def _written_blob(blob: np.ndarray) -> bytes:
    data = np.ascontiguousarray(blob, "<f4").tobytes()
    return written(FLOATS, data) + written(SHAPE, written(1, packed(blob.shape)))
