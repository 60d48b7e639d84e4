"""CPU time per image of the store's ways to give crops, and of torchvision's ImageFolder and PIL.

Run `python benchmarks/store_reading.py`: five interleaved rounds in one process on pictures made
for it (or, with `--photographs`, on JPEGs in folders of classes), with one thread and a warm page
cache. All but bare decoding give mirrored random crops of 227 pixels; bare decoding is simplejpeg
on the store's records in memory.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simplejpeg
import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets import ImageFolder

from imagenet_transfer.data.kept import KeptImages, MemorySpace, bytes_of
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.data.windows import Windows
from imagenet_transfer.running.memory import keep_freed_memory

BATCH = 128
SIZE = 256
CROP = 227
FAST = 16  # times that fast loaders read all images in a round, in turns


def make_pictures(root: Path, number: int) -> None:
    """Write 500×375 JPEGs (q96, 4:4:4) with detail at all scales, 110 KB each like ImageNet's."""
    rng = np.random.default_rng(0)
    for index in range(number):
        pixels = np.full((375, 500, 3), 128.0)
        for step in (128, 64, 32, 16, 8, 4, 2):
            shape = (375 // step + 1, 500 // step + 1, 3)
            noise = rng.normal(0, 0.35 * step**0.75 + 2, shape).astype(np.float32)
            layers = [Image.fromarray(noise[..., channel]) for channel in range(3)]
            large = [layer.resize((500, 375), Image.Resampling.BICUBIC) for layer in layers]
            pixels += np.stack([np.asarray(layer) for layer in large], axis=-1)
        folder = root / f"class{index % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(folder / f"picture{index:05d}.JPEG", quality=96, subsampling=0)


def pack(root: Path, folder: Path, codec: str) -> tuple[Store, float]:
    """Return the packed store and the CPU milliseconds per image that packing took."""
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.JPEG"))
    rows = [("train", Path(path).stem, path.split("/")[0], path) for path in paths]
    listing = make_listing(rows, ())
    start = time.process_time()
    build_store(listing, root, folder, {"codec": codec, "size": SIZE}, workers=2, progress=False)
    return Store(folder), 1000 * (time.process_time() - start) / len(paths)


def naive(root: Path, *steps: Callable) -> Callable[[np.ndarray], torch.Tensor]:
    """Return the usual pipeline: decode, random crop, mirror, tensor."""
    images = ImageFolder(root, transforms.Compose(steps))
    return lambda rows: torch.stack([images[row][0] for row in rows])


def crops(store: Store) -> Callable[[np.ndarray], np.ndarray]:
    """Return what gives mirrored random crops of a store's images."""
    draw = np.random.default_rng(0)

    def load(rows: np.ndarray) -> np.ndarray:
        corners = draw.integers(0, SIZE - CROP, (2, len(rows)), endpoint=True)
        return store.batch(rows, None, Windows(CROP, *corners, draw.random(len(rows)) < 0.5))

    return load


def kept(folder: Path) -> Store:
    """Return a store whose images are all kept in memory."""
    store = Store(folder)
    rows = np.arange(len(store))
    space = MemorySpace(int(bytes_of(store.index, rows).sum()))
    store.keep(KeptImages(store.index, rows, space, print))
    store.batch(rows)
    return store


def bare(store: Store) -> Callable[[np.ndarray], None]:
    """Return what only decodes a store's records."""
    records = list(map(store._record, range(len(store))))
    out = np.empty((SIZE, SIZE, 3), np.uint8)

    def load(rows: np.ndarray) -> None:
        for row in rows:
            simplejpeg.decode_jpeg(records[row], buffer=out)

    return load


def milliseconds(load: Callable, rows: np.ndarray) -> float:
    """Return the CPU milliseconds (user + system) per image of loading the rows in batches."""
    start = time.process_time()
    for first in range(0, len(rows), BATCH):
        load(rows[first : first + BATCH])
    return 1000 * (time.process_time() - start) / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photographs", type=Path, help="a folder of JPEGs, instead of pictures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as jobs do
    with tempfile.TemporaryDirectory() as name:
        root = arguments.photographs or Path(name) / "source"
        if not arguments.photographs:
            make_pictures(root, arguments.pictures)
        jpeg, jpeg_cost = pack(root, Path(name) / "jpeg", "jpeg")
        raw, raw_cost = pack(root, Path(name) / "raw", "raw")
        mirror = transforms.RandomHorizontalFlip()
        floats = [
            *(mirror, transforms.ToTensor()),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
        resized = transforms.RandomResizedCrop(CROP)
        cut = transforms.RandomCrop(CROP, pad_if_needed=True)
        loaders = {
            "ImageFolder + PIL, float32": naive(root, resized, *floats),
            "ImageFolder + PIL, uint8": naive(root, resized, mirror, transforms.PILToTensor()),
            "the same, RandomCrop, float32": naive(root, cut, *floats),
            "bare decoding": bare(jpeg),
            "store, jpeg": crops(jpeg),
            "store, raw": crops(raw),
            "store, kept in memory": crops(kept(jpeg.folder)),
        }
        rng = np.random.default_rng(0)
        times = {name: [] for name in loaders}
        for load in loaders.values():
            load(np.arange(min(BATCH, len(jpeg))))
        for _ in range(arguments.rounds):
            found = {name: [] for name in loaders}
            for turn in range(FAST):
                rows = rng.permutation(len(jpeg))
                for name, load in loaders.items():
                    if turn == 0 or name.startswith(("store", "bare")):
                        found[name].append(milliseconds(load, rows))
            for name, values in found.items():
                times[name].append(statistics.mean(values))
        report(times, ["ImageFolder + PIL, float32", "bare decoding"])
        print(f"packing, once: jpeg {jpeg_cost:.1f}, raw {raw_cost:.1f} CPU ms/image")
        sizes = [sum(store.meta["shard_bytes"]) / len(store) / 1000 for store in (jpeg, raw)]
        print(f"size: jpeg {sizes[0]:.1f}, raw {sizes[1]:.1f} KB/image")


def report(times: dict[str, list[float]], baselines: list[str]) -> None:
    """Print the median of each loader and its ratios to the baselines, round by round."""
    heads = "".join(f"  {'part of ' + name:>37}" for name in baselines)
    print(f"{'':30} {'CPU ms/image':>12}{heads}")
    for name, values in times.items():
        cells = ""
        for baseline in baselines:
            ratios = [value / base for base, value in zip(times[baseline], values, strict=True)]
            spread = f"({min(ratios):.4f} to {max(ratios):.4f})"
            cells += f"  {f'{statistics.median(ratios):.4f} {spread}':>37}"
        print(f"{name:30} {statistics.median(values):12.4f}{cells}")


if __name__ == "__main__":
    main()
