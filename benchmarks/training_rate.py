"""Images per second of each kind of work in a study: the rates that `plan` computes hours with.

Run `python benchmarks/training_rate.py --config configs/paper.yaml` (seconds on a GPU, minutes on a
CPU): it prints the rates and writes them to `rates.csv` in the current folder; put that into the
study's folder. Steps are those of the training loop, in the recipe's batches and precision. Images
are noise in memory, ready before they are asked for: `plan` adds the time of reading, which
`benchmarks/store_reading.py` measures. On a CPU, time is what it computed, so other programs do not
count; on a GPU, it is the clock's, from when the GPU is idle until it is idle again.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import torch
from made_tasks import Settings, steps_of, works_of

from imagenet_transfer.files import write_csv
from imagenet_transfer.running.provenance import device_name
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.costs import work_gmacs
from imagenet_transfer.study.plan import PRECISION, RATE_COLUMNS
from imagenet_transfer.training.recipe import Recipe

KEY = ["device", "work", "gmacs", "precision"]
# Of a device type: steps before time is taken (kernels are chosen, perhaps compiled), and steps
# between two looks at the clock, which a GPU has to be waited for
WARM_UP = {"cpu": 2, "cuda": 12}
TOGETHER = {"cpu": 1, "cuda": 20}


def images_per_second(step: Callable[[], None], images: int, rounds: int, device: str) -> float:
    """Return the median over rounds of some steps each, after others to warm up."""
    kind = torch.device(device).type
    for _ in range(WARM_UP[kind]):
        step()
    seconds = []
    for _ in range(rounds):
        start = now(device)
        for _ in range(TOGETHER[kind]):
            step()
        seconds.append((now(device) - start) / TOGETHER[kind])
    return images / statistics.median(seconds)


def now(device: str) -> float:
    """Return a time in seconds: of a GPU by the clock, of a CPU by each thread's computing time."""
    if device == "cpu":
        return time.process_time() / torch.get_num_threads()
    torch.cuda.synchronize()
    return time.perf_counter()


def measure(work: str, architecture: Settings, recipe: Recipe, options: SimpleNamespace) -> dict:
    """Return the row of `rates.csv` of one kind of work."""
    images = recipe.images_per_iteration
    with steps_of(work, architecture, recipe, options.device) as step:
        rate = images_per_second(step, images, options.rounds, options.device)
    threads = f", {torch.get_num_threads()} thread(s)" if options.device == "cpu" else ""
    source = f"benchmarks/training_rate.py, {options.config}, {images} images per step{threads}, "
    return {
        "device": options.name,
        "work": work,
        "gmacs": round(work_gmacs(work, architecture, recipe), 4),
        "images_per_s": float(f"{rate:.4g}"),
        "source": f"{source}torch {torch.__version__}, median of {options.rounds} rounds",
        "precision": recipe.precision if work != "embed" else "float32",
    }


def merged(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Return new rates with those of a file that they do not replace."""
    if not path.exists():
        return frame
    old = pd.read_csv(path)
    old["precision"] = old.get("precision", pd.Series(PRECISION, old.index))
    before, new = (rows[KEY].apply(tuple, axis=1) for rows in (old, frame))
    return pd.concat([old[~before.isin(new)], frame], ignore_index=True)


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
    rows = [measure(*work, options) for work in works_of(config, options.batch_size)]
    frame = pd.DataFrame(rows, columns=list(RATE_COLUMNS))
    print(frame.to_string(index=False))
    write_csv(options.output, merged(options.output, frame))


if __name__ == "__main__":
    main()
