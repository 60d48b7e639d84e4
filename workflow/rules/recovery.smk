"""What Snakemake forgets when a run fails or is killed, and what it should say before it starts.

A job's outputs are deleted before it runs. If it then fails, Snakemake remakes them only for jobs
that it has another reason to run, and takes the results that were made from them for up to date: a
table would keep its old numbers. So results that wait for others are marked as incomplete before
any job starts, a mark that each loses when it is made.

INPUTS:  the planned jobs
OUTPUTS: results/config.yaml; Snakemake's own marks, .snakemake/incomplete
"""

import yaml
from snakemake.logging import logger

from imagenet_transfer.files import write_text
from imagenet_transfer.study.config_file import plain

OUTPUTS_AT_START = set()  # those that exist, of the planned jobs


def waiting_results():
    """Yield the planned jobs with outputs from an earlier run that wait for another planned job."""
    planned = set(workflow.dag.needrun_jobs())
    for job in planned:
        waits = not planned.isdisjoint(workflow.dag.dependencies[job])
        if waits and not OUTPUTS_AT_START.isdisjoint(job.output):
            yield job


def mark_waiting_results():
    """Mark the outputs of all results that wait for others: they are unfinished if those fail."""
    planned = workflow.dag.needrun_jobs()
    OUTPUTS_AT_START.update(path for job in planned for path in job.output if Path(path).exists())
    for job in waiting_results():
        workflow.persistence.started(job)


def unmark_unharmed_results():
    """Take back the marks of results that were not their turn and whose inputs are all there."""
    for job in waiting_results():
        if not any(path in OUTPUTS_AT_START and not Path(path).exists() for path in job.input):
            for path in job.output:
                workflow.persistence._unmark_incomplete(workflow.persistence._get_key(path))


def say_what_to_pack_first():
    """Name missing stores that finished runs were made from, as after a copy of results only.

    Snakemake makes a missing file only where a job needs it, but then repeats everything that was
    made from it.
    """
    read = [(study.dataset_of_run(run), run) for run in study.all_runs()]
    pairs = sorted({(store_file(name), run_metrics(run)) for name, run in read if name})
    missing = [store for store in dict(pairs) if not Path(store).exists()]
    finished = {store for store, run in pairs if Path(run).exists()}
    first = [store for store in missing if store in finished]
    if first:
        logger.warning(
            f"Warning: {', '.join(first)} is missing, though finished runs were made from it. If a "
            "job needs it, all of those runs are repeated; to repeat none, make it first: "
            f"snakemake {' '.join(first)} ..."
        )


if workflow.is_main_process:
    say_what_to_pack_first()


def lift_rate_limit():
    """Take away Snakemake's limit of 100 job starts a second, unless the user set another one.

    With a limit, the scheduler of Snakemake 9 starts a timer whenever it looks for jobs, and each
    timer makes it look again, so they grow with every finished job: after 200 jobs they took a
    quarter of two cores.
    """
    scheduler = getattr(workflow, "scheduler", None)
    limit = getattr(scheduler, "job_rate_limiter", None)
    if limit is not None and (limit.max_jobs, limit.timespan) == (100, 1):
        scheduler.job_rate_limiter = None


def save_config():
    """Keep the config next to the results, if any is made: `plan` and `check` make none."""
    if any(job.output for job in workflow.dag.needrun_jobs()):
        saved = yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True)
        write_text("results/config.yaml", saved)


onstart:
    lift_rate_limit()
    mark_waiting_results()
    save_config()


onerror:
    unmark_unharmed_results()
    say_what_failed()
