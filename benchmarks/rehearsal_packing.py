"""Packing compared with bare loops that decode, resize and encode the same files."""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image
from store_reading import make_pictures

from imagenet_transfer.data.layouts.listing import Listing, make_listing
from imagenet_transfer.data.store import build_store

WORKERS = 2
ROUNDS = 3
PHOTOGRAPHS = 512


def photographs(folder: Path) -> Path:
    """Return the folder after writing photograph-like files to it, unless it exists."""
    if not folder.is_dir():
        temporary = folder.with_name(f".{folder.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        make_pictures(temporary, PHOTOGRAPHS)
        temporary.rename(folder)
    return folder


def listing_of(folder: Path) -> Listing:
    """Return a listing of the JPEGs below the folders of their classes."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.JPEG"))
    rows = [("train", Path(name).stem, name.split("/")[0], name) for name in names]
    return make_listing(rows, ())


def compare(what: str, listing: Listing, root: Path, spec: Mapping[str, Any]) -> None:
    """Print the rate of packing and of bare loops, by turns, and the ratio of the medians."""
    paths = [str(root / path) for path in listing.images.path]
    for path in paths:
        Path(path).read_bytes()  # so that all of them are in the page cache
    rivals: dict[str, Callable[[], None]] = {
        "pack": lambda: _pack(listing, root, spec),
        "bare loop, 2 threads": lambda: _bare(ThreadPoolExecutor, paths, spec),
        "bare loop, 2 processes": lambda: _bare(ProcessPoolExecutor, paths, spec),
    }
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(ROUNDS):
        for name, run in rivals.items():
            start = time.monotonic()
            run()
            times[name].append(time.monotonic() - start)
    medians = {name: sorted(seconds)[ROUNDS // 2] for name, seconds in times.items()}
    rates = {name: len(paths) / seconds for name, seconds in medians.items()}
    print(f"{what}, {len(paths):,} files, {ROUNDS} rounds, images/s (median):")
    for name, rate in rates.items():
        each = ", ".join(f"{len(paths) / seconds:,.0f}" for seconds in times[name])
        print(f"  {name:24} {rate:9,.0f}   packing's share {rates['pack'] / rate:5.2f}   ({each})")


def _pack(listing: Listing, root: Path, spec: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        build_store(listing, root, Path(folder), spec, workers=WORKERS, progress=False)


def _bare(pool: type[Executor], paths: Sequence[str], spec: Mapping[str, Any]) -> None:
    """Decode, resize and encode the files in two halves, and keep nothing."""
    halves = [paths[k::WORKERS] for k in range(WORKERS)]
    with pool(WORKERS) as workers:
        list(workers.map(_recode, halves, [spec] * WORKERS))


def _recode(paths: Sequence[str], spec: Mapping[str, Any]) -> None:
    shape = (spec["size"], spec["size"])
    for path in paths:
        pixels = simplejpeg.decode_jpeg(Path(path).read_bytes())
        if pixels.shape[:2] != shape:
            pixels = np.asarray(Image.fromarray(pixels).resize(shape, Image.Resampling.BILINEAR))
        pixels = np.ascontiguousarray(pixels)
        simplejpeg.encode_jpeg(pixels, spec["quality"], "RGB", "444", fastdct=False)
