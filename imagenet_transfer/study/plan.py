"""What a study costs before it is run: jobs, images, hours and disk of every output.

Jobs that several outputs share are counted once, those whose files are there not at all. Hours are
training images by measured rates (`resources/rates.csv`; `benchmarks/training_rate.py` measures
yours). Work that was not measured on a device is scaled by multiply-adds from the nearest that was.
Evaluation (one to three per cent for the paper), rendering, packing, region proposals, and measures
once their features are there, are not included.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_table
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.labels.taxonomy import read_classes
from imagenet_transfer.models import network_of
from imagenet_transfer.resources import RESOURCES
from imagenet_transfer.study.costs import work_gmacs, work_outputs
from imagenet_transfer.study.data_checks import RENDERED_FROM
from imagenet_transfer.study.plan_jobs import (
    FEATURES,
    FINE_TUNING,
    NETWORK,
    STORE,
    Job,
    jobs_of,
)
from imagenet_transfer.study.runs import Embedding, PretrainRun, TransferRun
from imagenet_transfer.study.study import Study
from imagenet_transfer.training.measures import NONE
from imagenet_transfer.training.recipe import Recipe

RATES = RESOURCES / "rates.csv"
PRECISION = "float32"  # of rates whose file does not say it
RATE_COLUMNS = ("device", "work", "gmacs", "images_per_s", "source", "precision")
COLUMNS = (
    *("output", "networks", "fine_tunings", "other", "shared", "done"),
    *("images_millions", "disk_gb"),
)
TOTAL = "all outputs"
PLANNED_CLASSES = 1000  # of a data set whose number is not declared; only last layers depend on it
NETWORKS = (1, 3)  # per subset, of the alternatives

# The kinds of work whose rate a kind takes if it was not measured itself, best first
LIKE = {
    "train": (),
    "embed": ("last-layer", "train"),
    "last-layer": ("embed", "train"),
    "detection": ("action", "train"),
    "action": ("detection", "train"),
}

# Bytes of a number, and of a stored image
FLOAT32 = 4
FLOAT16 = 2
JPEG_256 = 26_500  # 256x256, 4:4:4, quality 90: measured, benchmarks/store_reading.py
ORIGINAL_PIXEL = 0.49  # per pixel of VOC2007's files: 9,963 images of about 500x375 in 0.91 GB
PHOTOGRAPH_PIXELS = 500 * 375
PICTURES = ("voc", "action")  # parts of the miniature whose images keep their size

# Reading, on a processor of a job with a GPU: one core of an AMD EPYC (benchmarks/README.md)
READERS = 8  # threads of such a job (workflow/rules/common.smk)
DECODED_PIXELS = 256**2 / 0.275e-3  # per second, from JPEG
RAW_PIXELS = 256**2 / 0.0214e-3


@dataclass(frozen=True)
class Work:
    """One run that is still to be done."""

    kind: str
    images: float  # seen in training
    gmacs: float  # billions of multiply-adds per image
    precision: str = PRECISION
    step: int = 256  # images at once
    outputs: float = 0.0  # numbers that layers put out per image, in a forward pass
    parameters: float = 0.0
    reading: float = math.inf  # images per second that a job's threads read


@dataclass
class Share:
    """What one output adds to a study."""

    networks: int = 0
    fine_tunings: int = 0
    other: int = 0
    shared: int = 0
    done: int = 0
    work: list[Work] = field(default_factory=list)
    disk: float = 0.0


def read_rates(*paths: Path | str) -> pd.DataFrame:
    """Return the rates of this repository and of the given files that exist.

    A user's own rows replace those of the same device. Raises UserError if a file is not a table of
    rates.
    """
    frames = [read_table(RATES, RATE_COLUMNS)]
    for path in map(Path, paths):
        if path.exists():
            frame = read_table(path)
            if "precision" not in frame:
                frame["precision"] = PRECISION
            if missing := set(RATE_COLUMNS) - set(frame.columns):
                raise UserError(
                    f"{path} lacks the columns {', '.join(sorted(missing))}: let "
                    "benchmarks/training_rate.py write it."
                )
            frames = [old[~old["device"].isin(frame["device"])] for old in frames] + [frame]
    return pd.concat(frames, ignore_index=True)[list(RATE_COLUMNS)]


def plan(study: Study, rates: pd.DataFrame, done: Iterable[Job] = ()) -> pd.DataFrame:
    """Return one row per output and a last one for all: COLUMNS and the hours on each device.

    A job that several outputs need is counted in the row of the first; `shared` says how many jobs
    of an output are counted in rows above it, `done` how many of the rest are among those given as
    done. NaN where the config does not say how many images a data set has.
    """
    seen: set[Job] = set()
    finished = frozenset(done)
    shares = {output: share_of(study, output, seen, finished) for output in study.outputs}
    rows = [row(name, share, rates) for name, share in shares.items()]
    frame = pd.DataFrame(rows)
    total = {column: frame[column].sum(skipna=False) for column in frame.columns[1:]}
    total |= {"output": TOTAL, "shared": 0}
    return pd.concat([frame, pd.DataFrame([total])[list(frame.columns)]], ignore_index=True)


def alternatives(study: Study, rates: pd.DataFrame) -> pd.DataFrame:
    """Return the last row of `plan` of all jobs for the study with 1 and with 3 networks per subset.

    With 3, every task has at least 3 replicates, so that each network is fine-tuned.
    """
    rows = []
    for number in NETWORKS:
        total = plan(with_networks(study, number), rates).iloc[-1:]
        networks = "1 network" if number == 1 else f"{number} networks"
        rows.append(total.assign(output=f"{TOTAL}, {networks} per subset"))
    return pd.concat(rows, ignore_index=True)


def with_networks(study: Study, number: int) -> Study:
    """Return the study with `number` networks per subset and at least as many runs of each task."""
    tasks = {
        name: {**task, "replicates": max(number, task["replicates"])}
        for name, task in study.tasks.items()
    }
    return replace(study, replicates=number, tasks=tasks)


def row(output: str, share: Share, rates: pd.DataFrame) -> dict[str, Any]:
    """Return the plan's row of one output."""
    counts = (share.networks, share.fine_tunings, share.other, share.shared, share.done)
    images = sum(work.images for work in share.work if work.kind != "embed") / 1e6
    values = dict(zip(COLUMNS, (output, *counts, images, share.disk / 1e9), strict=True))
    return values | {
        hours_on(device): hours(share.work, rates, device) for device in rates["device"].unique()
    }


