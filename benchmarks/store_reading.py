"""Reading batches of 227-pixel crops: the project's stores, torchvision's pipeline, DALI, FFCV.

Run `python benchmarks/store_reading.py` (three minutes): interleaved rounds, each reader in a fresh
process each time, a warm page cache. With `--photographs FOLDER` (JPEGs in folders of classes) it
reads these, ten copies of each, else pictures made for it. torchvision's readers (ImageFolder,
PIL, RandomResizedCrop, mirroring) and those in its DataLoader decode the original files; all others
read the same images of 256 pixels, FFCV's encoded again with 4:2:0 colours. `benchmarks/peers.py`
installs DALI and FFCV.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import peers
from rounds import (
    Reading,
    Rounds,
    Row,
    Spread,
    interleaved,
    print_table,
    ratios,
    since,
    values,
    whole,
)

BATCH = 128
SIZE = 256
CROP = 227
COPIES = 10  # of each photograph, so that pixels do not fit into a processor's cache
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SECONDS = 1.5  # of each measurement, at least
Batches = Iterator[int]  # numbers of images read


def make_pictures(root: Path, number: int) -> None:
    """Write 500×375 JPEGs (q96, 4:4:4) with detail at all scales, 110 KB each like ImageNet's."""
    from PIL import Image

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


# Setting up


def prepare(photographs: Path | None, folder: Path) -> dict[str, float]:
    """Write what the readers read into `folder`; return what packing costs and what stores take.

    These are links to the original files, the stores, and the records of the JPEG store as files.
    """
    made = folder / "made"
    if photographs is None:
        make_pictures(made, 120)
    for path in sorted((photographs or made).rglob("*")):
        for copy in range(COPIES if path.suffix.lower() in (".jpg", ".jpeg") else 0):
            link = folder / "source" / path.parent.name / f"{path.stem}-{copy}.JPEG"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
    facts = {}
    for codec in ("jpeg", "raw"):
        facts |= {f"{name}, {codec}": fact for name, fact in pack(folder, codec).items()}
    for name, record in enumerate(records(folder / "jpeg")):
        path = folder / "records" / f"{name:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(record)
    return facts


def pack(folder: Path, codec: str) -> dict[str, float]:
    """Pack a store; return the milliseconds of CPU time and the KB per image."""
    from imagenet_transfer.data.layouts.listing import make_listing
    from imagenet_transfer.data.store import build_store

    root = folder / "source"
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.JPEG"))
    rows = [("train", Path(path).stem, path.split("/")[0], path) for path in paths]
    rows.sort(key=lambda row: row[1])
    start = whole()
    spec = {"codec": codec, "size": SIZE}
    build_store(make_listing(rows, ()), root, folder / codec, spec, workers=2, progress=False)
    size = sum(path.stat().st_size for path in (folder / codec).glob("*.bin"))
    milliseconds = 1000 * since(start, len(rows), whole)["cpu"]
    return {"CPU ms/image to pack": milliseconds, "KB/image": size / len(rows) / 1000}


def records(store: Path) -> list[bytes]:
    """Return the records of a store."""
    shards = [path.read_bytes() for path in sorted(store.glob("shard-*.bin"))]
    entries = np.load(store / "index.npy")[["shard", "offset", "length"]].tolist()
    return [shards[shard][at : at + length] for shard, at, length in entries]


# Readers: each yields how many images it has just read, for ever


def torchvision_images(folder: Path, as_float: bool, same_crops: bool = False):
    """Return the images as torchvision's reference scripts read them, or cropped like a store's."""
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    steps = [transforms.RandomResizedCrop(CROP)]
    if same_crops:
        steps = [transforms.Resize((SIZE, SIZE)), transforms.RandomCrop(CROP)]
    steps += [transforms.RandomHorizontalFlip()]
    steps += [transforms.ToTensor(), transforms.Normalize(MEAN, STD)] if as_float else []
    steps += [] if as_float else [transforms.PILToTensor()]
    return ImageFolder(folder / "source", transforms.Compose(steps))


def torchvision_reader(as_float: bool, same_crops: bool = False) -> Callable[[Path], Batches]:
    def batches(folder: Path) -> Batches:
        import torch

        torch.set_num_threads(1)
        images = torchvision_images(folder, as_float, same_crops)
        draw = np.random.default_rng(0)
        while True:
            rows = draw.integers(len(images), size=BATCH)
            yield len(torch.stack([images[row][0] for row in rows]))

    return batches


