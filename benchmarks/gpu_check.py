"""What one GPU does with this code, in ten minutes: `make gpu-check`, on a machine that has one.

It runs the tests in tests/gpu on the GPU, then measures, and writes into `gpu-check/`:

- `summary.md`, what a person reads, or sends to one who has no such GPU;
- `rates.csv`: put it into the study's folder, and `plan` counts with it;
- `speeds.csv`, `facts.json`, `tests.xml`: what the summary is made from.

Losses of this GPU go to tests/gpu/golden/, where the next check compares its own with them; commit
that file. Without a GPU there is nothing to check: it says so and ends well.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[1]
NO_GPU = "There is no GPU that torch can use here, so there is nothing to check."
# A sum of a product of matrices is the same bits each time only with a fixed work space
ENVIRONMENT = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "OMP_NUM_THREADS": "1"}
TESTS_SECONDS = 300
PICTURES = 2048  # of the store that the loop reads, at the paper's size
THREADS = 8
SPEEDS = ["what", "precision", "images_per_s", "note"]


@dataclass(frozen=True)
class Check:
    """What is checked, and how much of it."""

    device: str
    config: str
    folder: Path
    batch: int | None  # instead of the recipes', for a rehearsal on a CPU
    rounds: int
    pictures: int
    tests: tuple[str, ...] = ("tests/gpu",)

    def options(self) -> SimpleNamespace:
        """Return what `training_rate.measure` asks for."""
        from imagenet_transfer.running.provenance import device_name

        name = device_name(self.device)
        return SimpleNamespace(
            device=self.device, config=self.config, rounds=self.rounds, name=name
        )


def run_tests(check: Check) -> dict[str, Any]:
    """Run the tests on the device; return how many there were, and the names of those that failed."""
    results = {"GPU_CHECK_DEVICE": check.device, "GPU_CHECK_RESULTS": str(check.folder.resolve())}
    report = check.folder / "tests.xml"
    command = [sys.executable, "-m", "pytest", *check.tests, f"--junitxml={report.resolve()}"]
    command += ["-p", "no:cacheprovider"]
    environment = os.environ | ENVIRONMENT | results
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, cwd=ROOT, env=environment, timeout=TESTS_SECONDS, check=False)
    if not report.exists():
        return {"number": 0, "failed": [f"none ended within {TESTS_SECONDS} seconds"]}
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = [case.get("name") for case in cases if case.find("failure") is not None]
    failed += [case.get("name") for case in cases if case.find("error") is not None]
    return {"number": len(cases), "failed": failed}


def rates_of(check: Check) -> Iterator[dict[str, Any]]:
    """Yield the rows of rates.csv, each kind of work in its recipe's precision.

    The training of whole networks is measured in all precisions.
    """
    from made_tasks import works_of
    from training_rate import measure

    from imagenet_transfer.study.config_file import read_config

    for work, architecture, recipe in works_of(read_config(check.config), check.batch):
        others = precisions() if work == "train" else [recipe.precision]
        for precision in others:
            yield measure(work, architecture, replace(recipe, precision=precision), check.options())


def precisions() -> list[str]:
    """Return the precisions that a recipe may have."""
    from imagenet_transfer.training.recipe import recipe_schema

    return recipe_schema()["properties"]["precision"]["enum"]


def speeds_of(check: Check) -> Iterator[dict[str, Any]]:
    """Yield images per second of pre-training: step, loop, ceiling, and torchvision's AlexNet."""
    from made_tasks import works_of

    from imagenet_transfer.study.config_file import read_config

    known = works_of(read_config(check.config), check.batch)
    _, architecture, recipe = next(work for work in known if work[0] == "train")
    for precision in precisions():
        one = replace(recipe, precision=precision)
        for what, about, make in STEPS:
            yield speed_row(what, about, make, architecture, one, check)
        for switch, changes in SWITCHES.items():
            if switch != "compile" or (check.device != "cpu" and precision == precisions()[-1]):
                changed = replace(one, **changes)
                yield speed_row(f"step, {switch}", STEPS[0][1], fed, architecture, changed, check)


