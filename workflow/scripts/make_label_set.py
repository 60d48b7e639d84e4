"""Make one label set."""

from imagenet_transfer.jobs import job_log

with job_log(snakemake.log[0]):
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.label_sets import build_label_set
    from imagenet_transfer.taxonomy import read_classes, read_pascal_roots, taxonomy_for

    settings = snakemake.params.settings
    wnids = read_classes(settings["classes"])
    name = snakemake.wildcards.label_set
    frame = build_label_set(settings["spec"], wnids, taxonomy_for(wnids), read_pascal_roots(), settings["seed"], name)
    write_csv(snakemake.output.csv, frame)
