"""Runs made by hand, as `collect_runs` returns them."""

import pandas as pd

COLUMNS = ["stage", "arch", "subset", "task", "rep", "metric", "value"]
METRICS = {"imagenet-cls": "top1", "pascal-det": "mAP", "sun-cls": "top1"}
START = (10.0, 10.0, 10.0)  # a random start's values


def runs_of(values, metrics=METRICS):
    """Return the runs of {task: {subset: values by replicate}}."""
    rows = [
        ("transfer", "alexnet", subset, task, rep, metrics[task], value)
        for task, cells in values.items()
        for subset, replicates in cells.items()
        for rep, value in enumerate(replicates, 1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def runs_with_gains(gains, start=START, task="pascal-det", metric="mAP"):
    """Return the runs of a random start and of subsets with these gains over it by replicate."""
    cells = {"scratch": start}
    for subset, values in gains.items():
        cells[subset] = [one + gain for one, gain in zip(start, values, strict=True)]
    return runs_of({task: cells}, {task: metric})
