"""AlexNet's training step at 227 pixels: the project's and plain PyTorch's, and the machine's peak.

Run `python benchmarks/training_step.py` (three minutes on two cores): rounds in turn, each step in a
fresh process. "ours" is `loop.train` on `CaffeAlexNet`, from uint8 batches that lie ready; "plain" is
the same network from torch's modules (`nn.LocalResponseNorm`, contiguous) with `torch.optim.SGD`,
from float batches that lie ready. The peak is the best of large matrix products and of 3x3
convolutions in float32; the share of it counts the multiply-adds of convolutions and linear layers.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rounds import Rounds, Spread, clocks, interleaved, ratios, since, values
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


class Ready:
    """A store whose only batch lies in memory."""

    def __init__(self, batch: int, size: int):
        shape = (batch, size, size, 3)
        self.pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    def batch(self, rows: np.ndarray) -> np.ndarray:
        return self.pixels


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


def best_rate(run: Callable[[], object], operations: float, tries: int = 5) -> float:
    """Return the highest of some rates in GFLOP/s."""
    run()
    seconds = []
    for _ in range(tries):
        start = clocks()
        run()
        seconds.append(since(start)["seconds"])
    return operations / min(seconds) / 1e9


@torch.inference_mode()
def peaks() -> dict[str, float]:
    """Return GFLOP/s of a large matrix product and of a large 3x3 convolution, in both layouts."""
    a, b = torch.randn(2, PRODUCT, PRODUCT)
    batch, channels, side = CONVOLUTION
    weight = torch.randn(channels, channels, 3, 3)
    images = torch.randn(batch, channels, side, side)
    operations = 2 * 9 * images.numel() * channels
    found = {"product": best_rate(lambda: a @ b, 2 * PRODUCT**3)}
    for name, layout in (("nchw", torch.contiguous_format), ("nhwc", torch.channels_last)):
        x, w = (tensor.to(memory_format=layout) for tensor in (images, weight))
        run = lambda x=x, w=w: torch.conv2d(x, w, padding=1)  # noqa: E731
        found[f"convolution {name}"] = best_rate(run, operations)
    return found


def measure(variant: str, batch: int, steps: int, threads: int) -> dict[str, float]:
    """Return what one process measures: seconds and CPU seconds per image, or GFLOP/s."""
    device = prepare(threads)  # threads and memory as in a job, for all variants
    if variant == "peak":
        return peaks()
    times = np.array(STEPS[variant](batch, WARM_UP + steps, device))
    spans = np.diff(times, axis=0)[WARM_UP:]
    seconds, cpu = np.median(spans, axis=0) / batch
    return {"seconds": float(seconds), "cpu": float(cpu)}


def operations_per_image() -> float:
    """Return the GFLOP of a training step per image: the first layer has no gradient of images."""
    network = AlexNet(model="alexnet")
    first = network.trunk()[0].layers[0]
    return 2 * (3 * network.image_macs(CLASSES) - first.side**2 * first.weights) / 1e9


def report(found: Rounds) -> list[dict[str, str]]:
    """Return the rows of the table."""
    rates = {name: max(values(found, "peak", name)) for name in found["peak"][0]}
    work = operations_per_image()
    rows = []
    for name in STEPS:
        speed = statistics.median(work / one["seconds"] for one in found[name])
        per_second = Spread.of([1 / one["seconds"] for one in found[name]])
        faster = {key: ratios(found, "plain", name, key) for key in ("seconds", "cpu")}
        rows.append(
            {
                "step": name,
                "images/s": str(per_second),
                "plain / this, wall": str(faster["seconds"]),
                "plain / this, CPU time": str(faster["cpu"]),
                "GFLOP/s": f"{speed:.0f}",
                "of the best product and convolution": f"{100 * speed / max(rates.values()):.0f} %",
            }
        )
    rows += [{"step": f"peak: {name}", "GFLOP/s": f"{rate:.0f}"} for name, rate in rates.items()]
    return rows


def options_of(arguments: argparse.Namespace) -> list[str]:
    names = ("batch", "steps", "threads")
    return [part for name in names for part in (f"--{name}", str(getattr(arguments, name)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3, help="per round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", choices=[*STEPS, "peak"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        measured = measure(arguments.variant, arguments.batch, arguments.steps, arguments.threads)
        print(json.dumps(measured))
        return
    variants = [*STEPS, "peak"]
    found = interleaved(__file__, variants, arguments.rounds, options_of(arguments))
    print(pd.DataFrame(report(found)).fillna("").to_string(index=False))


if __name__ == "__main__":
    main()
