"""Render one part of the miniature world."""

from pathlib import Path

from imagenet_transfer.running.jobs import job_log


def main() -> None:
    """Render into the root of the data set that names the part."""
    from imagenet_transfer.files import write_json
    from imagenet_transfer.labels.taxonomy import read_classes, taxonomy_for
    from miniature_world import render_part, synsets_drawn

    settings = snakemake.params.settings
    part = snakemake.wildcards.part
    datasets = snakemake.config["datasets"].values()
    root = next(entry["root"] for entry in datasets if entry.get("render") == part)
    wnids = read_classes(settings["classes"])
    taxonomy = taxonomy_for([*wnids, *synsets_drawn()])
    drawn = (settings["spec"], wnids, taxonomy, settings["seed"])
    summary = render_part(part, Path(root), *drawn, snakemake.threads)
    write_json(snakemake.output.summary, summary)


if __name__ == "__main__":  # worker processes import this file
    with job_log(snakemake.log[0], snakemake.input):
        main()
