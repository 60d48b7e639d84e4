"""AlexNet's training step at 227 pixels: the project's and plain PyTorch's, and the machine's peak.

Run `python benchmarks/training_step.py` (three minutes on two cores): rounds in turn, each step in a
fresh process. "ours" is `loop.train` on `CaffeAlexNet`, from uint8 batches that lie ready; "plain" is
the same network from torch's modules (`nn.LocalResponseNorm`, contiguous) with `torch.optim.SGD`,
from float batches that lie ready, in a process without a job's settings of memory. The peak is the
best of large matrix products and of 3x3 convolutions in float32; the share of it counts the
multiply-adds of convolutions and linear layers. Rates per CPU second hold for one core, and hardly
change when other programs use the machine.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rounds import (
    Reading,
    Rounds,
    Row,
    Spread,
    clocks,
    interleaved,
    print_table,
    ratios,
    since,
    values,
)
from torch import Tensor, nn

from imagenet_transfer.models.alexnet import AlexNet
from imagenet_transfer.training.checkpoints import StateFile
from imagenet_transfer.training.loop import train
from imagenet_transfer.training.recipe import Recipe
from imagenet_transfer.training.stages import prepare
from imagenet_transfer.training.tasks.classification import ClassificationTask

CLASSES = 1000
WARM_UP = 2  # steps that are not counted
# Batch, channels, side of a 3x3 convolution; side of a square matrix product
CONVOLUTION = (32, 256, 28)
PRODUCT = 4096
PEAKS = ("product", "product by oneDNN", "convolution", "convolution, channels last")
UNITS = {"seconds": "s", "cpu": "CPU s"}


class Ready:
    """A store whose only batch lies in memory."""

    def __init__(self, batch: int, size: int):
        shape = (batch, size, size, 3)
        self.pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def batch(self, rows: np.ndarray, out: np.ndarray | None = None, windows=None) -> np.ndarray:
        side = self.pixels.shape[1] if windows is None else windows.size
        found = self.pixels[:, :side, :side]
        if out is None:
            return found.copy()
        out[...] = found
        return out


class TimedTask(ClassificationTask):
    """Pre-training whose steps leave the times at which they start."""

    def loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.times = [*getattr(self, "times", ()), clocks()]
        return super().loss(batch)

    def evaluate(self) -> dict[str, float]:
        return {}


def table(images: int) -> pd.DataFrame:
    return pd.DataFrame({"row": np.arange(images), "label": np.arange(images) % CLASSES})


def recipe_of(batch: int, steps: int) -> Recipe:
    """Return the paper's recipe for pre-training, cut to a number of steps."""
    length = {"batch_size": batch, "iterations": steps, "lr_steps": ()}
    return Recipe.of({**length, "lr": 0.01, "lr_gamma": 0.1, "weight_decay": 0.0005})


def our_times(batch: int, steps: int, device: str) -> list[tuple[float, float]]:
    """Return the times at which steps of the training loop begin."""
    network = AlexNet(model="alexnet")
    recipe = recipe_of(batch, steps + 1)
    images = table(batch * (steps + 1))
    store = Ready(batch, network.image_size)
    task = TimedTask(store, images, images, CLASSES, network, recipe, 0, device=device)
    with tempfile.TemporaryDirectory() as folder:
        train(task, recipe, 0, StateFile(Path(folder) / "state.pt", "benchmark"))
    return task.times


def plain_network(classes: int = CLASSES) -> nn.Sequential:
    """Return Caffe's AlexNet as torch's own modules make it."""
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(inplace=True)),
        *(nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0), nn.MaxPool2d(3, 2, ceil_mode=True)),
        *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(inplace=True)),
        *(nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0), nn.MaxPool2d(3, 2, ceil_mode=True)),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True)),
        *(nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(inplace=True)),
        *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(inplace=True)),
        *(nn.MaxPool2d(3, 2, ceil_mode=True), nn.Flatten()),
        *(nn.Linear(9216, 4096), nn.ReLU(inplace=True), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout()),
        nn.Linear(4096, classes),
    )


def plain_times(batch: int, steps: int, device: str) -> list[tuple[float, float]]:
    """Return the times at which steps of plain PyTorch begin."""
    model = plain_network().to(device)
    solver = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=0.0005)
    size = AlexNet(model="alexnet").input_size
    images = 50 * torch.randn(batch, 3, size, size, device=device)
    labels = torch.arange(batch, device=device) % CLASSES
    times = []
    for _ in range(steps + 1):
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(clocks())
        solver.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        solver.step()
        loss.item()  # as a loop that looks at its loss
    return times


