"""Judge the paper's claims by the study's numbers."""

from pathlib import Path

from imagenet_transfer.forks import run_forked
from imagenet_transfer.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import read_facts, read_table, write_csv
    from imagenet_transfer.reporting.findings import findings

    settings = snakemake.params.settings
    tasks, compare = settings["tasks"], settings["study"]["compare"]
    tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
    images = {Path(path).parent.name: read_facts(path, "num_images")["num_images"] for path in snakemake.input.stores}
    tests = {
        task: images[entry["dataset"]].get("test", images[entry["dataset"]].get("val")) for task, entry in tasks.items()
    }
    kinds = {task: entry["kind"] for task, entry in tasks.items()}
    write_csv(snakemake.output.csv, findings(tables, settings["outputs"], tests, compare, kinds))
