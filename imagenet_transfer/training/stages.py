"""The stages that train: from stores, manifests and weights on disk to weights, metrics and histories on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from imagenet_transfer.data.store import Store, tested_split
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, sha256_of, write_csv, write_json
from imagenet_transfer.labels.label_sets import read_label_set
from imagenet_transfer.labels.manifests import read_manifest
from imagenet_transfer.running.gpus import claim_gpu
from imagenet_transfer.running.jobs import count_gpus
from imagenet_transfer.running.memory import keep_freed_memory
from imagenet_transfer.running.provenance import fingerprint_of, provenance
from imagenet_transfer.running.time_limits import minutes_left
from imagenet_transfer.training.checkpoints import StateFile, save_weights
from imagenet_transfer.training.loop import Deadline, Job, train
from imagenet_transfer.training.metrics import check_finite
from imagenet_transfer.training.tasks import classification

UNITS = {"top1": "%", "top5": "%", "mAP": "%", "AP": "%"}


def pretrain(
    store_folder: Path,
    manifest: Path,
    label_set: Path,
    settings: Mapping[str, Any],
    names: Mapping[str, Any],
    folder: Path,
    threads: int,
    minutes: float | None,
) -> None:
    """Train a network on one manifest; write weights.pt and what every training leaves (see `run`) into `folder`.

    `settings` holds architecture, recipe and seed; `names` (stage, arch, subset, rep) is written into metrics.json. The
    validation images are those of the manifest's classes, labelled by `label_set`. `minutes` is the time limit.
    """
    device = prepare(threads)
    store = Store(store_folder, threads=threads)
    images, held_out, num_classes = subset_images(store, manifest, label_set)
    job = classification.ClassificationJob(
        store,
        images,
        held_out,
        num_classes,
        settings["architecture"],
        settings["recipe"],
        settings["seed"],
        device=device,
    )
    inputs = {"manifest": manifest_digest(manifest), "store": store.meta["digest"]}
    facts = {**names, "n_classes": num_classes, "n_images": len(images)}
    run(job, settings, inputs, facts, folder, device, minutes, keep_weights=True)


def validation_set(store: Store, label_set: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return the rows and labels of the validation images whose fine class belongs to one of `classes`.

    Of a data set that has the splits train and test only, the test images are taken. Raises UserError if none is left.
    """
    label_of = {class_wnid: label for label, class_wnid in enumerate(classes)}
    fine = dict(zip(label_set["wnid"], label_set["class_wnid"].map(label_of), strict=True))
    split = tested_split(store.images)
    rows = store.split(split)
    labels = store.images["class"].iloc[rows].map(fine)
    kept = labels.notna().to_numpy()
    if not kept.any():
        raise UserError(
            f"{store.folder}: no image of the split {split} is of a class of the subset, so that nothing can be "
            "measured; check the data set's splits and the subset's label set."
        )
    return pd.DataFrame({"row": rows[kept], "label": labels[kept].astype(int).to_numpy()})


def finetune(
    kind: str,
    inputs: Mapping[str, Path],
    settings: Mapping[str, Any],
    names: Mapping[str, Any],
    folder: Path,
    threads: int,
    minutes: float | None,
) -> None:
    """Fine-tune a network for a kind of task and write what every training leaves (see `run`) into `folder`.

    `inputs`: store (its meta.json), weights (absent: a random start), and what the kind reads beside them: proposals
    for action; manifest and label_set for the classification of a subset. `names`: arch, subset, task, rep, and network
    (the pre-training replicate that `weights` is of).
    """
    device = prepare(threads)
    store = Store(inputs["store"].parent, threads=threads)
    job = JOBS[kind](store, inputs, settings, device)
    read = {"store": store.meta["digest"], "weights": digest(inputs.get("weights"))}
    if "manifest" in inputs:
        read["manifest"] = manifest_digest(inputs["manifest"])
    if "proposals" in inputs:
        read["proposals"] = sha256_of(inputs["proposals"])
    run(
        job,
        settings,
        read,
        {"stage": "transfer", **names},
        folder,
        device,
        minutes,
        keep_weights=False,
    )


def classification_job(
    store: Store, inputs: Mapping[str, Path], settings: Mapping[str, Any], device: str
) -> Job:
    """Return the training on a data set's split `train`, tested on `test`, else `val`; or on a subset's images."""
    if "manifest" in inputs:
        *sets, num_classes = subset_images(store, inputs["manifest"], inputs["label_set"])
    else:
        sets = [labelled(store, split) for split in ("train", tested_split(store.images))]
        num_classes = len(store.classes)
    return classification.ClassificationJob(
        store,
        *sets,
        num_classes,
        settings["architecture"],
        settings["recipe"],
        settings["seed"],
        weights=inputs.get("weights"),
        device=device,
    )


