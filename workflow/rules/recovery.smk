"""What Snakemake forgets when a run fails or is killed: results that waited for a file which is now gone.

A job's outputs are deleted before it runs. If it then fails, Snakemake remakes them only for jobs that it has another
reason to run, and takes the results that were made from them for up to date: a table would keep its old numbers. So
these are marked as incomplete before any job starts, a mark that each loses when it is made.

INPUTS:  the planned jobs
OUTPUTS: Snakemake's own marks, .snakemake/incomplete
"""

OUTPUTS_AT_START = set()  # those that exist, of the planned jobs


def waiting_results():
    """Yield the planned jobs with outputs from an earlier run that wait for another planned job."""
    planned = set(workflow.dag.needrun_jobs())
    for job in planned:
        if not planned.isdisjoint(
            workflow.dag.dependencies[job]
        ) and not OUTPUTS_AT_START.isdisjoint(job.output):
            yield job


def mark_waiting_results():
    """Mark the outputs of all results that wait for others, so that they do not pass for finished when those fail."""
    planned = workflow.dag.needrun_jobs()
    OUTPUTS_AT_START.update(path for job in planned for path in job.output if Path(path).exists())
    for job in waiting_results():
        workflow.persistence.started(job)


def unmark_unharmed_results():
    """Take back the marks of results that did not get their turn and whose inputs are all still there."""
    for job in waiting_results():
        if not any(path in OUTPUTS_AT_START and not Path(path).exists() for path in job.input):
            for path in job.output:
                workflow.persistence._unmark_incomplete(workflow.persistence._get_key(path))
