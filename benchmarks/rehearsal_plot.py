"""The figure of the rehearsal: time and memory of each stage against the number of images."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

TITLES = {
    "wall_s": "Wall time (s)",
    "cpu_s": "CPU time (s)",
    "peak_mb": "Peak memory of a process (MB)",
}
STAGES = {  # in the order of the legend
    "study": "everything",
    "pack": "pack ImageNet",
    "embed": "features of all images",
    "manifests": "manifests of all 20 subsets",
    "pretrain": "pre-train one network, 2 steps",
    "dag": "dry run of everything",
    "list": "list ImageNet",
}
MARKS = "*osPD^v"


def draw_last(measured: Path, folder: Path) -> None:
    """Write rehearsal.csv and .png to a folder: the last line of each stage and size measured."""
    key = ["stage", "images", "classes"]
    frame = pd.read_csv(measured).drop_duplicates(key, keep="last")
    frame = frame[frame["classes"] >= 100].sort_values(["stage", "classes", "images"])
    frame.to_csv(folder / "rehearsal.csv", index=False, lineterminator="\n")
    draw(frame, folder / "rehearsal.png")


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Draw wall time, CPU time and memory: a line per stage, hollow marks for fewer classes."""
    figure, panels = plt.subplots(1, 3, figsize=(11, 4.4), layout="constrained")
    for axes, (column, title) in zip(panels, TITLES.items(), strict=True):
        for number, (stage, mark) in enumerate(zip(STAGES, MARKS, strict=True)):
            style = {"marker": mark, "markersize": 6, "color": f"C{number}"}
            _draw_stage(axes, frame[frame["stage"] == stage], column, STAGES[stage], style)
        hollow = {"color": "0.3", "markerfacecolor": "white"}
        axes.plot([], [], "o", label="hollow: 100 classes, else 1,000", **hollow)
        axes.set(xscale="log", yscale="log", xlabel="Images", title=title)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.grid(True, which="major", linewidth=0.4, alpha=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=150)


def _draw_stage(axes: Axes, rows: pd.DataFrame, column: str, name: str, style: dict) -> None:
    whole = rows[rows["classes"] == 1000]
    fewer = rows[rows["classes"] < 1000]
    if not whole.empty:
        axes.plot(whole["images"], whole[column], linewidth=1.5, label=name, **style)
        hollow = style | {"linestyle": "none", "markerfacecolor": "white"}
        axes.plot(fewer["images"], fewer[column], **hollow)
