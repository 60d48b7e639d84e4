"""What a finished study left in its folder of results, and who made which file when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_facts

CONFIG = "config.yaml"
RECORD = "metrics.json"
LARGE = (".pt", ".csv.gz")  # weights, and lists of images
SUMMARIES = {  # file: the script that makes it
    "runs.csv": "collect_runs",
    "comparison.csv": "compare_with_paper",
    "findings.csv": "judge_findings",
    "power.csv": "judge_findings",
    "report.html": "write_report",
}
Run = tuple[str, str, str, int]  # architecture, subset, task ("" for pre-training), replicate


@dataclass(frozen=True)
class Step:
    """One thing that the study did: `script` made the files `results` of the files `inputs`.

    Paths are relative to the folder of results; times are UTC. `settings` are what it was told.
    """

    name: str
    script: str
    started: datetime
    ended: datetime
    inputs: tuple[str, ...]
    results: tuple[str, ...]
    settings: Mapping[str, Any]


class FinishedStudy:
    """The records of a study's runs and the files of its outputs.

    `outputs` are those of its config, `runs_of` the runs that each shows, and `tables` those that
    are tables. Raises UserError if one lacks a file or a record.
    """

    def __init__(
        self,
        results: Path,
        outputs: Mapping[str, Mapping[str, Any]],
        runs_of: Mapping[str, Sequence[Run]],
        tables: Iterable[str],
    ):
        self.results = results
        self.outputs = outputs
        self.runs_of = runs_of
        self.tables = set(tables)
        self._check_whole()

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """Return what metrics.json of each run holds, by path."""
        keys = ("stage", "arch", "subset", "rep", "provenance", "settings")
        found = sorted(self.results.rglob(RECORD))
        return {self._relative(path): read_facts(path, *keys) for path in found}

    @cached_property
    def path_of(self) -> dict[Run, str]:
        """Return the record of each run."""
        return {_run_of(record): path for path, record in self.records.items()}

    def files(self, large: bool) -> list[str]:
        """Return all files, without weights and lists of images unless `large`, ascending."""
        paths = (path for path in sorted(self.results.rglob("*")) if path.is_file())
        names = [self._relative(path) for path in paths if not path.name.startswith(".")]
        return [name for name in names if large or not name.endswith(LARGE)]

    def files_of(self, output: str) -> list[str]:
        """Return the files of an output: those of its name, or of its name and a word."""
        stems = {path: path.stem for path in sorted(self.results.glob("*")) if path.is_file()}
        return [path.name for path, stem in stems.items() if self._owner(stem) == output]

    def _owner(self, stem: str) -> str:
        """Return the output whose name begins a file's, the longest of several."""
        names = [name for name in self.outputs if f"{stem}-".startswith(f"{name}-")]
        return max(names, key=len, default="")

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.results).as_posix()

    def _check_whole(self) -> None:
        needed = {run for runs in self.runs_of.values() for run in runs}
        lacking = [" ".join(map(str, run)) for run in sorted(needed - self.path_of.keys())]
        lacking += [name for name in self.outputs if not self.files_of(name)]
        lacking += [name for name in SUMMARIES if not (self.results / name).is_file()]
        if lacking:
            raise UserError(
                f"{self.results} lacks {len(lacking):,} things that its config declares (first: "
                f"{', '.join(lacking[:3])}): finish the study with `snakemake` first."
            )

    # --- steps ------------------------------------------------------------------------------------

    def steps(self, frozen: Iterable[str]) -> list[Step]:
        """Return what was done: runs, outputs, summaries; `frozen` tasks train nothing."""
        measured = set(frozen)
        of_runs = [self._run(path, record, measured) for path, record in self.records.items()]
        of_outputs = [self._output(name) for name in self.outputs]
        made: dict[str, list[str]] = {}
        for file, script in SUMMARIES.items():
            made.setdefault(script, []).append(file)
        of_summaries = [self._made(script, script, files, {}) for script, files in made.items()]
        return [*of_runs, *of_outputs, *of_summaries]

    def _run(self, path: str, record: Mapping[str, Any], frozen: set[str]) -> Step:
        """Return the step of a run: it ended when its record says, and took its hours in all."""
        ended = datetime.fromisoformat(record["provenance"]["finished"])
        started = ended - timedelta(seconds=float(record.get("wall_s", 0)))
        arch, subset, task, rep = _run_of(record)
        if task:
            script = "measure" if task in frozen else "finetune"
        else:
            script = "import_network" if "given" in record else "pretrain"
        origin = (arch, subset, "", record["network"]) if record.get("network") else None
        inputs = (self.path_of[origin],) if origin in self.path_of else ()
        name = "-".join(filter(None, (task or "pretrain", arch, subset, f"rep{rep}")))
        return Step(name, script, started, ended, inputs, (path,), record["settings"])

    def _output(self, name: str) -> Step:
        script = "make_table" if name in self.tables else "draw_figure"
        inputs = [self.path_of[run] for run in self.runs_of[name]]
        return self._made(name, script, self.files_of(name), self.outputs[name], inputs)

    def _made(
        self,
        name: str,
        script: str,
        files: Sequence[str],
        settings: Mapping[str, Any],
        inputs: Sequence[str] = (),
    ) -> Step:
        """Return the step that made files in seconds, by their times of modification."""
        times = sorted((self.results / file).stat().st_mtime for file in files)
        started, ended = (datetime.fromtimestamp(int(at), UTC) for at in (times[0], times[-1]))
        used = inputs or sorted(self.records)
        return Step(name, script, started, ended, tuple(used), tuple(files), settings)


def _run_of(record: Mapping[str, Any]) -> Run:
    return record["arch"], record["subset"], record.get("task", ""), record["rep"]
