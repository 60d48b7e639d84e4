"""Grids of classes and images per class made by hand, with the transfer of each."""

import itertools
import math

import numpy as np
import pandas as pd
from made_runs import runs_of

CLASSES = (8, 16, 32, 64)
IMAGES = (6, 12, 24, 48)
MIDDLE = math.sqrt(8 * 64 * 6 * 48)  # the middle number of images, 384
MIDDLE_RATIO = math.sqrt(8 * 64 / (6 * 48))
DET = {"pascal-det": "mAP"}


def sizes_of(classes=CLASSES, images=IMAGES):
    """Return n_classes and n_images of each subset of a grid, by name."""
    pairs = itertools.product(classes, images)
    return {f"g-{k}x{n}": {"n_classes": k, "n_images": k * n} for k, n in pairs}


def places(size):
    """Return log2 of budget and ratio of a subset, counted from the middle of the grid."""
    ratio = size["n_classes"] ** 2 / size["n_images"]
    return math.log2(size["n_images"] / MIDDLE), math.log2(ratio / MIDDLE_RATIO)


def parabolas(peak, slope=0.0, bend=0.5, level=40.0):
    """Return a surface whose best ratio at the middle is 2 ** peak times the middle one."""

    def transfer(size):
        s, d = places(size)
        return level + 3 * s - 0.2 * s**2 - bend * (d - peak - slope * s) ** 2

    return transfer


def powers(a, b, peak=0.0, span=8.0):
    """Return transfer that falls short by powers of both numbers, `span` points over the grid."""

    def shortfall(size):
        s, d = places(size)
        classes = 2 ** (-a * (s + d - peak) / 2)
        return classes / a + 2 ** (-b * (s - d + peak) / 2) / b

    ends = [shortfall(size) for size in sizes_of().values()]
    return lambda size: 40 - shortfall(size) * span / (max(ends) - min(ends))


def noisy(transfer, sizes, noise, replicates, rng, shift=1.0):
    """Return values by subset; a replicate shifts all of them."""
    shared = shift * rng.standard_normal(replicates)
    return {
        name: transfer(size) + shared + noise * rng.standard_normal(replicates)
        for name, size in sizes.items()
    }


def runs_on(transfer, sizes=None, noise=0.2, replicates=3, seed=0):
    """Return the runs of a grid, whose means are exact: the noise adds up to 0."""
    sizes = sizes or sizes_of()
    values = noisy(lambda _: 0.0, sizes, noise, replicates, np.random.default_rng(seed))
    exact = {name: transfer(sizes[name]) + of - np.mean(of) for name, of in values.items()}
    return runs_of({"pascal-det": exact}, DET)


def two_tasks(runs):
    """Return the runs of a task, and the same of a second one."""
    return pd.concat([runs, runs.assign(task="sun-cls", metric="top1")], ignore_index=True)
