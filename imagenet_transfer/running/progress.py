"""What a job says while it runs: whole lines that name it, and few of them however long it takes.

Several jobs share the terminal, so a line is written at once and never redrawn. A job's log
(`jobs.job_log`) has the same lines and more (`note`), and ends with what came out (`report`).
"""

import contextlib
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

SECONDS_BETWEEN = 10.0  # between two lines at first,
PART_BETWEEN = 1 / 20  # then a part of the time so far: a day has 220 lines,
MOST_BETWEEN = 600.0  # and at most ten minutes
REPLICATE = re.compile(r"(?:^|/)(rep\d+)(?:/|$)")  # in a path


@dataclass
class _Job:
    """The job that this process runs; without a name and a log where no workflow started it."""

    name: str = ""
    log: TextIO | None = None
    result: str = ""


_job = _Job()


@contextlib.contextmanager
def job_named(name: str, log: TextIO) -> Iterator[None]:
    """Let lines name a job; at its end, its log says how long it took and what came out."""
    global _job
    before, _job = _job, _Job(name, log)
    start = time.monotonic()
    try:
        yield
        result = f": {_job.result}" if _job.result else ""
        note(f"{name} done in {clock(time.monotonic() - start)}{result}")
    finally:
        _job = before


def name_of(log: Path | str) -> str:
    """Return the name of a job by the path of its log: `pretrain alexnet/imagenet rep1`.

    That is the rule and its wildcards, as the path has them after its first folder.
    """
    path = Path(log).with_suffix("")
    if path.is_absolute() or len(path.parts) == 1:
        return path.stem
    rule, *names = path.parts[1:]
    return " ".join([rule, *REPLICATE.sub(r" \1 ", "/".join(names)).split()])


def note(text: str) -> None:
    """Write a line for whoever reads the log; without a log, to standard error."""
    with contextlib.suppress(OSError):  # a full disk, which what is computed will meet as well
        print(text, file=_job.log or sys.stderr)


def report(result: str) -> None:
    """Say what came out of this job, in a few words for its last line."""
    _job.result = result


class Progress:
    """Lines that say how far a job is: `pretrain a/b rep1  20/50  4.5 it/s  7 s left`.

    `rates` has the number of each unit per step: with {"it": 1, "images": 64}, iterations and
    images per second are said. `start`: steps that an earlier attempt took.
    """

    def __init__(self, total: int, rates: Mapping[str, int], start: int = 0):
        self.total = total
        self.rates = rates
        self.start = self.done = start
        self.began = self.said = time.monotonic()
        self.lock = threading.Lock()

    def advance(self, number: int = 1, facts: Callable[[], str] = str) -> None:
        """Count steps of any thread; write a line if it is time for one. `facts` adds to it."""
        with self.lock:
            self.done += number
            if self.due(time.monotonic()):
                self.said = time.monotonic()
                # In one piece, so that lines of several jobs do not mix
                sys.stderr.write(f"{self.line(self.said - self.began, facts())}\n")

    def due(self, now: float) -> bool:
        """Return whether the last line, or the start, is long enough ago."""
        wait = max(SECONDS_BETWEEN, PART_BETWEEN * (now - self.began))
        return now - self.said >= min(wait, MOST_BETWEEN) and self.done < self.total

    def line(self, seconds: float, facts: str = "") -> str:
        """Return the line after some seconds of work."""
        rate = (self.done - self.start) / max(seconds, 1e-9)
        speeds = [f"{_number(rate * each)} {unit}/s" for unit, each in self.rates.items()]
        left = [f"{duration((self.total - self.done) / rate)} left"] if rate else []
        parts = [_job.name, f"{self.done:,}/{self.total:,}", *speeds, facts, *left]
        return "  ".join(filter(None, parts))


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds, 1:52, from an hour on with hours, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def duration(seconds: float) -> str:
    """Return seconds as "48 s", "12 min", "3.4 h" or "2.1 days"."""
    steps = ((120, 1, "s", 0), (7200, 60, "min", 0), (172800, 3600, "h", 1))
    for below, unit, name, digits in steps:
        if seconds < below:
            return f"{seconds / unit:,.{digits}f} {name}"
    return f"{seconds / 86400:,.1f} days"
