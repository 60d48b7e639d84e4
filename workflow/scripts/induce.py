"""Measure how well a network's features tell classes apart that its labels merge."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.store import Store
    from imagenet_transfer.features.analyses import induction
    from imagenet_transfer.features.embeddings import read_embeddings
    from imagenet_transfer.files import read_facts, write_csv, write_json
    from imagenet_transfer.labels.label_sets import read_label_set
    from imagenet_transfer.running.records import check_features
    from imagenet_transfer.training.stages import prepare

    device = prepare(snakemake.threads)
    files = {"subset": snakemake.input.features, "baseline": snakemake.input.baseline}
    store = Store(Path(snakemake.input.store).parent)
    records = {"subset": snakemake.input.network, "baseline": snakemake.input.baseline_network}
    check_features(list(files.values()), list(records.values()))
    networks = {name: read_embeddings(path, store) for name, path in files.items()}
    label_set = read_label_set(snakemake.input.label_set)
    write_csv(snakemake.output.csv, induction(networks, store.images, label_set, device=device))
    weights = {name: read_facts(path, "weights")["weights"] for name, path in records.items()}
    write_json(snakemake.output.meta, weights)
