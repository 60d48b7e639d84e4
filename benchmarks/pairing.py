"""What pairing gains: the variance of differences between subsets with and without shared seeds.

Replicate r of every subset shares its seeds. A difference within a replicate is paired; one between
replicate r of one subset and replicate r' of another is what studies without shared seeds would
see. From the runs of finished studies, for each task:

    python benchmarks/pairing.py results/runs.csv [more runs.csv ...]
"""

import itertools
import sys

import numpy as np
import pandas as pd

METRICS = ("mAP", "top1")


def variances(values: np.ndarray) -> tuple[float, float]:
    """Return the mean variance of paired and of unpaired differences between subsets.

    `values` is (subsets, replicates).
    """
    paired = []
    unpaired = []
    for a, b in itertools.combinations(values, 2):
        paired.append(np.var(a - b, ddof=1))
        unpaired.append(np.var(a, ddof=1) + np.var(b, ddof=1))
    return float(np.mean(paired)), float(np.mean(unpaired))


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return, per task, subsets, replicates, both variances and their ratio; <1: pairing helps."""
    shown = runs[(runs["stage"] == "transfer") & runs["metric"].isin(METRICS)]
    rows = []
    for task, of_task in shown.groupby("task"):
        values = of_task.pivot(index="subset", columns="rep", values="value").dropna()
        if min(values.shape) > 1:
            paired, unpaired = variances(values.to_numpy())
            rows.append((task, *values.shape, paired, unpaired, paired / unpaired))
    columns = ["task", "subsets", "replicates", "paired", "unpaired", "ratio"]
    return pd.DataFrame(rows, columns=columns)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print(path)
        print(table(pd.read_csv(path)).to_string(index=False, float_format=lambda x: f"{x:.2f}"))
