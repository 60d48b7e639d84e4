"""Check every packed store, set of features and of proposals."""

from pathlib import Path

from imagenet_transfer.running.jobs import job_log

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.verification import verify

    stores = [Path("stores") / dataset for dataset in snakemake.params.datasets]
    files = {Path("embeddings"): "**/*.npy", Path("proposals"): "*/boxes.npz"}
    verify(stores, files, snakemake.threads, snakemake.params.repair)
