"""A valid config: what each stage depends on, seeds included, and what each output shows."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import sha256_of
from imagenet_transfer.labels.label_files import digest_of_labels, read_labels
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.labels.methods import METHODS, OTHERWISE
from imagenet_transfer.labels.taxonomy import read_classes
from imagenet_transfer.resources import RESOURCES
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.study.config_file import canonical, check_schema
from imagenet_transfer.study.cross_checks import problems_of
from imagenet_transfer.study.data_checks import RENDERED_FROM, has_wnids
from imagenet_transfer.study.defaults import completed
from imagenet_transfer.study.label_checks import merging_problems
from imagenet_transfer.study.outputs import label_sets_named
from imagenet_transfer.study.runs import PretrainRun, Runs, TransferRun
from imagenet_transfer.training.measures import NONE
from imagenet_transfer.training.recipe import Recipe
from imagenet_transfer.versions import VERSIONS


@dataclass(frozen=True)
class Study(Runs):
    """A valid config, made by `Study.of`.

    Methods called `..._settings` return what a stage's result depends on, as plain dictionaries
    with sorted keys: the workflow tracks them as a rule's params.
    """

    @classmethod
    def of(cls, config: Mapping[str, Any], schema_path: Path | str) -> "Study":
        """Return the study of a config; raise UserError with a sentence per mistake.

        It is checked against the schema, then its names and numbers against each other.
        """
        check_schema(config, schema_path)
        config = completed(config)
        wnids = read_classes(config["classes"]) if "classes" in config else ()
        problems = problems_of(config, wnids) or list(merging_problems(config, wnids))
        if problems:
            raise UserError("\n".join(f"config: {problem}" for problem in problems))
        others = ("study", "miniature", "input")  # no result depends on `input`
        sections = {key: value for key, value in config.items() if key not in others}
        return cls(name=config["study"], miniature=config.get("miniature"), **sections)

    def render_settings(self, part: str) -> dict[str, Any]:
        """Return what the rendering of one part of the miniature world depends on."""
        spec = {key: self.miniature[key] for key in RENDERED_FROM[part]}
        return _settings(
            "render", seed=self.seed, classes=self.classes, class_list=self.class_list(), spec=spec
        )

    def class_list(self) -> str | None:
        """Return a checksum of the classes, if any: a user's file may come to hold others."""
        if self.classes is None:
            return None
        return hashlib.sha256("\n".join(read_classes(self.classes)).encode()).hexdigest()[:16]

    def store_settings(self, dataset: str) -> dict[str, Any]:
        """Return what a packed store depends on: its entry without the folder, so data may move."""
        checked = ("images", "num_classes")  # declared facts, which change no byte
        unused = ("root", "archives", "render", "proposals", *checked)
        entry = {key: value for key, value in self.datasets[dataset].items() if key not in unused}
        entry["store"] = {
            key: value for key, value in entry["store"].items() if key != "max_unreadable"
        }
        classes: dict[str, Any] = {"classes": None}
        if has_wnids({"datasets": self.datasets}, dataset):
            classes = {"classes": self.classes, "class_list": self.class_list()}
        return _settings("store", entry=entry, **classes)

    def origin_of_store(self, dataset: str) -> dict[str, Any]:
        """Return all that a store depends on but its images, wherever class lists and data lie."""
        store = self.store_settings(dataset)
        origin = {"store": {key: value for key, value in store.items() if key != "classes"}}
        if part := self.datasets[dataset].get("render"):
            rendered = self.render_settings(part)
            origin["rendered"] = {key: rendered[key] for key in rendered if key != "classes"}
        return origin

    def proposals_settings(self, dataset: str) -> dict[str, Any]:
        """Return what the region proposals of a data set depend on besides its store."""
        spec = {
            key: value
            for key, value in self.datasets[dataset]["proposals"].items()
            if key != "path"
        }
        return _settings("proposals", spec=spec)

    def label_set_settings(self, label_set: str, replicate: int = 1) -> dict[str, Any]:
        """Return what a label set depends on; a random one is drawn anew for each replicate.

        It includes checksums of the hierarchy and of PASCAL's objects where they matter. A user's
        file counts by what it says, wherever it lies; features by their own records.
        """
        spec = self.label_sets[label_set]
        method = spec["method"]
        if method == "visual":
            return _settings("visual", spec=spec, **self._names_of_classes(spec["dataset"]))
        if method == "file":
            kept = {key: value for key, value in spec.items() if key != "path"}
            labels = digest_of_labels(read_labels(spec["path"]))
            return _settings("label_set", spec=kept, labels=labels)
        content = {"spec": spec, "classes": self.classes, "class_list": self.class_list()}
        drawn = METHODS[method].drawn
        content["seed"] = seed_of(self.seed, "label set", replicate) if drawn else None
        if "like" in spec:
            content["like"] = self.label_set_settings(spec["like"])
        if method != "categories":
            content["taxonomy"] = _checksum(RESOURCES / "taxonomy.csv")
        if spec["method"] == "exclusion" and spec["roots"] == "pascal":
            content["pascal_roots"] = _checksum(RESOURCES / "pascal_roots.csv")
        return _settings("label_set", **content)

    def _names_of_classes(self, dataset: str) -> dict[str, str]:
        """Return a checksum of what names merged classes of a data set, nothing for its own."""
        named = has_wnids({"datasets": self.datasets}, dataset)
        return {"taxonomy": _checksum(RESOURCES / "taxonomy.csv")} if named else {}

    def manifest_settings(self, subset: str, replicate: int = 1) -> dict[str, Any]:
        """Return what a manifest depends on: no training parameter, so no new draw."""
        entry = self.subsets[subset]
        sampling = {key: entry[key] for key in ("classes", "images_per_class") if key in entry}
        return _settings(
            "manifest",
            sampling=sampling,
            seed=seed_of(self.seed, "manifest", entry["dataset"], replicate),
        )

    def pretrain_settings(self, architecture: str, subset: str, replicate: int) -> dict[str, Any]:
        """Return what a pre-training run depends on besides its manifest and images.

        Replicate r of every subset has one seed, so that differences between subsets are paired.
        """
        return _settings(
            "classification",
            architecture=self.architectures[architecture],
            recipe=self.recipes[self.subsets[subset]["recipe"]],
            seed=seed_of(self.seed, "pretrain", architecture, replicate),
        )

    def given_settings(self, architecture: str) -> dict[str, Any]:
        """Return what the import of a given network depends on besides its files."""
        return _settings("given", architecture=self.architectures[architecture])

    def settings_of(self, run: PretrainRun | TransferRun) -> dict[str, Any]:
        """Return what a run depends on, as its record should say."""
        if isinstance(run, TransferRun):
            return self.transfer_settings(run.task, run.architecture, run.replicate)
        if self.is_given(run.subset):
            return self.given_settings(run.architecture)
        return self.pretrain_settings(run.architecture, run.subset, run.replicate)

    def transfer_settings(self, task: str, architecture: str, replicate: int) -> dict[str, Any]:
        """Return what a fine-tuning run depends on besides its first weights and images.

        Replicate r has one seed whatever the network was pre-trained on, so that differences
        between subsets are paired.
        """
        if self.is_frozen(task):
            return self._measure_settings(task, architecture, replicate)
        entry = self.tasks[task]
        return _settings(
            entry["kind"],
            architecture=self.architectures[architecture],
            recipe=self.recipes[entry["recipe"]],
            average_precision=entry.get("average_precision"),
            seed=seed_of(self.seed, "transfer", task, architecture, replicate),
        )

    def _measure_settings(self, task: str, architecture: str, replicate: int) -> dict[str, Any]:
        """Return what a measure depends on besides its features.

        Replicate r of all networks and measures of a data set has one seed: 5 images of a class are
        among the 10 of another task, and those held out are the same for all.
        """
        return _settings(
            self.tasks[task]["kind"],
            architecture=self.architectures[architecture],
            measure=asdict(self.measure_of(task, architecture)),
            seed=seed_of(self.seed, "measure", self.dataset_of(task), replicate),
        )

    def features_settings(
        self, architecture: str, subset: str, replicate: int, augmentation: str
    ) -> dict[str, Any]:
        """Return what features depend on besides weights and images.

        A random start has a seed per replicate, the same for all data sets and layers.
        """
        more: dict[str, Any] = {} if augmentation == NONE else {"augmentation": augmentation}
        if subset == SCRATCH:
            more["seed"] = seed_of(self.seed, "scratch", architecture, replicate)
        return canonical(self.embedding_settings(architecture) | more)

    def embedding_settings(self, architecture: str) -> dict[str, Any]:
        """Return what features and predictions depend on besides weights and images."""
        return _settings("embedding", architecture=self.architectures[architecture])

    def analysis_settings(self) -> dict[str, Any]:
        """Return what the search for neighbours depends on besides features and label sets."""
        return _settings("analysis")

    def reporting_settings(self) -> dict[str, Any]:
        """Return what comparison, findings and report depend on besides the outputs' numbers."""
        outputs = {name: self.output_layout(name) for name in self.outputs}
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
        return _settings("reporting", outputs=outputs, tasks=tasks, study=identity, **judged)

    def _known_of_subsets(self) -> dict[str, dict[str, Any]]:
        """Return what claims ask of subsets: data set, labels, number of networks, if given.

        Data set and labels of a given network may be unknown: an empty text.
        """
        methods = {name: entry["method"] for name, entry in self.label_sets.items()}
        return {
            name: {
                "dataset": entry.get("dataset", ""),
                "method": methods.get(entry.get("label_set"), ""),
                "networks": self.replicates_of(name),
                "given": self.is_given(name),
            }
            for name, entry in self.subsets.items()
        }

    def figure_settings(self, output: str) -> dict[str, Any]:
        """Return what a figure depends on besides its layout and its files."""
        known = {"seed": self.seed, "classes": self.classes, "analysis": VERSIONS["analysis"]}
        return canonical({name: known[name] for name in self.builder(output).settings})

    def output_layout(self, output: str) -> dict[str, Any]:
        """Return what an output shows and how: its entry, the metrics and replicates of its tasks.

        `networks` are the numbers of networks of its subsets, `own` of those whose own accuracy
        is shown; `halves` the subsets of the halves of splits, and `layers` what is trained there;
        `fewer` the runs of cells that have fewer than their task's replicates, by task and subset;
        `merged_by` how its label sets merge classes, if not along WordNet; `kind` that of its only
        task.
        """
        entry = self.outputs[output]
        tasks = {run.task: self.tasks[run.task] for run in self.transfer_runs(output)}
        if "accuracy" in entry:
            tasks[entry["accuracy"]] = self.tasks[entry["accuracy"]]
        trained = [name for name in self.subsets_of(output) if name != SCRATCH]
        layout = {
            "version": VERSIONS["reporting"],
            "name": output,
            "metrics": {task: content["metric"] for task, content in tasks.items()},
            "replicates": {task: content["replicates"] for task, content in tasks.items()},
            "paper": self.compare_with_paper,
            "networks": {name: self.replicates_of(name) for name in trained},
        }
        known = {name: self.subsets[name].get("facts") for name in trained}
        if facts := {name: about for name, about in known.items() if about}:
            layout["facts"] = facts
        if fewer := self._fewer_runs(output):
            layout["fewer"] = fewer
        methods = {self.label_sets[name]["method"] for name in label_sets_named(entry)}
        if otherwise := methods.intersection(OTHERWISE):
            layout["merged_by"] = sorted(otherwise)
        if self.builder(output).own_accuracy and "accuracy" in entry:
            layout["own"] = self._own_accuracies(trained, entry["accuracy"])
        if "task" in entry:
            layout["kind"] = self.tasks[entry["task"]]["kind"]
        if halves := self.half_tasks(output):
            layout["halves"] = {task: self.tasks[task]["subset"] for task in halves}
            layout["layers"] = self._layers_trained(halves)
        return canonical({**entry, **layout})

    def _fewer_runs(self, output: str) -> dict[str, dict[str, int]]:
        """Return the numbers of runs of cells with fewer than their task's replicates."""
        fewer: dict[str, dict[str, int]] = {}
        for run in self.transfer_runs(output):
            runs = self.runs_of_cell(run.task, run.subset)
            if runs < self.tasks[run.task]["replicates"]:
                fewer.setdefault(run.task, {})[run.subset] = runs
        return fewer

    def _own_accuracies(self, subsets: Iterable[str], task: str) -> dict[str, int]:
        """Return the number of networks of the subsets whose own accuracy is that of the task."""
        own = [name for name in subsets if self.is_fine(name, task) and not self.is_given(name)]
        return {name: self.replicates_of(name) for name in own}

    def _layers_trained(self, tasks: Iterable[str]) -> str:
        """Return which layers the tasks train, "mixed" if they differ."""
        layers = {self._layers_of(task) for task in tasks}
        return layers.pop() if len(layers) == 1 else "mixed"

    def _layers_of(self, task: str) -> str:
        """Return which layers a task trains: frozen features have only a new classifier."""
        if self.is_frozen(task):
            return "last"
        return Recipe.of(self.recipes[self.tasks[task]["recipe"]]).layers


@cache
def _checksum(path: Path) -> str:
    return sha256_of(path)[:16]


def _settings(stage: str, **content: Any) -> dict[str, Any]:
    return canonical({"version": VERSIONS[stage], **content})
