"""Results of a study made by hand, for claims, findings and effects."""

import itertools
import math
import zlib

import numpy as np
import pandas as pd

from imagenet_transfer.claims.results import Results

TOLERANCES = {"half": 0.9, "eighth": 0.8, "few_merged": 0.01, "induction": 0.7, "comparable": 0.1}
TASKS = {
    "det": {"kind": "detection", "metric": "mAP", "dataset": "voc", "chance": 5.0},
    "act": {"kind": "action", "metric": "mAP", "dataset": "people", "chance": 10.0},
    "sun": {"kind": "classification", "metric": "top1", "dataset": "sun", "chance": 5.0},
    "top": {"kind": "classification", "metric": "top1", "dataset": "imagenet", "chance": 10.0},
}


def replicates(mean, n=3, spread=0.1, cell=""):
    """Return n values of this mean and standard deviation; no two cells differ in the same way."""
    steps = np.random.default_rng(zlib.crc32(f"{cell} {mean}".encode())).standard_normal(n)
    steps -= steps.mean()
    return (mean + spread * (steps / steps.std(ddof=1) if n > 1 else steps)).tolist()


def cells(subsets, task, *means, n=3, spread=0.1):
    """Return {(subset, task): values} of some subsets."""
    pairs = zip(subsets, means, strict=True)
    return {(name, task): replicates(mean, n, spread, f"{name} {task}") for name, mean in pairs}


def runs_of(values, architecture="net"):
    """Return runs.csv of {(subset, task): values}, of one architecture."""
    facts = {"stage": "transfer", "arch": architecture}
    rows = [
        {
            **facts,
            "subset": subset,
            "task": task,
            "rep": rep,
            "metric": TASKS[task]["metric"],
            "value": value,
        }
        for (subset, task), of_cell in values.items()
        for rep, value in enumerate(of_cell, start=1)
    ]
    return pd.DataFrame(rows, columns=["stage", "arch", "subset", "task", "rep", "metric", "value"])


def results(values, layouts=None, tables=None, sizes=None, networks=3, subsets=None, **tolerances):
    """Return a study's results: runs of {(subset, task): values}, and outputs.

    The frame of an output that `tables` does not hold has the sizes of its subsets: {name: (classes, images)}.
    `networks` is how many each subset has; `subsets` {name: facts} says what is not as usual of some.
    """
    layouts, given = layouts or {}, tables or {}
    frames = {
        name: given[name] if name in given else frame_of(layout, sizes or {})
        for name, layout in layouts.items()
    }
    named = [*(name for name, _ in values), *itertools.chain(*map(named_in, layouts.values()))]
    facts = {"dataset": "imagenet", "method": "leaves", "networks": networks, "given": False}
    known = {name: facts | (subsets or {}).get(name, {}) for name in named if name != "scratch"}
    return Results(runs_of(values), frames, layouts, TASKS, known, TOLERANCES | tolerances)


def named_in(layout):
    """Return the subsets that an output names."""
    rows = [row["subsets"] for row in layout.get("rows", [])]
    one = [layout[key] for key in ("baseline", "subset") if key in layout]
    return [
        *itertools.chain(*rows),
        *layout.get("references", []),
        *layout.get("subsets", []),
        *one,
    ]


def frame_of(layout, sizes):
    """Return an output's frame, of which claims read subset, n_classes and n_images."""
    facts = [(name, *sizes.get(name, (math.nan, math.nan))) for name in named_in(layout)]
    return pd.DataFrame(facts, columns=["subset", "n_classes", "n_images"])
