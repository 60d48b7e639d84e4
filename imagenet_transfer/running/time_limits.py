"""How long a job may still run: by its cluster's clock if there is one, else by its minutes."""

import contextlib
import os
import re
import subprocess
import time

from imagenet_transfer.running.progress import note

MOST_MINUTES = 100 * 366 * 24 * 60
_STARTED = time.monotonic()
_LEFT = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d\d)")  # SLURM's [[days-]hours:]minutes:seconds


def _start() -> None:
    global _STARTED
    _STARTED = time.monotonic()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start)  # a job may be a fork of a process that is older


def minutes_left(minutes: float | None) -> float | None:
    """Return the minutes that are left to this job; None without a limit.

    Inside a SLURM job, SLURM's limit counts: it began before this process, and the job's owner may
    have changed it since (`scontrol update`), so SLURM itself is asked first. Its environment
    variable is that of the start: it counts only if SLURM does not answer and it is a time to come.
    Elsewhere `minutes` count from the start of the process.
    """
    if "SLURM_JOB_ID" in os.environ:
        answer = _answer_of_slurm(os.environ["SLURM_JOB_ID"])
        if answer is not None:
            return read_time_left(answer) if _LEFT.fullmatch(answer) else _own_minutes(minutes)
        given = _minutes_of_start(os.environ.get("SLURM_JOB_END_TIME"))
        if given is not None:
            return given
    return _own_minutes(minutes)


def _own_minutes(minutes: float | None) -> float | None:
    return None if minutes is None else minutes - (time.monotonic() - _STARTED) / 60


def _answer_of_slurm(job: str) -> str | None:
    """Return what SLURM says of the time that is left to a job; None if it does not answer."""
    command = ["squeue", "-h", "-j", job, "-o", "%L"]
    options = {"capture_output": True, "text": True, "timeout": 30, "check": True}
    try:
        return subprocess.run(command, **options).stdout.strip() or None
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _minutes_of_start(end: str | None) -> float | None:
    """Return the minutes until SLURM_JOB_END_TIME (since SLURM 23.02), seconds since 1970.

    None, with a line about it, unless it is a time to come within a hundred years.
    """
    if end is None:
        return None
    with contextlib.suppress(ValueError):
        left = (float(end) - time.time()) / 60
        if 0 < left < MOST_MINUTES:
            return left
    note(
        f"SLURM_JOB_END_TIME is {end[:40]!r}, which is not a time to come: the limit of the workflow "
        "counts instead."
    )
    return None


def read_time_left(text: str) -> float | None:
    """Return the minutes of SLURM's `[[days-]hours:]minutes:seconds`; None of other answers.

    Those are UNLIMITED, NOT_SET and the like.
    """
    found = _LEFT.fullmatch(text.strip())
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return (days * 24 + hours) * 60 + minutes + seconds / 60
