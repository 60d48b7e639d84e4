"""Put every number that the paper states beside ours."""

from pathlib import Path

from imagenet_transfer.forks import run_forked
from imagenet_transfer.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import read_table, write_csv
    from imagenet_transfer.reporting.comparison import comparison, read_paper_numbers

    tables = {Path(path).stem: read_table(path) for path in [*snakemake.input.tables, snakemake.input.runs]}
    compare = snakemake.params.settings["study"]["compare"]
    write_csv(snakemake.output.csv, comparison(read_paper_numbers(), tables, compare))
