"""Measure one network's features as they are."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.features.measures import measure

    run = {key: snakemake.wildcards[key] for key in ("arch", "subset", "task")}
    measure(
        kind=snakemake.params.kind,
        inputs={name: Path(path) for name, path in snakemake.input.items() if path},
        settings=snakemake.params.settings,
        names={**run, "rep": int(snakemake.wildcards.rep), "network": snakemake.params.network},
        folder=Path(snakemake.output.metrics).parent,
        threads=snakemake.threads,
    )