def hours_on(device: str) -> str:
    """Return the name of the plan's column of a device."""
    return f"hours on {device}"


def hours(work: Iterable[Work], rates: pd.DataFrame, device: str) -> float:
    """Return the hours that some runs take on a device."""
    rows = rates[rates["device"] == device]

    def speed(item: Work) -> float:
        return min(rate(rows, item.kind, item.gmacs, item.precision), item.reading)

    return sum(item.images / speed(item) for item in work) / 3600


def rate(rows: pd.DataFrame, kind: str, gmacs: float, precision: str = PRECISION) -> float:
    """Return the images per second of a kind of work, scaled from the nearest measured rate.

    `rows` are the rates of one device; a kind that was not measured takes the rate of the first of
    LIKE that was. Rates of another precision count if none was measured in this one.
    """
    if "precision" in rows and (rows["precision"] == precision).any():
        rows = rows[rows["precision"] == precision]
    measured = set(rows["work"])
    chosen = next(
        (rows[rows["work"] == name] for name in (kind, *LIKE[kind]) if name in measured), rows
    )
    nearest = min(chosen.itertuples(), key=lambda known: abs(math.log(known.gmacs / gmacs)))
    return nearest.images_per_s * nearest.gmacs / gmacs


def run_hours(study: Study, rates: pd.DataFrame, architecture: str) -> dict[str, dict[str, float]]:
    """Return, by device, the hours of one run of each task and of one network of an architecture.

    A network is called "pretrain"; its hours are those of the study's longest.
    """
    tasks = {name: task_work(study, architecture, name) for name in study.tasks}
    networks = [
        work(study, architecture, entry["recipe"], subset_images(study, name), entry["dataset"])
        for name, entry in study.subsets.items()
        if "recipe" in entry
    ]

    def of_device(device: str) -> dict[str, float]:
        known = {name: hours([one], rates, device) for name, one in tasks.items()}
        longest = max((hours([one], rates, device) for one in networks), default=0.0)
        return known | {"pretrain": longest}

    return {str(device): of_device(device) for device in rates["device"].unique()}


