"""Pack one data set into its store."""

from pathlib import Path

from imagenet_transfer.running.jobs import job_log

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.integrity import reading_data
    from imagenet_transfer.data.layouts import list_dataset
    from imagenet_transfer.data.store import build_store
    from imagenet_transfer.files import exclusive
    from imagenet_transfer.labels.taxonomy import read_classes

    entry = snakemake.config["datasets"][snakemake.wildcards.dataset]
    classes = snakemake.params.settings["classes"]
    folder = Path(snakemake.output.meta).parent
    with exclusive(folder, "packs"):
        with reading_data(next(iter(snakemake.input), None)):
            listing = list_dataset(entry, read_classes(classes) if classes else ())
        build_store(
            listing,
            Path(entry["root"]),
            folder,
            entry["store"],
            workers=snakemake.threads,
            made_from=snakemake.params.made_from,
        )
