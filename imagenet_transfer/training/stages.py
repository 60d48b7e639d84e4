"""The stages that train: from stores, manifests and weights on disk to a run's files on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from imagenet_transfer.data.store import Store, tested_split
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, sha256_of
from imagenet_transfer.labels.label_sets import read_label_set
from imagenet_transfer.labels.manifests import read_manifest
from imagenet_transfer.running.gpus import claim_gpu
from imagenet_transfer.running.jobs import count_gpus
from imagenet_transfer.running.memory import keep_freed_memory
from imagenet_transfer.running.time_limits import minutes_left
from imagenet_transfer.training.checkpoints import save_weights
from imagenet_transfer.training.kinds import task_maker
from imagenet_transfer.training.loop import Deadline, Outcome, Task, train
from imagenet_transfer.training.metrics import check_finite
from imagenet_transfer.training.precision import FLOAT32, use_precision
from imagenet_transfer.training.run_files import RunFiles
from imagenet_transfer.training.tasks.classification import ClassificationTask
from imagenet_transfer.training.tiers import Budget, keep_images


def pretrain(
    store_folder: Path,
    manifest: Path,
    label_set: Path,
    settings: Mapping[str, Any],
    names: Mapping[str, Any],
    folder: Path,
    threads: int,
    minutes: float | None,
    budget: Budget | None = None,
) -> None:
    """Train a network on one manifest; write weights.pt and a run's files into `folder`.

    `settings` holds architecture, recipe and seed; `names` (stage, arch, subset, rep) goes into
    metrics.json. Validation images are those of the manifest's classes, labelled by `label_set`.
    `minutes` is the time limit, `budget` the room for images (none). See `RunFiles` for the files.
    """
    device = prepare(threads)
    store = Store(store_folder, threads=threads)
    images, held_out, num_classes = subset_images(store, manifest, label_set)
    task = ClassificationTask(
        store, images, held_out, num_classes, **_settings(settings), device=device
    )
    keep_images(task, store, (budget or Budget()).on(device))
    inputs = {"manifest": manifest_digest(manifest), "store": store.meta["digest"]}
    files = RunFiles(folder, settings, inputs, device)
    outcome = trained(task, files, minutes)
    save_weights(folder / "weights.pt", task.model)
    facts = {**names, "n_classes": num_classes, "n_images": len(images)}
    facts["classes"] = class_names(manifest, label_set)
    facts["weights"] = sha256_of(folder / "weights.pt")
    files.write(facts, outcome, task.tested())


def finetune(
    kind: str,
    inputs: Mapping[str, Path],
    settings: Mapping[str, Any],
    names: Mapping[str, Any],
    folder: Path,
    threads: int,
    minutes: float | None,
    budget: Budget | None = None,
) -> None:
    """Fine-tune a network for a kind of task and write a run's files into `folder`.

    `inputs`: store (its meta.json), weights (absent: a random start) and what else the kind reads:
    proposals for action, manifest and label_set for classifying a subset. `names`: arch, subset,
    task, rep, and network (the pre-training replicate of `weights`). `budget` is the room for
    images (none). See `RunFiles` for the files.
    """
    device = prepare(threads)
    store = Store(inputs["store"].parent, threads=threads)
    task = task_maker(kind)(store, inputs, settings, device)
    keep_images(task, store, (budget or Budget()).on(device))
    files = RunFiles(folder, settings, _digests(store, inputs), device)
    outcome = trained(task, files, minutes)
    files.write({"stage": "transfer", **names}, outcome, task.tested())


def _digests(store: Store, inputs: Mapping[str, Path]) -> dict[str, str | None]:
    """Return the digests of what a fine-tuning run reads."""
    weights = inputs.get("weights")
    digests = {"store": store.meta["digest"]}
    digests["weights"] = None if weights is None else sha256_of(weights)
    if "manifest" in inputs:
        digests["manifest"] = manifest_digest(inputs["manifest"])
    if "proposals" in inputs:
        digests["proposals"] = sha256_of(inputs["proposals"])
    return digests


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that every task takes."""
    return {name: settings[name] for name in ("architecture", "recipe", "seed")}


def trained(task: Task, files: RunFiles, minutes: float | None) -> Outcome:
    """Carry out a task with the recipe and seed of its settings, within the minutes left.

    It continues from a saved state. Raises UserError if there is nothing to train on, or if a
    metric is infinite or not a number.
    """
    if task.num_images == 0:
        raise UserError(
            f"{files.folder}: there are no training images; check the data set's splits and the "
            "subset's size."
        )
    deadline = Deadline(minutes_left(minutes))
    settings = files.settings
    outcome = train(task, settings["recipe"], settings["seed"], files.state_file, deadline)
    check_finite(outcome.metrics, files.folder, "run the same command again")
    return outcome


# Tasks by kind


