"""Numbers and pictures of the figures that show what runs found in single test images."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.data.store import Store, tested_split
from imagenet_transfer.figures.drawing import Material
from imagenet_transfer.figures.examples import Block, draw_examples
from imagenet_transfer.figures.examples_numbers import (
    COLUMNS,
    chosen_actions,
    chosen_detections,
    marks_of,
)
from imagenet_transfer.files import read_facts
from imagenet_transfer.running.records import read_tested

CHOICES = {"detection": chosen_detections, "action": chosen_actions}  # by kind of task


@dataclass(frozen=True)
class Shown:
    """A network whose test images are shown: its first run's record and what that found."""

    subset: str
    record: str
    tested: pd.DataFrame
    problem: str = ""


def examples_numbers(material: Material) -> pd.DataFrame:
    """Return the examples that are shown: subset, then the columns of `examples_numbers`."""
    layout = material.layout
    objects = _objects(_store(material))
    choose = CHOICES[layout["kind"]]
    parts = [pd.DataFrame(columns=["subset", *COLUMNS])]
    for network in _networks(material):
        if network.problem:
            print(network.problem, file=sys.stderr)
            continue
        part = choose(network.tested, objects, layout["images"])
        part.insert(0, "subset", network.subset)
        parts.append(part)
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def examples_picture(material: Material, frame: pd.DataFrame) -> Figure:
    """Return the pictures of the examples, with all boxes that count in them."""
    store = _store(material)
    objects = _objects(store)
    blocks = [
        _block(material, network, frame[frame["subset"] == network.subset], objects)
        for network in _networks(material)
    ]
    layout = material.layout
    return draw_examples(
        blocks, lambda name: store.image(store.rows([name])[0]), layout["kind"], layout["images"]
    )


def _store(material: Material) -> Store:
    return Store(Path(material.files["task_store"]).parent)


def _objects(store: Store) -> pd.DataFrame:
    """Return the objects of the tested images."""
    tested = store.images["image"].iloc[store.split(tested_split(store.images))]
    return store.objects[store.objects["image"].isin(tested)]


def _networks(material: Material) -> Iterator[Shown]:
    layout = material.layout
    files = material.files
    for subset, record, path in zip(
        layout["subsets"], files["metrics"], files["tested"], strict=True
    ):
        tested = read_tested(path)
        lacking = layout["kind"] == "detection" and not set(CORNERS) <= set(tested.columns)
        yield Shown(subset, record, tested, _rerun(path, record) if lacking else "")


def _rerun(path: str, record: str) -> str:
    """Return what to do about a run from before detections were kept with their boxes."""
    return (
        f"{path} was written when detections were kept without their boxes. To see them here, "
        f"compute the run again; its numbers stay: snakemake --force {record}"
    )


def _block(
    material: Material, network: Shown, chosen: pd.DataFrame, objects: pd.DataFrame
) -> Block:
    metric = material.layout["metrics"][material.layout["task"]]
    metrics = read_facts(network.record, "metrics")["metrics"]
    value = {entry["metric"]: entry["value"] for entry in metrics}[metric]
    facts = f"replicate 1, {metric} {value:.1f}"
    marks = chosen[["sort", "image", *CORNERS]]
    if material.layout["kind"] == "detection" and len(chosen):
        threshold = chosen["threshold"].iloc[0]
        facts += f", scores from {threshold:.2f}"
        shown = objects[objects["image"].isin(chosen["image"])]
        true = shown[shown["difficult"] == 0].assign(sort="true")
        found = network.tested[network.tested["image"].isin(chosen["image"])]
        marks = pd.concat([true, marks_of(found, shown, threshold)])
    return Block(network.subset, facts, chosen, marks, network.problem)
