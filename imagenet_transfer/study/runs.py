"""Which runs the outputs of a study need, and what these are made from."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

from imagenet_transfer.figures.builders import FIGURES, TABLES, Builder, builder_of
from imagenet_transfer.labels.manifests import SCRATCH
from imagenet_transfer.labels.methods import METHODS
from imagenet_transfer.models import network_of
from imagenet_transfer.study.outputs import (
    architectures_named,
    halves_named,
    label_sets_named,
    subsets_named,
    tasks_shown,
)
from imagenet_transfer.training.kinds import KINDS
from imagenet_transfer.training.measures import NONE, Measure


@dataclass(frozen=True)
class PretrainRun:
    """One network to pre-train; `replicate` stands for its draws, first values and image order."""

    architecture: str
    subset: str
    replicate: int


@dataclass(frozen=True)
class TransferRun:
    """One fine-tuning run, or one measurement of frozen features."""

    task: str
    architecture: str
    subset: str
    replicate: int


@dataclass(frozen=True)
class Embedding:
    """The features of one network's layer for all images of a data set."""

    architecture: str
    subset: str
    replicate: int
    dataset: str
    layer: str
    augmentation: str = NONE

    @property
    def network(self) -> PretrainRun:
        """The network that computes them."""
        return PretrainRun(self.architecture, self.subset, self.replicate)