def classification_task(
    store: Store,
    inputs: Mapping[str, Path],
    settings: Mapping[str, Any],
    device: str,
    task: type[ClassificationTask] = ClassificationTask,
) -> Task:
    """Return the training on a data set's split `train`, tested on `test` or else `val`.

    With a manifest among the inputs, it is the training on a subset's images. `task` is its class.
    """
    *sets, num_classes = labelled_sets(store, inputs)
    start = {"weights": inputs.get("weights"), "device": device}
    return task(store, *sets, num_classes, **_settings(settings), **start)


def detection_task(
    store: Store, inputs: Mapping[str, Path], settings: Mapping[str, Any], device: str
) -> Task:
    """Return the training of a detector on a data set's `trainval` or `train`.

    It is tested on `test` or else `val`.
    """
    # Imported here, as it loads torchvision's operators, which takes time.
    from imagenet_transfer.training.tasks.detection import DetectionTask

    start = {"weights": inputs.get("weights"), "device": device}
    variant = settings["average_precision"]
    return DetectionTask(store, **_settings(settings), **start, ap_variant=variant)


def action_task(
    store: Store, inputs: Mapping[str, Path], settings: Mapping[str, Any], device: str
) -> Task:
    """Return the training of R*CNN on VOC's action train, tested on val."""
    from imagenet_transfer.data.proposals import read_proposals
    from imagenet_transfer.training.tasks.action import ActionTask

    proposals = read_proposals(inputs["proposals"].parent)
    start = {"weights": inputs.get("weights"), "device": device}
    variant = settings["average_precision"]
    return ActionTask(store, proposals, **_settings(settings), **start, ap_variant=variant)


# Images and labels


def labelled_sets(
    store: Store, inputs: Mapping[str, Path]
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return what a task trains on, what it is tested on, and its number of classes.

    They are those of a data set, or with a manifest among the inputs those of a subset. Images are
    tables with the columns row and label.
    """
    if "manifest" in inputs:
        return subset_images(store, inputs["manifest"], inputs["label_set"])
    sets = [labelled(store, split) for split in ("train", tested_split(store.images))]
    return *sets, len(store.classes)


def subset_images(
    store: Store, manifest: Path, label_set: Path
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return a subset's training images, its classes' validation images and the number of classes.

    Images are tables with the columns row and label.
    """
    sampled = read_manifest(manifest)
    images = sampled.rows.assign(row=store.rows(sampled.rows["image"]))
    held_out = validation_set(store, read_label_set(label_set), sampled.classes)
    return images, held_out, len(sampled.classes)


def class_names(manifest: Path, label_set: Path) -> list[dict[str, str]]:
    """Return wnid and name of a manifest's classes, in the order of its labels."""
    known = read_label_set(label_set)
    names = dict(zip(known["class_wnid"], known["class_name"], strict=True))
    classes = read_facts(_summary(manifest), "classes")["classes"]
    return [{"id": wnid, "name": names[wnid]} for wnid in classes]


def validation_set(store: Store, label_set: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return the rows and labels of the validation images whose fine class belongs to `classes`.

    A data set with a split `test` gives its test images. Raises UserError if none is left.
    """
    label_of = {class_wnid: label for label, class_wnid in enumerate(classes)}
    fine = dict(zip(label_set["wnid"], label_set["class_wnid"].map(label_of), strict=True))
    split = tested_split(store.images)
    rows = store.split(split)
    labels = store.images["class"].iloc[rows].map(fine)
    kept = labels.notna().to_numpy()
    if not kept.any():
        raise UserError(
            f"{store.folder}: no image of the split {split} is of a class of the subset, so there "
            "is nothing to measure on; check the data set's splits and the subset's label set."
        )
    return pd.DataFrame({"row": rows[kept], "label": labels[kept].astype(int).to_numpy()})


def labelled(store: Store, split: str) -> pd.DataFrame:
    """Return rows and labels of a split; a label is the place of a class in the store's list."""
    label_of = {name: label for label, name in enumerate(store.classes)}
    rows = store.split(split)
    labels = store.images["class"].iloc[rows].map(label_of).to_numpy()
    return pd.DataFrame({"row": rows, "label": labels})


def manifest_digest(manifest: Path) -> str:
    """Return the digest in the JSON file next to a manifest."""
    return read_facts(_summary(manifest), "digest")["digest"]


def _summary(manifest: Path) -> Path:
    return manifest.with_name(manifest.name.removesuffix(".csv.gz") + ".json")


def prepare(threads: int) -> str:
    """Set the number of threads and return the device: a GPU that no other job has, or the CPU."""
    torch.set_num_threads(threads)
    use_precision(FLOAT32)
    keep_freed_memory()
    claim_gpu(count_gpus())
    return "cuda" if torch.cuda.is_available() else "cpu"
