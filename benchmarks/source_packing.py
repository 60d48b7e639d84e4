"""Rates at which the same images are packed from a folder, a Parquet file and a tar of them.

Run `python benchmarks/source_packing.py --photographs DIR --small DIR`; about a minute for each. The
images of each folder (of class folders) are repeated to a number and written in each form; then all
forms are packed in turn, several times, in one process with a warm page cache. It prints the median
and the lowest of the ratios to the folder's rate, which should be at least 0.9: by the clock, and by
the time of the processor, which other programs disturb less.
"""

import argparse
import io
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.layouts.listing import IMAGE_SUFFIXES
from imagenet_transfer.data.store import build_store

ROUNDS = 5
ROWS_PER_GROUP = 100  # as Hugging Face writes images
CLASSES = ("a", "b")
Images = Sequence[tuple[str, bytes]]  # name without suffix, file


def images_below(root: Path, number: int) -> Images:
    """Return `number` images of a folder and of folders below, each several times if it has fewer."""
    files = [path for path in sorted(root.rglob("*")) if path.suffix[1:].lower() in IMAGE_SUFFIXES]
    data = [path.read_bytes() for path in files[:: max(1, len(files) // number)]]
    return [(f"image-{place:06d}", data[place % len(data)]) for place in range(number)]


def write_folder(root: Path, images: Images) -> dict:
    for place, (name, data) in enumerate(images):
        path = root / CLASSES[place % 2] / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return {"layout": "folder", "root": str(root), "held_out": 0.2}


def write_parquet(root: Path, images: Images) -> dict:
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": data, "path": f"{name}.jpg"} for name, data in images]
    labels = [CLASSES[place % 2] for place in range(len(images))]
    root.mkdir()
    table = pa.table({"image": pa.array(rows, struct), "label": labels})
    tests = len(images) // 5
    for name, part in (("test", table.slice(0, tests)), ("train", table.slice(tests))):
        pq.write_table(part, root / f"{name}-0.parquet", row_group_size=ROWS_PER_GROUP)
    return {"layout": "parquet", "root": str(root)}


def write_tars(root: Path, images: Images) -> dict:
    root.mkdir()
    tests = len(images) // 5
    for split, part in (("test", images[:tests]), ("train", images[tests:])):
        with tarfile.open(root / f"{split}-0.tar", "w") as tar:
            for place, (name, data) in enumerate(part):
                for suffix, content in (("jpg", data), ("cls", CLASSES[place % 2].encode())):
                    member = tarfile.TarInfo(f"{name}.{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return {"layout": "webdataset", "root": str(root)}


FORMS: dict[str, Callable[[Path, Images], dict]] = {
    "folder": write_folder,
    "parquet": write_parquet,
    "webdataset": write_tars,
}


@dataclass(frozen=True)
class Rates:
    """Images per second: listed and packed, by the clock and by the processor; packed, by both."""

    clock: float
    processor: float
    packing_clock: float
    packing_processor: float


def rates_of(entry: dict, size: int, workers: int) -> Rates:
    """Return the rates at which a data set is packed once."""
    with tempfile.TemporaryDirectory() as folder:
        times = [(time.perf_counter(), time.process_time())]
        listing = list_dataset(entry)
        times.append((time.perf_counter(), time.process_time()))
        spec = {"codec": "jpeg", "size": size}
        build_store(listing, Path(entry["root"]), Path(folder), spec, workers, progress=False)
        start, listed, end = [*times, (time.perf_counter(), time.process_time())]
    spans = [end[kind] - begin[kind] for begin in (start, listed) for kind in (0, 1)]
    return Rates(*(len(listing.images) / span for span in spans))


def compare(title: str, images: Images, size: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        entries = {name: write(Path(folder) / name, images) for name, write in FORMS.items()}
        rates: dict[str, list[Rates]] = {name: [] for name in FORMS}
        for turn in range(ROUNDS + 1):
            for name in sorted(FORMS, reverse=turn % 2 == 1):
                rates[name].append(rates_of(entries[name], size, workers))
    total = sum(len(data) for _, data in images)
    print(
        f"{title}: {len(images):,} images of {total / len(images) / 1000:.1f} KB to {size} pixels"
    )
    for name, found in rates.items():
        print(f"  {name:10}  {statistics.median(one.clock for one in found[1:]):8,.0f} images/s")
        for kind in ("clock", "processor", "packing_clock", "packing_processor"):
            pairs = list(zip(found, rates["folder"], strict=True))[1:]  # the first warms up
            ratios = [getattr(one, kind) / getattr(base, kind) for one, base in pairs]
            print(f"    {kind:18} {statistics.median(ratios):.2f} (lowest {min(ratios):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, help="a folder of photographs")
    parser.add_argument("--small", type=Path, help="a folder of small images")
    parser.add_argument("--number", type=int, nargs=2, default=(1500, 5000), help="of each")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.photographs:
        images = images_below(options.photographs, options.number[0])
        compare("photographs", images, 256, options.workers)
    if options.small:
        images = images_below(options.small, options.number[1])
        compare("small images", images, 32, options.workers)


if __name__ == "__main__":
    main()
