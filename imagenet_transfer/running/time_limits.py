"""How long a job may still run: by its cluster's clock if there is one, else by its minutes."""

import os
import re
import subprocess
import time

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
    have changed it. Elsewhere `minutes` count from the start of the process.
    """
    if "SLURM_JOB_ID" in os.environ:
        given = _minutes_of_slurm(os.environ)
        if given is not None:
            return given
    return None if minutes is None else minutes - (time.monotonic() - _STARTED) / 60


def _minutes_of_slurm(environment: os._Environ) -> float | None:
    """Return the minutes that SLURM leaves this job, or None if it names no limit."""
    if "SLURM_JOB_END_TIME" in environment:  # since SLURM 23.02
        return (float(environment["SLURM_JOB_END_TIME"]) - time.time()) / 60
    command = ["squeue", "-h", "-j", environment["SLURM_JOB_ID"], "-o", "%L"]
    options = {"capture_output": True, "text": True, "timeout": 30, "check": True}
    try:
        return read_time_left(subprocess.run(command, **options).stdout)
    except (OSError, subprocess.SubprocessError):
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
