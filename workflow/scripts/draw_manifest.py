"""Draw the manifest of one subset."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.store import Store
    from imagenet_transfer.files import sha256_of
    from imagenet_transfer.labels.label_sets import check_classes, read_label_set
    from imagenet_transfer.labels.manifests import draw_manifest, write_manifest

    settings = snakemake.params.settings
    store = Store(Path(snakemake.input.store).parent)
    images = store.images[store.images["split"] == "train"]
    label_set = read_label_set(snakemake.input.label_set)
    subset = snakemake.wildcards.subset
    of = snakemake.config["subsets"][subset]["label_set"]
    if snakemake.config["label_sets"][of]["method"] == "file":  # others may have more than is there
        check_classes(label_set, store.classes, f"subsets.{subset}: {snakemake.input.label_set}")
    manifest = draw_manifest(images, label_set, settings["sampling"], settings["seed"], subset)
    drawn = {**settings, "label_set": sha256_of(snakemake.input.label_set)}
    write_manifest(manifest, snakemake.output.csv, snakemake.output.summary, drawn)
