"""Results of a study made by hand, and the statements that are found in them."""

import itertools
import math
import zlib

import numpy as np
import pandas as pd

from imagenet_transfer.claims.claims import Claim
from imagenet_transfer.claims.findings import Judged, judge_all
from imagenet_transfer.claims.results import Results
from imagenet_transfer.claims.statement import Statement
from imagenet_transfer.claims.statistics import Effect

TOLERANCES = {"half": 0.9, "eighth": 0.8, "few_merged": 0.01, "induction": 0.7, "comparable": 0.1}
TASKS = {
    "det": {"kind": "detection", "metric": "mAP", "dataset": "voc", "chance": 5.0},
    "act": {"kind": "action", "metric": "mAP", "dataset": "people", "chance": 10.0},
    "sun": {"kind": "classification", "metric": "top1", "dataset": "sun", "chance": 5.0},
    "top": {"kind": "classification", "metric": "top1", "dataset": "imagenet", "chance": 10.0},
}
TABLE = {"builder": "transfer", "tasks": ["det"], "subsets": ["whole", "part", "scratch"]}

# Figure 1: subsets by ascending number of images, with their numbers of classes and images.
SETS = ("scratch", "few", "half", "whole")
SIZES = {"few": (10, 50), "half": (10, 500), "whole": (10, 1000)}
CURVE = {"builder": "curve", "along": "images_per_class", "subsets": list(SETS), "accuracy": "top"}


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
        facts
        | {"subset": subset, "task": task, "metric": TASKS[task]["metric"]}
        | {"rep": rep, "value": value}
        for (subset, task), of_cell in values.items()
        for rep, value in enumerate(of_cell, start=1)
    ]
    return pd.DataFrame(rows, columns=["stage", "arch", "subset", "task", "rep", "metric", "value"])


def results(values, layouts=None, tables=None, sizes=None, networks=3, subsets=None, **tolerances):
    """Return a study's results: runs of {(subset, task): values}, and outputs.

    The frame of an output that `tables` lacks holds the sizes of its subsets, {name: (classes,
    images)}. `networks` is how many each subset has; `subsets` {name: facts} holds exceptions.
    """
    layouts = layouts or {}
    given = tables or {}
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
    one = [layout[key] for key in ("baseline", "subset", "full") if key in layout]
    listed = [*layout.get("references", []), *layout.get("subsets", [])]
    return [*itertools.chain(*rows), *listed, *one]


def frame_of(layout, sizes):
    """Return an output's frame, of which claims read subset, n_classes and n_images."""
    facts = [(name, *sizes.get(name, (math.nan, math.nan))) for name in named_in(layout)]
    return pd.DataFrame(facts, columns=["subset", "n_classes", "n_images"])


def table1(*means, n=3, spread=0.1, **facts):
    """Return a study with one table: values of whole, part and scratch on detection."""
    values = cells(("whole", "part", "scratch"), "det", *means, n=n, spread=spread)
    return results(values, {"table1": TABLE}, **facts)


def measured(claim, z, least=0.0, most=math.inf):
    """Return a judged statement of a claim whose effect lies z standard errors above 0."""
    effect = Effect(z, z - 1.96, z + 1.96, 1.0, math.inf)
    statement = Statement("text", float, (), least, most, measured=effect, source="made by hand")
    return Judged(Claim(claim, "here", "about", None), statement, effect, True, results({}))


def found(given, name):
    """Return the judged statements of one claim."""
    return [one for one in judge_all(given) if one.claim.name == name]


def by_title(judged):
    """Return judged statements by what stands before the colon in their texts, such as a task."""
    titles = [one.statement.text.partition(":")[0] for one in judged]
    assert len(titles) == len(set(titles))
    return dict(zip(titles, judged, strict=True))


def curve(
    det=(40.0, 48.0, 57.0, 58.0), top=(20.0, 50.0, 60.0), tasks=("det",), more=None, **tolerances
):
    """Return a study with Figure 1: means of SETS on detection and of all but the first on `top`.

    `more` holds the values {(subset, task): values} of other tasks.
    """
    values = cells(SETS, "det", *det) | cells(SETS[1:], "top", *top) | (more or {})
    return results(values, {"figure1": CURVE | {"tasks": list(tasks)}}, sizes=SIZES, **tolerances)
