"""Packing a data set into a store: shard by shard, on all cores, resumable after any interruption.

The number of rows decides which shard a row is in, so the bytes do not depend on the workers. A
finished shard is a `shard-*.bin` with a `part-*.json` next to it; `meta.json`, written last, makes
the folder a store.
"""

import contextlib
import errno
import hashlib
import json
import shutil
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL
import simplejpeg

from imagenet_transfer.data.codecs import (
    REENCODE_QUALITY,
    RESIZE,
    REVISION,
    Encoder,
    UnreadableImage,
    encoder,
    pillow_limits,
)
from imagenet_transfer.data.layouts import Listing
from imagenet_transfer.data.layouts.listing import printable
from imagenet_transfer.data.sources import Source
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import atomic_write, csv_bytes, write_csv, write_json
from imagenet_transfer.running.progress import Progress
from imagenet_transfer.versions import VERSIONS

INDEX_DTYPE = np.dtype(
    [
        ("shard", "u4"),
        ("offset", "u8"),
        ("length", "u4"),
        ("crc32", "u4"),
        ("height", "u2"),
        ("width", "u2"),
    ]
)
SHARD_BYTES = 2**30
SHARD_ROWS = (256, 8192)  # least and most; a killed build loses at most a minute of work per core


class Stopped(Exception):
    """Another worker failed, or the user pressed Ctrl-C: end without a message."""


