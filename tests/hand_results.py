"""Results of a study made by hand, for claims, findings and effects."""

import itertools
import math

import pandas as pd

from imagenet_transfer.reporting.answers import Results

TOLERANCES = {"half": 0.9, "eighth": 0.8, "few_merged": 0.01, "induction": 0.7, "comparable": 0.1}
TASKS = {
    "det": {"kind": "detection", "metric": "mAP", "dataset": "voc", "chance": 5.0},
    "act": {"kind": "action", "metric": "mAP", "dataset": "people", "chance": 10.0},
    "sun": {"kind": "classification", "metric": "top1", "dataset": "sun", "chance": 5.0},
    "top": {"kind": "classification", "metric": "top1", "dataset": "imagenet", "chance": 10.0},
}


def replicates(mean, n=3, spread=0.1):
    """Return n values of this mean; two or three differ by `spread`, and no two cells in the same way."""
    steps = {1: (0.0,), 2: (-0.5, 0.5), 3: (-1.0, 0.0, 1.0)}[n]
    turn = int(1000 * mean) % n
    return [mean + spread * step for step in (*steps[turn:], *steps[:turn])]


def cells(subsets, task, *means, n=3, spread=0.1):
    """Return {(subset, task): values} of some subsets."""
    return {(name, task): replicates(mean, n, spread) for name, mean in zip(subsets, means, strict=True)}


def runs_of(values, networks=3):
    """Return runs.csv of {(subset, task): values}, each pre-trained subset with so many networks."""
    rows = [
        {"stage": "transfer", "subset": subset, "task": task, "rep": rep, "metric": TASKS[task]["metric"], "value": v}
        for (subset, task), of_cell in values.items()
        for rep, v in enumerate(of_cell, start=1)
    ]
    rows += [
        {"stage": "pretrain", "subset": name, "task": "", "rep": rep, "metric": "top1", "value": 1.0}
        for name, rep in itertools.product({name for name, _ in values} - {"scratch"}, range(1, networks + 1))
    ]
    return pd.DataFrame(rows, columns=["stage", "subset", "task", "rep", "metric", "value"])


def results(values, layouts=None, tables=None, sizes=None, networks=3, **tolerances):
    """Return a study's results: runs of {(subset, task): values}, and outputs.

    The frame of an output that `tables` does not hold has the sizes of its subsets: {name: (classes, images)}.
    """
    layouts, given = layouts or {}, tables or {}
    frames = {name: given[name] if name in given else frame_of(layout, sizes or {}) for name, layout in layouts.items()}
    return Results(runs_of(values, networks), frames, layouts, TASKS, TOLERANCES | tolerances)


def frame_of(layout, sizes):
    """Return an output's frame, of which claims read subset, n_classes and n_images."""
    rows = [row["subsets"] for row in layout.get("rows", [])]
    names = [*itertools.chain(*rows), *layout.get("references", []), *layout.get("subsets", [])]
    facts = [(name, *sizes.get(name, (math.nan, math.nan))) for name in names]
    return pd.DataFrame(facts, columns=["subset", "n_classes", "n_images"])
