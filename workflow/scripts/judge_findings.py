"""Judge the paper's claims by the study's numbers."""

from pathlib import Path

from imagenet_transfer.jobs import job_log

with job_log(snakemake.log[0]):
    import pandas as pd

    from imagenet_transfer.files import read_json, write_csv
    from imagenet_transfer.reporting.findings import findings

    settings = snakemake.params.settings
    tasks, compare = settings["tasks"], settings["study"]["compare"]
    tables = {Path(path).stem: pd.read_csv(path) for path in snakemake.input.tables}
    images = {Path(path).parent.name: read_json(path)["num_images"] for path in snakemake.input.stores}
    tests = {
        task: images[entry["dataset"]].get("test", images[entry["dataset"]].get("val")) for task, entry in tasks.items()
    }
    kinds = {task: entry["kind"] for task, entry in tasks.items()}
    write_csv(snakemake.output.csv, findings(tables, settings["outputs"], tests, compare, kinds))
