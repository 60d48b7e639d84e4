"""Benchmarks of jobs that run in forks (imagenet_transfer/running/forks.py).

Snakemake measures only what a job itself starts. A job's process whose child runs elsewhere is
called `runs as PID`, and here that child is added to what Snakemake measures.
"""

from pathlib import Path

import psutil
from snakemake import benchmark

from imagenet_transfer.running.jobs import fork_of


class JobProcess(psutil.Process):
    """A job's process, whose children include its fork and what that starts."""

    def children(self, recursive=False):
        own = super().children(recursive)
        forks = [fork for process in (self, *own) for fork in forks_of(process)]
        return [*own, *forks, *(child for fork in forks for child in fork.children(recursive))]


def forks_of(process):
    """Return the fork that a job's process waits for, if any, in a list."""
    try:
        fork = fork_of(process.pid)
        return [psutil.Process(fork)] if fork else []
    except psutil.Error:  # it has just ended
        return []


class ForkTimer(benchmark.BenchmarkTimer):
    """Snakemake's timer, which looks at the forks too."""

    def __init__(self, *words, **options):
        super().__init__(*words, **options)
        self.main = JobProcess(self.main.pid)


benchmark.BenchmarkTimer = ForkTimer
