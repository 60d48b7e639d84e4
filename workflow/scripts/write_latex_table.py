"""Write a table as LaTeX."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.reporting.latex import write_latex_table
    from imagenet_transfer.running.records import check_records

    files = snakemake.input
    params = snakemake.params
    check_records([*files.metrics, *files.networks], params.expected)
    sizes = list(map(Path, files.sizes))
    write_latex_table(
        params.layout, files.metrics, sizes, files.runs, params.settings, snakemake.output.tex
    )
