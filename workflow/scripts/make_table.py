"""Make one table."""

from pathlib import Path

from imagenet_transfer.forks import run_forked
from imagenet_transfer.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.reporting.tables import write_table

    layout = snakemake.params.layout
    write_table(layout, snakemake.input.metrics, map(Path, snakemake.input.manifests), *snakemake.output)
