"""Concurrent jobs of one machine get different cards, without anybody naming them."""

import os
import signal
import subprocess
import sys

import pytest

from imagenet_transfer.cards import visible_cards

JOB = """
import sys, time
import imagenet_transfer.cards as cards
cards.WAIT_SECONDS = 0.05
print(cards.claim_card(int(sys.argv[1])), __import__("os").environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """Start jobs that hold their card until their input ends; lock files lie in a folder of the test."""
    jobs = []

    def start(number, visible=None):
        environment = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
        environment |= {"TMPDIR": str(tmp_path)} | ({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, "-c", JOB, str(number)]
        jobs.append(subprocess.Popen(command, env=environment, text=True, **pipes))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def test_jobs_get_different_cards(start):
    jobs = [start(3) for _ in range(3)]
    assert sorted(job.stdout.readline() for job in jobs) == ["0 0\n", "1 1\n", "2 2\n"]


def test_a_job_waits_for_a_card_and_gets_that_of_a_killed_one(start):
    first, other = start(2), start(2)
    held = {job: job.stdout.readline().split()[0] for job in (first, other)}
    third = start(2)
    assert "other jobs hold all of them" in third.stderr.readline()
    first.send_signal(signal.SIGKILL)
    assert third.stdout.readline().split()[0] == held[first]


def test_cards_that_the_user_or_slurm_chose_are_respected(start):
    assert start(8, "5,GPU-abc/1").stdout.readline() == "5 5\n"
    assert start(8, "5,GPU-abc/1").stdout.readline() == "GPU-abc/1 GPU-abc/1\n"


@pytest.mark.parametrize("visible, number", [(None, 0), ("0", 0), ("", 4), ("-1", 4)])
def test_without_a_card_nothing_is_claimed(start, visible, number):
    assert start(number, visible).stdout.readline().split()[0] == "None"


def test_under_slurm_cards_are_left_to_it(start, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert [start(2, "0").stdout.readline().split()[0] for _ in range(2)] == ["None", "None"]


def test_visible_cards(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_cards(2) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 1")
    assert visible_cards(8) == ["3", "1"]
