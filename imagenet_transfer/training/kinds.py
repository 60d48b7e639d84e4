"""The kinds of tasks: what each is learnt from and how. Without torch, as checks and rules read it.

A new kind is a class with the methods of `loop.Task` in `training/tasks/`, a function that makes it
from a run's inputs, an entry here, and a number in versions.py. A kind that measures features as
they are (`frozen`) trains nothing: it has keys of its own in place of a recipe.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from imagenet_transfer.data.known_layouts import ACTIONS, BOXES
from imagenet_transfer.training.measures import FewShot, Measure, Neighbours, Probe


@dataclass(frozen=True)
class Kind:
    """One kind of task.

    `task` names the function that makes a `loop.Task` from a store, a run's files by input, its
    settings and a device, as "module:function". `inputs` are what it reads besides the store and
    the weights: proposals, or manifest and label_set of a subset.

    Of a kind with `keys`, its task's keys in the config, it names a function of these and of
    `features.measures.Material`. It reads features in place of weights, maybe their `lengths` too.
    """

    task: str
    inputs: tuple[str, ...] = ()
    keys: type[Measure] | None = None
    section: str = ""  # of the recipe, with the kind's switches
    holds: str = ""  # what the images of its data set have; empty: one category each
    metrics: tuple[str, ...] = ("top1", "top5")

    @property
    def frozen(self) -> bool:
        """Whether it measures features as they are and trains nothing."""
        return self.keys is not None

    @property
    def classifies(self) -> bool:
        """Whether it is measured by accuracy, on images with one class each."""
        return "top1" in self.metrics

    @property
    def judges_boxes(self) -> bool:
        """Whether it is measured by average precision, of boxes in images that keep their size."""
        return "mAP" in self.metrics


MAKERS = "imagenet_transfer.training.stages"
FEATURES = "imagenet_transfer.features"
SUBSET = ("manifest", "label_set")  # of the subset that a task learns, if it learns one
KINDS: Mapping[str, Kind] = {
    "classification": Kind(f"{MAKERS}:classification_task", inputs=SUBSET),
    "detection": Kind(
        f"{MAKERS}:detection_task",
        section="detector",
        holds=BOXES,
        metrics=("mAP", "AP"),
    ),
    "action": Kind(
        f"{MAKERS}:action_task",
        inputs=("proposals",),
        section="rstarcnn",
        holds=ACTIONS,
        metrics=("mAP", "AP"),
    ),
    "knn": Kind(f"{FEATURES}.knn:measure", SUBSET, Neighbours),
    "probe": Kind(f"{FEATURES}.probe:measure", (*SUBSET, "lengths"), Probe),
    "few-shot": Kind(f"{FEATURES}.few_shot:measure", SUBSET, FewShot),
}
FROZEN = tuple(name for name, kind in KINDS.items() if kind.frozen)


def task_maker(kind: str) -> Callable[..., Any]:
    """Return the function that makes or measures a kind's tasks; its module is imported now."""
    module, _, function = KINDS[kind].task.partition(":")
    return getattr(importlib.import_module(module), function)
