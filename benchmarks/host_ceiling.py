"""Images per second of the whole training loop with a step that costs nothing, next to the reader.

Run `python benchmarks/host_ceiling.py --photographs FOLDER` (three minutes): FOLDER has JPEGs in
folders of classes; without it, pictures are made. Each tier (where images are kept: JPEG in the
store, raw pixels in a store, a file of pixels, memory) is measured with one and two threads, in
interleaved rounds with a warm page cache and every image kept already: the reader alone loads
batches one after another, the loop loads them ahead, brings them to the device and takes its steps.
`cpu_ms` is user and system time per image. The last rows are a real training on the CPU, and the
part of its time that it waits for input.
"""

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch
from store_reading import SIZE, make_pictures
from torch import Tensor, nn

from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.running.memory import keep_freed_memory
from imagenet_transfer.training import loop
from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.feed import AHEAD
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tiers import GB, Budget, keep_images

BATCH = 256  # as the paper trains
COPIES = 10  # of each photograph, so that pixels do not fit into a processor's cache
TIERS = {  # codec of the store, budget
    "jpeg": ("jpeg", {}),
    "raw": ("raw", {}),
    "disk": ("jpeg", {"disk": 4 * GB}),
    "host": ("jpeg", {"host": 4 * GB}),
}
if torch.cuda.is_available():
    TIERS["device"] = ("jpeg", {"device": 4 * GB})
NETWORK = {
    **{"model": "alexnet", "image_size": SIZE, "input_size": 227, "fc_width": 1024},
    **{"conv1_kernel": 11, "conv1_stride": 4, "dropout": 0.5, "init": "he"},
    **{"pixel_mean": [104, 117, 123], "pixel_std": 58},
}


class FreeTask(ClassificationTask):
    """Classification whose network is one number: a step that costs nothing, and no test."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.model = nn.Linear(1, 1).to(self.device)

    def loss(self, batch: Sequence[Tensor]) -> Tensor:
        """Return a number, once the batch is where a network would take it."""
        self.prepared(batch)
        return self.model.weight.sum()

    def evaluate(self) -> dict[str, float]:
        """Return nothing in particular."""
        return {"top1": 0.0}


class Meter:
    """Measures a loop from its first wish for a batch until it has the last one."""

    def __init__(self):
        self.waited = 0.0  # seconds
        self.began = self.ended = (0.0, 0.0)  # by the clock, and the processor's

    def fed(self, *arguments) -> Iterator:
        """Yield what `feed.fed` yields."""
        batches = FED(*arguments)
        self.began = now()
        try:
            while True:
                start = time.perf_counter()
                batch = next(batches, None)
                self.ended = now()
                self.waited += self.ended[0] - start
                if batch is None:
                    return
                yield batch
        finally:
            batches.close()
            if torch.cuda.is_available():  # which may be behind
                torch.cuda.synchronize()
                self.ended = now()

    def seconds(self) -> np.ndarray:
        """Return the seconds that have passed, and the processor's."""
        return np.subtract(self.ended, self.began)


def now() -> tuple[float, float]:
    """Return a time by the clock and the processor's time, in seconds."""
    return time.perf_counter(), time.process_time()


FED = loop.fed


def pack(photographs: Path, folder: Path, codec: str) -> Path:
    """Pack each photograph some times, under different names; return the store's folder."""
    paths = sorted(path.relative_to(photographs).as_posix() for path in photographs.rglob("*.JPEG"))
    rows = [
        ("train", f"{Path(path).stem}-{copy}", path.split("/")[0], path)
        for copy in range(COPIES)
        for path in paths
    ]
    listing = make_listing(sorted(rows, key=lambda row: row[1]), ())
    build_store(listing, photographs, folder, {"codec": codec, "size": SIZE}, 2, progress=False)
    return folder


