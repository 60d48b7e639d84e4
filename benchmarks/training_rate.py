"""Images per second of each kind of work in a study: the rates that `plan` computes hours with.

Run `python benchmarks/training_rate.py --config configs/paper.yaml` (seconds on a GPU, minutes on a
CPU): it prints the rates and writes them to `rates.csv` in the current folder; put that into the
study's folder. Images are noise in memory, so a rate does not include reading a store;
`benchmarks/store_reading.py` measures that. On a CPU, time is the time that it computed, so other
programs do not count.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from imagenet_transfer.files import write_csv
from imagenet_transfer.running.provenance import device_name
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.costs import work_gmacs
from imagenet_transfer.study.plan import RATE_COLUMNS
from imagenet_transfer.training.loop import CaffeSGD, Task
from imagenet_transfer.training.recipe import Recipe
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tasks.detection import DetectionTask

PHOTOGRAPH = (375, 500)  # height and width
OBJECTS = [[60, 40, 220, 300], [180, 90, 460, 340], [20, 200, 140, 360]]
KEY = ["device", "work", "gmacs"]


class Noise:
    """A store of noise: squares for classification."""

    def __init__(self, size: int):
        shape = (256, size, size, 3)
        self.pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def batch(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows % len(self.pixels)]


class Photographs:
    """A store of noise: photographs with three objects each, at most as large as the detector's."""

    def __init__(self, short_side: int, number: int = 16):
        factor = min(1.0, short_side / PHOTOGRAPH[0])
        self.shape = tuple(round(side * factor) for side in PHOTOGRAPH)
        self.classes = tuple(f"class{i}" for i in range(20))
        names = [f"image{i}" for i in range(number)]
        self.images = pd.DataFrame({"image": names, "split": "trainval"})
        corners = np.tile(np.array(OBJECTS) * factor, (number, 1))
        self.objects = pd.DataFrame(corners, columns=["xmin", "ymin", "xmax", "ymax"])
        self.objects["image"] = np.repeat(names, len(OBJECTS))
        self.objects["class"] = [self.classes[i % 20] for i in range(len(self.objects))]
        self.objects["difficult"] = 0
        self.folder = Path("noise")

    def split(self, name: str) -> np.ndarray:
        return np.arange(len(self.images)) if name == "trainval" else np.arange(0)

    def image(self, row: int) -> np.ndarray:
        return np.random.default_rng(row).integers(0, 256, (*self.shape, 3), dtype=np.uint8)


def classification_task(architecture: dict, recipe: dict, device: str) -> Task:
    table = pd.DataFrame({"row": np.arange(4096), "label": np.arange(4096) % 1000})
    store = Noise(architecture["image_size"])
    return ClassificationTask(store, table, table, 1000, architecture, recipe, 0, device=device)


def training_step(task: Task, recipe: dict) -> Callable[[int], None]:
    """Return a step of the training loop without its accounting."""
    solver = CaffeSGD(task.model, task.fresh_layers, recipe)
    accumulate = Recipe.of(recipe).accumulate

    def step(number: int) -> None:
        solver.zero_grad()
        for part in range(accumulate):
            task.loss(task.load(number * accumulate + part)).backward()
        solver.step(0.0)

    return step


def embedding_step(task: ClassificationTask, recipe: dict) -> Callable[[int], None]:
    window = slice(0, task.size)

    @torch.inference_mode()
    def step(number: int) -> None:
        images = task.load(number)[0][:, window, window].to(task.device)
        task.model.eval()
        task.model.activations(images, task.model.network.head()[-1].name).cpu()

    return step


def images_per_second(step: Callable[[int], None], images: int, rounds: int, device: str) -> float:
    """Return the median over rounds of one step each, after a step to warm up."""
    seconds = []
    for number in range(rounds + 1):
        start = now(device)
        step(number)
        seconds.append(now(device) - start)
    return images / statistics.median(seconds[1:])


def now(device: str) -> float:
    """Return a time in seconds: of a GPU by the clock, of a CPU by each thread's computing time."""
    if device == "cpu":
        return time.process_time() / torch.get_num_threads()
    torch.cuda.synchronize()
    return time.perf_counter()


def works(config: dict, batch: int | None) -> Iterator[tuple[str, dict, dict]]:
    """Yield kind of work, architecture and recipe, each kind once per architecture."""
    for architecture in config["architectures"].values():
        recipes = {
            Recipe.of(recipe).work: recipe for recipe in reversed(config["recipes"].values())
        }
        for work, recipe in recipes.items():
            if work != "action":  # the plan scales it from detection
                changed = {"batch_size": batch} if batch and work != "detection" else {}
                yield work, architecture, recipe | changed
        yield "embed", architecture, {**recipes["train"], "batch_size": batch or 250}


def measure(work: str, architecture: dict, recipe: dict, options: SimpleNamespace) -> dict:
    """Return the row of `rates.csv` of one kind of work."""
    if work == "detection":
        store = Photographs(recipe["detector"]["short_side"])
        task = DetectionTask(store, architecture, None, recipe, 0, options.device)
    else:
        task = classification_task(architecture, recipe, options.device)
    task.model.train()
    step = (embedding_step if work == "embed" else training_step)(task, recipe)
    images = recipe["batch_size"] * (1 if work == "embed" else Recipe.of(recipe).accumulate)
    threads = f", {torch.get_num_threads()} thread(s)" if options.device == "cpu" else ""
    rate = images_per_second(step, images, options.rounds, options.device)
    source = f"benchmarks/training_rate.py, {options.config}, {images} images per step{threads}, "
    return {
        "device": options.name,
        "work": work,
        "gmacs": round(work_gmacs(work, architecture, recipe), 4),
        "images_per_s": float(f"{rate:.4g}"),
        "source": f"{source}torch {torch.__version__}, median of {options.rounds} steps",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="configs/paper.yaml")
    kept = "rows of other devices in it are kept"
    parser.add_argument("--output", type=Path, default=Path("rates.csv"), help=kept)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--name", help="what the plan calls the device")
    parser.add_argument("--batch-size", type=int, help="of classification; default: the recipe's")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.name = options.name or device_name(options.device)
    config = read_config(options.config)
    rows = [measure(*work, options) for work in works(config, options.batch_size)]
    frame = pd.DataFrame(rows, columns=list(RATE_COLUMNS))
    print(frame.to_string(index=False))
    if options.output.exists():
        old = pd.read_csv(options.output)
        before, new = (rows[KEY].apply(tuple, axis=1) for rows in (old, frame))
        frame = pd.concat([old[~before.isin(new)], frame], ignore_index=True)
    write_csv(options.output, frame)


if __name__ == "__main__":
    main()
