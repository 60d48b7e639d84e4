"""Pre-train one network."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import exclusive
    from imagenet_transfer.training.stages import pretrain
    from imagenet_transfer.training.tiers import Budget

    folder = Path(snakemake.output.metrics).parent
    network = {key: snakemake.wildcards[key] for key in ("arch", "subset")}
    names = {"stage": "pretrain", **network, "rep": int(snakemake.wildcards.rep)}
    room = (snakemake.config.get("input", {}), snakemake.resources.get("mem_mb"))
    with exclusive(folder, "trains in"):
        pretrain(
            store_folder=Path(snakemake.input.store).parent,
            manifest=Path(snakemake.input.manifest),
            label_set=Path(snakemake.input.label_set),
            settings=snakemake.params.settings,
            names=names,
            folder=folder,
            threads=snakemake.threads,
            minutes=snakemake.resources.get("runtime"),
            budget=Budget.of_job(*room, snakemake.threads),
        )
