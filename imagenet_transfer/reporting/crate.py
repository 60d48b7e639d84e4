"""A finished study as an RO-Crate: files with who made them, when, by what and from what.

The profile is Workflow Run Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5) on RO-Crate 1.1. Each
step has a CreateAction whose instrument is its script, as in Provenance Run Crate, without that
profile's description of the workflow's steps.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from imagenet_transfer import __version__
from imagenet_transfer.errors import UserError
from imagenet_transfer.reporting.finished import CONFIG, FinishedStudy, Step

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
LICENCES = {"MIT": "https://spdx.org/licenses/MIT"}
CODE = (
    "Snakefile",
    "workflow",
    "LICENSE",
    "CITATION.cff",
    "README.md",
)  # what is copied of the workflow
FORMATS = {
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
    ".pt": "application/octet-stream",
}


@dataclass(frozen=True)
class Origin:
    """Where a study's files come from: its results, its config, the workflow, and who ran it.

    `workflow` is the folder of the Snakefile. `agent` ran the study; without a name, the authors
    of the workflow did.
    """

    results: Path
    config: Mapping[str, Any]
    workflow: Path
    agent: str = ""


def write_crate(
    study: FinishedStudy, origin: Origin, frozen: Iterable[str], out: Path, large: bool = False
) -> int:
    """Write the crate of a study to a new folder, or to a .zip; return the number of its files.

    `large` adds weights and lists of images. Raises UserError if the folder is there already, or
    if `rocrate` is not installed.
    """
    if out.exists() and out.suffix != ".zip":
        raise UserError(f"{out} is there already: name a new folder, or a file that ends in .zip.")
    crate = _Crate(study, origin, large)
    crate.describe(study.steps(frozen))
    _write(crate.crate, out)
    return crate.number


def _write(crate: Any, out: Path) -> None:
    """Write all of a crate, or nothing."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        whole = Path(folder, out.name)
        if out.suffix == ".zip":
            crate.write_zip(whole)
        else:
            crate.write(whole)
        shutil.rmtree(out, ignore_errors=True)
        whole.rename(out)


def _new_crate() -> Any:
    try:
        from rocrate.rocrate import ROCrate
    except ImportError as error:
        raise UserError(
            "A crate needs rocrate, which is not installed: install it with `pip install "
            "'imagenet-transfer[crate]'` or `pip install rocrate`."
        ) from error
    return ROCrate(version="1.1")


