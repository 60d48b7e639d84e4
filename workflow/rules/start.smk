"""What is checked before the study is read: the command's numbers and the folders that it fills.

INPUTS:  Snakemake's options; what lies in the folder where the study runs
OUTPUTS: `or_sentence`, for errors of users
"""

import os
import sys

from snakemake.exceptions import WorkflowError
from snakemake.settings.enums import Quietness

from imagenet_transfer.errors import UserError
from imagenet_transfer.running.jobs import check_folder, check_writable

WRITTEN = (".", ".snakemake", "results", "logs")  # by every run and by Snakemake
FILLED = (  # by some runs
    *("stores", "proposals", "embeddings", "logs/benchmarks"),
    *(f"results/{name}" for name in ("label_sets", "manifests", "pretrain", "transfer")),
    *(f"results/{name}" for name in ("predictions", "induction", "paper")),
    *(f".snakemake/{name}" for name in ("incomplete", "locks", "log", "metadata", "scripts")),
)


def or_sentence(check):
    """Return what a check returns; let a user's error end Snakemake, however quiet it is."""
    try:
        return check()
    except UserError as error:
        asked = workflow.output_settings
        if Quietness.ALL in (asked.quiet or ()) and not asked.dryrun:  # Snakemake hides errors too
            print(f"Error: {error}", file=sys.stderr)
        raise WorkflowError(str(error)) from None


def check_numbers():
    """Raise UserError for numbers of cores, jobs or threads with which no job could ever run."""
    asked = workflow.resource_settings
    threads = {f"--set-threads {rule}": n for rule, n in asked.overwrite_threads.items()}
    numbers = {
        "--cores": asked.cores,
        "--jobs": asked.nodes,
        "--local-cores": asked.local_cores,
        "--max-threads": asked.max_threads,
        **threads,
    }
    for option, number in numbers.items():
        number = getattr(number, "raw", number)
        if isinstance(number, int) and number < 1:
            raise UserError(f"{option} is {number}: no job could run. Give 1 or more.")


def check_folders():
    """Raise UserError if files or dead links are in a folder's place, or one cannot be written."""
    for folder in (*WRITTEN, *FILLED):
        check_folder(folder)
    for folder in filter(os.path.isdir, WRITTEN):
        check_writable(folder)


if workflow.is_main_process:
    or_sentence(check_numbers)
    or_sentence(check_folders)
