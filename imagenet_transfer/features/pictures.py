"""Features of the pictures in a folder, which no study has packed."""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pandas as pd
import torch

from imagenet_transfer.data.codecs import Encoder, UnreadableImage, encoder, pillow_limits
from imagenet_transfer.data.layouts.folder import pictures_below
from imagenet_transfer.data.layouts.listing import (
    NamesError,
    check_encoding,
    found_in,
    printable,
)
from imagenet_transfer.data.sources import Files
from imagenet_transfer.errors import UserError
from imagenet_transfer.features.embeddings import BATCH, activations
from imagenet_transfer.files import atomic_write, csv_bytes
from imagenet_transfer.running.progress import Progress
from imagenet_transfer.running.read_ahead import read_ahead
from imagenet_transfer.trained import TrainedNetwork

NAMED = 3  # unreadable pictures that a sentence names


class Picture(NamedTuple):
    """A picture's path in its folder, and its centre crop, uint8 side,side,3, if it can be read."""

    name: str
    crop: np.ndarray | None
    reason: str = ""


@dataclass
class Unreadable:
    """The pictures of a folder that could not be read so far: how many, and what is said of them."""

    folder: Path
    number: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, pictures: Sequence[Picture]) -> None:
        """Count pictures."""
        self.number += len(pictures)
        named = pictures[: NAMED - len(self.first)]
        self.first += [f"{printable(picture.name)}: {picture.reason}" for picture in named]

    def __str__(self) -> str:
        listed = "; ".join(self.first) + ("; ..." if self.number > len(self.first) else "")
        return f"{self.folder}: {self.number:,} pictures cannot be read ({listed})"


def embed_pictures(
    folder: Path | str,
    network: TrainedNetwork,
    layer: str,
    path: Path | str,
    skip_unreadable: bool = False,
    batch: int = BATCH,
) -> tuple[int, int]:
    """Write one layer's features of all pictures in a folder and below it; return their shape.

    `path` (.npy) gets float32 rows (N,D) as the network computes them, of the pictures' centre
    crops; the .csv next to it has their `row` and `image`, a path in the folder, ascending. Both
    are written, or neither. Besides names, the memory does not grow with the folder. Raises
    UserError for a layer that the network does not have, for a folder without pictures, and for
    pictures that cannot be read unless they are to be skipped, which is said on stderr.
    """
    folder, path = Path(folder), Path(path)
    size = _size_of(layer, network)
    names = picture_names(folder)
    table = path.with_suffix(".csv")
    kept: list[str] = []
    with atomic_write(table) as new_table, atomic_write(path) as temporary:
        with temporary.open("wb") as file:
            _write_header(file, (len(names), size))
            for pictures in _readable(folder, names, network, skip_unreadable, batch):
                crops = torch.from_numpy(np.stack([picture.crop for picture in pictures]))
                images = crops.to(network.model.pixel_mean.device)
                features = activations(network.model, images, layer).float()
                file.write(features.cpu().numpy().tobytes())
                kept += [picture.name for picture in pictures]
            _write_header(file, (len(kept), size))
        new_table.write_bytes(csv_bytes(pd.DataFrame({"row": range(len(kept)), "image": kept})))
        table.unlink(missing_ok=True)  # so that a kill leaves no table of other rows
    return len(kept), size


def picture_names(folder: Path) -> list[str]:
    """Return the paths, ascending, of the pictures in a folder and below it, without hidden ones.

    Raises UserError if there are none, or if names are not UTF-8.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: name the one that holds the pictures.")
    names = sorted(pictures_below(folder, ""))
    if not names:
        raise UserError(
            f"{folder} has no pictures{found_in(folder)}: name the folder that holds them."
        )
    try:
        check_encoding(names)
    except NamesError as error:
        raise UserError(f"{folder}: {error}") from error
    return names


def _size_of(layer: str, network: TrainedNetwork) -> int:
    """Return the number of features of a layer."""
    sizes = network.model.network.feature_sizes(network.model.last.out_features)
    if layer not in sizes:
        raise UserError(
            f"The layer '{printable(layer)}' is unknown: this {network.model.network.model} has "
            f"features of {', '.join(sizes)}."
        )
    return sizes[layer]


def _write_header(file: IO[bytes], shape: tuple[int, int]) -> None:
    """Write the header of a .npy of float32, over one of another height: NumPy leaves it room."""
    file.seek(0)
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


# --- reading --------------------------------------------------------------------------------------


def _readable(
    folder: Path, names: Sequence[str], network: TrainedNetwork, skip: bool, batch: int
) -> Iterator[list[Picture]]:
    """Yield the pictures, a batch at a time, without those that are skipped."""
    unreadable = Unreadable(folder)
    for pictures in _batches(folder, names, network, batch):
        unreadable.add([picture for picture in pictures if picture.crop is None])
        if unreadable.number and not skip:
            raise UserError(
                f"{unreadable}: replace or remove them, or leave them out (--skip-unreadable)."
            )
        good = [picture for picture in pictures if picture.crop is not None]
        if good:
            yield good
    if unreadable.number == len(names):
        raise UserError(f"{unreadable}, which are all that there are: name another folder.")
    if unreadable.number:
        print(f"{unreadable}: they have no row.", file=sys.stderr)


def _batches(
    folder: Path, names: Sequence[str], network: TrainedNetwork, batch: int
) -> Iterator[list[Picture]]:
    """Yield all pictures, read by several threads while the network works."""
    size = network.model.network.image_size
    read = partial(_read, Files(folder), encoder({"codec": "raw", "size": size}), network.window)
    parts = [names[start : start + batch] for start in range(0, len(names), batch)]
    progress = Progress(len(names), {"pictures": 1})
    with pillow_limits(), ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for pictures in read_ahead(lambda part: list(pool.map(read, part)), parts):
            yield pictures
            progress.advance(len(pictures))


def _read(source: Files, encode: Encoder, window: slice, name: str) -> Picture:
    try:
        pixels, height, width = encode(source.read(name))
    except UnreadableImage as error:
        return Picture(name, None, str(error))
    warped = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    return Picture(name, warped[window, window])