def detection_job(
    store: Store, inputs: Mapping[str, Path], settings: Mapping[str, Any], device: str
) -> Job:
    """Return the training of a detector on VOC's trainval, tested on VOC's test."""
    from imagenet_transfer.training.tasks.detection import (
        DetectionJob,  # loads torchvision's operators, which takes time
    )

    recipe = {**settings["recipe"], "ap_variant": settings["average_precision"]}
    return DetectionJob(
        store, settings["architecture"], inputs.get("weights"), recipe, settings["seed"], device
    )


def action_job(
    store: Store, inputs: Mapping[str, Path], settings: Mapping[str, Any], device: str
) -> Job:
    """Return the training of R*CNN on VOC's action train, tested on val."""
    from imagenet_transfer.data.proposals import read_proposals
    from imagenet_transfer.training.tasks.action import ActionJob

    recipe = {**settings["recipe"], "ap_variant": settings["average_precision"]}
    proposals = read_proposals(inputs["proposals"].parent)
    weights = inputs.get("weights")
    return ActionJob(
        store, proposals, settings["architecture"], weights, recipe, settings["seed"], device
    )


JOBS = {"classification": classification_job, "detection": detection_job, "action": action_job}


def subset_images(
    store: Store, manifest: Path, label_set: Path
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return rows and labels of a subset's training images, of its classes' validation images, and their number."""
    sampled = read_manifest(manifest)
    images = sampled.rows.assign(row=store.rows(sampled.rows["image"]))
    return (
        images,
        validation_set(store, read_label_set(label_set), sampled.classes),
        len(sampled.classes),
    )


def labelled(store: Store, split: str) -> pd.DataFrame:
    """Return rows and labels of a split; labels are the places of the classes in the store's list."""
    label_of = {name: label for label, name in enumerate(store.classes)}
    rows = store.split(split)
    return pd.DataFrame(
        {"row": rows, "label": store.images["class"].iloc[rows].map(label_of).to_numpy()}
    )


def prepare(threads: int) -> str:
    """Set the number of threads and return the device to compute on: a card that no other job has, or the CPU."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    claim_gpu(count_gpus())
    return "cuda" if torch.cuda.is_available() else "cpu"


def manifest_digest(manifest: Path) -> str:
    """Return the digest in the JSON file beside a manifest."""
    return read_facts(
        manifest.with_name(manifest.name.removesuffix(".csv.gz") + ".json"), "digest"
    )["digest"]


def digest(weights: Path | None) -> str | None:
    """Return the checksum of a file of weights, or None for a random start."""
    return None if weights is None else sha256_of(weights)


def run(
    job: Job,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Any],
    facts: Mapping[str, Any],
    folder: Path,
    device: str,
    minutes: float | None,
    keep_weights: bool,
) -> None:
    """Train a job and write history.csv, images.csv.gz (what was found in each test image) and metrics.json.

    metrics.json comes last, and the saved state goes after it.
    """
    fingerprint = fingerprint_of({"settings": settings, "inputs": inputs})
    state_file = StateFile(folder / "state.pt", fingerprint)
    if job.num_images == 0:
        raise UserError(
            f"{folder}: there are no training images; check the data set's splits and the subset's size."
        )
    outcome = train(
        job, settings["recipe"], settings["seed"], state_file, Deadline(minutes_left(minutes))
    )
    check_finite(outcome.metrics, folder, "run the same command again")
    if keep_weights:
        save_weights(folder / "weights.pt", job.model)
        facts = {**facts, "weights": sha256_of(folder / "weights.pt")}
    write_csv(folder / "history.csv", pd.DataFrame(outcome.history))
    write_csv(folder / "images.csv.gz", job.tested())
    metrics = [
        {"metric": name, "value": value, "unit": UNITS.get(name.split("/")[0], "")}
        for name, value in outcome.metrics.items()
    ]
    record = {
        **facts,
        "seed": settings["seed"],
        "metrics": metrics,
        "fingerprint": fingerprint,
        "inputs": inputs,
    }
    record |= {
        "settings": settings,
        "images": sha256_of(folder / "images.csv.gz"),
        "wall_s": round(outcome.seconds, 2),
        "provenance": provenance(device, outcome.commits),
    }
    write_json(folder / "metrics.json", record)
    state_file.remove()


def metric_of(path: Path | str, name: str) -> float:
    """Return one metric of a metrics.json; raise UserError if the run does not have it."""
    values = {entry["metric"]: entry["value"] for entry in read_facts(path, "metrics")["metrics"]}
    if name not in values:
        raise UserError(
            f"{path} has no metric '{name}', but {', '.join(sorted(values))}: change `metric` of the task."
        )
    return values[name]