def speed_row(
    what: str,
    about: str,
    make: Callable,
    architecture: Mapping[str, Any],
    recipe: Any,
    check: Check,
) -> dict[str, Any]:
    """Return the speed of a way to take steps."""
    with make(architecture, recipe, check) as step:
        speed = speed_of(step, recipe.images_per_iteration, check)
    return dict(zip(SPEEDS, (what, recipe.precision, speed, about), strict=True))


def speed_of(step: Callable[[], None], images: int, check: Check) -> float:
    """Return images per second, to four digits."""
    from training_rate import images_per_second

    return float(f"{images_per_second(step, images, check.rounds, check.device):.4g}")


@contextlib.contextmanager
def fed(architecture: Mapping[str, Any], recipe: Any, check: Check) -> Iterator[Callable]:
    """Yield the loop's step on batches that are ready in the host's memory."""
    from made_tasks import steps_of

    with steps_of("train", architecture, recipe, check.device) as step:
        yield step


@contextlib.contextmanager
def resident(architecture: Mapping[str, Any], recipe: Any, check: Check) -> Iterator[Callable]:
    """Yield the loop's step on batches that are on the device: what no feed can exceed."""
    from made_tasks import endless, made_task

    from imagenet_transfer.training.loop import stepping

    recipe = endless(recipe)
    task = made_task("train", architecture, recipe, check.device, on_device=True)
    with stepping(task, recipe) as step:
        yield step