@dataclass(frozen=True)
class Plan:
    """What a build has to do; shard s starts at row s × `shard_rows`."""

    paths: tuple[str, ...]
    root: Path
    source: Source
    folder: Path
    fingerprint: str
    encode: Encoder
    shard_rows: int

    @property
    def num_shards(self) -> int:
        """Number of shards; the last one may have fewer rows."""
        return -(-len(self.paths) // self.shard_rows)

    def shard(self, number: int) -> Path:
        """Return the shard's path."""
        return self.folder / f"shard-{number:05d}.bin"

    def part(self, number: int) -> Path:
        """Return the path of the shard's own index."""
        return self.folder / f"part-{number:05d}.json"

    def rows(self, number: int) -> range:
        """Return the rows of the listing that are in the shard."""
        return range(number * self.shard_rows, min((number + 1) * self.shard_rows, len(self.paths)))


def build_store(
    listing: Listing,
    root: Path,
    folder: Path,
    spec: Mapping[str, Any],
    workers: int,
    progress: bool = True,
    made_from: Mapping[str, Any] | None = None,
) -> None:
    """Pack the listing's images into `folder`, or continue an interrupted build of the same store.

    `spec`: codec (jpeg and raw: warped to size×size without keeping the aspect ratio, as Caffe did;
    original: the file itself), size, quality (default 90), max_unreadable (default 0). EXIF
    orientation is ignored, as Caffe and VOC's boxes ignore it. `made_from`, all settings that the
    store depends on, are kept in it for other studies (see shared_stores.py). Raises UserError if more images than
    `max_unreadable` are unreadable (unreadable.csv lists all), if images of the codec original do
    not have the size that their annotations state, or if the folder cannot be written.
    """
    folder = Path(folder)
    with _named_write_errors(folder):
        plan = _plan(listing, Path(root), folder, spec)
        if not _start(plan):
            return
        _check_room_to_pack(plan, spec)
        parts = _pack_shards(plan, workers, progress)
        _finish(plan, listing, spec, parts, made_from)


def _plan(listing: Listing, root: Path, folder: Path, spec: Mapping[str, Any]) -> Plan:
    num_rows = len(listing.images)
    low, high = SHARD_ROWS
    if spec["codec"] == "raw":
        high = max(1, min(high, SHARD_BYTES // (3 * spec["size"] ** 2)))
    shard_rows = min(high, max(low, -(-num_rows // 64)))
    fingerprint = _fingerprint(listing, spec)
    paths = tuple(listing.images.path)
    source = listing.reader(root)
    return Plan(paths, root, source, folder, fingerprint, encoder(spec), shard_rows)


def _fingerprint(listing: Listing, spec: Mapping[str, Any]) -> str:
    """Return a digest of everything that decides records and tables, except the images."""
    relevant = {key: value for key, value in spec.items() if key != "max_unreadable"}
    made_by = [VERSIONS["store"], REVISION, libraries()]
    digest = hashlib.sha256(
        json.dumps([*made_by, relevant, listing.classes], sort_keys=True).encode()
    )
    for frame in (listing.images, listing.objects):
        for column in frame.columns:
            digest.update(
                "\n".join(map(str, frame[column].tolist())).encode("utf-8", "surrogateescape")
                + b"\n\n"
            )
    return digest.hexdigest()


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that encode images."""
    return {"pillow": PIL.__version__, "simplejpeg": simplejpeg.__version__}


def _start(plan: Plan) -> bool:
    """Remove what does not belong to this build; return whether there is anything to do."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    marker = plan.folder / "building.txt"
    meta = plan.folder / "meta.json"
    found = marker.read_text(errors="replace") if marker.is_file() else None
    found = _fingerprint_in(plan.folder / "packed.json") if meta.is_file() else found
    if found == plan.fingerprint and meta.is_file():
        return False
    if found not in (None, plan.fingerprint):
        print(
            f"{plan.folder} was packed from other images or settings: starting afresh.",
            file=sys.stderr,
        )
    if found != plan.fingerprint:
        for name in ("meta.json", "part-*.json", "shard-*.bin", "building.txt"):
            _remove(plan.folder, name)
        with atomic_write(marker) as temporary:
            temporary.write_text(plan.fingerprint)
    _remove(plan.folder, ".*.tmp")
    return True


def _fingerprint_in(packed: Path) -> str:
    try:
        return json.loads(packed.read_text())["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


def _part_in(path: Path) -> dict | None:
    """Return a shard's own index; None if it is damaged, as after a crash of the machine."""
    needed = {"bytes", "rows", "rows_in_all", "unreadable", "records", "kept"}
    try:
        part = json.loads(path.read_text())
        return part if needed <= part.keys() else None
    except (ValueError, AttributeError):
        return None


def _remove(folder: Path, pattern: str) -> None:
    for path in sorted(folder.glob(pattern)):
        path.unlink(missing_ok=True)


def _check_room_to_pack(plan: Plan, spec: Mapping[str, Any]) -> None:
    """Raise UserError, before hours of work, if raw images, whose size is known, do not fit."""
    if spec["codec"] != "raw":
        return
    done = sum(path.stat().st_size for path in plan.folder.glob("shard-*.bin"))
    needed = len(plan.paths) * 3 * spec["size"] ** 2 - done  # 3 bytes per pixel
    free = shutil.disk_usage(plan.folder).free
    if free < needed:
        raise UserError(
            f"{plan.folder} needs {needed / 1e6:,.0f} MB more and its disk has "
            f"{free / 1e6:,.0f} MB free: make room, choose another folder, or choose "
            "`codec: jpeg`, which takes about an eighth."
        )


@contextlib.contextmanager
def _named_write_errors(folder: Path) -> Iterator[None]:
    """Turn errors of writing into UserErrors; errors of reading images do not get here."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(
                f"{folder} cannot grow ({error.strerror}){_space_needed(folder)}: make room and "
                "run the same target again; the finished shards are kept."
            ) from error
        raise UserError(
            f"{folder} cannot be written ({error.strerror}): check the disk and the permissions."
        ) from error


def _space_needed(folder: Path) -> str:
    """Return half a sentence with the expected size of the store, judged by the finished shards."""
    parts = [part for path in sorted(folder.glob("part-*.json")) if (part := _part_in(path))]
    if not parts:
        return ""
    bytes_per_row = sum(part["bytes"] for part in parts) / sum(part["rows"] for part in parts)
    size = bytes_per_row * parts[0]["rows_in_all"]
    return f"; the whole store will take about {size / 1e6:,.0f} MB"


# --- shards ---------------------------------------------------------------------------------------


def _pack_shards(plan: Plan, workers: int, progress: bool) -> list[dict]:
    """Pack the unfinished shards and return all parts in order.

    With threads, not processes: the codecs release the GIL, and a killed build leaves no orphans.
    """
    parts = {number: _finished_part(plan, number) for number in range(plan.num_shards)}
    pending = [number for number, part in parts.items() if part is None]
    stop = threading.Event()
    done = len(plan.paths) - sum(len(plan.rows(number)) for number in pending)
    lines = Progress(len(plan.paths), {"images": 1}, start=done)
    with pillow_limits(), ThreadPoolExecutor(max(1, workers)) as pool:

        def advance() -> None:
            if stop.is_set():
                raise Stopped
            if progress:
                lines.advance()

        try:
            futures = [pool.submit(_pack_shard, plan, number, advance) for number in pending]
            for future in as_completed(futures):
                parts[future.result()["shard"]] = future.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [parts[number] for number in range(plan.num_shards)]


def _finished_part(plan: Plan, number: int) -> dict | None:
    """Return the part of a complete shard, None otherwise.

    Shards with unreadable images are packed again, as the images may have been replaced.
    """
    if not (plan.part(number).is_file() and plan.shard(number).is_file()):
        return None
    part = _part_in(plan.part(number))
    whole = part and plan.shard(number).stat().st_size == part["bytes"]
    return _compact(part) if whole and not part["unreadable"] else None


def _compact(part: dict) -> dict:
    """Return a part with records and rows as arrays: lists for 1.3 million images take 300 MB."""
    records = np.array([tuple(record) for record in part["records"]], dtype=INDEX_DTYPE)
    return part | {"records": records, "kept": np.array(part["kept"], dtype=np.int64)}


def _pack_shard(plan: Plan, number: int, advance: Callable[[], None]) -> dict:
    """Pack one shard and return its part."""
    records = []
    kept = []  # rows of the records
    unreadable = []  # (path, reason)
    offset = 0
    with atomic_write(plan.shard(number)) as temporary, temporary.open("wb") as file:
        for row in plan.rows(number):
            advance()
            try:
                data, height, width = plan.encode(plan.source.read(plan.paths[row]))
            except UnreadableImage as error:
                unreadable.append([plan.paths[row], str(error)])
                continue
            file.write(data)
            records.append([number, offset, len(data), zlib.crc32(data), height, width])
            kept.append(row)
            offset += len(data)
    sizes = {"bytes": offset, "rows": len(plan.rows(number)), "rows_in_all": len(plan.paths)}
    part = {"shard": number, "records": records, "kept": kept, "unreadable": unreadable, **sizes}
    with atomic_write(plan.part(number)) as temporary:
        temporary.write_text(json.dumps(part))
    return _compact(part)


# --- the end --------------------------------------------------------------------------------------


def _finish(
    plan: Plan,
    listing: Listing,
    spec: Mapping[str, Any],
    parts: list[dict],
    made_from: Mapping[str, Any] | None,
) -> None:
    """Write the tables and, last, meta.json."""
    unreadable = pd.DataFrame(
        [pair for part in parts for pair in part["unreadable"]], columns=["path", "reason"]
    )
    write_csv(plan.folder / "unreadable.csv", unreadable)
    _check_unreadable(plan.folder, unreadable, spec.get("max_unreadable", 0))
    index = np.concatenate([np.empty(0, INDEX_DTYPE), *(part["records"] for part in parts)])
    images = listing.images.iloc[
        np.concatenate([np.empty(0, np.int64), *(part["kept"] for part in parts)])
    ]
    if spec["codec"] == "original":
        _check_sizes(plan, listing, images, index)
    images = images[["image", "split", "class"]]
    objects = listing.objects[listing.objects.image.isin(images.image)]
    with atomic_write(plan.folder / "index.npy") as temporary, temporary.open("wb") as file:
        np.save(file, index)
    write_csv(plan.folder / "images.csv.gz", images)
    write_csv(plan.folder / "objects.csv.gz", objects)
    digest = hashlib.sha256(index.tobytes() + csv_bytes(images) + csv_bytes(objects)).hexdigest()
    meta = {
        "version": VERSIONS["store"],
        "codec": spec["codec"],
        "size": spec.get("size"),
        "quality": {"jpeg": spec.get("quality", 90), "original": REENCODE_QUALITY}.get(
            spec["codec"]
        ),
        "resize": None if spec["codec"] == "original" else RESIZE,
        "classes": list(listing.classes),
        "num_images": {
            split: int(number) for split, number in images.split.value_counts().sort_index().items()
        },
        "num_objects": len(objects),
        "num_unreadable": len(unreadable),
        "shard_bytes": [part["bytes"] for part in parts],
        "digest": digest,
    }
    # Not in meta.json: for readers, the same images packed by another library are the same store.
    packed_by = {"fingerprint": plan.fingerprint, "libraries": libraries(), "made_from": made_from}
    write_json(plan.folder / "packed.json", packed_by)
    write_json(plan.folder / "meta.json", meta)
    _remove(plan.folder, "part-*.json")
    _remove(plan.folder, "building.txt")


def _check_unreadable(folder: Path, unreadable: pd.DataFrame, allowed: int) -> None:
    if len(unreadable) > allowed:
        first = "; ".join(f"{row.path}: {row.reason}" for row in unreadable.head(3).itertuples())
        images = "1 image" if len(unreadable) == 1 else f"{len(unreadable):,} images"
        raise UserError(
            f"{images} cannot be read and `max_unreadable` is {allowed:,} "
            f"({first}). All are listed in {folder / 'unreadable.csv'}: fetch them again, or raise "
            "`max_unreadable` to leave them out."
        )


def _check_sizes(plan: Plan, listing: Listing, images: pd.DataFrame, index: np.ndarray) -> None:
    """Raise UserError if images do not have the size in their annotations: boxes would be off.

    `index` has the size of each row of `images`. Shards with such images are packed again next
    time, as the images may have been replaced.
    """
    sizes = zip(index["width"].tolist(), index["height"].tolist(), strict=True)
    found = dict(zip(images["image"], sizes, strict=True))
    wrong = [image for image, size in found.items() if listing.sizes.get(image, size) != size]
    if not wrong:
        return
    for number in set(index["shard"][images["image"].isin(wrong).to_numpy()].tolist()):
        plan.part(number).unlink(missing_ok=True)
    sentence = "{}: {}×{} pixels, its annotation says {:g}×{:g}"
    first = "; ".join(
        sentence.format(printable(image), *found[image], *listing.sizes[image])
        for image in wrong[:3]
    )
    raise UserError(
        f"{plan.root}: {len(wrong):,} of {len(found):,} images do not have the width and height in "
        f"their annotations ({first}{'; ...' if len(wrong) > 3 else ''}), so that boxes would not "
        "fit the objects. Restore the images that the annotations were made for, or correct the "
        "annotations: sizes and all boxes."
    )
