"""The kinds of tasks: what each is learnt from and how. Without torch, as checks and rules read it.

A new kind is a class with the methods of `loop.Task` in `training/tasks/`, a function that makes it
from a run's inputs, an entry here, and a number in versions.py.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from imagenet_transfer.data.known_layouts import ACTIONS, BOXES


@dataclass(frozen=True)
class Kind:
    """One kind of task.

    `task` names the function that makes a `loop.Task` from a store, a run's files by input, its
    settings and a device, as "module:function". `inputs` are what it reads besides the store and
    the weights: proposals, or manifest and label_set of a subset.
    """

    task: str
    inputs: tuple[str, ...] = ()
    section: str = ""  # of the recipe, with the kind's switches
    holds: str = ""  # what the images of its data set have; empty: one category each
    metrics: tuple[str, ...] = ("top1", "top5")

    @property
    def judges_boxes(self) -> bool:
        """Whether it is measured by average precision, of boxes in images that keep their size."""
        return "mAP" in self.metrics


MAKERS = "imagenet_transfer.training.stages"
KINDS: Mapping[str, Kind] = {
    "classification": Kind(f"{MAKERS}:classification_task", inputs=("manifest", "label_set")),
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
}


def task_maker(kind: str) -> Callable[..., Any]:
    """Return the function that makes the tasks of a kind; its module is imported now."""
    module, _, function = KINDS[kind].task.partition(":")
    return getattr(importlib.import_module(module), function)
