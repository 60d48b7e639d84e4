"""Put every number that the paper states next to ours."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.claims.comparison import comparison, read_paper_numbers
    from imagenet_transfer.files import read_table, write_csv

    tables = {
        Path(path).stem: read_table(path)
        for path in [*snakemake.input.tables, snakemake.input.runs]
    }
    compare = snakemake.params.settings["study"]["compare"]
    write_csv(snakemake.output.csv, comparison(read_paper_numbers(), tables, compare))
