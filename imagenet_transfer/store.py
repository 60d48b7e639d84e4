"""One packed image store per data set, read at random by every manifest: flat shards, an index, and `os.pread`."""

import json
import os
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import simplejpeg

from imagenet_transfer.errors import UserError
from imagenet_transfer.packing import build_store
from imagenet_transfer.versions import VERSIONS

__all__ = ["Store", "build_store"]


class Store:
    """The images of one data set; row i of `images` is record i. Safe to read from several threads.

    Raises UserError if the folder holds no whole store of this version.
    """

    def __init__(self, folder: Path | str, threads: int = 1):
        self.folder = Path(folder)
        self.meta = _read_meta(self.folder)
        self.classes: tuple[str, ...] = tuple(self.meta["classes"])
        self.index = np.load(self.folder / "index.npy")
        self._checked = np.zeros(len(self.index), dtype=bool)
        self._files: dict[int, int] = {}
        self._lock = threading.Lock()
        self._threads = threads

    def __len__(self) -> int:
        return len(self.index)

    def __del__(self):
        for descriptor in getattr(self, "_files", {}).values():
            os.close(descriptor)

    @cached_property
    def images(self) -> pd.DataFrame:
        """The columns image, split, class, one row a record."""
        return pd.read_csv(self.folder / "images.csv.gz", dtype=str, keep_default_na=False)

    @cached_property
    def objects(self) -> pd.DataFrame:
        """The boxes of VOC (see `datasets.Listing`), empty for other data sets."""
        types = {"image": str, "class": str}
        return pd.read_csv(self.folder / "objects.csv.gz", dtype=types, keep_default_na=False)

    @cached_property
    def _row_of(self) -> pd.Index:
        return pd.Index(self.images["image"])

    def rows(self, names: Sequence[str]) -> np.ndarray:
        """Return the int64 rows of the named images; UserError if one is not in the store."""
        rows = self._row_of.get_indexer(names)
        if (rows < 0).any():
            missing = [name for name, row in zip(names, rows, strict=True) if row < 0]
            raise UserError(
                f"{len(missing):,} images are not in {self.folder} (first: {missing[0]}): they belong to another data "
                "set, or were unreadable when it was packed (see unreadable.csv)."
            )
        return rows.astype(np.int64)

    def split(self, name: str) -> np.ndarray:
        """Return the int64 rows of a split."""
        return np.flatnonzero(self.images["split"].to_numpy() == name)

    def batch(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the images of the rows (any order, repeats allowed) as uint8 (N, size, size, 3) RGB.

        Only for the codecs jpeg and raw, whose images have one size. Raises UserError for a damaged record.
        """
        rows = np.asarray(rows, dtype=np.int64)
        out = np.empty((len(rows), self.meta["size"], self.meta["size"], 3), dtype=np.uint8)
        order = np.argsort(rows, kind="stable")  # reading in file order is 1.8 × faster from a cold disk
        if self._threads == 1:
            self._fill(out, rows, order)
        else:
            list(self._pool.map(lambda part: self._fill(out, rows, part), np.array_split(order, self._threads)))
        return out

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads)

    def _fill(self, out: np.ndarray, rows: np.ndarray, positions: np.ndarray) -> None:
        read = self._read_raw if self.meta["codec"] == "raw" else self._read_jpeg
        for position in positions.tolist():
            row = int(rows[position])
            try:
                read(row, out[position])
            except (OSError, ValueError) as error:
                raise self._damaged(row) from error

    def image(self, row: int) -> np.ndarray:
        """Return one image of any codec as uint8 (H, W, 3) RGB."""
        out = np.empty((self.index["height"][row], self.index["width"][row], 3), dtype=np.uint8)
        self._fill(out[None], np.array([row]), np.array([0]))
        return out

    def verify(self) -> list[tuple[int, str]]:
        """Return (row, image) of every record whose bytes are not those that were packed."""
        return [(row, self.images["image"][row]) for row in range(len(self)) if not self._is_whole(row)]

    def _is_whole(self, row: int) -> bool:
        try:
            return zlib.crc32(self._record(row)) == self.index["crc32"][row]
        except OSError:
            return False

    def _read_jpeg(self, row: int, out: np.ndarray) -> None:
        data = self._record(row)
        self._check(row, data)
        simplejpeg.decode_jpeg(data, buffer=out)

    def _read_raw(self, row: int, out: np.ndarray) -> None:
        entry = self.index[row]
        if os.preadv(self._file(int(entry["shard"])), [out], int(entry["offset"])) != entry["length"]:
            raise ValueError("the shard ends early")
        self._check(row, out)

    def _record(self, row: int) -> bytes:
        entry = self.index[row]
        return os.pread(self._file(int(entry["shard"])), int(entry["length"]), int(entry["offset"]))

    def _check(self, row: int, data: bytes | np.ndarray) -> None:
        """Raise ValueError for damaged bytes, at the first reading only: a raw row's checksum outlasts its copy."""
        if not self._checked[row]:
            if zlib.crc32(data) != self.index["crc32"][row]:
                raise ValueError("checksum differs")
            self._checked[row] = True

    def _damaged(self, row: int) -> UserError:
        shard = _shard(self.folder, self.index["shard"][row])
        return UserError(
            f"The image {self.images['image'][row]} is damaged in {shard}: delete {self.folder} and run the target "
            "again, which packs the data set anew."
        )

    def _file(self, shard: int) -> int:
        with self._lock:
            if shard not in self._files:
                self._files[shard] = os.open(_shard(self.folder, shard), os.O_RDONLY)
            return self._files[shard]


def _shard(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.bin"


def _read_meta(folder: Path) -> dict:
    """Return meta.json; UserError if it is missing, of another version, or a shard has not its size."""
    path = folder / "meta.json"
    if not path.is_file():
        raise UserError(f"{folder} holds no finished store ({path.name} is missing): run the target that packs it.")
    meta = json.loads(path.read_text())
    if meta["version"] != VERSIONS["store"]:
        raise UserError(
            f"{folder} was packed by version {meta['version']} of the store, and this is version {VERSIONS['store']}: "
            "delete it and run the target that packs it."
        )
    for number, size in enumerate(meta["shard_bytes"]):
        shard = _shard(folder, number)
        if not shard.is_file() or shard.stat().st_size != size:
            raise UserError(
                f"{shard} is missing or has not its {size:,} bytes: copy the store again completely, or delete "
                f"{folder} and run the target that packs it."
            )
    return meta
