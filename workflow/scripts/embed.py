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
    settings = snakemake.params.settings
    more = {key: settings[key] for key in ("augmentation", "seed") if key in settings}
    weights = snakemake.input.get("weights") or None  # none of a random start
    wanted = (settings["architecture"], snakemake.wildcards.layer, snakemake.output.features)
    embed(store, weights, *wanted, device, **more)
