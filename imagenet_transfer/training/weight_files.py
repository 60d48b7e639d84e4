"""Files of weights as other programs save them, read without executing anything in them.

- torch.save's, with the tensors by name or inside a checkpoint (`WRAPPERS`), whose names may begin
  with those of modules around the network (`PREFIXES`);
- .npz, arrays by name;
- .caffemodel, Caffe's own, for networks with Caffe's layers.
"""

import math
import re
import zipfile
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from imagenet_transfer.data.layouts.listing import first_names, printable
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import check_regular
from imagenet_transfer.models.geometry import Network
from imagenet_transfer.training.caffemodel import CaffeLayer, read_caffemodel
from imagenet_transfer.training.checkpoints import Unreadable, load_plain

MOST_BYTES = 2**32  # of a file and of what it unpacks to; the largest network here has 0.6 GB
WRAPPERS = ("state_dict", "model_state_dict", "model")  # of checkpoints: what holds the tensors
PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel and torch.compile
ADVICE = "save its weights with torch.save(model.state_dict(), ...)"
# A layer of Caffe's AlexNet as programs write it: conv1.weight, conv1/weights, conv1_w
CAFFE_NAME = re.compile(r"(conv[1-5]|fc[678])[./_](?:(weights?|w)|(bias|biases|b))")


def read_weights(path: Path, network: Network) -> dict[str, Tensor]:
    """Return the tensors of a file under the names of a network's own, as far as they are known.

    Raises UserError for a file that cannot be read, or that holds no tensors by name.
    """
    _check_size(path)
    read = READERS.get(path.suffix.lower(), _read_torch)
    tensors = _without_prefix(read(path, network))
    return _named_as_here(tensors) if network.has_caffe_layers else tensors


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise UserError(f"{path} is empty: copy or download it again.")
    if size > MOST_BYTES:
        raise UserError(
            f"{path} has {size:,} bytes, more than any file of weights that is taken "
            f"({MOST_BYTES:,}): {ADVICE}."
        )


# PyTorch's files


def _read_torch(path: Path, network: Network) -> dict[str, Tensor]:
    try:
        # Checkpoints hold their script's options in it: names and values, and no code.
        content = load_plain(path, [Namespace])
    except Unreadable as error:
        raise UserError(
            f"{path} is not a file of plain tensors ({error}): {ADVICE}; a file of Caffe's has to "
            "end in .caffemodel, one of NumPy's in .npz."
        ) from error
    return _unwrapped(path, content)


def _unwrapped(path: Path, content: Any) -> dict[str, Tensor]:
    """Return the tensors of a file, or those inside it if it is a checkpoint."""
    inside = [content.get(key) for key in WRAPPERS] if isinstance(content, Mapping) else []
    for candidate in (content, *inside):
        if isinstance(candidate, Mapping):
            tensors = {str(key): value for key, value in candidate.items()}
            if tensors and all(isinstance(value, Tensor) for value in tensors.values()):
                return tensors
    keys = list(map(str, content)) if isinstance(content, Mapping) else []
    found = f"the keys {first_names(keys)}" if keys else "no names"
    raise UserError(
        f"{path} is not a dictionary of tensors, nor does it hold one under "
        f"{' or '.join(WRAPPERS)} (it has {found}): {ADVICE}."
    )


def _without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors without the prefixes that all names have."""
    for prefix in PREFIXES * 2:  # in either order
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return dict(tensors)


# NumPy's files


def _read_npz(path: Path, network: Network) -> dict[str, Tensor]:
    try:
        with zipfile.ZipFile(check_regular(path)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"it unpacks to more than {MOST_BYTES:,} bytes")
            return {name.removesuffix(".npy"): _array(archive, name) for name in archive.namelist()}
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:150]
        raise UserError(
            f"{path} is not a file of arrays by name ({reason}): save it with "
            "numpy.savez(path, **arrays)."
        ) from error


def _array(archive: zipfile.ZipFile, name: str) -> Tensor:
    """Return an array of an .npz; ValueError for anything but numbers, such as a pickle."""
    with archive.open(name) as file:
        shape, fortran, dtype = _header(file)
        if dtype.kind not in "fi":  # counters of normalisation layers are whole numbers
            what = "Python objects, which are not read" if dtype.hasobject else f"type {dtype}"
            raise ValueError(f"{printable(name)} holds {what}")
        claimed = math.prod(shape) * dtype.itemsize
        left = archive.getinfo(name).file_size - file.tell()
        if claimed != left:
            raise ValueError(f"{printable(name)} claims {claimed:,} bytes but has {left:,}")
        data = np.frombuffer(file.read(), dtype)
    shaped = data.reshape(shape[::-1]).T if fortran else data.reshape(shape)
    return _tensor(shaped)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def _tensor(array: np.ndarray) -> Tensor:
    dtype = array.dtype.newbyteorder("=") if array.dtype.itemsize < 16 else np.float64
    return torch.from_numpy(np.array(array, dtype))


# Caffe's files


def _read_caffe(path: Path, network: Network) -> dict[str, Tensor]:
    if not network.has_caffe_layers:
        raise UserError(
            f"{path} is a file of Caffe's, whose layers only model alexnet has here, not "
            f"{network.model}: name it under an architecture of model alexnet, or take weights of "
            "torchvision."
        )
    layers = read_caffemodel(path)
    _refuse_caffenet(path, layers)
    return dict(_blobs(path, layers))


def _refuse_caffenet(path: Path, layers: list[CaffeLayer]) -> None:
    """Raise UserError for CaffeNet, which has the same shapes but pools before it normalises."""
    kinds = [layer.kind for layer in layers if layer.kind in ("LRN", "Pooling")]
    if kinds and kinds[0] == "Pooling":
        raise UserError(
            f"{path} pools before it normalises, as CaffeNet does (bvlc_reference_caffenet): the "
            "same shapes, but another network than AlexNet; take bvlc_alexnet.caffemodel."
        )


def _blobs(path: Path, layers: list[CaffeLayer]) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights and biases of layers by name."""
    known = set()
    for layer in layers:
        if not layer.blobs:
            continue
        if layer.name in known:
            name = printable(layer.name)
            raise UserError(f"{path} has two layers {name} with weights: take a sound file.")
        known.add(layer.name)
        for name, blob in zip(("weight", "bias"), layer.blobs, strict=False):
            yield f"{layer.name}.{name}", _tensor(blob)


def _named_as_here(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of Caffe's AlexNet under the names of this project's, in its dimensions.

    Caffe used to save all arrays with four: 1, 1, outputs, inputs.
    """
    named = {}
    for name, tensor in tensors.items():
        match = CAFFE_NAME.fullmatch(name)
        if match:
            layer, weight, _ = match.groups()
            name = f"{layer}.{'weight' if weight else 'bias'}"
            most = (4 if layer.startswith("conv") else 2) if weight else 1
            tensor = tensor.reshape(_without_ones(tensor.shape, most))
        named[name] = tensor
    return named


def _without_ones(shape: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Return a shape without sizes of 1 that make it longer than `most`."""
    shape = tuple(shape)
    while len(shape) > most and shape[0] == 1:
        shape = shape[1:]
    return shape


READERS = {".npz": _read_npz, ".caffemodel": _read_caffe}
