"""Tables of networks: which architecture, pre-trained on what, suits which task."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imagenet_transfer.claims.noise import clear_best, noise_notes, samples_of
from imagenet_transfer.files import read_facts
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.reporting.tables import (
    Made,
    collect_runs,
    given_networks,
    short_classes,
    subset_sizes,
    table,
)

COLUMNS = (
    *("architecture", "subset", "n_classes", "n_images"),
    *("task", "metric", "mean", "std", "n"),
)


def table_of_networks(
    layout: Mapping[str, Any], metrics: Iterable[Path | str], manifests: Sequence[Path]
) -> Made:
    """Return a table of networks, whose frame has COLUMNS; arguments are as of `made_table`.

    A cell is bold if it is better than all others of its column (`noise.clear_best`).
    """
    runs = collect_runs(metrics)
    by_architecture = {name: _of(manifests, name) for name in layout["architectures"]}
    frame = network_table(layout, runs, by_architecture)
    given = {
        named(name, subset): checksum
        for name, paths in by_architecture.items()
        for subset, checksum in given_networks(paths).items()
    }
    noise = noise_notes(_named(runs), *_cells(layout), "networks")
    return Made(frame, given, short_classes(manifests), noise, best_cells(layout, runs))


def network_table(
    layout: Mapping[str, Any],
    runs: pd.DataFrame,
    manifests: Mapping[str, Sequence[Path]],
) -> pd.DataFrame:
    """Return one row per cell (COLUMNS), in the order of architectures, subsets and tasks.

    `runs` is the result of `collect_runs`; `manifests` are the files of `subset_sizes` by
    architecture. Raises UserError unless each cell has exactly its replicates.
    """
    metrics = {task: layout["metrics"][task] for task in layout["tasks"]}
    frames = []
    for name, paths in manifests.items():
        sizes = subset_sizes(paths, layout.get("facts"))
        of_one = runs[runs["arch"] == name]
        rows = table(layout["subsets"], metrics, layout["replicates"], of_one, sizes, None)
        frames.append(rows.assign(architecture=name))
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)]


def best_cells(layout: Mapping[str, Any], runs: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the cells that are better than all others of their task: names and tasks."""
    names, metrics, apart = _cells(layout)
    found = {
        task: clear_best(samples_of(_named(runs), names, task, metric), apart)
        for task, metric in metrics.items()
    }
    return {(name, task) for task, name in found.items() if name}


def named(architecture: str, subset: str) -> str:
    """Return what a network is called where a subset's name is not enough."""
    return f"{architecture} {subset}"


def _cells(layout: Mapping[str, Any]) -> tuple[list[str], dict[str, str], list[str]]:
    """Return the names of all networks, the metrics by task, and the names of random starts."""
    pairs = itertools.product(layout["architectures"], layout["subsets"])
    metrics = {task: layout["metrics"][task] for task in layout["tasks"]}
    apart = [named(architecture, SCRATCH) for architecture in layout["architectures"]]
    return [named(*pair) for pair in pairs], metrics, apart


def _named(runs: pd.DataFrame) -> pd.DataFrame:
    """Return runs whose subsets are called by architecture and subset."""
    return runs.assign(subset=runs["arch"] + " " + runs["subset"])


def _of(manifests: Iterable[Path], architecture: str) -> list[Path]:
    """Return the files about subsets of an architecture: all except other given networks'."""
    return [
        path for path in manifests if read_facts(path).get("arch", architecture) == architecture
    ]
