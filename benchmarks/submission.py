"""Table 2 of the default study, computed on this machine's cores and by jobs of SLURM on them.

    python benchmarks/submission.py [--folder DIR]

It starts a SLURM of two nodes with one processor and one (fake) GPU each, so that as many jobs run
at once as in the local run with --cores 2; four fine-tuning runs are one job. It takes about a
quarter of an hour on two cores, and needs root and Debian's packages munge, slurmctld, slurmd and
slurm-client. It prints both times, the number of jobs, and the bound set for them: 1.5 times the
local time and 8 seconds per job. It fails if the two tables differ in a byte.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cluster import Cluster, missing_programs, site_profile  # noqa: E402 - the tests' cluster

TABLE = "results/table2.csv"
SECONDS_PER_JOB = 8
GROUPED = 4  # fine-tuning takes seconds here


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="an empty folder to keep both runs in")
    folder = parser.parse_args().folder
    if missing_programs():
        packages = "munge slurmctld slurmd slurm-client"
        sys.exit(f"{', '.join(missing_programs())} not found: apt-get install {packages}")
    with tempfile.TemporaryDirectory() as temporary:
        compare((folder or Path(temporary)).resolve())


def compare(folder: Path) -> None:
    """Run both and print how they compare."""
    local = timed(folder / "local", ["--cores", "2"], dict(os.environ))
    print(f"local: {local:.0f} s", flush=True)
    cluster = Cluster(folder / "slurm")
    try:
        cluster.start()
        options = ["--workflow-profile", site_profile(folder / "site", grouped=GROUPED)]
        submitted = timed(folder / "submitted", options, cluster.env)
        jobs = len(cluster.ends_of_jobs())
    finally:
        cluster.stop()
    bound = 1.5 * local + SECONDS_PER_JOB * jobs
    more = (submitted - local) / jobs
    print(f"SLURM: {submitted:.0f} s, {jobs} jobs submitted")
    print(f"1.5 x local + {SECONDS_PER_JOB} s per job: {bound:.0f} s")
    print(f"ratio to the local time: {submitted / local:.2f}; {more:.1f} s more for each job")
    if (folder / "local" / TABLE).read_bytes() != (folder / "submitted" / TABLE).read_bytes():
        sys.exit("The two tables differ.")
    print("The two tables are the same, byte for byte.")


def timed(folder: Path, options: list, environment: dict[str, str]) -> float:
    """Compute the table in a new folder and return the seconds; the log is next to the folder."""
    folder.mkdir(parents=True)
    words = ["snakemake", TABLE, "--snakefile", ROOT / "Snakefile", "--directory", folder, *options]
    started = time.perf_counter()
    with folder.with_suffix(".log").open("w") as log:
        command = [sys.executable, "-m", *map(str, words)]
        streams = {"stdout": log, "stderr": subprocess.STDOUT}
        done = subprocess.run(command, cwd=ROOT, env=environment, **streams)
    if done.returncode:
        sys.exit(f"{folder.name} failed:\n{folder.with_suffix('.log').read_text()[-3000:]}")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
