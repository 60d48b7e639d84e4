"""The packed images of one data set, read in any order: flat shards, an index, and `os.pread`."""

import os
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import simplejpeg

from imagenet_transfer.data.kept import KeptImages
from imagenet_transfer.data.packing import INDEX_DTYPE, build_store
from imagenet_transfer.data.windows import Windows
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import check_regular, read_facts, read_table
from imagenet_transfer.versions import VERSIONS

T = TypeVar("T")
PARTS = 4  # of a batch per thread: who is done early takes another one
META_KEYS = ("version", "codec", "size", "classes", "num_images", "shard_bytes", "digest")

__all__ = ["Store", "build_store", "tested_split", "training_split"]


def tested_split(images: pd.DataFrame) -> str:
    """Return the split that networks are tested on: `test` if there is one (SUN397), else `val`."""
    return "test" if (images["split"] == "test").any() else "val"


def training_split(images: pd.DataFrame) -> str:
    """Return the split that networks learn: `trainval` if there is one (VOC2007), else `train`."""
    return "trainval" if (images["split"] == "trainval").any() else "train"


class Store:
    """The images of one data set; row i of `images` is record i. Several threads may read at once.

    Raises UserError if the folder is not a complete store of this version; with `complete=False`,
    shards may be damaged or missing.
    """

    def __init__(self, folder: Path | str, threads: int = 1, complete: bool = True):
        self.folder = Path(folder)
        self.meta = _read_meta(self.folder)
        for number in range(len(self.meta["shard_bytes"])):
            _check_permission(self.shard(number))
        if complete:
            self._check_sizes()
        self.classes: tuple[str, ...] = tuple(self.meta["classes"])
        self.index = _read_index(self.folder / "index.npy", sum(self.meta["num_images"].values()))
        self._columns = tuple(self.index[name] for name in ("shard", "offset", "length"))
        self._checked = np.zeros(len(self.index), dtype=bool)
        self._files: dict[int, int] = {}
        self._lock = threading.Lock()
        self._threads = threads
        self._kept: KeptImages | None = None

    def __len__(self) -> int:
        return len(self.index)

    def __del__(self):
        for descriptor in getattr(self, "_files", {}).values():
            os.close(descriptor)

    @cached_property
    def images(self) -> pd.DataFrame:
        """The columns image, split, class; one row per record."""
        frame = self._table("images", ("image", "split", "class"), str)
        if len(frame) != len(self):
            path = self.folder / "images.csv.gz"
            raise _damaged_store(path, "it does not have as many rows as the index")
        return frame

    @cached_property
    def objects(self) -> pd.DataFrame:
        """The boxes of the images (see `layouts.Listing`); empty for data sets without boxes."""
        return self._table("objects", ("image", "class"), {"image": str, "class": str})

    def _table(self, name: str, columns: Sequence[str], types: Any) -> pd.DataFrame:
        path = self.folder / f"{name}.csv.gz"
        _check_permission(path)
        try:
            return read_table(path, columns, dtype=types, keep_default_na=False)
        except UserError as error:
            raise _damaged_store(path, f"it is no longer a table of {name}") from error

    @cached_property
    def _row_of(self) -> pd.Index:
        return pd.Index(self.images["image"])

    def rows(self, names: Sequence[str]) -> np.ndarray:
        """Return the int64 rows of the named images; UserError if one is not in the store."""
        rows = self._row_of.get_indexer(names)
        if (rows < 0).any():
            missing = [name for name, row in zip(names, rows, strict=True) if row < 0]
            raise UserError(
                f"{len(missing):,} images are not in {self.folder} (first: {missing[0]}): they "
                "belong to another data set, or were unreadable when it was packed "
                "(see unreadable.csv)."
            )
        return rows.astype(np.int64)

    def split(self, name: str) -> np.ndarray:
        """Return the int64 rows of a split."""
        return np.flatnonzero(self.images["split"].to_numpy() == name)

    def keep(self, kept: KeptImages) -> None:
        """Decode these images only once from now on; what is returned stays the same."""
        self._kept = kept

    def batch(
        self,
        rows: Sequence[int] | np.ndarray,
        out: np.ndarray | None = None,
        windows: Windows | None = None,
    ) -> np.ndarray:
        """Return the images of the rows (any order, repeats allowed), uint8 (N, size, size, 3) RGB.

        With windows, return only these of the images. They are decoded into `out`, which is
        returned, if it is given. Only for the codecs jpeg and raw, whose images all have the same
        size. Raises UserError for a damaged record.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if out is None:
            side = self.meta["size"] if windows is None else windows.size
            out = np.empty((len(rows), side, side, 3), dtype=np.uint8)
        order = np.argsort(rows, kind="stable")  # file order: 1.8 times as fast from a cold disk
        number = 1 if self._threads == 1 else min(PARTS * self._threads, max(1, len(rows)))
        parts = np.array_split(order, number)
        self.map(lambda part: self._fill(out, rows, part, windows), parts)
        return out

    def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        """Return function(item) of each item, computed by the store's threads."""
        return list((map if self._threads == 1 else self._pool.map)(function, items))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads)

    def _fill(
        self,
        out: np.ndarray,
        rows: np.ndarray,
        positions: np.ndarray,
        windows: Windows | None = None,
    ) -> None:
        """Put the images at some positions of a batch, or their windows, into `out`."""
        if windows is None:
            for position in positions.tolist():
                buffer = out[position]
                pixels = self._pixels(int(rows[position]), buffer)
                if pixels is not buffer:
                    buffer[...] = pixels
            return
        buffer = np.empty((self.meta["size"], self.meta["size"], 3), dtype=np.uint8)
        for position in positions.tolist():
            windows.cut(position, self._pixels(int(rows[position]), buffer), out[position])

    def _pixels(self, row: int, buffer: np.ndarray) -> np.ndarray:
        """Return an image, in `buffer` or where it is kept."""
        kept = self._kept
        found = None if kept is None else kept.get(row, buffer)
        if found is not None:
            return found
        read = self._read_raw if self.meta["codec"] == "raw" else self._read_jpeg
        try:
            read(row, buffer)
        except (OSError, ValueError) as error:
            raise self._damaged(row) from error
        if kept is not None:
            kept.put(row, buffer)
        return buffer

    def image(self, row: int) -> np.ndarray:
        """Return one image of any codec as uint8 (H, W, 3) RGB."""
        out = np.empty((self.index["height"][row], self.index["width"][row], 3), dtype=np.uint8)
        self._fill(out[None], np.array([row]), np.array([0]))
        return out

    def verify(self) -> list[tuple[int, str]]:
        """Return (row, image) of each record whose bytes are not those that were packed."""
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
        file, offset, length = self._place(row)
        if os.preadv(file, [out], offset) != length:
            raise ValueError("the shard ends early")
        self._check(row, out)

    def _record(self, row: int) -> bytes:
        file, offset, length = self._place(row)
        return os.pread(file, length, offset)

    def _place(self, row: int) -> tuple[int, int, int]:
        """Return the open file of a record, its offset in it and its length, in bytes."""
        shards, offsets, lengths = self._columns  # five times as fast as a row of `index`
        shard = shards.item(row)
        file = self._files.get(shard)
        return self._file(shard) if file is None else file, offsets.item(row), lengths.item(row)

    def _check(self, row: int, data: bytes | np.ndarray) -> None:
        """Raise ValueError if the bytes are damaged."""
        if not self._checked[row]:  # only once: a raw row takes longer to check than to copy
            if zlib.crc32(data) != self.index["crc32"][row]:
                raise ValueError("checksum differs")
            self._checked[row] = True

    def _damaged(self, row: int) -> UserError:
        return UserError(
            f"The image {self.images['image'][row]} is damaged in {self.shard_of(row)}: "
            "run the target `repair`, which packs damaged images again, and then the same command."
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
                    f"{shard} is missing or does not have its {size:,} bytes: copy the whole store "
                    "again, or run the target `repair`, which packs what is missing again, and "
                    "then the same command."
                )

    def _file(self, shard: int) -> int:
        with self._lock:
            if shard not in self._files:
                self._files[shard] = os.open(check_regular(self.shard(shard)), os.O_RDONLY)
            return self._files[shard]