STEPS: dict[str, Callable[[int, int, str], list[tuple[float, float]]]] = {
    "plain": plain_times,
    "ours": our_times,
}


def best_rates(run: Callable[[], object], operations: float, tries: int = 5) -> Reading:
    """Return the GFLOP per second and per CPU second of the best of some tries."""
    run()
    readings = []
    for _ in range(tries):
        start = clocks()
        run()
        readings.append(since(start))
    return {
        f"GFLOP/{unit}": operations / min(reading[key] for reading in readings) / 1e9
        for key, unit in UNITS.items()
    }


@torch.inference_mode()
def peaks(name: str) -> Reading:
    """Return the best rates of a large matrix product or 3x3 convolution."""
    batch, channels, side = CONVOLUTION
    if name.startswith("product"):
        a, b = torch.randn(2, PRODUCT, PRODUCT)
        operations = 2 * PRODUCT**3
        by_onednn = torch.ops.mkldnn._linear_pointwise
        run = (lambda: by_onednn(a, b, None, "none", [], "")) if "oneDNN" in name else lambda: a @ b
        return best_rates(run, operations)
    layout = torch.channels_last if "channels last" in name else torch.contiguous_format
    images = torch.randn(batch, channels, side, side).to(memory_format=layout)
    weight = torch.randn(channels, channels, 3, 3).to(memory_format=layout)
    operations = 2 * 9 * images.numel() * channels
    return best_rates(lambda: torch.conv2d(images, weight, padding=1), operations)


def measure(variant: str, batch: int, steps: int, threads: int) -> dict[str, float]:
    """Return what one process measures: seconds and CPU seconds per image, or GFLOP/s."""
    if variant == "plain":  # without what a job sets for its memory and its arithmetic
        torch.set_num_threads(threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
    else:
        device = prepare(threads)
    if variant in PEAKS:
        return peaks(variant)
    times = np.array(STEPS[variant](batch, WARM_UP + steps, device))
    spans = np.diff(times, axis=0)[WARM_UP:]
    seconds, cpu = np.median(spans, axis=0) / batch
    return {"seconds": float(seconds), "cpu": float(cpu)}


def operations_per_image() -> float:
    """Return the GFLOP of a training step per image: the first layer has no gradient of images."""
    network = AlexNet(model="alexnet")
    first = network.trunk()[0].layers[0]
    return 2 * (3 * network.image_macs(CLASSES) - first.side**2 * first.weights) / 1e9


def rows_of(found: Rounds) -> list[Row]:
    """Return the table; peaks are the best of all rounds."""
    best = {
        f"GFLOP/{unit}": {name: max(values(found, name, f"GFLOP/{unit}")) for name in PEAKS}
        for unit in UNITS.values()
    }
    work = operations_per_image()
    rows: list[Row] = []
    for name in STEPS:
        row = {"step": name, "images/s": Spread.of([1 / s for s in values(found, name, "seconds")])}
        row |= {f"plain / this, {key}": ratios(found, "plain", name, key) for key in UNITS}
        for key, unit in UNITS.items():
            speed = work / Spread.of(values(found, name, key)).median
            share = speed / max(best[f"GFLOP/{unit}"].values())
            row[f"GFLOP/{unit}"] = f"{speed:.0f} ({share:.0%} of the peak)"
        rows.append(row)
    for name in PEAKS:
        rates = {unit: f"{of[name]:.0f}" for unit, of in best.items()}
        rows.append({"step": f"peak: {name}"} | rates)
    return rows


def tables(rounds: int = 3, batch: int = 64, steps: int = 3, threads: int = 2) -> list[Row]:
    """Return the table of the steps and of the machine's peak."""
    options = {"--batch": batch, "--steps": steps, "--threads": threads}
    words = [str(word) for pair in options.items() for word in pair]
    return rows_of(interleaved(__file__, [*STEPS, *PEAKS], rounds, words))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3, help="per round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", choices=[*STEPS, *PEAKS], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    options = {name: value for name, value in vars(arguments).items() if name != "variant"}
    if arguments.variant:
        del options["rounds"]
        print(json.dumps(measure(arguments.variant, **options)))
    else:
        print_table(tables(**options))


if __name__ == "__main__":
    main()
