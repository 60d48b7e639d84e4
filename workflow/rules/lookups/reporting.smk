"""Everything that a study declares, what its runs cost, and what is there."""

from imagenet_transfer.study.runs import Embedding

SUMMARIES = [
    f"results/{name}"
    for name in ("runs.csv", "comparison.csv", "findings.csv", "power.csv", "report.html")
]


def table_files():
    """Return the tables that the study declares, as CSV and as Markdown."""
    return [f"results/{name}.{suffix}" for name in study.tables() for suffix in ("csv", "md")]


def all_outputs():
    """Return everything that the study declares."""
    numbers = number_files() + further_files()
    pictures = ["results/miniature.png"] if study.miniature else []
    return [*table_files(), *figure_files(), *numbers, *SUMMARIES, *pictures]


def hours_of_runs(wildcards):
    """Return what a run of each architecture and task costs on devices whose rates are known."""
    # Loads pandas, which a dry run can do without.
    from imagenet_transfer.study.plan import read_rates, run_hours

    rates = read_rates("rates.csv")
    return {name: run_hours(study, rates, name) for name in study.architectures}


FILES_OF_JOBS = {  # by the kinds of imagenet_transfer/study/plan_jobs.py: one that it writes
    "render": lambda part: f"data/miniature/{part}.json",
    "store": store_file,
    "proposals": lambda dataset: f"proposals/{dataset}/boxes.json",
    "label_set": label_set_file,
    "manifest": manifest_file,
    "pretrain": lambda *names: run_metrics(PretrainRun(*names)),
    "first": lambda: FIRST_CHECK,
    "import": lambda *names: run_metrics(PretrainRun(*names)),
    "finetune": lambda *names: run_metrics(TransferRun(*names)),
    "measure": lambda *names: run_metrics(TransferRun(*names)),
    "embed": lambda *names: file_of_features(Embedding(*names)),
    "predict": lambda *names: predictions_file(PretrainRun(*names)),
    "induce": lambda *names: induction_file(PretrainRun(*names[:3]), *names[3:]),
    "draw": lambda output: f"results/{output}.{'csv' if output in study.tables() else 'png'}",
}


def jobs_done(wildcards):
    """Return the jobs, of all outputs, whose files are there, as lists of kind and names."""
    # Takes a moment, which runs of other targets can do without.
    from imagenet_transfer.study.plan_jobs import jobs_of

    jobs = dict.fromkeys(job for output in study.outputs for job in jobs_of(study, output))
    return [list(job) for job in jobs if Path(FILES_OF_JOBS[job[0]](*job[1:])).exists()]
