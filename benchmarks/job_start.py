"""CPU seconds that a training job costs before its first step: as a fork of the workflow's server and by itself.

Run `python benchmarks/job_start.py`: by turns, `--rounds` jobs each that import what a training imports, as Snakemake
starts them, and do nothing. Counted is everything that a job causes: its own process and the fork, from start to end.
The server's imports, once a workflow, are told apart.
"""

import argparse
import ctypes
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from imagenet_transfer.running.jobs import FORKS, prepare_environment

PREAMBLE = "import pickle; snakemake = pickle.loads({}); from snakemake.logging import logger\n"  # Snakemake's
SCRIPT = """
from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log
run_forked()
with job_log("log"):
    import imagenet_transfer.training.stages
    import imagenet_transfer.training.tasks.detection
"""
SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER: the server becomes a child of this process, which can wait for it


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    prepare_environment(forks=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    ways = {
        "fork": dict(os.environ),
        "itself": {name: os.environ[name] for name in os.environ if name != FORKS},
    }
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "tmp1234.job.py"
        script.write_text(PREAMBLE.format(pickle.dumps(snakemake_object())) + SCRIPT)
        first = seconds(script, ways["fork"])  # starts the server
        taken = [
            {way: seconds(script, environment) for way, environment in ways.items()}
            for _ in range(rounds)
        ]
    fork, itself = (statistics.median(each[way] for each in taken) for way in ways)
    ratio = statistics.median(each["itself"] / each["fork"] for each in taken)
    print(f"CPU seconds per job: {fork:.2f} as a fork, {itself:.2f} by itself, ratio {ratio:.1f}")
    print(f"CPU seconds per workflow for the server: {first - fork:.2f}")


def snakemake_object() -> object:
    """Return what Snakemake hands to a script, without a rule's contents."""
    from snakemake.iocontainers import (
        InputFiles,
        Log,
        OutputFiles,
        Params,
        ResourceList,
        Snakemake,
        Wildcards,
    )

    files = (InputFiles(), OutputFiles())
    values = (Params(), Wildcards())
    return Snakemake(*files, *values, 1, ResourceList(), Log(), {}, "job", None)


def seconds(script: Path, environment: Mapping[str, str]) -> float:
    """Return the CPU seconds of a job: of its process, and of what the server and its fork spent on it."""
    before = spent()
    subprocess.run([sys.executable, script], env=environment, cwd=script.parent, check=True)
    return spent() - before


def spent() -> float:
    """Return the CPU seconds so far of all jobs that have ended, and of the server and its forks that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    for server in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) / os.sysconf(
            "SC_CLK_TCK"
        )  # its own, and its children's
    return total


if __name__ == "__main__":
    main()
