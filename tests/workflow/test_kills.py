"""Random kills: whatever dies, the same command gives the same results.

`make test-kills`, twenty minutes.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter

import pytest
from projects import COMPUTED, Project, differences, ended, job_processes

pytestmark = [pytest.mark.slow, pytest.mark.kills]

KILLS = 50
ROUNDS = 6  # a finished study is deleted and started again until every rule was hit
SAVES = "save_seconds: float = 120.0"


class Killer:
    """Starts a study repeatedly and kills what is running; counts the kills by rule."""

    def __init__(self, project, seed, seconds):
        self.project = project
        self.seconds = seconds
        self.chance = random.Random(seed)
        self.jobs = Counter()  # rules whose job died on its own
        self.workflows = Counter()  # rules whose job died with its workflow
        self.kills = self.starts = 0

    def start(self):
        self.starts += 1
        project = self.project
        with (project.folder.parent / "said.txt").open("ab") as said:
            options = {"stdout": said, "stderr": subprocess.STDOUT, "start_new_session": True}
            return subprocess.Popen(
                project.command(), env=project.environment, cwd=project.folder, **options
            )

    def disturb(self):
        """Start the workflow, kill some jobs and then all of it; return its exit code."""
        running = self.start()
        plan = {}
        spare = self.chance.randint(1, 4)
        killed = 0
        while running.poll() is None:
            time.sleep(0.02)
            jobs = job_processes(running.pid)
            now = time.monotonic()
            for process, rule in jobs.items():
                plan.setdefault(process, now + self.delay(rule))
            due = [process for process in jobs if plan[process] <= now]
            if due and killed == spare:
                self.kill_workflow(running, jobs)
                self.unlock()
                break
            for process in due:
                killed += self.kill_job(process, jobs[process])
        return running.returncode

    def delay(self, rule):
        """Return the seconds until a job is killed; half the jobs of rules hit before never are."""
        if self.jobs[rule] + self.workflows[rule] > 0 and self.chance.random() < 0.5:
            return float("inf")
        return self.chance.uniform(0.3, 1.0) * self.seconds[rule]

    def kill_job(self, process, rule):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return 0
        self.jobs[rule] += 1
        self.kills += 1
        return 1

    def kill_workflow(self, running, jobs):
        """Kill a whole workflow, or only its first process, which its jobs follow."""
        if self.chance.random() < 0.5:
            os.killpg(running.pid, signal.SIGKILL)
        else:
            running.kill()
        running.wait()
        self.kills += 1
        self.workflows.update(set(jobs.values()))
        busy = max(1, os.getloadavg()[0] / os.cpu_count())  # jobs that have just started are slow
        assert ended(running.pid, 10 * busy), "jobs outlive their workflow"

    def unlock(self):
        """Remove the lock that a killed workflow leaves; at first, read what Snakemake says."""
        if self.starts <= 2:
            assert "--unlock" in self.project.run(expect=1)
        self.project.run("--unlock")

    def hit(self):
        """Return the rules of which a job was killed."""
        return set(self.jobs | self.workflows)

    def report(self):
        rules = sorted(self.hit())
        lines = [f"{rule:25}{self.jobs[rule]:6}{self.workflows[rule]:14}" for rule in rules]
        title = f"{self.kills} kills in {self.starts} starts"
        return "\n".join([title, f"{'rule':25}{'alone':>6}{'with workflow':>14}", *lines])


def save_states_at_every_step(project):
    path = project.code / "imagenet_transfer/training/loop.py"
    text = path.read_text()
    assert SAVES in text
    path.write_text(text.replace(SAVES, "save_seconds: float = 0.0"))


def seconds_of_rules(project):
    """Return the mean duration of each rule's jobs, as Snakemake has measured it."""
    root = project.folder / "logs/benchmarks"
    seconds = {}
    for folder in root.iterdir():
        files = [folder.with_suffix(".tsv")] if folder.is_file() else list(folder.rglob("*.tsv"))
        values = [float(path.read_text().splitlines()[1].split("\t")[0]) for path in files]
        seconds[folder.stem] = sum(values) / len(values)
    return seconds


@pytest.mark.parametrize("seed", [1])
def test_random_kills_change_no_number(tmp_path, seed):
    undisturbed = Project(tmp_path / "undisturbed").create()
    killed = Project(tmp_path / "killed").create()
    undisturbed.run()
    save_states_at_every_step(killed)
    seconds = seconds_of_rules(undisturbed)
    killer = Killer(killed, seed, seconds)
    resumed = set()
    for _ in range(ROUNDS):
        while killer.disturb() != 0:
            print(f"{killer.kills} kills in {killer.starts} starts", flush=True)
            logs = (killed.folder / "logs").rglob("*.log")
            resumed.update(path for path in logs if "Continues from step" in path.read_text())
        print(f"{killer.report()}\n{len(resumed)} runs continued from a saved state", flush=True)
        assert differences(undisturbed, killed) == []
        if killer.kills >= KILLS and killer.hit() >= set(seconds):
            break
        for name in COMPUTED:
            shutil.rmtree(killed.folder / name)
    assert killer.kills >= KILLS
    assert killer.hit() >= set(seconds), set(seconds) - killer.hit()
    assert resumed
