"""Make one label set."""

from pathlib import Path

from imagenet_transfer.forks import run_forked
from imagenet_transfer.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.label_sets import label_set_of
    from imagenet_transfer.store import Store

    store = snakemake.input.get("store")
    classes = Store(Path(store).parent).classes if store else ()
    write_csv(snakemake.output.csv, label_set_of(snakemake.params.settings, snakemake.wildcards.label_set, classes))
