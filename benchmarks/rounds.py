"""Variants timed side by side: in interleaved rounds, each in a fresh process each time."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

ROOT = Path(__file__).parents[1]
Reading = dict[str, float]  # what a process measured
Rounds = Mapping[str, Sequence[Reading]]  # by variant
Row = Mapping[str, object]  # of a table: cells by column
LIMIT = 600  # seconds for one process


def clocks() -> tuple[float, float]:
    """Return the seconds of the clock, and of CPU time of this process."""
    return perf_counter(), process_time()


def whole() -> tuple[float, float]:
    """Return the seconds of the clock, and of CPU time of this process and all its children."""
    import psutil

    this = psutil.Process()
    times = [child.cpu_times() for child in this.children(recursive=True)]
    return perf_counter(), sum(map(sum, times)) + sum(os.times()[:4])


def since(
    start: tuple[float, float], parts: int = 1, now: Callable[[], tuple[float, float]] = clocks
) -> Reading:
    """Return the seconds since `start`, of the clock and of CPU time, for each of `parts` parts."""
    seconds, cpu = (after - before for after, before in zip(now(), start, strict=True))
    return {"seconds": seconds / parts, "cpu": cpu / parts}


def interleaved(
    script: str | Path,
    variants: Iterable[str],
    rounds: int,
    options: Sequence[str] = (),
    pythons: Mapping[str, Path] | None = None,
    environment: Mapping[str, str] | None = None,
    changes: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, list[Reading]]:
    """Return what `python script --variant NAME options` printed in each round, by variant.

    Every second round has the variants in reverse. `pythons` are those of variants with an
    environment of their own; `environment` holds the variables of all, `changes` those of some.
    """
    found: dict[str, list[Reading]] = {variant: [] for variant in variants}
    for turn in range(rounds):
        for variant in reversed(found) if turn % 2 else found:
            python = (pythons or {}).get(variant, sys.executable)
            command = [python, str(script), "--variant", variant, *options]
            changed = {**(environment or {}), **(changes or {}).get(variant, {})}
            found[variant].append(reading(command, changed))
    return found


def reading(command: Sequence[str | Path], environment: Mapping[str, str]) -> Reading:
    """Return the JSON in the last line that a command prints."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    changed = os.environ | {"PYTHONPATH": path} | environment
    options = {"capture_output": True, "text": True, "timeout": LIMIT}
    done = subprocess.run(command, env=changed, **options)
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
        median, low, high = (
            f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
            for value in (self.median, self.low, self.high)
        )
        return f"{median} ({low} to {high})"


def values(found: Rounds, variant: str, key: str) -> list[float]:
    """Return what a variant measured, round by round."""
    return [one[key] for one in found[variant]]


def ratios(found: Rounds, above: str, below: str, key: str) -> Spread:
    """Return the ratios, round by round, of what two variants measured."""
    pairs = zip(values(found, above, key), values(found, below, key), strict=True)
    return Spread.of([first / second for first, second in pairs])


def print_table(rows: Sequence[Row]) -> None:
    """Print rows with a column for each of their keys."""
    print(markdown(rows), end="\n\n")


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a table in Markdown; the columns but the first are aligned to the right."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [columns, ["---", *["---:"] * (len(columns) - 1)]]
    cells += [[str(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
