"""Submission to a real SLURM, which these tests start: the same table, whatever happens to jobs."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from cluster import Cluster, missing_programs, processes_of_job, site_profile
from conftest import heed_ctrl_c
from projects import Project

from imagenet_transfer.files import read_json

pytestmark = pytest.mark.slurm

TARGET = "results/table2.csv"
WORKFLOWS = []  # every process that submitted
RESULTS = (
    TARGET,
    "results/pretrain/*/*/*/weights.pt",
    "results/**/history.csv",
    "results/manifests/**/*.*",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if missing_programs():
        packages = "munge slurmctld slurmd slurm-client (Debian)"
        pytest.fail(f"{', '.join(missing_programs())} not found: install {packages}.")
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        yield cluster.start()
    finally:
        for process in WORKFLOWS:  # a test that failed leaves its own running
            process.kill()
        cluster.stop()


def create(folder):
    """Return the small study with pre-training that takes seconds, so that it can be stopped."""
    project = Project(folder).create()
    longer = {"iterations": 400, "lr_steps": [300], "evaluate_every": 200}
    project.edit(lambda config: config["recipes"]["pretrain"].update(longer))
    return project


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The small study's Table 2, computed without a cluster."""
    project = create(tmp_path_factory.mktemp("local"))
    project.run(TARGET)
    return project


class Submission:
    """The workflow running on the cluster; what it says is kept in the study's folder."""

    def __init__(self, project, cluster, profile, target=TARGET):
        self.project = project
        self.cluster = cluster
        self.log = project.folder / "submission.log"
        options = ["--directory", project.folder, "--configfile", project.folder / "study.yaml"]
        words = [target, "--snakefile", project.code / "Snakefile", *options]
        words += ["--workflow-profile", profile]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *map(str, words)],
                cwd=project.folder,
                env=cluster.env | {"PYTHONPATH": str(project.code), "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=heed_ctrl_c,
            )
        WORKFLOWS.append(self.process)

    def finish(self, seconds=900, expect=0):
        assert self.process.wait(seconds) == expect, self.log.read_text()[-6000:]

    def job_of(self, target, state="R", seconds=300):
        """Wait until the job of a target (rule_RULE_wildcards_...) is in a state; return its id."""

        def first():
            return next(iter(self.cluster.jobs_called(target, state)), None)

        return self.wait_for(first, f"no job of {target}", seconds)

    def script_of(self, job, seconds=60):
        """Wait until the script of a job's rule runs, and return its process."""

        def script():
            return next(filter(is_script, processes_of_job(job)), None)

        return self.wait_for(script, "no script", seconds)

    def wait_for(self, condition, message, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"{message}\n{self.log.read_text()[-4000:]}")


def text_of(log):
    """Return what a log says; a job's is deleted before the job starts again."""
    with suppress(FileNotFoundError):
        return log.read_text()
    return ""


def is_script(process):
    """Tell whether a process computes a rule, rather than starts it."""
    with suppress(OSError):
        words = Path(f"/proc/{process}/cmdline").read_text().split("\0")
        return len(words) > 1 and "/.snakemake/scripts/" in words[1]
    return False


def results(project):
    """Return what a study computed, without what differs between any two runs (times, devices)."""
    found = {}
    for name in RESULTS:
        paths = list(project.folder.glob(name))
        assert paths, name
        found |= {path.relative_to(project.folder): path.read_bytes() for path in paths}
    for path in project.folder.glob("results/**/metrics.json"):
        found[path.relative_to(project.folder)] = read_json(path)["metrics"]
    return found