def work_left(study: Study, done: Iterable[Job] = ()) -> list[Work]:
    """Return all runs of a study that are still to be done, each once."""
    seen: set[Job] = set()
    finished = frozenset(done)
    shares = [share_of(study, output, seen, finished) for output in study.outputs]
    return [item for share in shares for item in share.work]


def first_work(study: Study) -> Work:
    """Return the training of the network that the others wait for."""
    run = study.first_run()
    entry = study.subsets[run.subset]
    images = subset_images(study, run.subset)
    return work(study, run.architecture, entry["recipe"], images, entry["dataset"])


# What an output needs


def share_of(study: Study, output: str, seen: set[Job], done: frozenset[Job]) -> Share:
    """Return what an output adds to the jobs seen before, and add its jobs to `seen`."""
    share = Share()
    for job in jobs_of(study, output):
        if job in seen:
            share.shared += 1
        elif job in done:
            share.done += 1
        else:
            ADDED.get(job[0], _add_other)(study, job, share)
        seen.add(job)
    return share


def _add_other(study: Study, job: Job, share: Share) -> None:
    share.other += 1


def _add_network(study: Study, job: Job, share: Share) -> None:
    run = PretrainRun(*job[1:])
    share.networks += 1
    images = subset_images(study, run.subset)
    entry = study.subsets[run.subset]
    share.work.append(work(study, run.architecture, entry["recipe"], images, entry["dataset"]))
    share.disk += weights_bytes(study, run)


def _add_given(study: Study, job: Job, share: Share) -> None:
    share.other += 1
    share.disk += weights_bytes(study, PretrainRun(*job[1:]))


def _add_fine_tuning(study: Study, job: Job, share: Share) -> None:
    run = TransferRun(*job[1:])
    share.fine_tunings += 1
    share.work.append(task_work(study, run.architecture, run.task))


def _add_features(study: Study, job: Job, share: Share) -> None:
    run = Embedding(*job[1:])
    network = network_of(study.architectures[run.architecture])
    share.other += 1
    share.work.append(embedding_work(study, run.architecture, run.dataset, run.augmentation))
    classes = 0 if run.subset == SCRATCH else subset_classes(study, run.subset)
    size = FLOAT16 * network.feature_sizes(classes)[run.layer] + FLOAT32
    share.disk += size * all_images(study, run.dataset)


def _add_store(study: Study, job: Job, share: Share) -> None:
    share.other += 1
    share.disk += store_bytes(study, job[1])


ADDED: Mapping[str, Callable[[Study, Job, Share], None]] = {
    NETWORK: _add_network,
    "import": _add_given,
    FINE_TUNING: _add_fine_tuning,
    FEATURES: _add_features,
    STORE: _add_store,
}


def weights_bytes(study: Study, run: PretrainRun) -> float:
    """Return the bytes of a network's weights."""
    network = network_of(study.architectures[run.architecture])
    return FLOAT32 * network.parameters(subset_classes(study, run.subset))


def work(study: Study, architecture: str, recipe: str, num_images: float, dataset: str) -> Work:
    """Return the work of training by a recipe on `num_images` images of a data set."""
    entry = Recipe.of(study.recipes[recipe])
    network = network_of(study.architectures[architecture])
    return Work(
        entry.work,
        entry.images(num_images),
        work_gmacs(entry.work, network, entry),
        entry.precision,
        entry.images_per_iteration,
        work_outputs(entry.work, network, entry),
        network.parameters(PLANNED_CLASSES),
        reading_rate(study, dataset),
    )


