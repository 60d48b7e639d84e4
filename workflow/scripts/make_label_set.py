"""Make one label set."""

from pathlib import Path

from imagenet_transfer.forks import run_forked
from imagenet_transfer.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.label_sets import build_label_set, categories
    from imagenet_transfer.store import Store
    from imagenet_transfer.taxonomy import read_classes, read_pascal_roots, taxonomy_for

    settings, name = snakemake.params.settings, snakemake.wildcards.label_set
    if settings["spec"]["method"] == "categories":
        frame = categories(Store(Path(snakemake.input.store).parent).classes)
    else:
        wnids = read_classes(settings["classes"])
        sources = (wnids, taxonomy_for(wnids), read_pascal_roots())
        frame = build_label_set(settings["spec"], *sources, settings["seed"], name)
    write_csv(snakemake.output.csv, frame)
