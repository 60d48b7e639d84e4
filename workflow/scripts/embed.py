"""Compute the features of one network."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.store import Store
    from imagenet_transfer.features.embeddings import embed
    from imagenet_transfer.training.stages import prepare

    device = prepare(snakemake.threads)
    store = Store(Path(snakemake.input.store).parent, threads=snakemake.threads)
    architecture, layer = snakemake.params.settings["architecture"], snakemake.wildcards.layer
    embed(
        store,
        Path(snakemake.input.weights),
        architecture,
        layer,
        Path(snakemake.output.features),
        device,
    )
