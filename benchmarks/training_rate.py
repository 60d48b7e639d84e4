"""Images a second of every kind of work of a study, on this machine: the rates that `plan` counts hours with.

Run `python benchmarks/training_rate.py --config configs/paper.yaml` (seconds on a GPU, minutes on a CPU); it prints and
writes `rates.csv` in the current folder: put it into the study's folder. Images are noise in memory, so reading a store
is not in the rate; `benchmarks/store_reading.py` measures that. A CPU is timed by the time that it computed, so that
other programs on it do not count.
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

PHOTOGRAPH = (375, 500)
OBJECTS = [[60, 40, 220, 300], [180, 90, 460, 340], [20, 200, 140, 360]]


class Noise:
    """A store of noise: squares for classification."""

    def __init__(self, size: int):
        self.pixels = np.random.default_rng(0).integers(
            0, 256, (256, size, size, 3), dtype=np.uint8
        )

    def batch(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels[rows % len(self.pixels)]


class Photographs:
    """A store of noise: photographs with three objects each, shrunk to what the detector would enlarge."""

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
    """Return the median over rounds of one step each, after one to warm up."""
    seconds = []
    for number in range(rounds + 1):
        start = now(device)
        step(number)
        seconds.append(now(device) - start)
    return images / statistics.median(seconds[1:])


def now(device: str) -> float:
    """Return a time in seconds: the clock's for a GPU that has finished, the computing time of a thread for a CPU."""
    if device == "cpu":
        return time.process_time() / torch.get_num_threads()
    torch.cuda.synchronize()
    return time.perf_counter()


def works(config: dict, batch: int | None) -> Iterator[tuple[str, dict, dict]]:
    """Yield kind of work, architecture and recipe, each kind once an architecture."""
    for architecture in config["architectures"].values():
        recipes = {
            Recipe.of(recipe).work: recipe for recipe in reversed(config["recipes"].values())
        }
        for work, recipe in recipes.items():
            if work != "action":  # the plan scales it from detection
                size = (
                    recipe["batch_size"] if work == "detection" else batch or recipe["batch_size"]
                )
                yield work, architecture, {**recipe, "batch_size": size}
        yield "embed", architecture, {**recipes["train"], "batch_size": batch or 250}


def measure(work: str, architecture: dict, recipe: dict, options: SimpleNamespace) -> dict:
    """Return the row of `rates.csv` of one kind of work."""
    if work == "detection":
        task = DetectionTask(
            Photographs(recipe["detector"]["short_side"]),
            architecture,
            None,
            recipe,
            0,
            options.device,
        )
    else:
        task = classification_task(architecture, recipe, options.device)
    task.model.train()
    step = (embedding_step if work == "embed" else training_step)(task, recipe)
    images = recipe["batch_size"] * (1 if work == "embed" else Recipe.of(recipe).accumulate)
    threads = f", {torch.get_num_threads()} thread(s)" if options.device == "cpu" else ""
    return {
        "device": options.name,
        "work": work,
        "gmacs": round(work_gmacs(work, architecture, recipe), 4),
        "images_per_s": float(
            f"{images_per_second(step, images, options.rounds, options.device):.4g}"
        ),
        "source": f"benchmarks/training_rate.py, {options.config}, {images} images a step{threads}, torch "
        f"{torch.__version__}, median of {options.rounds} steps",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="configs/paper.yaml")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("rates.csv"),
        help="rows of other devices in it are kept",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--name", help="how the plan calls the device")
    parser.add_argument("--batch-size", type=int, help="of classification; default: the recipe's")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.name = options.name or device_name(options.device)
    rows = [
        measure(*work, options) for work in works(read_config(options.config), options.batch_size)
    ]
    frame = pd.DataFrame(rows, columns=list(RATE_COLUMNS))
    print(frame.to_string(index=False))
    if options.output.exists():
        old = pd.read_csv(options.output)
        repeated = (
            old[["device", "work", "gmacs"]]
            .apply(tuple, axis=1)
            .isin(frame[["device", "work", "gmacs"]].apply(tuple, axis=1))
        )
        frame = pd.concat([old[~repeated], frame], ignore_index=True)
    write_csv(options.output, frame)


if __name__ == "__main__":
    main()
