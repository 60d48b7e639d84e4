"""Unpack the archives that the config names for its ILSVRC data sets."""

from imagenet_transfer.running.jobs import job_log

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.archives import unpack_datasets
    from imagenet_transfer.labels.taxonomy import read_classes

    unpack_datasets(snakemake.config["datasets"], read_classes(snakemake.config["classes"]))
