"""Import one network that was trained elsewhere."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.study.runs import path_of_weights
    from imagenet_transfer.training.imported import import_network

    arch, subset, replicate = (snakemake.wildcards[key] for key in ("arch", "subset", "rep"))
    entry = snakemake.config["subsets"][subset]
    import_network(
        weights=path_of_weights(entry["weights"], arch, replicate),
        settings=snakemake.params.settings,
        files=snakemake.params.files,
        names={"arch": arch, "subset": subset, "rep": int(replicate)},
        folder=Path(snakemake.output.metrics).parent,
        facts=entry.get("facts"),
    )
