"""PASCAL VOC2012's action set: people in `VOCdevkit/VOC2012` with labels in `ImageSets/Action`."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from imagenet_transfer.data.layouts.flaws import Flaws
from imagenet_transfer.data.layouts.listing import (
    NUMBER,
    Listing,
    check_folder,
    check_unique,
    files_by_stem,
    first_names,
    make_listing,
    read_columns,
)
from imagenet_transfer.data.layouts.voc import Annotation, image_rows, read_annotations, sizes_of
from imagenet_transfer.errors import UserError

# fmt: off
ACTIONS = (
    "jumping", "phoning", "playinginstrument", "reading", "ridingbike", "ridinghorse", "running",
    "takingphoto", "usingcomputer", "walking",
)
# fmt: on
OTHER = "other"  # a person who does none of them
SPLITS = ("train", "val")  # the labels of the test images are only on PASCAL's server
PERSON = rf"(\S+)\s+({NUMBER})"
LABEL = rf"{PERSON}\s+(-1|0|1)"  # a line of jumping_train.txt
UNCLEAR = 0
Person = tuple[str, int]  # image, position among the objects of its annotation, from 1


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry."""
    return read_voc_action(root)


def read_voc_action(root: Path) -> Listing:
    """Return the images with listed people, splits train and val; the classes: ACTIONS and OTHER.

    The objects are the listed people. They have one more column per action, with its label: 1 (does
    it), 0 (unclear: ignored in testing) or -1. Raises UserError for anything missing or
    contradictory.
    """
    data = check_folder(root / "VOC2012")
    lists = check_folder(data / "ImageSets" / "Action")
    files = files_by_stem(check_folder(data / "JPEGImages"))
    rows: list[tuple] = []
    labels: dict[Person, tuple[int, ...]] = {}
    for split in SPLITS:
        people = _read_labels(lists, split)
        images = sorted({image for image, _ in people})
        _check_apart(labels, images, lists)
        rows += image_rows(root, data / "JPEGImages", files, images, split)
        labels |= people
    images = sorted({image for image, _ in labels})
    flaws = Flaws(skip=None)  # a person that a list names cannot be left out
    annotations = read_annotations(data / "Annotations", images, flaws)
    flaws.settle(data / "Annotations", len(images))
    people = _people(data / "Annotations", annotations, labels)
    return make_listing(rows, (*ACTIONS, OTHER), people, ACTIONS, sizes_of(annotations))


def _read_labels(lists: Path, split: str) -> dict[Person, tuple[int, ...]]:
    """Return the labels of each person of a split, in the order of ACTIONS.

    As in the devkit, an action is judged on the people of its own list: others are unclear for it.
    """
    path = lists / f"{split}.txt"
    images, listed = _read_split(path)
    of_action = {
        action: _labels_of(lists / f"{action}_{split}.txt", images, path) for action in ACTIONS
    }
    people = set(chain.from_iterable(of_action.values()))
    missing = sorted(
        listed.symmetric_difference(people) if listed else images - {image for image, _ in people}
    )
    if missing:
        raise UserError(
            f"{path} and the lists of actions next to it disagree about {len(missing):,} images or "
            f"people (first: {first_names(map(_name, missing))}): unpack the data set again."
        )
    for action, labels in of_action.items():
        if len(labels) < len(people):
            print(
                f"{lists / action}_{split}.txt has labels for {len(labels):,} of the "
                f"{len(people):,} people of the split: the others are not judged for it.",
                file=sys.stderr,
            )
    return {
        person: tuple(of_action[action].get(person, UNCLEAR) for action in ACTIONS)
        for person in people
    }


def _read_split(path: Path) -> tuple[frozenset[str], frozenset[Person]]:
    """Return the images of train.txt, and the people if it names them; PASCAL's has only images."""
    lines = read_columns(path, rf"(\S+)(?:\s+({NUMBER}))?", "image, or image object-number")
    check_unique(map(_name, lines), path, "lines")
    people = frozenset((image, int(number)) for image, number in lines if number)
    return frozenset(image for image, _ in lines), people


def _labels_of(path: Path, images: frozenset[str], split: Path) -> dict[Person, int]:
    """Return the labels in an action's list; raise UserError for images outside the split."""
    lines = read_columns(path, LABEL, "image object-number label (-1, 0 or 1)")
    labels = {(image, int(number)): int(label) for image, number, label in lines}
    if len(labels) < len(lines):
        check_unique([_name((image, int(number))) for image, number, _ in lines], path, "people")
    strangers = sorted({image for image, _ in labels}.difference(images))
    if strangers:
        raise UserError(
            f"{path} has labels for {len(strangers):,} images that {split.name} does not list "
            f"(first: {first_names(strangers)}): unpack the data set again."
        )
    return labels


def _name(person: str | Iterable) -> str:
    """Return the words of an image, or of a person (image, number), as they are in a list."""
    if isinstance(person, str):
        return person
    return " ".join(str(part) for part in person if part is not None)


def _check_apart(known: Mapping[Person, tuple], images: Sequence[str], lists: Path) -> None:
    both = sorted({image for image, _ in known}.intersection(images))
    if both:
        raise UserError(
            f"{lists}: {len(both):,} images are in train.txt as well as in val.txt (first: "
            f"{first_names(both)}): unpack the data set again."
        )


def _people(
    folder: Path, annotations: Sequence[Annotation], labels: Mapping[Person, tuple[int, ...]]
) -> list[tuple]:
    """Return the rows of the listed people, sorted; raise UserError if one is not a person."""
    objects = {row[:2]: row for annotation in annotations for row in annotation.objects}
    wrong = [
        f"object {number} of {image}.xml"
        for image, number in sorted(labels)
        if (image, number) not in objects or objects[image, number][2] != "person"
    ]
    if wrong:
        raise UserError(
            f"{folder}: {len(wrong):,} people of the lists in ImageSets/Action are not annotated "
            f"as people (first: {first_names(wrong)}): unpack annotations and lists of the same "
            "release."
        )
    return [(*objects[person], *labels[person]) for person in sorted(labels)]
