"""All runs of a study: what each learnt, from which seed and commit, where, and how it went."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts, read_table
from imagenet_transfer.reporting.page.charts import COLOURS, Chart, chart, chooser, rounded

MOST_POINTS = 60  # of one learning curve on the page; runs.csv and history.csv hold all
MAIN = ("mAP", "top1")  # a run's main metric is the first of these that it has
KEYS = ("commit", "versions", "device", "finished")


@dataclass(frozen=True)
class Run:
    """A run's record: `link` leads from the page to its metrics.json."""

    name: str
    stage: str
    architecture: str
    subset: str
    task: str
    replicate: int
    metric: str
    value: float
    unit: str
    seed: int
    fingerprint: str
    commit: str
    versions: Mapping[str, str]
    device: str
    finished: str
    seconds: float
    path: Path
    link: str

    @property
    def kind(self) -> str:
        """Return what its learning curve is shown among: its task, or pre-training."""
        return self.task or "pre-training"


def read_runs(records: Sequence[Path], page: Path) -> list[Run]:
    """Return the runs that metrics.json files describe, sorted by path, for a page at `page`.

    Raises UserError if a record is damaged or does not say what computed the run.
    """
    return [_run(path, page) for path in sorted(map(Path, records))]


def _run(path: Path, page: Path) -> Run:
    facts = read_facts(path, "provenance", "stage", "arch", "subset", "rep", "metrics")
    origin = facts["provenance"]
    if not (isinstance(origin, dict) and origin.keys() >= set(KEYS)):
        raise UserError(
            f"{path} does not say what computed the run: delete it and run the same command again."
        )
    main = main_metric(facts["metrics"])
    task = facts.get("task") or ""
    names = (facts["stage"], task, facts["arch"], facts["subset"], f"rep{facts['rep']}")
    return Run(
        name=" ".join(filter(None, names)),
        stage=facts["stage"],
        architecture=facts["arch"],
        subset=facts["subset"],
        task=task,
        replicate=int(facts["rep"]),
        metric=main.get("metric", ""),
        value=float(main.get("value", "nan")),
        unit=main.get("unit", ""),
        seed=facts.get("seed", 0),
        fingerprint=facts.get("fingerprint", ""),
        commit=origin["commit"],
        versions=origin["versions"],
        device=origin["device"],
        finished=origin["finished"],
        seconds=float(facts.get("wall_s", 0)),
        path=path,
        link=Path(os.path.relpath(path, page.parent)).as_posix(),
    )


def main_metric(metrics: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the entry of a record's main metric; empty if it has none (a given network)."""
    by_name = {entry["metric"]: entry for entry in metrics}
    found = [by_name[name] for name in MAIN if name in by_name]
    return next(iter([*found, *by_name.values()]), {})


def learning_curves(runs: Sequence[Run]) -> Chart | None:
    """Return the loss and the main metric of all runs during training, one kind of task at a time.

    Runs without a history (given networks, measures without training) are left out; None if all are.
    """
    tables = [table for run in runs if (table := _history(run)) is not None]
    if not tables:
        return None
    frame = rounded(pd.concat(tables, ignore_index=True), 4)
    task = chooser("task", "Task:", list(dict.fromkeys(frame["task"])))
    pointed = alt.selection_point(fields=["run"], on="pointerover", name="pointed", empty=False)
    found = alt.selection_point(
        fields=["subset"],
        bind=alt.binding_select(
            options=[None, *sorted(set(frame["subset"]))],
            labels=["all", *sorted(set(frame["subset"]))],
            name="Pre-training set: ",
        ),
        name="choose_subset",
    )
    measure = chooser("measure", "Shown:", list(dict.fromkeys(frame["measure"])))
    said = [alt.Tooltip(key) for key in ("run", "iteration", "measure", "value")]
    lines = alt.Chart(frame).mark_line(color=COLOURS[0], point=alt.OverlayMarkDef(size=18))
    drawn = lines.encode(
        x=alt.X("iteration:Q", title="iteration"),
        y=alt.Y("value:Q", scale=alt.Scale(zero=False), title=None),
        detail="run:N",
        opacity=alt.condition(pointed, alt.value(1), alt.value(0.4)),
        strokeWidth=alt.condition(pointed, alt.value(3), alt.value(1)),
        tooltip=said,
    )
    for choice in (task, measure, found):
        drawn = drawn.transform_filter(choice)
    about = (
        "Learning curves of all runs: training loss, or the main metric on the tested images. One "
        "line per run; point at it to see which."
    )
    return chart("learning-curves", drawn.add_params(task, measure, found, pointed), about)


def _history(run: Run) -> pd.DataFrame | None:
    path = run.path.with_name("history.csv")
    if not path.exists():
        return None
    history = read_table(path)
    if not {"iteration", "loss"} <= set(history) or run.metric not in history:
        return None
    step = max(1, -(-len(history) // MOST_POINTS))
    thinned = history.iloc[::-1].iloc[::step]  # from the end, which is always shown
    named = thinned.rename(columns={run.metric: "metric"})
    long = named.melt("iteration", ["loss", "metric"], "measure", "value").dropna()
    return long.assign(run=run.name, task=run.kind, subset=run.subset)
