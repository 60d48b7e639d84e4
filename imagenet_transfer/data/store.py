"""One packed image store per data set, read at random by every manifest: flat shards, an index, and `os.pread`."""

import os
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import simplejpeg

from imagenet_transfer.data.packing import INDEX_DTYPE, build_store
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, read_table
from imagenet_transfer.versions import VERSIONS

META_KEYS = ("version", "codec", "size", "classes", "num_images", "shard_bytes", "digest")

__all__ = ["Store", "build_store", "tested_split"]


def tested_split(images: pd.DataFrame) -> str:
    """Return the split that networks are tested on: `test` where a data set has one (SUN397), else `val`."""
    return "test" if (images["split"] == "test").any() else "val"


class Store:
    """The images of one data set; row i of `images` is record i. Safe to read from several threads.

    Raises UserError if the folder holds no whole store of this version; with `complete=False`, its shards may be
    damaged or missing.
    """

    def __init__(self, folder: Path | str, threads: int = 1, complete: bool = True):
        self.folder = Path(folder)
        self.meta = _read_meta(self.folder)
        if complete:
            self._check_sizes()
        self.classes: tuple[str, ...] = tuple(self.meta["classes"])
        self.index = _read_index(self.folder / "index.npy", sum(self.meta["num_images"].values()))
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
        frame = self._table("images", ("image", "split", "class"), str)
        if len(frame) != len(self):
            raise _damaged_store(
                self.folder / "images.csv.gz", "it has not as many rows as the index"
            )
        return frame

    @cached_property
    def objects(self) -> pd.DataFrame:
        """The boxes of VOC (see `datasets.Listing`), empty for other data sets."""
        return self._table("objects", ("image", "class"), {"image": str, "class": str})

    def _table(self, name: str, columns: Sequence[str], types: Any) -> pd.DataFrame:
        try:
            return read_table(
                self.folder / f"{name}.csv.gz", columns, dtype=types, keep_default_na=False
            )
        except UserError as error:
            raise _damaged_store(
                self.folder / f"{name}.csv.gz", "it is no such table any more"
            ) from error

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
        order = np.argsort(
            rows, kind="stable"
        )  # reading in file order is 1.8 × faster from a cold disk
        if self._threads == 1:
            self._fill(out, rows, order)
        else:
            list(
                self._pool.map(
                    lambda part: self._fill(out, rows, part), np.array_split(order, self._threads)
                )
            )
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
        whole = list(self._pool.map(self._are_whole, np.array_split(np.arange(len(self)), 256)))
        return [
            (row, self.images["image"][row])
            for row in np.flatnonzero(~np.concatenate(whole)).tolist()
        ]

    def _are_whole(self, rows: np.ndarray) -> np.ndarray:
        return np.array([self._is_whole(row) for row in rows], dtype=bool)

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
        if (
            os.preadv(self._file(int(entry["shard"])), [out], int(entry["offset"]))
            != entry["length"]
        ):
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
        return UserError(
            f"The image {self.images['image'][row]} is damaged in {self.shard_of(row)}: run the target `repair`, which "
            "packs damaged images again, and then the same command."
        )

    def shard(self, number: int) -> Path:
        """Return a shard's path."""
        return self.folder / f"shard-{number:05d}.bin"

    def shard_of(self, row: int) -> Path:
        """Return the path of the shard that holds a record."""
        return self.shard(int(self.index["shard"][row]))

    def _check_sizes(self) -> None:
        for number, size in enumerate(self.meta["shard_bytes"]):
            shard = self.shard(number)
            if not shard.is_file() or shard.stat().st_size != size:
                raise UserError(
                    f"{shard} is missing or has not its {size:,} bytes: copy the store again completely, or run the "
                    "target `repair`, which packs what is missing again, and then the same command."
                )

    def _file(self, shard: int) -> int:
        with self._lock:
            if shard not in self._files:
                self._files[shard] = os.open(self.shard(shard), os.O_RDONLY)
            return self._files[shard]


def _read_index(path: Path, rows: int) -> np.ndarray:
    """Return the records' places; UserError if the file does not hold so many of them."""
    try:
        index = np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged header raises whatever reading it as Python leads to
        raise _damaged_store(path, "it cannot be read") from error
    if not isinstance(index, np.ndarray) or index.dtype != INDEX_DTYPE or index.shape != (rows,):
        raise _damaged_store(path, f"it is no list of {rows:,} records")
    return index


def _damaged_store(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} is damaged ({reason}): copy the store again completely, or delete {path.parent} and run the target "
        "that packs it."
    )


def _read_meta(folder: Path) -> dict:
    """Return meta.json; UserError if it is missing or of another version."""
    path = folder / "meta.json"
    if not path.is_file():
        raise UserError(
            f"{folder} holds no finished store ({path.name} is missing): run the target that packs it."
        )
    try:
        meta = read_facts(path, *META_KEYS)
    except UserError as error:
        raise _damaged_store(path, "it is no record of a store any more") from error
    kinds = {"num_images": dict, "shard_bytes": list, "classes": list}
    if not all(isinstance(meta[key], kind) for key, kind in kinds.items()):
        raise _damaged_store(path, "it is no record of a store any more")
    if meta["version"] != VERSIONS["store"]:
        raise UserError(
            f"{folder} was packed by version {meta['version']} of the store, and this is version {VERSIONS['store']}: "
            "delete it and run the target that packs it."
        )
    return meta
