"""Around jobs: users' errors end with a sentence; files are whole or absent."""

import errno
import os
import subprocess
import sys

import pandas as pd
import pytest
from conftest import ROOT

from imagenet_transfer.files import atomic_write, write_csv
from imagenet_transfer.running.jobs import FORKS, WORKFLOW, prepare_environment, sentence_of

SCRIPT = """
import sys
from imagenet_transfer.errors import UserError
from imagenet_transfer.running.jobs import job_log
with job_log(sys.argv[1]):
    print("working", file=sys.stderr)
    {statement}
"""


def run(tmp_path, statement):
    script = SCRIPT.format(statement=statement)
    return subprocess.run(
        [sys.executable, "-c", script, tmp_path / "log"], capture_output=True, text=True
    )


def test_jobs_find_the_package_of_their_workflow(monkeypatch):
    for name in (WORKFLOW, FORKS):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    prepare_environment()
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "/elsewhere"]


@pytest.mark.parametrize(
    "statement, sentence",
    [
        (
            "raise UserError('data/x is missing: unpack it.')",
            "Error: data/x is missing: unpack it.",
        ),
        ("raise KeyboardInterrupt", "Interrupted"),
        (
            "raise OSError(28, 'No space left on device', 'results/a')",
            "The disk is full writing results/a",
        ),
        (
            "raise PermissionError(13, 'Permission denied', 'results/a')",
            "results/a may not be written",
        ),
        ("raise MemoryError", "memory is used up"),
    ],
)
def test_errors_of_the_users_end_with_a_sentence(tmp_path, statement, sentence):
    done = run(tmp_path, statement)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for text in (done.stderr, (tmp_path / "log").read_text()):
        assert "working" in text
        assert sentence in text


def test_faults_of_the_program_keep_their_traceback(tmp_path):
    done = run(tmp_path, "1 / 0")
    assert "ZeroDivisionError" in done.stderr
    assert "ZeroDivisionError" in (tmp_path / "log").read_text()
    assert sentence_of(ValueError("x")) is None
    assert sentence_of(OSError(errno.EBADF, "x")) is None


def test_a_file_is_whole_or_absent(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_compressed_tables_have_equal_bytes_at_any_time(tmp_path, monkeypatch):
    frame = pd.DataFrame({"image": ["a", "b"], "label": [0, 1]})
    for name, now in (("one.csv.gz", 1e9), ("two.csv.gz", 2e9)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        write_csv(tmp_path / name, frame)
    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "two.csv.gz").read_bytes()