@contextlib.contextmanager
def reading(architecture: Mapping[str, Any], recipe: Any, check: Check) -> Iterator[Callable]:
    """Yield the loop's step on the images of a store, read and decoded as in a study."""
    import numpy as np
    import pandas as pd
    from made_tasks import endless
    from store_reading import make_pictures, pack

    from imagenet_transfer.data.store import Store
    from imagenet_transfer.training.loop import stepping
    from imagenet_transfer.training.tasks.classification import ClassificationTask

    recipe = endless(recipe)
    with tempfile.TemporaryDirectory() as name:
        make_pictures(Path(name) / "source", check.pictures // 8)
        pack(Path(name), "jpeg")
        store = Store(Path(name) / "jpeg", threads=min(THREADS, os.cpu_count() or 1))
        places = np.arange(check.pictures)
        table = pd.DataFrame({"row": places % len(store), "label": places % 10})
        arguments = (store, table, table[:1], 1000, architecture, recipe, 0)
        with stepping(ClassificationTask(*arguments, device=check.device), recipe) as step:
            yield step


@contextlib.contextmanager
def reference(architecture: Mapping[str, Any], recipe: Any, check: Check) -> Iterator[Callable]:
    """Yield a step of torchvision's training script on its AlexNet, on a batch on the device.

    As references/classification/train.py: SGD with momentum, cross-entropy, autocast with --amp;
    and channels_last, as here. It is another network: without groups and normalisation.
    """
    import torch
    import torchvision

    torch.backends.cuda.matmul.allow_tf32 = recipe.precision != "float32"
    torch.backends.cudnn.allow_tf32 = recipe.precision != "float32"
    torch.manual_seed(0)
    model = torchvision.models.alexnet().to(check.device, memory_format=torch.channels_last).train()
    rate = {"lr": 1e-9, "momentum": recipe.momentum, "weight_decay": recipe.weight_decay}
    optimiser = torch.optim.SGD(model.parameters(), **rate)
    images = torch.randn(recipe.batch_size, 3, 224, 224, device=check.device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(recipe.batch_size, device=check.device) % 1000
    mixed = recipe.precision == "bfloat16"
    kind = torch.device(check.device).type

    def step() -> None:
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=mixed):
            loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    yield step


STEPS = (  # what, about it, a context that yields its step
    ("step", "batches in the host's memory, copied by the feed", fed),
    ("ceiling", "batches on the device", resident),
    ("loop", f"JPEG of a store, at most {THREADS} threads", reading),
    ("torchvision", "its AlexNet and training script's step, a batch on the device", reference),
)
SWITCHES = {  # of a recipe; a compilation takes a minute
    "fused_lrn": {"fused_lrn": True},
    "fused_lrn and cuda_graph": {"fused_lrn": True, "cuda_graph": True},
    "compile": {"compile": True},
}


def about(device: str) -> dict[str, str]:
    """Return the device and the versions that its numbers depend on."""
    import torch

    from imagenet_transfer.running.provenance import commit, device_name

    known = {"device": device_name(device), "torch": torch.__version__, "commit": commit()}
    if torch.cuda.is_available():
        known |= {"CUDA": torch.version.cuda, "cuDNN": str(torch.backends.cudnn.version())}
    return known


def summary(known: Mapping[str, Any], tests: Mapping[str, Any], rows: Mapping[str, list]) -> str:
    """Return the results as Markdown. `rows` are those of `rates` and `speeds`."""
    failed = tests["failed"]
    verdict = f"{len(failed)} failed: {', '.join(failed)}" if failed else "all passed"
    facts = [f"- {key}: {value}" for key, value in known.items()]
    found = [f"- {key}: {value}" for key, value in tests.get("facts", {}).items()]
    rates = [(row["work"], row["precision"], f"{row['images_per_s']:g}") for row in rows["rates"]]
    speeds = [
        [f"{row[key]:g}" if key == "images_per_s" else row[key] for key in SPEEDS]
        for row in rows["speeds"]
    ]
    parts = [
        f"# GPU check: {known['device']}\n",
        *facts,
        f"\n{tests['number']} tests on the device, {verdict}.\n",
        *found,
        "\nImages per second by kind of work (rates.csv, for `plan`):\n",
        table(("work", "precision", "images/s"), rates),
        "\nPre-training, images per second:\n",
        table(("what", "precision", "images/s", "on"), speeds),
        *(f"\nNot measured: {problem}" for problem in rows.get("problems", ())),
    ]
    return "\n".join(parts) + "\n"


def table(titles: tuple[str, ...], rows: list) -> str:
    """Return rows as a Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def gathered(rows: Iterator[dict], problems: list[str]) -> list[dict]:
    """Return rows as far as they can be measured; what stops them is added to the problems."""
    found = []
    try:
        for row in rows:
            found.append(row)
            print(*row.values(), sep="  ", flush=True)
    except Exception as error:  # the rest of the check is worth having
        problems.append(f"what comes after {len(found)} rows ({type(error).__name__}: {error})")
    return found


def check_gpu(check: Check) -> bool:
    """Check a device, write the results, and return whether all is well."""
    import pandas as pd
    import torch
    from training_rate import merged

    from imagenet_transfer.files import write_csv
    from imagenet_transfer.study.plan import RATE_COLUMNS

    check.folder.mkdir(parents=True, exist_ok=True)
    (check.folder / "facts.json").unlink(missing_ok=True)
    torch.set_num_threads(1)  # of the host, whose threads read
    started = time.monotonic()
    tests = run_tests(check)
    facts = check.folder / "facts.json"
    tests["facts"] = json.loads(facts.read_text()) if facts.exists() else {}
    problems: list[str] = []
    rows = {"rates": gathered(rates_of(check), problems)}
    rows |= {"speeds": gathered(speeds_of(check), problems), "problems": problems}
    rates = check.folder / "rates.csv"
    frame = pd.DataFrame(rows["rates"], columns=list(RATE_COLUMNS))
    write_csv(rates, merged(rates, frame))
    write_csv(check.folder / "speeds.csv", pd.DataFrame(rows["speeds"], columns=SPEEDS))
    known = about(check.device) | {"minutes": round((time.monotonic() - started) / 60, 1)}
    text = summary(known, tests, rows)
    (check.folder / "summary.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nIn {check.folder}/: summary.md, rates.csv and the rest.")
    return not (tests["failed"] or problems)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default=str(ROOT / "configs/paper.yaml"))
    parser.add_argument("--output", type=Path, default=ROOT / "gpu-check")
    rehearsed = "check this instead, as a rehearsal (cpu takes hours at the paper's size)"
    parser.add_argument("--device", help=rehearsed)
    parser.add_argument("--batch-size", type=int, help="of classification; default: the recipe's")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=PICTURES, help="in the store of the loop")
    options = parser.parse_args()
    os.environ.update(ENVIRONMENT)  # before torch starts CUDA
    import torch

    if options.device is None and not torch.cuda.is_available():
        print(NO_GPU)
        return
    wanted = (options.device or "cuda", options.config, options.output)
    amounts = (options.batch_size, options.rounds, options.pictures)
    sys.exit(0 if check_gpu(Check(*wanted, *amounts)) else 1)


if __name__ == "__main__":
    main()
