"""The config as a checked object: names, the runs that an output needs, seeds, and what each stage consumes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imagenet_transfer.config_file import canonical, check_schema
from imagenet_transfer.cross_checks import CLASSIFIED, RENDERED_FROM, problems_of
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import sha256_of
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.taxonomy import RESOURCES, read_classes
from imagenet_transfer.versions import VERSIONS

SCRATCH = "scratch"  # the reserved name of a random start


@dataclass(frozen=True)
class PretrainRun:
    """One network to pre-train."""

    architecture: str
    subset: str


@dataclass(frozen=True)
class TransferRun:
    """One fine-tuning run."""

    task: str
    architecture: str
    subset: str
    replicate: int


@dataclass(frozen=True)
class Embedding:
    """The features of one network's layer for all images of its data set."""

    architecture: str
    subset: str
    layer: str


@dataclass(frozen=True)
class Study:
    """A valid config. Sections are plain dictionaries, as the config's author wrote them."""

    name: str
    seed: int
    compare_with_paper: bool
    classes: str
    miniature: Mapping[str, Any] | None
    datasets: Mapping[str, Any]
    label_sets: Mapping[str, Any]
    subsets: Mapping[str, Any]
    architectures: Mapping[str, Any]
    recipes: Mapping[str, Any]
    tasks: Mapping[str, Any]
    outputs: Mapping[str, Any]

    @classmethod
    def of(cls, config: Mapping[str, Any], schema_path: Path | str) -> "Study":
        """Check a config against the schema and its names against each other; raise UserError with what is wrong."""
        check_schema(config, schema_path)
        problems = problems_of(config, read_classes(config["classes"]))
        if problems:
            raise UserError("\n".join(f"config: {problem}" for problem in problems))
        sections = {key: value for key, value in config.items() if key not in ("study", "miniature")}
        return cls(name=config["study"], miniature=config.get("miniature"), **sections)

    # Which runs an output needs

    def built_by(self, *builders: str) -> list[str]:
        """Return the outputs of these kinds."""
        return [name for name, entry in self.outputs.items() if entry["builder"] in builders]

    def label_sets_of_wordnet(self) -> list[str]:
        """Return the label sets that need no data set: all but a data set's own categories."""
        return [name for name, entry in self.label_sets.items() if entry["method"] != "categories"]

    def subsets_of(self, output: str) -> list[str]:
        """Return the subsets that an output shows, each once, in its order."""
        return list(dict.fromkeys(self._subsets_shown(output)))

    def _subsets_shown(self, output: str) -> list[str]:
        entry = self.outputs[output]
        match entry["builder"]:
            case "budgets":
                return [name for row in entry["rows"] for name in row["subsets"]] + list(entry["references"])
            case "induction":
                return [*entry["subsets"], entry["baseline"]]
            case "coarse-gain":
                return [entry["subset"]]
            case "split-accuracy":
                return [*(self.tasks[task]["subset"] for task in self.half_tasks(output)), entry["baseline"]]
            case _:
                return list(entry.get("subsets", []))

    def half_tasks(self, output: str) -> list[str]:
        """Return the tasks of the halves that a comparison of splits shows, in its order."""
        return [task for halves in self.outputs[output]["splits"].values() for task in halves]

    def transfer_runs(self, output: str) -> list[TransferRun]:
        """Return the fine-tuning runs that an output shows, those of last layers included."""
        entry = self.outputs[output]
        cells = [(task, subset) for task in entry.get("tasks", []) for subset in self.subsets_of(output)]
        if entry["builder"] == "curve":
            known = (SCRATCH, *(name for name in self.subsets if self.is_fine(name, entry["accuracy"])))
            cells += [(entry["accuracy"], subset) for subset in self.subsets_of(output) if subset not in known]
        if entry["builder"] == "split-accuracy":
            cells = [(task, entry["baseline"]) for task in self.half_tasks(output)]
        return [
            TransferRun(task, entry["architecture"], subset, replicate)
            for task, subset in dict.fromkeys(cells)
            for replicate in range(1, self.tasks[task]["replicates"] + 1)
        ]

    def is_fine(self, subset: str, task: str) -> bool:
        """Tell whether a network's own labels are all classes of the task's data set: its accuracy is its own then."""
        entry = self.subsets[subset]
        whole = self.label_sets[entry["label_set"]]["method"] == "identity" and "classes" not in entry
        return whole and entry["dataset"] == self.dataset_of(task)

    def dataset_of(self, task: str) -> str:
        """Return the data set of a task, which may be given as that of a subset."""
        entry = self.tasks[task]
        return self.subsets[entry["subset"]]["dataset"] if "subset" in entry else entry["dataset"]

    def pretrain_runs(self, output: str) -> list[PretrainRun]:
        """Return the pre-training runs that an output rests on."""
        subsets = [subset for subset in self.subsets_of(output) if subset != SCRATCH]
        return [PretrainRun(self.outputs[output]["architecture"], subset) for subset in subsets]

    def embeddings(self, output: str) -> list[Embedding]:
        """Return the features that an output compares."""
        entry = self.outputs[output]
        if "layer" not in entry:
            return []
        return [Embedding(entry["architecture"], subset, entry["layer"]) for subset in self.subsets_of(output)]

    # What each stage consumes: sorted plain dictionaries, tracked by the workflow as a rule's params

    def render_slice(self, part: str) -> dict[str, Any]:
        """Return what the rendering of one part of the miniature world depends on."""
        spec = {key: self.miniature[key] for key in RENDERED_FROM[part]}
        return _slice("render", seed=self.seed, classes=self.classes, class_list=self.class_list(), spec=spec)

    def class_list(self) -> str:
        """Return a checksum of the classes: a user's file may come to hold others under the same name."""
        return hashlib.sha256("\n".join(read_classes(self.classes)).encode()).hexdigest()[:16]

    def store_slice(self, dataset: str) -> dict[str, Any]:
        """Return what a packed store depends on: its entry less the folder, so that data may move."""
        checked = ("images", "num_classes")  # declared facts, which change no byte
        unused = ("root", "archives", "render", "proposals", *checked)
        entry = {key: value for key, value in self.datasets[dataset].items() if key not in unused}
        entry["store"] = {key: value for key, value in entry["store"].items() if key != "max_unreadable"}
        classified = entry["layout"] in CLASSIFIED
        classes = {"classes": self.classes, "class_list": self.class_list()} if classified else {"classes": None}
        return _slice("store", entry=entry, **classes)

    def proposals_slice(self, dataset: str) -> dict[str, Any]:
        """Return what the region proposals of a data set depend on beside its store."""
        spec = {key: value for key, value in self.datasets[dataset]["proposals"].items() if key != "path"}
        return _slice("proposals", spec=spec)

    def label_set_slice(self, label_set: str) -> dict[str, Any]:
        """Return what a label set depends on: also the checksums of the hierarchy and of PASCAL's objects in it."""
        spec = self.label_sets[label_set]
        content = {"spec": spec, "classes": self.classes, "class_list": self.class_list()}
        content["seed"] = self.seed if spec["method"] == "random-split" else None
        if spec["method"] != "categories":
            content["taxonomy"] = _checksum(RESOURCES / "taxonomy.csv")
        if spec["method"] == "exclusion" and spec["roots"] == "pascal":
            content["pascal_roots"] = _checksum(RESOURCES / "pascal_roots.csv")
        return _slice("label_set", **content)

    def manifest_slice(self, subset: str) -> dict[str, Any]:
        """Return what a manifest depends on; training parameters stay out, lest a changed one re-draws images."""
        entry = self.subsets[subset]
        sampling = {key: entry[key] for key in ("classes", "images_per_class") if key in entry}
        return _slice("manifest", sampling=sampling, seed=seed_of(self.seed, "manifest", entry["dataset"]))

    def pretrain_slice(self, architecture: str, subset: str) -> dict[str, Any]:
        """Return what a pre-training run depends on beside its manifest and images."""
        return _slice(
            "classification",
            architecture=self.architectures[architecture],
            recipe=self.recipes[self.subsets[subset]["recipe"]],
            seed=seed_of(self.seed, "pretrain", architecture, subset),
        )

    def is_given(self, subset: str) -> bool:
        """Tell whether a subset's network is not trained but given as a file."""
        return "weights" in self.subsets[subset]

    def given_path(self, architecture: str, subset: str) -> Path:
        """Return the file of a given network's weights."""
        return Path(self.subsets[subset]["weights"].replace("{arch}", architecture))

    def given_slice(self, architecture: str) -> dict[str, Any]:
        """Return what the import of a given network depends on beside its files."""
        return _slice("given", architecture=self.architectures[architecture])

    def transfer_slice(self, task: str, architecture: str, subset: str, replicate: int) -> dict[str, Any]:
        """Return what a fine-tuning run depends on beside its first weights and images."""
        entry = self.tasks[task]
        return _slice(
            entry["kind"],
            architecture=self.architectures[architecture],
            recipe=self.recipes[entry["recipe"]],
            average_precision=entry.get("average_precision"),
            seed=seed_of(self.seed, "transfer", task, architecture, subset, replicate),
        )

    def embedding_slice(self, architecture: str) -> dict[str, Any]:
        """Return what features and predictions depend on beside weights and images."""
        return _slice("embedding", architecture=self.architectures[architecture])

    def analysis_slice(self) -> dict[str, Any]:
        """Return what the search for neighbours depends on beside features and label sets."""
        return _slice("analysis")

    def reporting_slice(self) -> dict[str, Any]:
        """Return what comparison, findings and report depend on beside the outputs' numbers."""
        outputs = {name: self.output_slice(name) for name in self.outputs}
        tasks = {name: {"dataset": self.dataset_of(name), "kind": entry["kind"]} for name, entry in self.tasks.items()}
        identity = {"name": self.name, "seed": self.seed, "compare": self.compare_with_paper}
        return _slice("reporting", outputs=outputs, tasks=tasks, study=identity)

    def output_slice(self, output: str) -> dict[str, Any]:
        """Return what an output shows and how: its entry, and the metric and replicates of its tasks."""
        entry = self.outputs[output]
        tasks = {run.task: self.tasks[run.task] for run in self.transfer_runs(output)}
        metrics = {task: content["metric"] for task, content in tasks.items()}
        if "accuracy" in entry:
            metrics[entry["accuracy"]] = self.tasks[entry["accuracy"]]["metric"]
        replicates = {task: content["replicates"] for task, content in tasks.items()}
        shown = {
            "version": VERSIONS["reporting"],
            "name": output,
            "metrics": metrics,
            "replicates": replicates,
            "paper": self.compare_with_paper,
        }
        if entry["builder"] == "split-accuracy":
            shown["halves"] = {task: self.tasks[task]["subset"] for task in self.half_tasks(output)}
        return canonical({**entry, **shown})


@cache
def _checksum(path: Path) -> str:
    return sha256_of(path)[:16]


def _slice(stage: str, **content: Any) -> dict[str, Any]:
    return canonical({"version": VERSIONS[stage], **content})
