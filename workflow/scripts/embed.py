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
    architecture = snakemake.params.settings["architecture"]
    weights = Path(snakemake.input.weights)
    features = Path(snakemake.output.features)
    embed(store, weights, architecture, snakemake.wildcards.layer, features, device)