class _Crate:
    """A crate that is being filled."""

    def __init__(self, study: FinishedStudy, origin: Origin, large: bool):
        self.crate = _new_crate()
        self.study = study
        self.origin = origin
        self.citation = yaml.safe_load((origin.workflow / "CITATION.cff").read_text())
        self.authors = [self._party(entry) for entry in self.citation["authors"]]
        self.agents = (
            [self._entity(f"#{_slug(origin.agent)}", "Person", name=origin.agent)]
            if origin.agent
            else self.authors
        )
        self.number = 0
        self.files = {name: self._result(name) for name in study.files(large)}
        self.scripts: dict[str, Any] = {}

    # --- entities ---------------------------------------------------------------------------------

    def _entity(self, identifier: str, kind: str, **properties: Any) -> Any:
        """Return the entity of this identifier, which is added unless it is there."""
        known = self.crate.dereference(identifier)
        if known is not None:
            return known
        return self.crate.add_jsonld({"@id": identifier, "@type": kind, **properties})

    def _party(self, entry: Mapping[str, Any]) -> Any:
        """Return an author of CITATION.cff: an organisation if it has one name."""
        if "name" in entry:
            identifier = entry.get("website") or self.citation.get("repository-code")
            return self._entity(
                identifier or f"#{_slug(entry['name'])}", "Organization", name=entry["name"]
            )
        name = f"{entry.get('given-names', '')} {entry.get('family-names', '')}".strip()
        more = {"affiliation": entry["affiliation"]} if "affiliation" in entry else {}
        return self._entity(entry.get("orcid") or f"#{_slug(name)}", "Person", name=name, **more)

    def _file(self, source: Path, name: str, **properties: Any) -> Any:
        self.number += 1
        kind = {"encodingFormat": FORMATS.get(source.suffix, "text/plain")}
        return self.crate.add_file(
            source, name, properties={"name": name, **kind, **properties}, record_size=True
        )

    def _result(self, name: str) -> Any:
        return self._file(self.study.results / name, f"results/{name}")

    def _value(self, identifier: str, name: str, value: Any) -> Any:
        """Return a setting; what is not text or a number that JSON-LD keeps exactly is JSON."""
        kept = isinstance(value, (str, float)) or (isinstance(value, int) and abs(value) < 2**53)
        plain = value if kept else json.dumps(value, sort_keys=True)
        return self._entity(f"#{identifier}", "PropertyValue", name=name, value=plain)

    # --- the parts --------------------------------------------------------------------------------

    def describe(self, steps: Sequence[Step]) -> None:
        """Add the workflow, its run, and each step."""
        started, ended = min(s.started for s in steps), max(s.ended for s in steps)
        self._describe_root(ended)
        workflow = self._workflow()
        actions = [self._run(workflow, steps, started, ended)]
        actions += [self._step(step) for step in steps]
        workflow["hasPart"] = list(self.scripts.values())
        self.crate.root_dataset["mentions"] = actions

    def _describe_root(self, ended: datetime) -> None:
        root = self.crate.root_dataset
        name = self.origin.config["study"]
        root["name"] = f"Results of the study {name}"
        root["description"] = (
            f"Tables, figures, verdicts and the records of all runs of the study {name}, made by "
            f"{self.citation['title']} {__version__}."
        )
        root["datePublished"] = _iso(ended)
        root["license"] = self._licence()
        root["author"] = _one(self.agents)
        root["conformsTo"] = [
            self._entity(url, "CreativeWork", name=title, version=url.rpartition("/")[2])
            for url, title in PROFILES.items()
        ]

    def _licence(self) -> Any:
        name = self.citation["license"]
        return self._entity(LICENCES[name], "CreativeWork", name=f"{name} licence")

    def _workflow(self) -> Any:
        """Add the Snakefile, the code that it reads, and the software that ran it."""
        self.crate.add_workflow(
            self.origin.workflow / CODE[0],
            CODE[0],
            main=True,
            lang="snakemake",
            lang_version=version("snakemake"),
            record_size=True,
        )
        workflow = self.crate.mainEntity
        workflow["name"] = self.citation["title"]
        workflow["version"] = self.citation["version"]
        workflow["license"] = self._licence()
        workflow["encodingFormat"] = "text/plain"
        workflow["creator"] = _one(self.authors)
        workflow["conformsTo"] = {
            "@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
        }
        workflow["softwareRequirements"] = self._software()
        for path in self._code():
            tool = self._tool() if path.suffix == ".py" else {}
            file = self._file(path, path.relative_to(self.origin.workflow).as_posix(), **tool)
            if file.id == "README.md":  # as Workflow RO-Crate asks
                file["about"] = self.crate.root_dataset
        self.number += 1
        return workflow

    def _code(self) -> list[Path]:
        """Return the files of the workflow besides the Snakefile, except links and caches."""
        given = [self.origin.workflow / name for name in CODE[1:]]
        below = [path for place in given for path in (place, *sorted(place.rglob("*")))]
        return [
            path
            for path in below
            if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"
        ]

    def _software(self) -> list[Any]:
        """Return the packages that the runs name, each version once."""
        named = {
            (name, number)
            for record in self.study.records.values()
            for name, number in record["provenance"]["versions"].items()
            if number != "absent" and name != "imagenet-transfer"
        }
        return [self._package(name, number) for name, number in sorted(named)]

    def _package(self, name: str, number: str) -> Any:
        url = f"https://pypi.org/project/{name}/{number}/"
        if name == "python":
            url = f"https://www.python.org/downloads/release/python-{number.replace('.', '')}/"
        return self._entity(url, "SoftwareApplication", name=name, version=number, url=url)

    def _run(self, workflow: Any, steps: Sequence[Step], started: datetime, ended: datetime) -> Any:
        """Add the run of the whole workflow, with its parameters and results."""
        config = self.files[CONFIG]
        values = {"config": config}
        for key in ("study", "seed", "replicates"):
            values[key] = self._value(f"config-{key}", key, self.origin.config[key])
        kinds = {"config": "File", "study": "Text", "seed": "Integer", "replicates": "Integer"}
        workflow["input"] = [self._slot(key, kinds[key], [values[key]]) for key in values]
        results = [self.files[name] for step in steps for name in step.results]
        shown = [entity for entity in results if not entity.id.endswith("metrics.json")]
        workflow["output"] = self._slot("results", "File", shown)
        commits = {record["provenance"]["commit"] for record in self.study.records.values()}
        return self.crate.add_action(
            workflow,
            "#run",
            object=list(values.values()),
            result=shown,
            properties={
                "name": f"The study {self.origin.config['study']}",
                "description": f"Commits of the workflow: {', '.join(sorted(commits))}.",
                **self._times(started, ended),
            },
        )

    def _slot(self, name: str, kind: str, values: Sequence[Any]) -> Any:
        """Return a parameter of the workflow, with the values that it had."""
        slot = self.crate.add_formal_parameter(name, kind, f"#parameter-{name}")
        slot["workExample"] = _one(values)
        for value in values:
            value["exampleOfWork"] = slot
        return slot

    def _step(self, step: Step) -> Any:
        """Add what a step did."""
        settings = [
            self._value(f"{step.name}-{key}", key, value) for key, value in step.settings.items()
        ]
        return self.crate.add_action(
            self._script(step.script),
            f"#step-{step.name}",
            object=[*(self.files[name] for name in step.inputs), *settings],
            result=_one([self.files[name] for name in step.results]),
            properties={
                "name": step.name,
                "description": f"workflow/scripts/{step.script}.py made {step.results[0]}.",
                **self._times(step.started, step.ended),
            },
        )

    def _script(self, name: str) -> Any:
        """Return the script of a step, which becomes one of the workflow's tools."""
        self.scripts[name] = self.crate.dereference(f"workflow/scripts/{name}.py")
        return self.scripts[name]

    def _tool(self) -> dict[str, Any]:
        return {
            "@type": ["File", "SoftwareSourceCode"],
            "encodingFormat": "text/x-python",
            "version": self.citation["version"],
        }

    def _times(self, started: datetime, ended: datetime) -> dict[str, Any]:
        agents = [{"@id": agent.id} for agent in self.agents]
        return {"startTime": _iso(started), "endTime": _iso(ended), "agent": _one(agents)}


def _one(values: Sequence[Any]) -> Any:
    """Return a list, or its only value, as RO-Crate has them."""
    return values[0] if len(values) == 1 else list(values)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _slug(name: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name).split())