def loader(as_float: bool) -> Callable[[Path], Batches]:
    def batches(folder: Path) -> Batches:
        from torch.utils.data import DataLoader

        images = torchvision_images(folder, as_float)
        options = {"shuffle": True, "drop_last": True, "persistent_workers": True}
        every = DataLoader(images, BATCH, num_workers=2, **options)
        for pixels, _ in itertools.chain.from_iterable(itertools.repeat(every)):
            yield len(pixels)

    return batches


def decoding(folder: Path) -> Batches:
    """Decode the records and nothing else."""
    import simplejpeg

    every = records(folder / "jpeg")
    draw = np.random.default_rng(0)
    out = np.empty((BATCH, SIZE, SIZE, 3), np.uint8)
    while True:
        for row, pixels in zip(draw.integers(len(every), size=BATCH), out, strict=True):
            simplejpeg.decode_jpeg(every[row], buffer=pixels)
        yield BATCH


def store_reader(codec: str, threads: int = 1, kept: bool = False) -> Callable[[Path], Batches]:
    """Return the reader of a store: classification's crops, as a step gets them.

    If `kept`, images stay in memory once they are decoded.
    """

    def batches(folder: Path) -> Batches:
        import pandas as pd
        import torch

        from imagenet_transfer.data.kept import KeptImages, MemorySpace, bytes_of
        from imagenet_transfer.data.store import Store
        from imagenet_transfer.running.memory import keep_freed_memory
        from imagenet_transfer.training.tasks.classification import ClassificationTask

        torch.set_num_threads(1)
        keep_freed_memory()  # as jobs do
        store = Store(folder / codec, threads=threads)
        rows = np.arange(len(store))
        if kept:
            space = MemorySpace(int(bytes_of(store.index, rows).sum()))
            store.keep(KeptImages(store.index, rows, space, lambda sentence: None))
        network = {"model": "alexnet", "fc_width": 16, "width": 0.05}
        table = pd.DataFrame({"row": rows, "label": 0})
        recipe = {"batch_size": BATCH, "iterations": 1, "lr": 1e-6}
        task = ClassificationTask(store, table, table, 1, network, recipe, seed=0)
        for step in itertools.count():
            yield len(task.prepared(task.load(step))[0])

    return batches


def dali_reader(folder: Path) -> Batches:
    from nvidia.dali import fn, pipeline_def

    @pipeline_def(batch_size=BATCH, num_threads=1, device_id=None, seed=0)
    def pipeline():
        files = sorted(map(str, (folder / "records").iterdir()))
        data, labels = fn.readers.file(files=files, labels=[0] * len(files), random_shuffle=True)
        corner = {f"crop_pos_{axis}": fn.random.uniform(range=(0.0, 1.0)) for axis in "xy"}
        images = fn.decoders.image_crop(data, device="cpu", crop=(CROP, CROP), **corner)
        return fn.flip(images, horizontal=fn.random.coin_flip()), labels

    running = pipeline()
    running.build()
    while True:
        yield len(running.run()[0].as_array())


def ffcv_reader(folder: Path) -> Batches:
    from ffcv.fields import IntField, RGBImageField
    from ffcv.fields.rgb_image import RandomResizedCropRGBImageDecoder
    from ffcv.loader import Loader, OrderOption
    from ffcv.transforms import RandomHorizontalFlip, ToTensor
    from ffcv.writer import DatasetWriter
    from PIL import Image

    class Records:
        paths = sorted((folder / "records").iterdir())

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, row: int) -> tuple[Image.Image, int]:
            return Image.open(self.paths[row]).convert("RGB"), 0

    file = folder / "images.beton"
    if not file.exists():
        fields = {"image": RGBImageField(write_mode="jpg"), "label": IntField()}
        DatasetWriter(str(file), fields, num_workers=2).from_indexed_dataset(Records())
    share = (CROP / SIZE) ** 2
    crop = RandomResizedCropRGBImageDecoder((CROP, CROP), (share, share), (1.0, 1.0))
    image = [crop, RandomHorizontalFlip(), ToTensor()]
    options = {"order": OrderOption.QUASI_RANDOM, "os_cache": True, "drop_last": True}
    every = Loader(str(file), BATCH, 1, pipelines={"image": image, "label": None}, **options)
    for batch in itertools.chain.from_iterable(itertools.repeat(every)):
        yield len(batch[0])


