"""Variants timed side by side: in interleaved rounds, each in a fresh process each time."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
Reading = dict[str, float]  # what a process measured
Rounds = Mapping[str, Sequence[Reading]]  # by variant


def clocks() -> tuple[float, float]:
    """Return the seconds of the clock, and of CPU time of this process and its ended children."""
    return perf_counter(), sum(os.times()[:4])


def since(start: tuple[float, float], parts: int = 1) -> Reading:
    """Return the seconds since `start`, of the clock and of CPU time, for each of `parts` parts."""
    seconds, cpu = (after - before for after, before in zip(clocks(), start, strict=True))
    return {"seconds": seconds / parts, "cpu": cpu / parts}


def interleaved(
    script: str | Path,
    variants: Iterable[str],
    rounds: int,
    options: Sequence[str] = (),
    pythons: Mapping[str, Path] | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, list[Reading]]:
    """Return what `python script --variant NAME options` printed in each round, by variant.

    Every second round has the variants in reverse. `pythons` are those of variants with an
    environment of their own.
    """
    found: dict[str, list[Reading]] = {variant: [] for variant in variants}
    for turn in range(rounds):
        for variant in reversed(found) if turn % 2 else found:
            python = (pythons or {}).get(variant, sys.executable)
            command = [python, str(script), "--variant", variant, *options]
            found[variant].append(reading(command, environment or {}))
    return found


def reading(command: Sequence[str | Path], environment: Mapping[str, str]) -> Reading:
    """Return the JSON in the last line that a command prints."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    changed = os.environ | {"PYTHONPATH": path} | environment
    done = subprocess.run(command, env=changed, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of the values of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def values(found: Rounds, variant: str, key: str) -> list[float]:
    """Return what a variant measured, round by round."""
    return [one[key] for one in found[variant]]


def ratios(found: Rounds, above: str, below: str, key: str) -> Spread:
    """Return the ratios, round by round, of what two variants measured."""
    pairs = zip(values(found, above, key), values(found, below, key), strict=True)
    return Spread.of([first / second for first, second in pairs])
