"""The config as a checked object: names, the runs that an output needs, seeds, and what each stage consumes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import sha256_of
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.labels.taxonomy import RESOURCES, read_classes
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.study.config_file import canonical, check_schema
from imagenet_transfer.study.cross_checks import CLASSIFIED, RENDERED_FROM, problems_of
from imagenet_transfer.versions import VERSIONS


@dataclass(frozen=True)
class PretrainRun:
    """One network to pre-train: `replicate` stands for its draws, first values and order of images."""

    architecture: str
    subset: str
    replicate: int


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
    replicate: int
    layer: str


@dataclass(frozen=True)
class Study:
    """A valid config. Sections are plain dictionaries, as the config's author wrote them."""

    name: str
    seed: int
    replicates: int
    compare_with_paper: bool
    classes: str
    miniature: Mapping[str, Any] | None
    datasets: Mapping[str, Any]
    label_sets: Mapping[str, Any]
    subsets: Mapping[str, Any]
    architectures: Mapping[str, Any]
    recipes: Mapping[str, Any]
    tasks: Mapping[str, Any]
    tolerances: Mapping[str, float]
    outputs: Mapping[str, Any]
    claims: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Mapping[str, Any], schema_path: Path | str) -> "Study":
        """Check a config against the schema and its names against each other; raise UserError with what is wrong."""
        check_schema(config, schema_path)
        problems = problems_of(config, read_classes(config["classes"]))
        if problems:
            raise UserError("\n".join(f"config: {problem}" for problem in problems))
        sections = {
            key: value for key, value in config.items() if key not in ("study", "miniature")
        }
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
                return [name for row in entry["rows"] for name in row["subsets"]] + list(
                    entry["references"]
                )
            case "induction":
                return [*entry["subsets"], entry["baseline"]]
            case "coarse-gain":
                return [entry["subset"]]
            case "split-accuracy":
                return [
                    *(self.tasks[task]["subset"] for task in self.half_tasks(output)),
                    entry["baseline"],
                ]
            case _:
                return list(entry.get("subsets", []))

    def half_tasks(self, output: str) -> list[str]:
        """Return the tasks of the halves that a comparison of splits shows, in its order."""
        return [task for halves in self.outputs[output]["splits"].values() for task in halves]

    def transfer_runs(self, output: str) -> list[TransferRun]:
        """Return the fine-tuning runs that an output shows, those of last layers included."""
        entry = self.outputs[output]
        cells = [
            (task, subset) for task in entry.get("tasks", []) for subset in self.subsets_of(output)
        ]
        if entry["builder"] in (
            "curve",
            "correlation",
        ):  # last layers of all: like is compared with like
            cells += [
                (entry["accuracy"], name) for name in self.subsets_of(output) if name != SCRATCH
            ]
        if entry["builder"] == "split-accuracy":
            own = {task: self.tasks[task]["subset"] for task in self.half_tasks(output)}
            cells = [
                (task, name) for task, half in own.items() for name in (half, entry["baseline"])
            ]
        return [
            TransferRun(task, entry["architecture"], subset, replicate)
            for task, subset in dict.fromkeys(cells)
            for replicate in range(1, self.tasks[task]["replicates"] + 1)
        ]

    def is_fine(self, subset: str, task: str) -> bool:
        """Tell whether a network's own labels are all classes of the task's data set: its accuracy is its own then."""
        entry = self.subsets[subset]
        whole = (
            self.label_sets[entry["label_set"]]["method"] == "identity" and "classes" not in entry
        )
        return whole and entry["dataset"] == self.dataset_of(task)

    def dataset_of(self, task: str) -> str:
        """Return the data set of a task, which may be given as that of a subset."""
        entry = self.tasks[task]
        return self.subsets[entry["subset"]]["dataset"] if "subset" in entry else entry["dataset"]

    def pretrain_runs(self, output: str) -> list[PretrainRun]:
        """Return the pre-training runs whose weights, features or own accuracy an output needs."""
        entry = self.outputs[output]
        runs = [self.origin(run) for run in self.transfer_runs(output)]
        if entry["builder"] in ("curve", "split-accuracy"):  # show the networks' own accuracy too
            subsets = [subset for subset in self.subsets_of(output) if subset != SCRATCH]
            runs += [
                run for subset in subsets for run in self.networks(entry["architecture"], subset)
            ]
        runs += [
            PretrainRun(one.architecture, one.subset, one.replicate)
            for one in self.embeddings(output)
        ]
        runs += self.predictions(output)
        return list(dict.fromkeys(run for run in runs if run))

    def networks(self, architecture: str, subset: str) -> list[PretrainRun]:
        """Return the pre-training runs of a subset."""
        return [
            PretrainRun(architecture, subset, rep)
            for rep in range(1, self.replicates_of(subset) + 1)
        ]

    def replicates_of(self, subset: str) -> int:
        """Return how many networks a subset has; a given file is one, unless its path holds `{rep}`."""
        given = self.subsets[subset].get("weights")
        return 1 if given and "{rep}" not in given else self.replicates

    def origin(self, run: TransferRun) -> PretrainRun | None:
        """Return the pre-training run that a fine-tuning run starts from: its replicate's, cycled if too few."""
        if run.subset == SCRATCH:
            return None
        replicate = (run.replicate - 1) % self.replicates_of(run.subset) + 1
        return PretrainRun(run.architecture, run.subset, replicate)

    def draw_of_task(self, task: str, replicate: int) -> int:
        """Return which draw of its subset a replicate of a task learns: the one that its network was trained on."""
        return (replicate - 1) % self.replicates_of(self.tasks[task]["subset"]) + 1

    def is_drawn(self, subset: str) -> bool:
        """Tell whether a subset's images or classes are drawn, so that each replicate has a manifest of its own."""
        entry = self.subsets[subset]
        return (
            "classes" in entry or "images_per_class" in entry or self.is_random(entry["label_set"])
        )

    def is_random(self, label_set: str) -> bool:
        """Tell whether a label set is drawn, so that each replicate has its own."""
        return self.label_sets[label_set]["method"] == "random-split"

    def embeddings(self, output: str) -> list[Embedding]:
        """Return the features that an output compares: of every replicate, or of the first where pictures are shown."""
        entry = self.outputs[output]
        if entry["builder"] not in ("induction", "neighbours"):
            return []
        runs = [
            run
            for name in self.subsets_of(output)
            for run in self.networks(entry["architecture"], name)
        ]
        return [
            Embedding(run.architecture, run.subset, run.replicate, entry["layer"])
            for run in runs
            if run.replicate == 1 or entry["builder"] == "induction"
        ]

    def predictions(self, output: str) -> list[PretrainRun]:
        """Return the networks whose predictions an output counts."""
        entry = self.outputs[output]
        return (
            self.networks(entry["architecture"], entry["subset"])
            if entry["builder"] == "coarse-gain"
            else []
        )

    # What each stage consumes: sorted plain dictionaries, tracked by the workflow as a rule's params

    def render_slice(self, part: str) -> dict[str, Any]:
        """Return what the rendering of one part of the miniature world depends on."""
        spec = {key: self.miniature[key] for key in RENDERED_FROM[part]}
        return _slice(
            "render", seed=self.seed, classes=self.classes, class_list=self.class_list(), spec=spec
        )

    def class_list(self) -> str:
        """Return a checksum of the classes: a user's file may come to hold others under the same name."""
        return hashlib.sha256("\n".join(read_classes(self.classes)).encode()).hexdigest()[:16]

    def store_slice(self, dataset: str) -> dict[str, Any]:
        """Return what a packed store depends on: its entry less the folder, so that data may move."""
        checked = ("images", "num_classes")  # declared facts, which change no byte
        unused = ("root", "archives", "render", "proposals", *checked)
        entry = {key: value for key, value in self.datasets[dataset].items() if key not in unused}
        entry["store"] = {
            key: value for key, value in entry["store"].items() if key != "max_unreadable"
        }
        classified = entry["layout"] in CLASSIFIED
        classes = (
            {"classes": self.classes, "class_list": self.class_list()}
            if classified
            else {"classes": None}
        )
        return _slice("store", entry=entry, **classes)

    def proposals_slice(self, dataset: str) -> dict[str, Any]:
        """Return what the region proposals of a data set depend on besides its store."""
        spec = {
            key: value
            for key, value in self.datasets[dataset]["proposals"].items()
            if key != "path"
        }
        return _slice("proposals", spec=spec)

    def label_set_slice(self, label_set: str, replicate: int = 1) -> dict[str, Any]:
        """Return what a label set depends on, with checksums of the hierarchy and of PASCAL's objects in it.

        A random one is drawn anew for each replicate.
        """
        spec = self.label_sets[label_set]
        content = {"spec": spec, "classes": self.classes, "class_list": self.class_list()}
        content["seed"] = (
            seed_of(self.seed, "label set", replicate) if self.is_random(label_set) else None
        )
        if spec["method"] != "categories":
            content["taxonomy"] = _checksum(RESOURCES / "taxonomy.csv")
        if spec["method"] == "exclusion" and spec["roots"] == "pascal":
            content["pascal_roots"] = _checksum(RESOURCES / "pascal_roots.csv")
        return _slice("label_set", **content)

    def manifest_slice(self, subset: str, replicate: int = 1) -> dict[str, Any]:
        """Return what a manifest depends on; training parameters stay out, so that they never cause a new draw."""
        entry = self.subsets[subset]
        sampling = {key: entry[key] for key in ("classes", "images_per_class") if key in entry}
        return _slice(
            "manifest",
            sampling=sampling,
            seed=seed_of(self.seed, "manifest", entry["dataset"], replicate),
        )

    def pretrain_slice(self, architecture: str, subset: str, replicate: int) -> dict[str, Any]:
        """Return what a pre-training run depends on besides its manifest and images.

        Replicate r of every subset has one seed, so that differences between subsets are paired.
        """
        return _slice(
            "classification",
            architecture=self.architectures[architecture],
            recipe=self.recipes[self.subsets[subset]["recipe"]],
            seed=seed_of(self.seed, "pretrain", architecture, replicate),
        )

    def is_given(self, subset: str) -> bool:
        """Tell whether a subset's network is not trained but given as a file."""
        return "weights" in self.subsets[subset]

    def given_path(self, architecture: str, subset: str, replicate: int = 1) -> Path:
        """Return the file of a given network's weights."""
        path = self.subsets[subset]["weights"].replace("{arch}", architecture)
        return Path(path.replace("{rep}", str(replicate)))

    def given_slice(self, architecture: str) -> dict[str, Any]:
        """Return what the import of a given network depends on besides its files."""
        return _slice("given", architecture=self.architectures[architecture])

    def transfer_slice(self, task: str, architecture: str, replicate: int) -> dict[str, Any]:
        """Return what a fine-tuning run depends on besides its first weights and images.

        Replicate r has one seed whatever the network was pre-trained on: differences between subsets are paired.
        """
        entry = self.tasks[task]
        return _slice(
            entry["kind"],
            architecture=self.architectures[architecture],
            recipe=self.recipes[entry["recipe"]],
            average_precision=entry.get("average_precision"),
            seed=seed_of(self.seed, "transfer", task, architecture, replicate),
        )

    def embedding_slice(self, architecture: str) -> dict[str, Any]:
        """Return what features and predictions depend on besides weights and images."""
        return _slice("embedding", architecture=self.architectures[architecture])

    def analysis_slice(self) -> dict[str, Any]:
        """Return what the search for neighbours depends on besides features and label sets."""
        return _slice("analysis")

    def reporting_slice(self) -> dict[str, Any]:
        """Return what comparison, findings and report depend on beside the outputs' numbers."""
        outputs = {name: self.output_slice(name) for name in self.outputs}
        tasks = {
            name: {
                "dataset": self.dataset_of(name),
                "kind": entry["kind"],
                "metric": entry["metric"],
            }
            for name, entry in self.tasks.items()
        }
        identity = {"name": self.name, "seed": self.seed, "compare": self.compare_with_paper}
        judged = {
            "tolerances": self.tolerances,
            "claims": self.claims,
            "subsets": self._known_of_subsets(),
        }
        return _slice("reporting", outputs=outputs, tasks=tasks, study=identity, **judged)

    def _known_of_subsets(self) -> dict[str, dict[str, Any]]:
        """Return what claims ask of subsets: data set, method of the labels, number of networks, if they are given."""
        return {
            name: {
                "dataset": entry["dataset"],
                "method": self.label_sets[entry["label_set"]]["method"],
                "networks": self.replicates_of(name),
                "given": self.is_given(name),
            }
            for name, entry in self.subsets.items()
        }

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
            layers = {
                self.recipes[self.tasks[task]["recipe"]].get("layers", "all")
                for task in self.half_tasks(output)
            }
            shown["layers"] = layers.pop() if len(layers) == 1 else "mixed"
        shown["networks"] = {
            name: self.replicates_of(name) for name in self.subsets_of(output) if name != SCRATCH
        }
        if entry["builder"] == "curve":
            fine = [name for name in shown["networks"] if self.is_fine(name, entry["accuracy"])]
            shown["own"] = {
                name: shown["networks"][name] for name in fine if not self.is_given(name)
            }
        if entry["builder"] == "split-accuracy":
            shown["halves"] = {task: self.tasks[task]["subset"] for task in self.half_tasks(output)}
        return canonical({**entry, **shown})


@cache
def _checksum(path: Path) -> str:
    return sha256_of(path)[:16]


def _slice(stage: str, **content: Any) -> dict[str, Any]:
    return canonical({"version": VERSIONS[stage], **content})
