"""What jobs say: whole lines with their names, few of them, and more in their logs."""

import io
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from imagenet_transfer.running import progress
from imagenet_transfer.running.progress import Progress, clock, job_named, name_of, note, report


@pytest.mark.parametrize(
    "log, name",
    [
        ("logs/pretrain/alexnet/imagenet/rep1.log", "pretrain alexnet/imagenet rep1"),
        ("logs/finetune_detection/voc/a/b/rep12.log", "finetune_detection voc/a/b rep12"),
        ("logs/embed/a/b/rep1/imagenet/fc7-mirror.log", "embed a/b rep1 imagenet/fc7-mirror"),
        ("logs/draw_manifest/rep2/half.log", "draw_manifest rep2 half"),
        ("logs/pack_store/repaired.log", "pack_store repaired"),
        ("logs/plan.log", "plan"),
        ("/tmp/x/log", "log"),
    ],
)
def test_a_job_is_named_by_its_log(log, name):
    assert name_of(log) == name


def test_a_line_by_hand():
    """2,000 of 4,500 steps in 50 s are 40 a second; the other 2,500 take 62.5 s."""
    steps = Progress(5000, {"it": 1, "images": 64}, start=500)
    steps.done = 2500
    expected = "2,500/5,000  40 it/s  2,560 images/s  loss 2.31  62 s left"
    assert steps.line(50, "loss 2.31") == expected
    steps.done = 501
    assert steps.line(200) == "501/5,000  0.005 it/s  0.32 images/s  10.4 days left"
    steps.done = 500
    assert steps.line(10) == "500/5,000  0 it/s  0 images/s"


@pytest.mark.parametrize("seconds, text", [(0.4, "0:00"), (112, "1:52"), (3723, "1:02:03")])
def test_durations(seconds, text):
    assert clock(seconds) == text


def number_of_lines(seconds):
    """Return how many lines a job that counts once per second writes in `seconds`."""
    steps = Progress(10**9, {})
    steps.began = steps.said = 0
    lines = 0
    for now in range(1, seconds + 1):
        if steps.due(now):
            steps.said = now
            lines += 1
    return lines


def test_there_are_few_lines_however_long_it_takes():
    found = [number_of_lines(seconds) for seconds in (9, 60, 600, 6 * 3600, 5 * 86400)]
    assert found[:2] == [0, 6]
    assert found == sorted(found)
    assert found[2] <= 60 and found[3] <= 200 and found[4] < 1000


def test_lines_are_whole_and_the_log_has_more(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0)
    monkeypatch.setattr(progress, "PART_BETWEEN", 0)
    terminal, log = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    with job_named("pretrain a/b rep1", log):
        steps = Progress(3, {"it": 1})
        for loss in (2.5, 2.0, 1.5):
            steps.advance(facts=lambda loss=loss: f"loss {loss}")
        note("iteration 3  top1 31.2")
        report("top1 31.2")
    lines = terminal.getvalue().splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        ["pretrain a/b rep1", "1/3"],
        ["pretrain a/b rep1", "2/3"],  # and no line for the last step, as the end has one
    ]
    assert "loss 2.0" in lines[1]
    assert log.getvalue() == "iteration 3  top1 31.2\npretrain a/b rep1 done in 0:00: top1 31.2\n"
    note("outside")
    assert terminal.getvalue().endswith("\noutside\n")


def test_a_failed_job_is_not_called_done():
    log = io.StringIO()
    with pytest.raises(ZeroDivisionError), job_named("pretrain a/b rep1", log):
        raise ZeroDivisionError
    assert log.getvalue() == ""


JOB = """
import sys
from imagenet_transfer.running import progress
from imagenet_transfer.running.jobs import job_log
progress.SECONDS_BETWEEN = progress.PART_BETWEEN = 0
with job_log(sys.argv[1]):
    steps = progress.Progress(200, {"it": 1})
    for _ in range(200):
        steps.advance()
"""


def test_jobs_that_share_a_terminal_do_not_mix_their_lines(tmp_path):
    logs = [f"logs/pretrain/net/{name * 40}/rep1.log" for name in "ab"]
    (tmp_path / "said").touch()
    with (tmp_path / "said").open("ab") as said:
        jobs = []
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        for log in logs:
            (tmp_path / log).parent.mkdir(parents=True)
            command = [sys.executable, "-c", JOB, log]
            jobs.append(subprocess.Popen(command, cwd=tmp_path, stderr=said, env=environment))
        assert [job.wait() for job in jobs] == [0, 0]
    text = (tmp_path / "said").read_text()
    for log in logs:
        own = [line for line in text.splitlines() if line.startswith(f"{name_of(log)}  ")]
        assert [line.split("  ")[1] for line in own] == [f"{n}/200" for n in range(1, 200)]
        *kept, done = (tmp_path / log).read_text().splitlines()
        assert kept == own
        assert done.startswith(f"{name_of(log)} done in 0:")
    assert len(text.splitlines()) == 2 * 199
    assert "\r" not in text
