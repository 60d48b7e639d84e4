"""The layouts of data sets: what each holds, which keys it takes, and who reads it.

A new layout is a module in `data/layouts/` with a function `(root, entry, wnids) -> Listing`, an
entry here, and its keys under `datasets` in workflow/schemas/config.schema.yaml. Nothing here
imports pandas: the checks of a config read this table in a dry run.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

WNIDS = "wnids"  # one WordNet class per image, of the study's `classes`
CLASSES = "classes"  # one class of its own per image
BOXES = "boxes"  # objects with boxes
ACTIONS = "actions"  # people with boxes and actions
WITH_BOXES = (BOXES, ACTIONS)
KEYS_OF_BOXES = ("classes", "bad_boxes")  # which to detect, what becomes of those that are wrong


@dataclass(frozen=True)
class Layout:
    """One way in which a data set lies on disk.

    `read` names the function that lists it, as "module:function". `needs` are the keys of its own
    that an entry must have, with what they mean; `takes` those that it may have. An entry with a
    true value of one of the keys in `holds_with` holds what stands there instead. With `any_names`, its classes have
    the names that users give them, which may be wnids.
    """

    read: str
    holds: str
    needs: Mapping[str, str] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    holds_with: Mapping[str, str] = field(default_factory=dict)
    any_names: bool = False

    @property
    def keys(self) -> set[str]:
        """Return the keys of its own."""
        return {*self.needs, *self.takes}

    @property
    def may_hold(self) -> set[str]:
        """Return all that data sets of this layout may hold."""
        return {self.holds, *self.holds_with.values()}

    @property
    def may_hold_wnids(self) -> bool:
        """Whether its classes are WordNet's, or may be."""
        return self.holds == WNIDS or self.any_names


MODULES = "imagenet_transfer.data.layouts"
LAYOUTS: Mapping[str, Layout] = {
    "ilsvrc": Layout(f"{MODULES}.ilsvrc:read", WNIDS),
    "tiny-imagenet": Layout(f"{MODULES}.tiny_imagenet:read", WNIDS),
    "voc": Layout(f"{MODULES}.voc:read", BOXES, takes=("year", *KEYS_OF_BOXES)),
    "coco": Layout(
        f"{MODULES}.coco:read",
        BOXES,
        takes=(*KEYS_OF_BOXES, "train_annotations", "test_annotations", "images_folder"),
    ),
    "voc-action": Layout(f"{MODULES}.voc_action:read", ACTIONS),
    "sun397": Layout(f"{MODULES}.sun:read", CLASSES, {"partition": "(1 is the standard one)"}),
    "places365": Layout(f"{MODULES}.places:read_365", CLASSES),
    "places205": Layout(f"{MODULES}.places:read_205", CLASSES),
    "folder": Layout(f"{MODULES}.folder:read", CLASSES, takes=("held_out",), any_names=True),
    "list": Layout(
        f"{MODULES}.image_list:read",
        CLASSES,
        takes=("list", "held_out", "boxes", *KEYS_OF_BOXES),
        holds_with={"boxes": BOXES},
        any_names=True,
    ),
    "parquet": Layout(
        f"{MODULES}.parquet:read",
        CLASSES,
        takes=("held_out", "image_column", "label_column", "class_names"),
        any_names=True,
    ),
    "webdataset": Layout(
        f"{MODULES}.webdataset:read",
        CLASSES,
        takes=("held_out", "label_key", "class_names"),
        any_names=True,
    ),
}


def content_of(entry: Mapping[str, Any]) -> str:
    """Return what the images of a config's data set have: WNIDS, CLASSES, BOXES or ACTIONS."""
    layout = LAYOUTS[entry["layout"]]
    special = (held for key, held in layout.holds_with.items() if entry.get(key))
    return next(special, layout.holds)


def layouts_with(content: str) -> list[str]:
    """Return the layouts whose data sets hold, or may hold, this."""
    return [name for name, layout in LAYOUTS.items() if content in layout.may_hold]


def reader_of(layout: str) -> Callable[..., Any]:
    """Return the function that lists a data set of a layout; its module is imported now."""
    module, _, function = LAYOUTS[layout].read.partition(":")
    return getattr(importlib.import_module(module), function)
