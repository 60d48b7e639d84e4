"""Make one table."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.figures.builders import builder_of, function_of
    from imagenet_transfer.running.records import check_records

    files = snakemake.input
    layout = snakemake.params.layout
    check_records([*files.metrics, *files.networks], snakemake.params.expected)
    write = function_of(builder_of(layout).table)
    write(layout, files.metrics, list(map(Path, files.sizes)), *snakemake.output)
