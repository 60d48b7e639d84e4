"""The kinds of outputs: what each is made from, by which functions, and what a reader sees in it.

A new figure is a module with its two functions, an entry here, its keys under `$defs` in
workflow/schemas/config.schema.yaml (the definition has the builder's name), and an output in a
config. Study, checks, rules and report read this table. It imports nothing that draws or learns:
a dry run reads it too.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from imagenet_transfer.labels.methods import MERGED

REFUSED = "refused"
ALLOWED = "allowed"
NEEDED = "needed"
KINDS = {  # of files that an output may be made from
    "metrics": "records of the fine-tuning runs that the output shows",
    "networks": "records of the pre-training runs that it rests on",
    "sizes": "numbers of classes and images of its subsets; a given network's are in its record",
    "manifests": "summaries of the manifests of its subsets",
    "label_sets": "its label sets, or those of its subsets",
    "store": "the store that its images come from",
    "task_store": "the store of its task's images",
    "tested": "what those fine-tuning runs found in each test image",
    "features": "features of the first network of each subset",
    "predictions": "predictions of all networks of its subset",
    "induction": "accuracies on unseen classes, of all networks of each subset",
    "induction_weights": "which weights those accuracies are of",
    "induced": "records of the networks that those accuracies are of",
    "baselines": "records of the networks that these are compared with",
}
OWN_DATA = {"manifests", "store", "features", "predictions", "induction"}  # of its subsets' sets
SETTINGS = ("seed", "classes", "analysis")  # what else of a study a figure may depend on


@dataclass(frozen=True)
class LabelsNeeded:
    """The methods that the label sets of an output's subsets must have, and what to say if not."""

    key: str  # of the output's entry in the config: one subset or a list
    methods: tuple[str, ...]
    problem: str  # a sentence about `{subset}`


@dataclass(frozen=True)
class Builder:
    """One kind of output, a figure or a table.

    - `inputs` are the kinds of its files (KINDS); `settings` what else it depends on (SETTINGS).
    - `picture` and `numbers` name its functions as "module:function". numbers(material) returns
      the frame of its CSV, followed by one for each of `more`; picture(material, *frames) returns
      the figure. `material` is a `drawing.Material`.
    - `table` names the function that makes a table; without a picture, it is one.
    - `caption` says what is seen; {keys} are those of the config's entry.
    """

    inputs: tuple[str, ...]
    picture: str = ""
    numbers: str = ""
    table: str = "imagenet_transfer.reporting.tables:table_of_subsets"
    caption: str = ""
    more: tuple[str, ...] = ()  # further CSV files, OUTPUT-NAME.csv
    settings: tuple[str, ...] = ()
    scratch: str = REFUSED  # whether a random start may be among the subsets
    halves: str = "label_sets"  # the config's section that `splits` names
    own_accuracy: bool = False  # whether networks are shown as they were pre-trained, too
    labels: LabelsNeeded | None = None
    takes_merged: bool = False  # whether its label sets may merge classes without WordNet
    names_output: bool = False  # whether an output may have the builder's name, or NAME-anything
    first_only: bool = False  # whether only the first replicate of its runs is shown
    gpu: bool = False  # whether it takes minutes and a GPU

    @property
    def is_table(self) -> bool:
        """Whether it makes a table instead of a figure."""
        return not self.picture

    @property
    def own_data(self) -> bool:
        """Whether it shows its networks with their own images, labels or numbers of images."""
        return self.own_accuracy or not OWN_DATA.isdisjoint(self.inputs)

    @property
    def has_numbers(self) -> bool:
        """Whether its outputs have a CSV."""
        return self.is_table or bool(self.numbers)

    def frames(self, material: Any) -> tuple[Any, ...]:
        """Return the frames of its CSV files; none for a figure that plots no numbers."""
        if not self.numbers:
            return ()
        found = function_of(self.numbers)(material)
        return found if self.more else (found,)

    def draw(self, material: Any, *frames: Any) -> Any:
        """Return the figure of the material and its frames."""
        return function_of(self.picture)(material, *frames)

    def csv_files(self) -> dict[str, str]:
        """Return the endings of its CSV files by name: {"csv": ".csv", "points": "-points.csv"}."""
        if not self.has_numbers:
            return {}
        return {"csv": ".csv", **{name: f"-{name}.csv" for name in self.more}}