def task_of(
    folder: Path,
    budget: dict[str, float],
    threads: int,
    kind: type = FreeTask,
    device: str = "cpu",
    **network: float,
) -> ClassificationTask:
    """Return a task on a store whose images are kept by a budget; those are there already."""
    store = Store(folder, threads=threads)
    table = pd.DataFrame({"row": np.arange(len(store)), "label": np.arange(len(store)) % 10})
    architecture = NETWORK | network
    sets = (table, table[:BATCH], 10)
    task = kind(store, *sets, architecture, recipe(1, BATCH), seed=0, device=device)
    keep_images(task, store, Budget(**{"folder": folder, **budget}))
    for step in range(-(-len(store) // BATCH) if budget else 1):
        task.prepared(task.load(step))
    return task


def recipe(iterations: int, batch: int) -> dict[str, float]:
    """Return the recipe of a training."""
    return {"batch_size": batch, "iterations": iterations, "lr": 1e-6}


def run_loop(task: ClassificationTask, steps: int, batch: int = BATCH) -> Meter:
    """Train and return what was measured."""
    meter = Meter()
    with tempfile.TemporaryDirectory() as name, mock.patch.object(loop, "fed", meter.fed):
        loop.train(task, recipe(steps, batch), 0, StateFile(Path(name) / "state.pt", "f"))
    return meter


def run_reader(task: ClassificationTask, steps: int) -> np.ndarray:
    """Load as many batches, one after another; return the seconds and the processor's.

    As many are kept as a loop has at once: memory that was just read would be faster to write to.
    """
    held: deque = deque(maxlen=AHEAD + 2)
    start = now()
    for step in range(steps):
        held.append(task.load(step))
    return np.subtract(now(), start)


def measure(
    photographs: Path | None = None,
    threads: Sequence[int] = (1, 2),
    tiers: Sequence[str] = tuple(TIERS),
    rounds: int = 5,
    seconds: float = 2.0,
    device: str = "cpu",
) -> list[dict]:
    """Return a row per tier and number of threads, of loops whose step costs nothing.

    Each of the `rounds` takes about `seconds` for the reader and as long for the loop. Columns:
    tier, threads, reader and loop (images per second, medians), ratio (median of loop / reader per
    round), reader_cpu_ms and loop_cpu_ms (per image).
    """
    torch.set_num_threads(1)
    keep_freed_memory()  # as jobs do
    with tempfile.TemporaryDirectory() as name:
        root = photographs or Path(name) / "made"
        if photographs is None:
            make_pictures(root, 120)
        codecs = {TIERS[tier][0] for tier in tiers}
        stores = {codec: pack(root, Path(name) / codec, codec) for codec in codecs}
        cases = [(tier, number) for tier in tiers for number in threads]
        tasks = [
            task_of(stores[TIERS[tier][0]], TIERS[tier][1], number, device=device)
            for tier, number in cases
        ]
        steps = [max(4, round(4 * seconds / run_reader(task, 4)[0])) for task in tasks]
        found = [[] for _ in cases]
        for _ in range(rounds):
            for task, number, rows in zip(tasks, steps, found, strict=True):
                both = [run_reader(task, number), run_loop(task, number).seconds()]
                rows.append(np.concatenate(both) / (number * BATCH))
    return [row_of(*case, np.array(rows)) for case, rows in zip(cases, found, strict=True)]


def row_of(tier: str, threads: int, found: np.ndarray) -> dict:
    """Return a row of the table from seconds per image (rounds, 4)."""
    reader, reader_cpu, whole, loop_cpu = np.median(found, axis=0)
    return {
        **{"tier": tier, "threads": threads, "reader": round(1 / reader), "loop": round(1 / whole)},
        "ratio": round(float(np.median(found[:, 0] / found[:, 2])), 3),
        **{"reader_cpu_ms": round(1000 * reader_cpu, 4), "loop_cpu_ms": round(1000 * loop_cpu, 4)},
    }


def measure_waiting(
    photographs: Path, width: float = 0.25, steps: int = 12, batch: int = 32
) -> list[dict]:
    """Return, per tier, how a real training on the CPU with one thread waits for its input.

    Columns: tier, images_per_s, waited (part of the time). The first batch, which nothing could
    load ahead, counts.
    """
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for tier, (codec, budget) in TIERS.items():
            folder = pack(photographs, Path(name) / tier, codec)
            task = task_of(folder, budget, 1, ClassificationTask, width=width)
            task.test_set = task.test_set[:1]
            meter = run_loop(task, steps, batch)
            seconds = meter.seconds()[0]
            rate = round((steps - 1) * batch / seconds, 1)
            waited = round(meter.waited / seconds, 4)
            rows.append({"tier": tier, "images_per_s": rate, "waited": waited})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photographs", type=Path, help="a folder of JPEGs in folders of classes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    start = time.perf_counter()
    more = {"rounds": options.rounds, "device": options.device}
    found = measure(options.photographs, options.threads, **more)
    print(pd.DataFrame(found).to_string(index=False))
    if options.photographs and options.device == "cpu":
        print(pd.DataFrame(measure_waiting(options.photographs)).to_string(index=False))
    print(f"in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
