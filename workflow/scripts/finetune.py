"""Fine-tune one network; the rule is called finetune_<kind of task>."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import exclusive
    from imagenet_transfer.training.stages import finetune
    from imagenet_transfer.training.tiers import Budget

    folder = Path(snakemake.output.metrics).parent
    run = {key: snakemake.wildcards[key] for key in ("arch", "subset", "task")}
    names = {**run, "rep": int(snakemake.wildcards.rep), "network": snakemake.params.network}
    room = (snakemake.config.get("input", {}), snakemake.resources.get("mem_mb"))
    with exclusive(folder, "trains in"):
        finetune(
            kind=snakemake.rule.removeprefix("finetune_"),
            inputs={name: Path(path) for name, path in snakemake.input.items() if path},
            settings=snakemake.params.settings,
            names=names,
            folder=folder,
            threads=snakemake.threads,
            minutes=snakemake.resources.get("runtime"),
            budget=Budget.of_job(*room, snakemake.threads),
        )
