"""What waits for the check of the first network (`first` in the config)."""

from snakemake.io import IOFile

from imagenet_transfer.running.first_network import is_made_with
from imagenet_transfer.study.runs import PretrainRun

FIRST_CHECK = "results/first.json"


def first_check(path, settings=None):
    """Return a look-up of the check that a job waits for, given one of its files and its settings.

    What is there already has the inputs that it was made from, with the check or without: others
    would make it again. `ancient` keeps it when the check is made anew. But Snakemake does not see
    that the settings of such a job have changed while the first network is trained again, so it
    then depends on the check as if there were no file.
    """

    def of(wildcards):
        if not study.first and not Path(FIRST_CHECK).exists():
            return []
        output = path.format(**wildcards)
        if study.first and output == run_metrics(study.first_run()):
            return []
        if Path(output).exists() and (not settings or is_made_with(output, settings(wildcards))):
            made_from = workflow.persistence.input(IOFile(output)) or ()
            return ancient(FIRST_CHECK) if FIRST_CHECK in made_from else []
        return FIRST_CHECK if study.first else []

    return of
