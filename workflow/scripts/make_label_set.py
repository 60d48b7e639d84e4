"""Make one label set."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.store import Store
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.labels.label_sets import label_set_of

    store = snakemake.input.get("store")
    classes = Store(Path(store).parent).classes if store else ()
    name = snakemake.wildcards.label_set
    path = snakemake.config["label_sets"][name].get("path", "")  # moved files change no settings
    write_csv(snakemake.output.csv, label_set_of(snakemake.params.settings, name, classes, path))