def task_work(study: Study, architecture: str, task: str) -> Work:
    """Return the work of one run of a task; of a measure, that of its features."""
    if study.is_frozen(task):
        measure = study.measure_of(task, architecture)
        return embedding_work(study, architecture, study.dataset_of(task), measure.augmentation)
    dataset = study.dataset_of(task)
    recipe = study.tasks[task]["recipe"]
    return work(study, architecture, recipe, task_images(study, task), dataset)


def embedding_work(study: Study, architecture: str, dataset: str, augmentation: str) -> Work:
    """Return the work of computing the features of all images of a data set, and mirror images."""
    views = 1 if augmentation == NONE else 2
    network = network_of(study.architectures[architecture])
    return Work(
        "embed",
        views * all_images(study, dataset),
        work_gmacs("embed", network, None),
        outputs=work_outputs("embed", network, None),
        parameters=network.parameters(PLANNED_CLASSES),
        reading=reading_rate(study, dataset),
    )


def reading_rate(study: Study, dataset: str) -> float:
    """Return the images of a data set per second that the threads of a job with a GPU read."""
    store = study.datasets[dataset]["store"]
    if store["codec"] == "original":
        pixels, speed = photograph_pixels(study, dataset), DECODED_PIXELS
    else:
        pixels = store["size"] ** 2
        speed = RAW_PIXELS if store["codec"] == "raw" else DECODED_PIXELS
    return READERS * speed / pixels


# Sizes, from what the config declares


def declared(study: Study, dataset: str) -> Mapping[str, int]:
    """Return the number of images of each split that the config declares; none if it does not."""
    return study.datasets[dataset].get("images", {})


def training_images(study: Study, dataset: str) -> float:
    """Return the declared number of training images of a data set, NaN if it is not declared."""
    images = declared(study, dataset)
    return images.get("train", images.get("trainval", math.nan))


def all_images(study: Study, dataset: str) -> float:
    """Return the declared number of images of a data set, NaN if it is not declared."""
    images = declared(study, dataset)
    return sum(images.values()) if images else math.nan


def task_images(study: Study, task: str) -> float:
    """Return the training images of a task, those of a subset if it is one of its halves."""
    entry = study.tasks[task]
    if "subset" in entry:
        return subset_images(study, entry["subset"])
    return training_images(study, entry["dataset"])


def subset_images(study: Study, subset: str) -> float:
    """Return at most how many images a subset has, as if its label set left no class out."""
    entry = study.subsets[subset]
    images = training_images(study, entry["dataset"])
    classes = subset_classes(study, subset)
    if "classes" in entry:
        images *= classes / dataset_classes(study, entry["dataset"])
    if "images_per_class" in entry:
        return min(images, entry["images_per_class"] * classes)
    return images


def subset_classes(study: Study, subset: str) -> int:
    """Return at most how many classes a subset has."""
    entry = study.subsets[subset]
    if "dataset" not in entry:
        return entry.get("facts", {}).get("classes", PLANNED_CLASSES)
    return entry.get("classes", dataset_classes(study, entry["dataset"]))


def dataset_classes(study: Study, dataset: str) -> int:
    """Return the classes of a data set: the declared number, as for Places, or the study's."""
    declared = study.datasets[dataset].get("num_classes")
    if declared is None and study.classes is not None:
        return len(read_classes(study.classes))
    return declared or PLANNED_CLASSES


def store_bytes(study: Study, dataset: str) -> float:
    """Return the bytes of a packed store."""
    store = study.datasets[dataset]["store"]
    images = declared(study, dataset)
    pixels = store.get("size", 0) ** 2
    original = ORIGINAL_PIXEL * photograph_pixels(study, dataset)
    each = {"raw": 3 * pixels, "jpeg": JPEG_256 * pixels / 256**2, "original": original}
    return each[store["codec"]] * sum(images.values()) if images else math.nan


def photograph_pixels(study: Study, dataset: str) -> int:
    """Return the pixels of an image as it lies on disk; the config says those of rendered ones."""
    part = study.datasets[dataset].get("render")
    keys = [key for key in RENDERED_FROM[part] if key in PICTURES] if part else []
    return math.prod(study.miniature[keys[0]].get("size")) if keys else PHOTOGRAPH_PIXELS