def _check_permission(path: Path) -> None:
    """Raise UserError for a file that is there but may not be read: it need not be damaged."""
    try:
        check_regular(path)
    except PermissionError as error:
        raise UserError(
            f"{path} cannot be read (permission denied): have its permissions changed (chmod u+r), "
            "or run as the user who packed it."
        ) from error
    except OSError:
        pass  # missing, or not a file: its readers say what to do


def _read_index(path: Path, rows: int) -> np.ndarray:
    """Return the index (rows,) of INDEX_DTYPE; raise UserError if the file is anything else."""
    _check_permission(path)
    try:
        index = np.load(path, allow_pickle=False)
    except Exception as error:  # NumPy reads headers as Python, so damage may raise anything
        raise _damaged_store(path, "it cannot be read") from error
    if not isinstance(index, np.ndarray) or index.dtype != INDEX_DTYPE or index.shape != (rows,):
        raise _damaged_store(path, f"it is not a list of {rows:,} records")
    return index


def _damaged_store(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} is damaged ({reason}): copy the whole store again, or delete {path.parent} and "
        "run the target that packs it."
    )


def _is_record(meta: Mapping[str, Any]) -> bool:
    """Return whether the values of a store's meta.json are of their kinds."""
    kinds = {"version": int, "num_images": dict, "shard_bytes": list, "classes": list}
    if not all(isinstance(meta[key], kind) for key, kind in kinds.items()):
        return False
    numbers = [*meta["num_images"].values(), *meta["shard_bytes"]]
    sized = isinstance(meta["size"], int) or meta["codec"] == "original"
    texts = [*meta["classes"], meta["codec"], meta["digest"]]
    return (
        sized
        and all(isinstance(number, int) and number >= 0 for number in numbers)
        and all(isinstance(text, str) for text in texts)
    )


def _read_meta(folder: Path) -> dict:
    """Return meta.json; raise UserError if it is missing, damaged or of another version."""
    path = folder / "meta.json"
    _check_permission(path)
    if not path.is_file():
        raise UserError(
            f"{folder} has no finished store ({path.name} is missing): "
            "run the target that packs it."
        )
    try:
        meta = read_facts(path, *META_KEYS)
    except UserError as error:
        raise _damaged_store(path, "it is no longer the record of a store") from error
    if not _is_record(meta):
        raise _damaged_store(path, "it is no longer the record of a store")
    if meta["version"] != VERSIONS["store"]:
        raise UserError(
            f"{folder} was packed by version {meta['version']} of the store, and this is version "
            f"{VERSIONS['store']}: delete it and run the target that packs it."
        )
    return meta
