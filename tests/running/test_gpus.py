"""Concurrent jobs of one machine get different GPUs, although nobody names them."""

import os
import signal
import stat
import subprocess
import sys

import pytest

from imagenet_transfer.errors import UserError
from imagenet_transfer.running import gpus

JOB = """
import os, sys, time
from imagenet_transfer.running import gpus
gpus.WAIT_SECONDS = 0.05
claimed = gpus.claim_gpu(int(sys.argv[1]))
print(claimed, os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """Start jobs that hold their GPU until their input ends; locks lie in the test's folder."""
    jobs = []

    def start(number, visible=None):
        environment = os.environ | {"TMPDIR": str(tmp_path)}
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, "-c", JOB, str(number)]
        jobs.append(subprocess.Popen(command, env=environment, text=True, **pipes))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def test_jobs_get_different_gpus(start):
    jobs = [start(3) for _ in range(3)]
    assert sorted(job.stdout.readline() for job in jobs) == ["0 0\n", "1 1\n", "2 2\n"]


def test_a_job_waits_for_a_gpu_and_gets_that_of_a_killed_one(start):
    first = start(2)
    other = start(2)
    held = {job: job.stdout.readline().split()[0] for job in (first, other)}
    third = start(2)
    assert "other jobs hold all of them" in third.stderr.readline()
    first.send_signal(signal.SIGKILL)
    assert third.stdout.readline().split()[0] == held[first]


def test_gpus_that_the_user_or_slurm_chose_are_respected(start):
    assert start(8, "5,GPU-abc/1").stdout.readline() == "5 5\n"
    assert start(8, "5,GPU-abc/1").stdout.readline() == "GPU-abc/1 GPU-abc/1\n"


@pytest.mark.parametrize("visible, number", [(None, 0), ("0", 0), ("", 4), ("-1", 4)])
def test_without_a_gpu_nothing_is_claimed(start, visible, number):
    assert start(number, visible).stdout.readline().split()[0] == "None"


@pytest.mark.parametrize("key", ["SLURM_JOB_ID", "SLURM_STEP_ID", "PBS_JOBID", "LSB_JOBID"])
def test_each_allocation_of_a_scheduler_has_a_gpu_0_of_its_own(start, monkeypatch, key):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    claimed = []
    for allocation in ("7", "8"):
        monkeypatch.setenv(key, allocation)
        claimed.append(start(2, "0").stdout.readline())
    assert claimed == ["0 0\n", "0 0\n"]


def test_jobs_inside_one_allocation_get_different_gpus(start, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert sorted(start(4, "0,1").stdout.readline() for _ in range(2)) == ["0 0\n", "1 1\n"]


def test_a_process_that_asks_again_keeps_its_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    environment = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
    again = "from imagenet_transfer.running.gpus import claim_gpu as c; print(c(2), c(2))"
    done = subprocess.run(
        [sys.executable, "-c", again], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "0 0\n"


def test_locks_are_everybodys_and_follow_no_links(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpus, "_held", {})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert gpus.claim_gpu(1) == "0"
    folder = tmp_path / "imagenet-transfer-gpus"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    (lock,) = folder.iterdir()
    assert stat.S_IMODE(lock.stat().st_mode) == 0o644

    monkeypatch.setattr(gpus, "_held", {})
    del os.environ["CUDA_VISIBLE_DEVICES"]
    lock.unlink()
    lock.symlink_to(tmp_path / "victim")
    with pytest.raises(UserError, match="cannot be made"):
        gpus.claim_gpu(1)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("place", ["missing", "file"])
def test_a_folder_that_cannot_hold_locks_gets_a_sentence(tmp_path, monkeypatch, place):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path / place))
    monkeypatch.setattr(gpus, "_held", {})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(
        UserError, match=rf"{place}/imagenet-transfer-gpus: .*set TMPDIR to a folder"
    ):
        gpus.claim_gpu(1)


@pytest.mark.parametrize(
    "named, found",
    [
        (None, ["0", "1"]),
        ("3, 1", ["3", "1"]),
        ("0,-1,1", ["0"]),
        ("", []),
        ("MIG-GPU-7/1/0,GPU-8", ["MIG-GPU-7/1/0", "GPU-8"]),
    ],
)
def test_visible_gpus(monkeypatch, named, found):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert gpus.visible_gpus(2) == found
