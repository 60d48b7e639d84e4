"""What ran when, and where the time went: from the records of jobs that Snakemake's benchmarks are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import pandas as pd

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_table
from imagenet_transfer.reporting.page.charts import COLOURS, STEP, Chart, chart
from imagenet_transfer.reporting.page.runs import Run

COLUMNS = ("s", "max_rss", "cpu_time")  # seconds, MB, seconds
STAGES = {  # by the rule's name, or how it starts
    "pretrain": "pre-training",
    "import_": "pre-training",
    "finetune": "transfer",
    "measure": "transfer",
    "embed": "features",
    "predict": "features",
    "induce": "features",
    "group_classes": "features",
    "render": "data",
    "pack": "data",
    "propose": "data",
    "make_proposals": "data",
    "draw_manifest": "data",
    "make_label_set": "data",
}
OTHERS = "tables and figures"
ORDER = ("data", "pre-training", "features", "transfer", OTHERS)
MOST_LANES = 24  # per stage: more jobs at once share the last


@dataclass(frozen=True)
class Job:
    """A finished job: when it ended (seconds since 1970), and how many seconds it took."""

    rule: str
    name: str
    end: float
    seconds: float
    cpu_seconds: float
    memory: float  # MB
    device: str = ""

    @property
    def start(self) -> float:
        """Return when it began."""
        return self.end - self.seconds

    @property
    def stage(self) -> str:
        """Return which part of the study it belongs to."""
        return next((STAGES[start] for start in STAGES if self.rule.startswith(start)), OTHERS)


def read_jobs(files: Iterable[Path], folder: Path, runs: Sequence[Run] = ()) -> list[Job]:
    """Return the jobs whose benchmark files lie below `folder`, by their start.

    A job ended when its file was written. `runs` know the device of training jobs. Files of jobs
    that did nothing but fail are empty and left out.
    """
    devices = {"/".join(_place(run)): run.device for run in runs}
    jobs = [_job(Path(path), folder, devices) for path in files]
    return sorted((job for job in jobs if job), key=lambda job: (job.start, job.rule, job.name))


def _place(run: Run) -> tuple[str, ...]:
    return (*filter(None, [run.task]), run.architecture, run.subset, f"rep{run.replicate}")


def _job(path: Path, folder: Path, devices: Mapping[str, str]) -> Job | None:
    try:
        frame = read_table(path, COLUMNS, sep="\t")
    except UserError:
        return None  # a job's time is not worth an error: the table of runs has the trained ones'
    numbers = frame[list(COLUMNS)].apply(pd.to_numeric, errors="coerce").fillna(0)
    if numbers.empty:
        return None
    seconds, memory, cpu = numbers.iloc[-1]
    rule, *name = path.relative_to(folder).with_suffix("").parts
    words = "/".join(name)
    end = path.stat().st_mtime
    return Job(
        rule, words or rule, end, float(seconds), float(cpu), float(memory), devices.get(words, "")
    )


def lanes(jobs: Sequence[Job]) -> list[int]:
    """Return for each job, by ascending start, the first lane that is free when it begins."""
    free: list[float] = []
    places = []
    for job in jobs:
        lane = next((i for i, end in enumerate(free) if end <= job.start + 0.5), len(free))
        free[lane : lane + 1] = [job.end]
        places.append(lane)
    return places


def timeline(jobs: Sequence[Job]) -> Chart | None:
    """Return when each job ran: a row for each one that ran at the same time, stage by stage."""
    if not jobs:
        return None
    rows = []
    for stage in ORDER:
        own = [job for job in jobs if job.stage == stage]
        rows += [_row(job, stage, lane) for job, lane in zip(own, lanes(own), strict=True)]
    frame = pd.DataFrame(rows)
    order = [
        name for stage in ORDER for name in sorted(set(frame.loc[frame["stage"] == stage, "row"]))
    ]
    said = ["rule", "job", "time", "minutes", "memory", "device"]
    axis = alt.Axis(labelLimit=200, title=None)
    bars = alt.Chart(frame).mark_bar(
        color=COLOURS[0], height=STEP - 5, stroke="white", strokeWidth=0.4
    )
    drawn = bars.encode(
        x=alt.X("start:T", title="time (UTC)", scale=alt.Scale(type="utc")),
        x2="end:T",
        y=alt.Y("row:N", sort=order, axis=axis),
        tooltip=[alt.Tooltip(f"{key}:N") for key in said],
    )
    zoom = alt.selection_interval(bind="scales", encodings=["x"], name="zoom")
    about = (
        "When each job ran, a row for each one that ran at the same time, stage by stage. Point at a "
        "bar to see its job; scroll or drag to zoom."
    )
    return chart("timeline", drawn.add_params(zoom).properties(height=alt.Step(STEP)), about, None)


def _row(job: Job, stage: str, lane: int) -> dict[str, object]:
    start, end = (pd.Timestamp(time, unit="s").round("ms") for time in (job.start, job.end))
    return {
        "stage": stage,
        "row": f"{stage} {min(lane, MOST_LANES - 1) + 1}",
        "rule": job.rule,
        "job": job.name,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "time": f"{start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S}",
        "minutes": round(job.seconds / 60, 2),
        "memory": f"{job.memory:,.0f} MB",
        "device": job.device,
    }


def time_by_stage(jobs: Sequence[Job]) -> pd.DataFrame:
    """Return jobs, seconds, processor seconds and the highest memory (MB) of each stage's rules."""
    rows = [(job.stage, job.rule, job.seconds, job.cpu_seconds, job.memory) for job in jobs]
    frame = pd.DataFrame(rows, columns=["stage", "rule", "seconds", "cpu_seconds", "memory"])
    groups = frame.groupby(["stage", "rule"])
    table = groups.agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        cpu_seconds=("cpu_seconds", "sum"),
        memory=("memory", "max"),
    )
    return table.reset_index().sort_values("seconds", ascending=False, kind="stable")
