"""Judge the paper's claims, and the study's own, by its runs; say what it would take to decide the open ones."""

from pathlib import Path

from imagenet_transfer.forks import run_forked
from imagenet_transfer.jobs import job_log

run_forked()

with job_log(snakemake.log[0], snakemake.input):
    from imagenet_transfer.files import read_facts, read_table, write_csv
    from imagenet_transfer.reporting.answers import Results
    from imagenet_transfer.reporting.findings import findings, judge_all, power
    from imagenet_transfer.reporting.records import check_tested

    files, settings = snakemake.input, snakemake.params.settings
    classes = {Path(path).parent.name: len(read_facts(path, "classes")["classes"]) for path in files.stores}
    used = {name: task for name, task in settings["tasks"].items() if task["dataset"] in classes}
    tasks = {name: task | {"chance": 100 / classes[task["dataset"]]} for name, task in used.items()}
    tables = {Path(path).stem: read_table(path) for path in files.tables}
    results = Results(read_table(files.runs), tables, settings["outputs"], tasks, settings["tolerances"])
    answers = {tuple(Path(path).parts[i] for i in (-3, -5)): Path(path) for path in files.answers}
    for path, record in zip(files.answers, files.records, strict=True):
        check_tested(path, record)
    judged = judge_all(results, answers, settings["claims"])
    write_csv(snakemake.output.csv, findings(judged, results, settings["study"]["compare"]))
    write_csv(snakemake.output.power, power(judged, results, snakemake.params.hours))
