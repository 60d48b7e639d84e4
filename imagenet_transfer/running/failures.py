"""What a user reads about a job that failed: its sentence, the end of its log, and what to run."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagenet_transfer.running.progress import name_of

SHOWN = 8  # lines of a log
SILENT = "it ended without a word, as when it is killed or memory runs out"
ERROR = "Error: "  # how the sentence of `jobs.job_log` starts
INTERRUPTED = "Interrupted."


@dataclass(frozen=True)
class Failure:
    """A job that failed. `message` is what ran it (a cluster) says; `logs` begin with its own."""

    rule: str
    outputs: Sequence[str]
    logs: Sequence[str]
    message: str = ""

    @property
    def name(self) -> str:
        """Return the job's name, as its own lines have it."""
        return name_of(self.logs[0]) if self.logs else self.rule

    @property
    def target(self) -> str:
        """Return what to ask for to have only this job run: a file, or a rule without files."""
        records = [path for path in self.outputs if path.endswith("metrics.json")]
        return next(iter([*records, *self.outputs]), self.rule)

    def sentence(self) -> str:
        """Return what the job says about its end, or what ran it, in one line."""
        lines = last_lines(self.logs[0], SHOWN) if self.logs else []
        said = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]
        return next(iter([*said[-1:], *filter(None, [self.message]), *lines[-1:]]), SILENT)

    def was_interrupted(self) -> bool:
        """Return whether the user stopped the job."""
        return self.sentence().startswith(INTERRUPTED)

    def text(self, command: str) -> str:
        """Return the failure with the ends of its logs, and the command that runs it again."""
        sentence = self.sentence()
        parts = [f"{self.name} failed: {sentence}"]
        for path in self.logs:
            lines = [line for line in last_lines(path, SHOWN) if line != f"{ERROR}{sentence}"]
            parts += [
                f"    {path}{' ends:' if lines else ''}",
                *(f"        {each}" for each in lines),
            ]
        return "\n".join([*parts, "    to run only this again:", f"        {command}"])


def last_lines(path: Path | str, number: int) -> list[str]:
    """Return at most `number` last lines of a file, none of a file that cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-number:]


def command_for(target: str, options: Mapping[str, Any]) -> str:
    """Return the command for a target, with options (None: not given; a list: several words).

    The target comes first, as some options take all words that follow.
    """
    given = [[name, *words_of(value)] for name, value in options.items() if value is not None]
    return shlex.join(["snakemake", target, *(word for words in given for word in words)])


def words_of(value: Any) -> Iterable[str]:
    """Return the words of an option's value."""
    return map(str, value) if isinstance(value, list | tuple) else [str(value)]
