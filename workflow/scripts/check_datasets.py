"""Check every data set of the study as it lies on disk, and print a table of what is there."""

from pathlib import Path

from imagenet_transfer.running.jobs import job_log

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.data.inspection import check_datasets
    from imagenet_transfer.labels.taxonomy import read_classes

    datasets = snakemake.config["datasets"]
    stores = snakemake.params.stores
    classes = {name: stores[name]["classes"] for name in datasets if stores[name]["classes"]}
    wnids = {name: read_classes(of_set) for name, of_set in classes.items()}
    markers = {
        name: Path(f"data/miniature/{entry['render']}.json")
        for name, entry in datasets.items()
        if "render" in entry
    }
    check_datasets(datasets, wnids, markers, snakemake.threads)