@dataclass(frozen=True)
class Runs:
    """The sections of a config, as plain dictionaries, and the runs that its outputs need."""

    name: str
    seed: int
    replicates: int
    compare_with_paper: bool
    datasets: Mapping[str, Any]
    label_sets: Mapping[str, Any]
    subsets: Mapping[str, Any]
    architectures: Mapping[str, Any]
    recipes: Mapping[str, Any]
    tasks: Mapping[str, Any]
    tolerances: Mapping[str, float]
    outputs: Mapping[str, Any]
    claims: Mapping[str, Any] = field(default_factory=dict)
    classes: str | None = None  # the WordNet classes: a list's name or a file
    miniature: Mapping[str, Any] | None = None
    first: Mapping[str, Any] | None = None  # the network that the others wait for

    # Names by kind

    def built_by(self, *builders: str) -> list[str]:
        """Return the outputs of these kinds."""
        return [name for name, entry in self.outputs.items() if entry["builder"] in builders]

    def tables(self) -> list[str]:
        """Return the outputs that are tables."""
        return self.built_by(*TABLES)

    def figures(self) -> list[str]:
        """Return the outputs that are figures."""
        return self.built_by(*FIGURES)

    def builder(self, output: str) -> Builder:
        """Return how an output is made."""
        return builder_of(self.outputs[output])

    def label_sets_without_images(self) -> list[str]:
        """Return the label sets that need no data set, neither its classes nor features of it."""
        return [name for name, entry in self.label_sets.items() if "dataset" not in entry]

    def tasks_of_kind(self, kind: str) -> list[str]:
        """Return the tasks of a kind."""
        return [name for name, entry in self.tasks.items() if entry["kind"] == kind]

    def rendered_parts(self) -> list[str]:
        """Return the parts of the miniature world that data sets lie in, ascending."""
        return sorted(entry["render"] for entry in self.datasets.values() if "render" in entry)

    # Which runs an output needs

    def subsets_of(self, output: str) -> list[str]:
        """Return the subsets that an output shows, each once, in its order."""
        halves = (self.tasks[task]["subset"] for task in self.half_tasks(output))
        return list(dict.fromkeys([*halves, *subsets_named(self.outputs[output])]))

    def architectures_of(self, output: str) -> list[str]:
        """Return the architectures whose networks an output shows, in its order."""
        return architectures_named(self.outputs[output])

    def half_tasks(self, output: str) -> list[str]:
        """Return the tasks of the halves that a comparison of splits shows, in its order."""
        return halves_named(self.outputs[output], "tasks")

    def transfer_runs(self, output: str) -> list[TransferRun]:
        """Return the runs of tasks that an output shows, those of last layers included."""
        entry = self.outputs[output]
        subsets = self.subsets_of(output)
        cells = [(task, subset) for task in tasks_shown(entry) for subset in subsets]
        if "accuracy" in entry:  # last layers of all: like is compared with like
            cells += [(entry["accuracy"], subset) for subset in subsets if subset != SCRATCH]
        for task in self.half_tasks(output):
            cells += [(task, name) for name in (self.tasks[task]["subset"], entry["baseline"])]
        return [
            TransferRun(task, architecture, subset, replicate)
            for architecture in self.architectures_of(output)
            for task, subset in dict.fromkeys(cells)
            for replicate in range(1, self._runs_shown(output, task, subset) + 1)
        ]

    def _runs_shown(self, output: str, task: str, subset: str) -> int:
        return 1 if self.builder(output).first_only else self.runs_of_cell(task, subset)

    def runs_of_cell(self, task: str, subset: str) -> int:
        """Return how many runs a subset has of a task.

        Features of one network would be measured to the same number again.
        """
        most = self.tasks[task]["replicates"]
        if subset == SCRATCH or not self.is_frozen(task):
            return most
        return min(most, self.replicates_of(subset))

    def runs_of(self, output: str) -> list[PretrainRun | TransferRun]:
        """Return all runs that an output shows or rests on."""
        networks = [*self.pretrain_runs(output), *self.networks_behind(output)]
        return [*networks, *self.transfer_runs(output)]

    def all_runs(self) -> list[PretrainRun | TransferRun]:
        """Return all runs that any output needs, each once."""
        return list(dict.fromkeys(run for output in self.outputs for run in self.runs_of(output)))

    def single_runs(self) -> list[TransferRun]:
        """Return the runs of tasks measured by accuracy that are the only one of their subset."""
        return [
            run
            for run in self.all_runs()
            if isinstance(run, TransferRun)
            and KINDS[self.tasks[run.task]["kind"]].classifies
            and self.runs_of_cell(run.task, run.subset) == 1
        ]

    def datasets_tested(self) -> list[str]:
        """Return the data sets that the tasks of any run are tested on, ascending."""
        tasks = {run.task for run in self.all_runs() if isinstance(run, TransferRun)}
        return sorted({self.dataset_of(task) for task in tasks})

    def first_run(self) -> PretrainRun:
        """Return the network whose accuracy is checked before others are trained."""
        return PretrainRun(self.first["architecture"], self.first["subset"], 1)

    # What runs and outputs are made from

    def is_fine(self, subset: str, task: str) -> bool:
        """Return whether a network's own labels are all classes of the task's data set."""
        entry = self.subsets[subset]
        if not self.has_data(subset):
            return False
        whole = (
            self.label_sets[entry["label_set"]]["method"] == "identity" and "classes" not in entry
        )
        return whole and entry["dataset"] == self.dataset_of(task)

    def has_data(self, subset: str) -> bool:
        """Return whether a subset names a data set; a given network can do without."""
        return "dataset" in self.subsets[subset]

    def dataset_of(self, task: str) -> str:
        """Return the data set of a task, which may be given as that of a subset."""
        entry = self.tasks[task]
        return self.subsets[entry["subset"]]["dataset"] if "subset" in entry else entry["dataset"]

    def dataset_of_run(self, run: PretrainRun | TransferRun) -> str | None:
        """Return the data set whose images a run reads; None for a given network."""
        if isinstance(run, TransferRun):
            return self.dataset_of(run.task)
        return None if self.is_given(run.subset) else self.subsets[run.subset]["dataset"]

    def learnt_by(self, run: PretrainRun | TransferRun) -> tuple[str, int] | None:
        """Return the subset whose labels a run learns, and which draw of it; None without one."""
        if isinstance(run, PretrainRun):
            return None if self.is_given(run.subset) else (run.subset, run.replicate)
        subset = self.tasks[run.task].get("subset")
        return (subset, self.draw_of_task(run.task, run.replicate)) if subset else None

    def label_sets_of(self, output: str) -> list[str]:
        """Return the label sets that an output names, or else those of its subsets."""
        entry = self.outputs[output]
        subsets = self.subsets_of(output)
        return label_sets_named(entry) or [self.subsets[name]["label_set"] for name in subsets]

    def label_sets_shown(self) -> list[str]:
        """Return the label sets that any output names or any of its subsets was trained on."""
        shown = {
            self.subsets[name].get("label_set")
            for output in self.outputs
            for name in self.subsets_of(output)
            if name != SCRATCH and not self.is_given(name)
        }
        named = {name for entry in self.outputs.values() for name in label_sets_named(entry)}
        return sorted(filter(None, shown | named))

    def dataset_of_output(self, output: str) -> str:
        """Return the data set that an output's images come from."""
        entry = self.outputs[output]
        if "dataset" in entry:
            return entry["dataset"]
        trained = [name for name in self.subsets_of(output) if name != SCRATCH]
        return min(self.subsets[name]["dataset"] for name in trained)

    def pretrain_runs(self, output: str) -> list[PretrainRun]:
        """Return the pre-training runs whose weights, features or own accuracy an output needs."""
        runs = [self.origin(run) for run in self.transfer_runs(output)]
        if self.builder(output).own_accuracy:
            runs += self.networks_of(output)
        runs += [one.network for one in self.embeddings(output)]
        runs += self.predictions(output)
        return list(dict.fromkeys(run for run in runs if run))

    def networks_of(self, output: str) -> list[PretrainRun]:
        """Return the pre-training runs of all subsets that an output shows."""
        subsets = [subset for subset in self.subsets_of(output) if subset != SCRATCH]
        return [
            run
            for architecture in self.architectures_of(output)
            for subset in subsets
            for run in self.networks(architecture, subset)
        ]

    def networks(self, architecture: str, subset: str) -> list[PretrainRun]:
        """Return the pre-training runs of a subset."""
        return [
            PretrainRun(architecture, subset, rep)
            for rep in range(1, self.replicates_of(subset) + 1)
        ]

    def replicates_of(self, subset: str) -> int:
        """Return how many networks a subset has; a given file is one unless it has `{rep}`."""
        given = self.subsets[subset].get("weights")
        return 1 if given and "{rep}" not in given else self.replicates

    def origin(self, run: TransferRun) -> PretrainRun | None:
        """Return the network that a run starts from: its replicate's, cycled if there are fewer."""
        if run.subset == SCRATCH:
            return None
        replicate = self._cycled(run.subset, run.replicate)
        return PretrainRun(run.architecture, run.subset, replicate)

    def _cycled(self, subset: str, replicate: int) -> int:
        """Return which network of a subset serves a replicate: they are cycled if too few."""
        return (replicate - 1) % self.replicates_of(subset) + 1

    def baseline_of(self, run: PretrainRun, baseline: str) -> PretrainRun:
        """Return the network of the baseline that a replicate of a subset is compared with."""
        return PretrainRun(run.architecture, baseline, self._cycled(baseline, run.replicate))

    def induced_runs(self, output: str) -> list[PretrainRun]:
        """Return the networks that an induction figure compares with its baseline."""
        entry = self.outputs[output]
        subsets = entry["subsets"]
        return [run for name in subsets for run in self.networks(entry["architecture"], name)]

    def draw_of_task(self, task: str, replicate: int) -> int:
        """Return which draw of its subset a task's replicate learns: that of its own network."""
        return self._cycled(self.tasks[task]["subset"], replicate)

    def is_drawn(self, subset: str) -> bool:
        """Return whether a subset's images or classes are drawn, so that each replicate differs."""
        entry = self.subsets[subset]
        return (
            "classes" in entry or "images_per_class" in entry or self.is_random(entry["label_set"])
        )

    def is_random(self, label_set: str) -> bool:
        """Return whether each replicate has its own label set: drawn, or made by its own network."""
        entry = self.label_sets[label_set]
        if entry["method"] == "visual":
            return self.replicates_of(entry["subset"]) > 1
        return METHODS[entry["method"]].drawn

    # What label sets are made from

    def source_of_labels(self, label_set: str, replicate: int) -> Embedding | None:
        """Return the features that a replicate of a label set is made from; None without any."""
        entry = self.label_sets[label_set]
        if entry["method"] != "visual":
            return None
        network = self._cycled(entry["subset"], replicate)
        names = (entry["architecture"], entry["subset"], network)
        return Embedding(*names, entry["dataset"], entry["layer"])

    def features_behind(self, output: str) -> list[Embedding]:
        """Return the features that the labels of an output's networks are made from.

        Those behind the labels of these features' networks are among them, and so on.
        """
        runs = [*self.pretrain_runs(output), *self.transfer_runs(output)]
        drawn = list(filter(None, map(self._label_set_learnt, runs)))
        if "label_sets" in self.builder(output).inputs:
            drawn += [(name, 1) for name in self.label_sets_of(output)]
        found: dict[Embedding, None] = {}
        for label_set, replicate in drawn:  # which grows by what networks behind these learnt
            source = self.source_of_labels(label_set, replicate)
            if source and source not in found:
                found[source] = None
                learnt = self._label_set_learnt(source.network)
                drawn += [learnt] if learnt else []
        return list(found)

    def networks_behind(self, output: str) -> list[PretrainRun]:
        """Return the networks whose features `features_behind` names."""
        return list(dict.fromkeys(one.network for one in self.features_behind(output)))

    def _label_set_learnt(self, run: PretrainRun | TransferRun) -> tuple[str, int] | None:
        """Return the label set that a run learns, and which draw of it; None without one."""
        learnt = self.learnt_by(run)
        return (self.subsets[learnt[0]]["label_set"], learnt[1]) if learnt else None

    def embeddings(self, output: str) -> list[Embedding]:
        """Return the features that an output needs.

        Those of every replicate where they are measured, of the first where pictures are shown.
        """
        entry = self.outputs[output]
        inputs = self.builder(output).inputs
        if not {"induction", "features"}.intersection(inputs):
            return []
        most = self.replicates if "induction" in inputs else 1
        return [
            Embedding(*astuple(run), self.subsets[subset]["dataset"], entry["layer"])
            for subset in self.subsets_of(output)
            for run in self.networks(entry["architecture"], subset)[:most]
        ]

    def predictions(self, output: str) -> list[PretrainRun]:
        """Return the networks whose predictions an output counts."""
        return self.networks_of(output) if "predictions" in self.builder(output).inputs else []

    # Measures on frozen features

    def is_frozen(self, task: str) -> bool:
        """Return whether a task measures features as they are."""
        return KINDS[self.tasks[task]["kind"]].frozen

    def measure_of(self, task: str, architecture: str) -> Measure:
        """Return how a task measures features, with the layer that it takes."""
        entry = self.tasks[task]
        measure = KINDS[entry["kind"]].keys.of(entry)
        layer = measure.layer or network_of(self.architectures[architecture]).feature_layer
        return replace(measure, layer=layer)

    def features_of_run(self, run: TransferRun) -> Embedding:
        """Return the features that a run of a frozen kind measures."""
        measure = self.measure_of(run.task, run.architecture)
        which = (self.dataset_of(run.task), measure.layer, measure.augmentation)
        return Embedding(run.architecture, run.subset, run.replicate, *which)

    def features_measured(self, output: str) -> list[Embedding]:
        """Return the features that the measures of an output need, each once."""
        runs = [run for run in self.transfer_runs(output) if self.is_frozen(run.task)]
        return list(dict.fromkeys(map(self.features_of_run, runs)))

    # Given networks

    def is_given(self, subset: str) -> bool:
        """Return whether a subset's network is not trained but given as a file."""
        return "weights" in self.subsets[subset]

    def given_path(self, architecture: str, subset: str, replicate: int = 1) -> Path:
        """Return the file of a given network's weights."""
        return path_of_weights(self.subsets[subset]["weights"], architecture, replicate)


def path_of_weights(weights: str, architecture: str, replicate: int | str) -> Path:
    """Return the file that a config's `weights` names for a replicate."""
    return Path(weights.replace("{arch}", architecture).replace("{rep}", str(replicate)))
