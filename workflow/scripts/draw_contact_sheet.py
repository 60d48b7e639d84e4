"""Draw the contact sheet of the miniature world."""

from pathlib import Path

from imagenet_transfer.running.jobs import job_log

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.labels.taxonomy import read_classes, taxonomy_for
    from miniature_world.contact_sheet import contact_sheet

    datasets = snakemake.config["datasets"].values()
    roots = {entry["render"]: Path(entry["root"]) for entry in datasets if "render" in entry}
    wnids = read_classes(snakemake.params.classes)
    contact_sheet(roots, taxonomy_for(wnids), wnids, Path(snakemake.output.picture))
