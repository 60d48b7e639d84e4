"""What waits for the check of the first network (`first` in the config)."""

from snakemake.io import IOFile

from imagenet_transfer.study.runs import PretrainRun

FIRST_CHECK = "results/first.json"


def first_metrics(wildcards):
    """Return the record of the first network; none if the config names none."""
    return run_metrics(study.first_run()) if study.first else []


def first_check(of_output):
    """Return a look-up of the check that a job waits for, given that of one of its output files.

    There is none for the first network itself, nor for files that were made without waiting: a
    larger set of inputs would make them again. `ancient`, as a new check makes nothing again.
    """

    def of(wildcards):
        path = of_output(wildcards)
        if not study.first or path == run_metrics(study.first_run()):
            return []
        made_from = workflow.persistence.input(IOFile(path)) if Path(path).exists() else None
        waited = made_from is None or FIRST_CHECK in made_from
        return ancient(FIRST_CHECK) if waited else []

    return of


def path_of(pattern):
    """Return a look-up of a file by wildcards."""
    return lambda wildcards: pattern.format(**wildcards)
