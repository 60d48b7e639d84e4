"""CPU seconds that a training job costs before its first step: as a fork of the server, and alone.

Run `python benchmarks/job_start.py`: it starts `--rounds` jobs of each kind by turns, as Snakemake
does, which import what a training imports and do nothing. A job's seconds are those of its own
process and its fork, from start to end. The server's imports, once per workflow, are printed apart.
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

# What Snakemake puts before a script
PREAMBLE = "import pickle; snakemake = pickle.loads({}); from snakemake.logging import logger\n"
SCRIPT = """
from imagenet_transfer.running.forks import run_forked
from imagenet_transfer.running.jobs import job_log
run_forked()
with job_log("log"):
    import imagenet_transfer.training.stages
    import imagenet_transfer.training.tasks.detection
"""
# prctl's PR_SET_CHILD_SUBREAPER: the server becomes a child of this process, which counts its time
SUBREAPER = 36


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    prepare_environment(forks=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    alone = {name: value for name, value in os.environ.items() if name != FORKS}
    ways = {"fork": dict(os.environ), "itself": alone}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "tmp1234.job.py"
        script.write_text(PREAMBLE.format(pickle.dumps(snakemake_object())) + SCRIPT)
        first = seconds(script, ways["fork"])  # starts the server
        taken = [{way: seconds(script, ways[way]) for way in ways} for _ in range(rounds)]
    fork, itself = (statistics.median(each[way] for each in taken) for way in ways)
    ratio = statistics.median(each["itself"] / each["fork"] for each in taken)
    print(f"CPU seconds per job: {fork:.2f} as a fork, {itself:.2f} by itself, ratio {ratio:.1f}")
    print(f"CPU seconds per workflow for the server: {first - fork:.2f}")


def snakemake_object() -> object:
    """Return what Snakemake hands to a script, without a rule's contents."""
    from snakemake import iocontainers as of

    files = (of.InputFiles(), of.OutputFiles())
    values = (of.Params(), of.Wildcards())
    return of.Snakemake(*files, *values, 1, of.ResourceList(), of.Log(), {}, "job", None)


def seconds(script: Path, environment: Mapping[str, str]) -> float:
    """Return the CPU seconds of a job: of its process, the server's for it, and its fork."""
    before = spent()
    subprocess.run([sys.executable, script], env=environment, cwd=script.parent, check=True)
    return spent() - before


def spent() -> float:
    """Return the CPU seconds so far of all jobs and forks that have ended, and of the server."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    for server in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
        ticks = sum(map(int, fields[11:15]))  # its own, and its children's
        total += ticks / os.sysconf("SC_CLK_TCK")
    return total


if __name__ == "__main__":
    main()
