"""How long a job may still run, and when it hands over."""

import time

import pytest

from imagenet_transfer.running import time_limits
from imagenet_transfer.running.time_limits import minutes_left, read_time_left
from imagenet_transfer.training.loop import Deadline


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("0:30\n", 0.5),
        ("59:59", 60 - 1 / 60),
        ("2:00:00", 120),
        ("1-01:00:30", 25 * 60 + 0.5),
        ("UNLIMITED", None),
        ("NOT_SET", None),
        ("INVALID", None),
        ("", None),
    ],
)
def test_time_left_as_squeue_writes_it(text, minutes):
    assert read_time_left(text) == (pytest.approx(minutes) if minutes else minutes)


@pytest.fixture
def outside(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


def test_minutes_count_from_the_start_of_the_process(outside, monkeypatch):
    monkeypatch.setattr(time_limits, "_STARTED", time.monotonic() - 120)
    assert minutes_left(10) == pytest.approx(8, abs=0.01)
    assert minutes_left(None) is None


def test_the_end_that_slurm_names_counts_more_than_the_minutes_given(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(time.time() + 90))
    assert minutes_left(10) == pytest.approx(1.5, abs=0.01)


@pytest.fixture
def squeue(monkeypatch, tmp_path):
    """Let a stand-in for squeue answer."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def answer(script):
        program = tmp_path / "squeue"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return answer


def test_an_older_slurm_is_asked(squeue):
    squeue('[ "$3" = 7 ] && echo 3:30')
    assert minutes_left(10) == pytest.approx(3.5)


@pytest.mark.parametrize("script", ["exit 1", "echo UNLIMITED"])
def test_without_an_answer_the_minutes_given_count(squeue, monkeypatch, script):
    squeue(script)
    monkeypatch.setattr(time_limits, "_STARTED", time.monotonic())
    assert minutes_left(10) == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize(("minutes", "kept"), [(100, 5 * 60), (1, 20)])
def test_a_job_hands_over_a_twentieth_before_its_end_and_never_less_than_20_seconds(minutes, kept):
    assert Deadline(minutes).ends - time.monotonic() == pytest.approx(60 * minutes - kept, abs=0.1)
    assert not Deadline(minutes).passed()


def test_no_limit_never_passes():
    assert not Deadline(None).passed()
    assert Deadline(0.1).passed()  # 6 seconds are less than handing over takes


def test_a_limit_that_was_changed_counts_more_than_that_of_the_start(squeue, monkeypatch):
    squeue("echo 2:00:00")
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(time.time() + 90))
    assert minutes_left(10) == 120


@pytest.mark.parametrize("end", ["soon", "", "nan", "inf", "-1", "0", "1700000000", "1e400", "٣x"])
def test_an_end_that_is_no_time_to_come_does_not_count_and_is_named(
    squeue, monkeypatch, capsys, end
):
    squeue("exit 1")
    monkeypatch.setattr(time_limits, "_STARTED", time.monotonic())
    monkeypatch.setenv("SLURM_JOB_END_TIME", end)
    assert minutes_left(10) == pytest.approx(10, abs=0.01)
    assert minutes_left(None) is None
    assert f"SLURM_JOB_END_TIME is {end!r}" in capsys.readouterr().err
