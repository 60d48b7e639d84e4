"""The stages that train: from stores, manifests and weights on disk to weights, metrics and histories on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from imagenet_transfer.checkpoints import StateFile, save_weights
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_json, sha256_of, write_csv, write_json
from imagenet_transfer.label_sets import read_label_set
from imagenet_transfer.manifests import read_manifest
from imagenet_transfer.provenance import fingerprint_of, provenance
from imagenet_transfer.store import Store
from imagenet_transfer.tasks import classification
from imagenet_transfer.training import Deadline, Job, train

UNITS = {"top1": "%", "top5": "%", "mAP": "%"}


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
    """Train a network on one manifest and write weights.pt, metrics.json and history.csv into `folder`.

    `settings` holds architecture, recipe and seed; `names` (stage, arch, subset) is written into metrics.json. The
    validation images are those of the manifest's classes, labelled by `label_set`. `minutes` is the time limit.
    """
    device = prepare(threads)
    store = Store(store_folder, threads=threads)
    sampled = read_manifest(manifest)
    images = sampled.rows.assign(row=store.rows(sampled.rows["image"]))
    held_out = validation_set(store, read_label_set(label_set), sampled.classes)
    num_classes = len(sampled.classes)
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
    """Return the rows and labels of the validation images whose fine class belongs to one of `classes`."""
    label_of = {class_wnid: label for label, class_wnid in enumerate(classes)}
    fine = dict(zip(label_set["wnid"], label_set["class_wnid"].map(label_of), strict=True))
    rows = store.split("val")
    labels = store.images["class"].iloc[rows].map(fine)
    kept = labels.notna().to_numpy()
    return pd.DataFrame({"row": rows[kept], "label": labels[kept].astype(int).to_numpy()})


def finetune_classification(
    store_folder: Path,
    weights: Path | None,
    settings: Mapping[str, Any],
    names: Mapping[str, Any],
    folder: Path,
    threads: int,
    minutes: float | None,
) -> None:
    """Fine-tune a network on a classification set and write metrics.json and history.csv into `folder`.

    `weights` None means a random start. It trains on the split `train` and is tested on `test`, else on `val`.
    """
    device = prepare(threads)
    store = Store(store_folder, threads=threads)
    tested = "test" if "test" in set(store.images["split"]) else "val"
    sets = [labelled(store, split) for split in ("train", tested)]
    job = classification.ClassificationJob(
        store,
        *sets,
        len(store.classes),
        settings["architecture"],
        settings["recipe"],
        settings["seed"],
        weights=weights,
        device=device,
    )
    inputs = {"store": store.meta["digest"], "weights": digest(weights)}
    run(job, settings, inputs, names, folder, device, minutes, keep_weights=False)


def labelled(store: Store, split: str) -> pd.DataFrame:
    """Return rows and labels of a split; labels are the places of the classes in the store's list."""
    label_of = {name: label for label, name in enumerate(store.classes)}
    rows = store.split(split)
    return pd.DataFrame({"row": rows, "label": store.images["class"].iloc[rows].map(label_of).to_numpy()})


def finetune_detection(
    store_folder: Path,
    weights: Path | None,
    settings: Mapping[str, Any],
    names: Mapping[str, Any],
    folder: Path,
    threads: int,
    minutes: float | None,
) -> None:
    """Fine-tune a network for detection on VOC's trainval, test it on VOC's test, and write as above."""
    from imagenet_transfer.tasks import detection  # imports torchvision, which takes seconds

    device = prepare(threads)
    store = Store(store_folder, threads=threads)
    job = detection.DetectionJob(
        store,
        settings["architecture"],
        weights,
        {**settings["recipe"], "ap_variant": settings["average_precision"]},
        settings["seed"],
        device,
    )
    inputs = {"store": store.meta["digest"], "weights": digest(weights)}
    run(job, settings, inputs, names, folder, device, minutes, keep_weights=False)


def prepare(threads: int) -> str:
    """Set the number of threads and return the device to compute on."""
    torch.set_num_threads(threads)
    return "cuda" if torch.cuda.is_available() else "cpu"


def manifest_digest(manifest: Path) -> str:
    """Return the digest in the JSON file beside a manifest."""
    return read_json(manifest.with_name(manifest.name.removesuffix(".csv.gz") + ".json"))["digest"]


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
    """Train a job and write what it leaves; metrics.json comes last and the saved state goes after it."""
    fingerprint = fingerprint_of({"settings": settings, "inputs": inputs})
    state_file = StateFile(folder / "state.pt", fingerprint)
    if job.num_images == 0:
        raise UserError(f"{folder}: there are no training images; check the data set's splits and the subset's size.")
    outcome = train(job, settings["recipe"], settings["seed"], state_file, Deadline(minutes))
    if keep_weights:
        save_weights(folder / "weights.pt", job.model)
    write_csv(folder / "history.csv", pd.DataFrame(outcome.history))
    metrics = [
        {"metric": name, "value": value, "unit": UNITS.get(name.split("/")[0], "")}
        for name, value in outcome.metrics.items()
    ]
    record = {**facts, "seed": settings["seed"], "metrics": metrics, "fingerprint": fingerprint, "inputs": inputs}
    record |= {"settings": settings, "wall_s": round(outcome.seconds, 2), "provenance": provenance(device)}
    write_json(folder / "metrics.json", record)
    state_file.remove()


def metric_of(path: Path | str, name: str) -> float:
    """Return one metric of a metrics.json; raise UserError if the run does not have it."""
    values = {entry["metric"]: entry["value"] for entry in read_json(path)["metrics"]}
    if name not in values:
        raise UserError(f"{path} has no metric '{name}', but {', '.join(sorted(values))}: change `metric` of the task.")
    return values[name]
