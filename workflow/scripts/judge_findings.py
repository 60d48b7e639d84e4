"""Judge the paper's claims and the study's own; say what it takes to decide the open ones."""

from pathlib import Path

from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.claims.findings import findings, judge_architectures, power
    from imagenet_transfer.files import read_facts, read_table, write_csv
    from imagenet_transfer.running.records import check_tested

    files = snakemake.input
    settings = snakemake.params.settings
    for path, record in zip(files.answers, files.records, strict=True):
        check_tested(path, record)
    classes = {
        Path(path).parent.name: len(read_facts(path, "classes")["classes"]) for path in files.stores
    }
    tables = {Path(path).stem: read_table(path) for path in files.tables}
    judged = judge_architectures(
        read_table(files.runs), tables, settings, classes, [Path(path) for path in files.answers]
    )
    write_csv(snakemake.output.csv, findings(judged, settings["study"]["compare"]))
    write_csv(snakemake.output.power, power(judged, snakemake.params.hours))
