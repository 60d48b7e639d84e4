"""Pre-train one network."""

from pathlib import Path

from imagenet_transfer.jobs import job_log

with job_log(snakemake.log[0]):
    from imagenet_transfer.stages import pretrain

    pretrain(
        store_folder=Path(snakemake.input.store).parent,
        manifest=Path(snakemake.input.manifest),
        label_set=Path(snakemake.input.label_set),
        settings=snakemake.params.settings,
        names={"stage": "pretrain", "arch": snakemake.wildcards.arch, "subset": snakemake.wildcards.subset},
        folder=Path(snakemake.output.metrics).parent,
        threads=snakemake.threads,
        minutes=snakemake.resources.get("runtime"),
    )