def test_cancelled_killed_and_overloaded_jobs_are_retried_to_the_same_table(
    local, cluster, tmp_path
):
    project = create(tmp_path)
    memory = {"finetune_classification": "400 * attempt ** 2"}
    profile = site_profile(tmp_path / "profile", memory=memory)
    run = Submission(project, cluster, profile)
    cancelled = run.job_of("rule_pretrain_wildcards_alexnet_imagenet_1")
    run.script_of(cancelled)
    cluster.ask("scancel", cancelled)
    lost = run.job_of("rule_finetune_detection_wildcards_pascal-det_alexnet_imagenet_1")
    run.script_of(lost)
    node = cluster.node_of(lost)
    cluster.kill_node(node)
    run.wait_for(lambda: "down" in " ".join(cluster.states()), f"{node} is not down", 60)
    cluster.start_node(node)
    run.finish()
    assert results(project) == results(local)
    ends = cluster.ends_of_jobs()
    assert ends[cancelled] == "CANCELLED"
    assert len(cluster.jobs_called("rule_pretrain_wildcards_alexnet_imagenet_1")) == 2
    overloaded = cluster.jobs_called(
        "rule_finetune_classification_wildcards_sun-cls_alexnet_scratch_1"
    )
    first, *others = [ends[job] for job in overloaded]
    assert first in ("FAILED", "OUT_OF_MEMORY")
    assert others == ["COMPLETED"]


def test_a_training_longer_than_its_time_limit_hands_over_and_ends_in_the_same_bits(
    local, cluster, tmp_path
):
    project = create(tmp_path)
    target = "rule_pretrain_wildcards_alexnet_imagenet_1"
    run = Submission(project, cluster, site_profile(tmp_path / "profile", minutes=1))
    log = project.folder / "logs/pretrain/alexnet/imagenet/rep1.log"
    first = run.job_of(target)
    script = run.script_of(first)
    run.wait_for(lambda: "Starts from the beginning" in text_of(log), "no training", 60)
    os.kill(script, signal.SIGSTOP)  # as slow as need be, on any machine
    run.wait_for(lambda: cluster.seconds_left(first) < 15, "no end", 60)
    os.kill(script, signal.SIGCONT)
    saved = "stopped and saved at step"
    run.wait_for(lambda: saved in run.log.read_text(), "did not hand over", 60)
    run.wait_for(lambda: "Continues from step" in text_of(log), "did not continue", 120)
    run.finish()
    assert cluster.ends_of_jobs()[first] == "FAILED"  # as a job that hands over counts, not TIMEOUT
    assert results(project) == results(local)


def test_ctrl_c_leaves_no_job_behind_and_grouped_jobs_continue(local, cluster, tmp_path):
    project = create(tmp_path)
    run = Submission(project, cluster, site_profile(tmp_path / "profile"))
    job = run.job_of("rule_pretrain_wildcards_alexnet_images-4_1")
    run.script_of(job)
    os.kill(run.process.pid, signal.SIGINT)
    run.finish(60, expect=1)
    cluster.wait_until(lambda: not cluster.jobs(), "jobs are left", 30)
    assert not processes_of_job(job)
    assert "Traceback" not in run.log.read_text()
    before = len(cluster.ends_of_jobs())
    Submission(project, cluster, site_profile(tmp_path / "grouped", grouped=4)).finish()
    assert results(project) == results(local)
    # Two stores, four networks, nine short runs as three jobs
    assert len(cluster.ends_of_jobs()) - before <= 9


def test_jobs_ask_for_the_processors_of_their_rules_where_the_site_names_none(tmp_path):
    """Not for as many as any job may have, 256."""
    project = create(tmp_path / "project")
    wide = Cluster(tmp_path / "slurm", cpus=16)
    profile = site_profile(tmp_path / "profile", threads=None)
    try:
        Submission(project, wide.start(), profile, "stores/imagenet/meta.json").finish()
        asked = wide.ask("squeue", "-h", "-t", "all", "-o", "%k %C").split("\n")
    finally:
        wide.stop()
    assert dict(line.split() for line in asked if line) == {
        "rule_render_miniature_wildcards_ilsvrc": "8",
        "rule_pack_store_wildcards_imagenet": "16",
    }
