"""Fine-tune one network for detection."""

from pathlib import Path

from imagenet_transfer.jobs import job_log

with job_log(snakemake.log[0]):
    from imagenet_transfer.stages import finetune_detection

    names = {key: snakemake.wildcards[key] for key in ("arch", "subset", "task", "rep")}
    finetune_detection(
        store_folder=Path(snakemake.input.store).parent,
        weights=Path(snakemake.input.weights) if snakemake.input.weights else None,
        settings=snakemake.params.settings,
        names={"stage": "transfer", **names},
        folder=Path(snakemake.output.metrics).parent,
        threads=snakemake.threads,
        minutes=snakemake.resources.get("runtime"),
    )
