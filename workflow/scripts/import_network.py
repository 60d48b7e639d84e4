"""Import one network that was trained elsewhere."""

from pathlib import Path

from imagenet_transfer.forks import run_forked
from imagenet_transfer.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.given import import_network

    arch, subset = snakemake.wildcards.arch, snakemake.wildcards.subset
    import_network(
        weights=Path(snakemake.config["subsets"][subset]["weights"].replace("{arch}", arch)),
        settings=snakemake.params.settings,
        files=snakemake.params.files,
        names={"arch": arch, "subset": subset},
        folder=Path(snakemake.output.metrics).parent,
    )