FLOAT, UINT8, BARE = "torchvision, float32", "torchvision, uint8", "decoding alone"
ONE_THREAD: dict[str, Callable[[Path], Batches]] = {
    FLOAT: torchvision_reader(as_float=True),
    UINT8: torchvision_reader(as_float=False),
    "torchvision, float32, Resize(256), RandomCrop": torchvision_reader(True, same_crops=True),
    "FFCV": ffcv_reader,
    "DALI": dali_reader,
    BARE: decoding,
    "store, JPEG": store_reader("jpeg"),
    "store, raw": store_reader("raw"),
    "store, kept in memory": store_reader("jpeg", kept=True),
}
FLOAT_LOADER, UINT8_LOADER = "DataLoader(2), float32", "DataLoader(2), uint8"
TWO_THREADS: dict[str, Callable[[Path], Batches]] = {
    FLOAT_LOADER: loader(as_float=True),
    UINT8_LOADER: loader(as_float=False),
    "store, JPEG, 2 threads": store_reader("jpeg", 2),
    "store, raw, 2 threads": store_reader("raw", 2),
}
MODULES = {"FFCV": "ffcv", "DALI": "nvidia.dali"}


def measure(variant: str, folder: Path) -> Reading:
    """Return the seconds and CPU seconds per image of a reader in this process."""
    batches = (ONE_THREAD | TWO_THREADS)[variant](folder)
    images = len(list((folder / "records").iterdir()))
    warm = 2 if variant.startswith(("torchvision", "DataLoader")) else -(-images // BATCH)
    for _ in range(warm):
        next(batches)
    number = 0
    start = whole()
    while perf_counter() - start[0] < SECONDS or number < 3 * BATCH:
        number += next(batches)
    return since(start, number, whole)


def compare(folder: Path, rounds: int) -> tuple[Rounds, dict[str, str]]:
    """Return what each reader measured, and why peers are missing."""
    absent = {name: peers.missing(module) for name, module in MODULES.items()}
    absent = {name: reason for name, reason in absent.items() if reason}
    variants = [name for name in (*ONE_THREAD, *TWO_THREADS) if name not in absent]
    pythons = dict.fromkeys(MODULES, peers.PYTHON)
    return interleaved(__file__, variants, rounds, ("--folder", str(folder)), pythons), absent


def rows_of(found: Rounds, absent: dict[str, str]) -> tuple[list[Row], list[Row]]:
    """Return the table of one thread, by CPU time, and that of two cores, by the clock."""
    one = [
        {
            "one thread": name,
            "CPU ms/image": Spread.of([1000 * cpu for cpu in values(found, name, "cpu")]),
            "float32 / this": ratios(found, FLOAT, name, "cpu"),
            "uint8 / this": ratios(found, UINT8, name, "cpu"),
            "this / decoding": ratios(found, name, BARE, "cpu"),
        }
        if name in found
        else {"one thread": name, "CPU ms/image": absent[name]}
        for name in ONE_THREAD
    ]
    two = [
        {
            "two cores": name,
            "images/s": Spread.of([1 / seconds for seconds in values(found, name, "seconds")]),
            "float32 / this": ratios(found, FLOAT_LOADER, name, "seconds"),
            "uint8 / this": ratios(found, UINT8_LOADER, name, "seconds"),
            "CPU ms/image": Spread.of([1000 * cpu for cpu in values(found, name, "cpu")]),
        }
        for name in TWO_THREADS
    ]
    return one, two


def tables(photographs: Path | None = None, rounds: int = 3) -> tuple[list[Row], list[Row], str]:
    """Return both tables and a note."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facts = prepare(photographs, folder)
        files = list((folder / "source").rglob("*.JPEG"))
        size = sum(path.stat().st_size for path in files) / len(files) / 1000
        kind = "pictures made for it" if photographs is None else "photographs"
        said = "; ".join(f"{key}: {value:.3g}" for key, value in facts.items())
        note = f"{len(files) // COPIES} {kind}, each {COPIES} times, {size:.0f} KB/image; {said}."
        return *rows_of(*compare(folder, rounds)), note


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, help="JPEGs in folders of classes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--variant", choices=[*ONE_THREAD, *TWO_THREADS], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(json.dumps(measure(arguments.variant, arguments.folder)), flush=True)
        return
    one, two, note = tables(arguments.photographs, arguments.rounds)
    print_table(one)
    print_table(two)
    print(note)


if __name__ == "__main__":
    main()