def function_of(name: str) -> Callable[..., Any]:
    """Return the function that "module:function" names; the module is imported now."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


RUNS = "imagenet_transfer.figures.from_runs"
IMAGES = "imagenet_transfer.figures.from_images"
TESTED = "imagenet_transfer.figures.from_tested"
FEATURES = "imagenet_transfer.figures.from_features"

BUILDERS: Mapping[str, Builder] = {
    "transfer": Builder(
        inputs=("metrics", "networks", "sizes"),
        scratch=ALLOWED,
        caption="Transfer to {tasks} by what the network was pre-trained on.",
    ),
    "budgets": Builder(
        inputs=("metrics", "networks", "sizes"),
        scratch=ALLOWED,
        caption=(
            "Transfer to {tasks} from {equal} numbers of pre-training images, drawn in different "
            "ways."
        ),
    ),
    "networks": Builder(
        inputs=("metrics", "networks", "sizes"),
        table="imagenet_transfer.reporting.network_tables:table_of_networks",
        scratch=ALLOWED,
        caption="Transfer to {tasks} by network and by what it was pre-trained on.",
    ),
    "curve": Builder(
        inputs=("metrics", "networks", "sizes"),
        numbers=f"{RUNS}:curve_numbers",
        picture=f"{RUNS}:curve_picture",
        scratch=ALLOWED,
        own_accuracy=True,
        caption=(
            "Transfer to {tasks}{and_accuracy} against the number of {along} that the network was "
            "pre-trained on; the legend names the axis where there are two. Bars: standard "
            "deviation of the replicates."
        ),
    ),
    "clustering": Builder(
        inputs=("label_sets", "store"),
        settings=("classes",),
        picture=f"{IMAGES}:clustering_picture",
        caption=(
            "How coarse labels are made: a piece of WordNet with its classes as leaves; each label "
            "set cuts it at one depth, and every class is merged into its ancestor there."
        ),
    ),
    "induction": Builder(
        inputs=(
            *("induction", "induction_weights", "induced", "baselines"),
            *("networks", "manifests"),
        ),
        numbers=f"{RUNS}:induction_numbers",
        picture=f"{RUNS}:induction_picture",
        labels=LabelsNeeded(
            "subsets",
            MERGED,
            "the labels of '{subset}' merge no classes, so none is left to induce; remove it.",
        ),
        caption=(
            "Classes that a network never saw as labels, told apart by the nearest neighbours of "
            "its {layer} features (top 1 and top 5), next to the same classes by the network "
            "{baseline}, trained on all labels."
        ),
    ),
    "neighbours": Builder(
        inputs=("store", "features", "networks", "label_sets", "manifests"),
        settings=("analysis", "seed"),
        numbers=f"{FEATURES}:neighbours_numbers",
        picture=f"{FEATURES}:neighbours_picture",
        gpu=True,
        caption=(
            "Nearest training images of two validation images by {layer} features, one row per "
            "network from fine to coarse labels. Green: the right fine class; orange: the right "
            "coarse class only; red: neither."
        ),
    ),
    "coarse-gain": Builder(
        inputs=("store", "predictions", "networks", "label_sets"),
        settings=("analysis", "seed"),
        numbers=f"{FEATURES}:coarse_gain_numbers",
        picture=f"{FEATURES}:coarse_gain_picture",
        takes_merged=True,
        labels=LabelsNeeded(
            "subset",
            ("identity",),
            "'{subset}' was not trained on fine classes, so none can be told apart.",
        ),
        caption=(
            "By how much the network {subset} is better at a coarse class of {label_set} than at "
            "its sub-classes: the share of images that it takes for another sub-class of the right "
            "coarse class."
        ),
    ),
    "splits": Builder(
        inputs=("label_sets",),
        settings=("classes",),
        picture=f"{IMAGES}:splits_picture",
        caption=(
            "The splits of the classes in halves ({splits}) on the hierarchy of WordNet: a minimal "
            "split keeps whole branches together, a random one mixes them."
        ),
    ),
    "collages": Builder(
        inputs=("label_sets", "store"),
        settings=("seed",),
        picture=f"{IMAGES}:collages_picture",
        caption="Images of the halves of each split ({splits}), classes spread evenly.",
    ),
    "split-accuracy": Builder(
        inputs=("metrics", "networks", "manifests"),
        numbers=f"{RUNS}:split_accuracy_numbers",
        picture=f"{RUNS}:split_accuracy_picture",
        halves="tasks",
        own_accuracy=True,
        caption=(
            "For each half of each split: the network trained only on that half, and the network "
            "{baseline}, trained on everything with its last layer re-trained on the half; both "
            "tested on the half."
        ),
    ),
    "correlation": Builder(
        inputs=("metrics", "networks"),
        numbers=f"{RUNS}:correlation_numbers",
        picture=f"{RUNS}:correlation_picture",
        more=("points",),
        names_output=True,
        caption=(
            "Transfer to {tasks} against accuracy on {accuracy}, one point per pre-training set, "
            "numbered by accuracy. r is Pearson's; its interval counts the sets as independent, "
            "though they share images."
        ),
    ),
    "coarse-limit": Builder(
        inputs=("metrics", "networks", "sizes"),
        numbers=f"{RUNS}:coarse_limit_numbers",
        picture=f"{RUNS}:coarse_limit_picture",
        scratch=NEEDED,
        names_output=True,
        caption=(
            "By how much pre-training on labels merged to this many classes is better than a "
            "random start, on {tasks}. The limit is where that gain, interpolated between label "
            "sets, turns positive; in its range the gain is neither surely above nor surely below "
            "zero."
        ),
    ),
    "surface": Builder(
        inputs=("metrics", "networks", "sizes"),
        numbers=f"{RUNS}:surface_numbers",
        picture=f"{RUNS}:surface_picture",
        more=("fit",),
        names_output=True,
        caption=(
            "More classes or more images of each? Transfer to {tasks} from draws of both from "
            "{full}: means over replicates, and on each line of equally many images the highest in "
            "bold. Below, at each number of images, the ratio of classes to images per class at "
            "which a surface through these means is highest, with its 95 % range. The slope is "
            "that of its logarithm against the logarithm of the number of images: 0 if the best "
            "ratio does not depend on it."
        ),
    ),
    "influence": Builder(
        inputs=("metrics", "networks", "sizes"),
        numbers=f"{RUNS}:influence_numbers",
        picture=f"{RUNS}:influence_picture",
        names_output=True,
        caption=(
            "What parts of {full} do for {tasks}: transfer from the full set minus transfer from "
            "the set without the part, positive if the part helps; in parentheses its number of "
            "classes. As that set is smaller, too, sets without as many random classes are "
            "compared with it where there are any. Bars: 95 % intervals, each for itself; marks "
            "are filled where the effect is sure among all parts of the task (Holm)."
        ),
    ),
    "examples": Builder(
        inputs=("metrics", "networks", "task_store", "tested"),
        numbers=f"{TESTED}:examples_numbers",
        picture=f"{TESTED}:examples_picture",
        scratch=ALLOWED,
        names_output=True,
        first_only=True,
        caption=(
            "Examples from the test images of {task}, by the first replicate of each network. They "
            "are chosen by a rule: {rule}, each class once before any is shown again, and no image "
            "twice in a row. Each picture is cut to the surroundings of one {thing}, whose box is "
            "thick: solid if right, dashed if wrong{missed}."
        ),
    ),
}
EXAMPLES: Mapping[str, Mapping[str, str]] = {  # words about examples, by the kind of their task
    "detection": {
        "rule": (
            "right and false detections with the highest scores and the largest missed objects, at "
            "the threshold of scores with the best F1 over all classes"
        ),
        "thing": "object",
        "missed": ", dotted if missed; thin white boxes are the objects of the annotations",
    },
    "action": {
        "rule": "right and wrong answers with the highest scores, one per person",
        "thing": "person",
        "missed": "",
    },
}
TABLES = tuple(name for name, builder in BUILDERS.items() if builder.is_table)
FIGURES = tuple(name for name, builder in BUILDERS.items() if not builder.is_table)


def builder_of(entry: Mapping[str, Any]) -> Builder:
    """Return the builder of an output, by its entry in a config or its layout."""
    return BUILDERS[entry["builder"]]


def heading(name: str) -> str:
    """Return the title of an output that the config calls `name`: "Table 2", "Coarse limit"."""
    kind = "table" if name.startswith("table") else "figure"
    number = name.removeprefix(kind)
    if number.isdecimal():
        return f"{kind.capitalize()} {number}"
    return name.removeprefix(f"{kind}-").replace("-", " ").capitalize()


def caption(layout: Mapping[str, Any]) -> str:
    """Return what is seen in a table or a figure and where it comes from."""
    return builder_of(layout).caption.format_map({**layout, **_words(layout)})


def _words(layout: Mapping[str, Any]) -> dict[str, Any]:
    of = {"images_per_class": "images per class", "classes": "classes (merged in WordNet)"}
    accuracy = layout.get("accuracy")
    return {
        "and_accuracy": f" and accuracy on {accuracy}" if accuracy else "",
        "along": of.get(layout.get("along", ""), ""),
        "equal": "different" if layout.get("unequal") else "equal",
        "tasks": ", ".join(layout.get("tasks", [])) or "no task",
        "splits": " and ".join(layout.get("splits", {})),
        **EXAMPLES[layout.get("kind", "detection")],
    }
