"""Render one part of the miniature world."""

from pathlib import Path

from imagenet_transfer.jobs import job_log

with job_log(snakemake.log[0]):
    from imagenet_transfer.datasets.miniature import render_part
    from imagenet_transfer.files import write_json
    from imagenet_transfer.taxonomy import read_classes, taxonomy_for

    settings, part = snakemake.params.settings, snakemake.wildcards.part
    datasets = snakemake.config["datasets"].values()
    root = next(entry["root"] for entry in datasets if entry.get("render") == part)
    wnids = read_classes(settings["classes"])
    spec = settings["spec"]
    summary = render_part(part, Path(root), spec, wnids, taxonomy_for(wnids), settings["seed"], snakemake.threads)
    write_json(snakemake.output.summary, summary)
