"""Processes that are started without standard streams, or whose output nobody reads."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

LABELS = f"{sys.executable} -m imagenet_transfer labels bottom-up --depth 9"
JOB = """
import os, sys, warnings
from imagenet_transfer.running.jobs import job_log, open_streams
with job_log("job.log"):
    opened = os.open("data.bin", os.O_CREAT | os.O_WRONLY)
    os.system("echo from a library >&2")
    print("said", file=sys.stderr)
    print("printed", flush=True)
"""


def shell(command, folder):
    options = {"cwd": folder, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "timeout": 60}
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, **options)


@pytest.mark.parametrize("how", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_a_command_works_without_standard_streams(tmp_path, how):
    done = shell(f"{LABELS} {how}", tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("wnid,label") == (how == "2>&-")


def test_a_command_whose_output_nobody_reads_ends_in_silence(tmp_path):
    done = shell(f"{LABELS} | head -1", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "wnid,label,class_wnid,class_name\n",
        "",
    )


@pytest.mark.parametrize("how", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_job_without_standard_streams_writes_nothing_into_its_files(tmp_path, how):
    (tmp_path / "job.py").write_text(JOB)
    done = shell(f"{sys.executable} job.py {how}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data.bin").read_bytes() == b"", "its number is not that of a stream"
    assert "said" in (tmp_path / "job.log").read_text()


def test_a_job_whose_output_nobody_reads_says_so(tmp_path):
    (tmp_path / "job.py").write_text(
        JOB.replace("os.system", "import time; time.sleep(1); os.system")
    )
    done = shell(f"{sys.executable} job.py | true", tmp_path)
    assert "Traceback" not in done.stderr
    assert "Error: Nobody reads" in (tmp_path / "job.log").read_text()
