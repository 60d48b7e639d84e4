"""Collect the metrics of all runs in one file."""

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.reporting.tables import collect_runs
    from imagenet_transfer.running.records import check_records

    check_records(snakemake.input.metrics, snakemake.params.expected)
    write_csv(snakemake.output.csv, collect_runs(snakemake.input.metrics))
