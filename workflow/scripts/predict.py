"""Classify the validation images with one network."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.store import Store
    from imagenet_transfer.features.embeddings import classify
    from imagenet_transfer.files import read_facts, sha256_of, write_csv, write_json
    from imagenet_transfer.training.stages import prepare

    device = prepare(snakemake.threads)
    store = Store(Path(snakemake.input.store).parent, threads=snakemake.threads)
    architecture = snakemake.params.settings["architecture"]
    classes = read_facts(snakemake.input.summary, "classes")["classes"]
    weights = Path(snakemake.input.weights)
    write_csv(snakemake.output.csv, classify(store, weights, architecture, classes, device))
    write_json(
        snakemake.output.meta, {"store": store.meta["digest"], "weights": sha256_of(weights)}
    )
