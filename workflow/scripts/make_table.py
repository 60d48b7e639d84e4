"""Make one table."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.reporting.tables import write_table
    from imagenet_transfer.running.records import check_records

    files = snakemake.input
    check_records([*files.metrics, *files.networks], snakemake.params.expected)
    sizes = list(map(Path, files.sizes))
    write_table(snakemake.params.layout, files.metrics, sizes, *snakemake.output)
