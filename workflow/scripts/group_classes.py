"""Make a label set of classes that look alike to a network."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.store import Store
    from imagenet_transfer.features.class_groups import visual_label_set
    from imagenet_transfer.features.embeddings import read_embeddings
    from imagenet_transfer.files import write_csv
    from imagenet_transfer.running.draws import write_origin
    from imagenet_transfer.running.records import check_features

    files = snakemake.input
    settings = snakemake.params.settings
    store = Store(Path(files.store).parent)
    check_features([files.features], [files.network])
    features = read_embeddings(files.features, store)
    name = snakemake.wildcards.label_set
    label_set = visual_label_set(features, store.images, store.classes, settings, name)
    write_csv(snakemake.output.csv, label_set)
    write_origin(snakemake.output.csv, settings, features.meta)
