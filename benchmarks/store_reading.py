"""CPU time per image of `Store.batch` and of torchvision's ImageFolder + PIL pipeline.

Run `python benchmarks/store_reading.py`: five interleaved rounds in one process on pictures made
for it, with one thread and a warm page cache.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets import ImageFolder

from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store

BATCH = 128
SIZE = 256


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


def naive(root: Path, tensor: Callable) -> Callable[[np.ndarray], torch.Tensor]:
    """Return the usual pipeline: decode, random crop of the resized image, mirror, tensor."""
    steps = [transforms.RandomResizedCrop(227), transforms.RandomHorizontalFlip(), *tensor]
    images = ImageFolder(root, transforms.Compose(steps))
    return lambda rows: torch.stack([images[row][0] for row in rows])


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
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "source"
        make_pictures(root, arguments.pictures)
        jpeg, jpeg_cost = pack(root, Path(name) / "jpeg", "jpeg")
        raw, raw_cost = pack(root, Path(name) / "raw", "raw")
        normalised = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        loaders = {
            "ImageFolder + PIL, float32": naive(root, [transforms.ToTensor(), normalised]),
            "ImageFolder + PIL, uint8": naive(root, [transforms.PILToTensor()]),
            "Store.batch, jpeg": jpeg.batch,
            "Store.batch, raw": raw.batch,
        }
        rng = np.random.default_rng(0)
        times = {name: [] for name in loaders}
        for load in loaders.values():
            load(np.arange(BATCH))
        for _ in range(arguments.rounds):
            rows = rng.permutation(arguments.pictures)
            for name, load in loaders.items():
                times[name].append(milliseconds(load, rows))
        report(times, list(loaders)[:2])
        print(f"packing, once: jpeg {jpeg_cost:.1f}, raw {raw_cost:.1f} CPU ms/image")
        sizes = [sum(store.meta["shard_bytes"]) / len(store) / 1000 for store in (jpeg, raw)]
        print(f"size: jpeg {sizes[0]:.1f}, raw {sizes[1]:.1f} KB/image")


def report(times: dict[str, list[float]], baselines: list[str]) -> None:
    """Print the median of each loader and its ratios to the baselines, round by round."""
    print(f"{'':28} {'CPU ms/image':>12}  {'ratio to float32':>22}  {'ratio to uint8':>22}")
    for name, values in times.items():
        cells = []
        for baseline in baselines:
            ratios = [base / value for base, value in zip(times[baseline], values, strict=True)]
            spread = f"({min(ratios):.1f} to {max(ratios):.1f})"
            cells.append(f"{statistics.median(ratios):6.1f} {spread}")
        print(f"{name:28} {statistics.median(values):12.3f}  {cells[0]:>22}  {cells[1]:>22}")


if __name__ == "__main__":
    main()
