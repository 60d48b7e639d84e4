"""PASCAL VOC2012's action set: people in `VOCdevkit/VOC2012`, labelled by the lists in `ImageSets/Action`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagenet_transfer.datasets.listing import (
    Listing,
    archive_hint,
    check_folder,
    first_names,
    image_files,
    make_listing,
    read_lines,
)
from imagenet_transfer.datasets.voc import image_rows, read_annotations
from imagenet_transfer.errors import UserError

# fmt: off
ACTIONS = (
    "jumping", "phoning", "playinginstrument", "reading", "ridingbike", "ridinghorse", "running", "takingphoto",
    "usingcomputer", "walking",
)
# fmt: on
OTHER = "other"  # a person that does none of them
SPLITS = ("train", "val")  # the labels of the test images are on PASCAL's server only
PERSON = re.compile(r"(\S+)\s+([0-9]+)")  # a line of train.txt
LABEL = re.compile(PERSON.pattern + r"\s+(-1|0|1)")  # a line of jumping_train.txt
Person = tuple[str, int]  # image, place among the objects of its annotation, from 1


def read_voc_action(root: Path) -> Listing:
    """Return the images with listed people, splits train and val; the classes are ACTIONS and `other`.

    The objects are the listed people. Beside the usual columns they have one for each action, with its label:
    1 (does it), 0 (unclear: ignored in testing) or -1. Raises UserError for anything missing or contradictory.
    """
    data = check_folder(root / "VOC2012")
    lists = check_folder(data / "ImageSets" / "Action")
    files = dict(image_files(check_folder(data / "JPEGImages")))
    rows, labels = [], {}
    for split in SPLITS:
        people = _read_labels(lists, split)
        images = sorted({image for image, _ in people})
        _check_apart(labels, images, lists)
        rows += image_rows(data / "JPEGImages", files, images, split)
        labels |= people
    return make_listing(rows, (*ACTIONS, OTHER), _people(data / "Annotations", labels), ACTIONS)


def _read_labels(lists: Path, split: str) -> dict[Person, tuple[int, ...]]:
    """Return the labels of each person of a split, in the order of ACTIONS."""
    path = lists / f"{split}.txt"
    people = [_person(line) for line in _read_list(path, PERSON, "image, object number")]
    if not people:
        raise UserError(f"{path} lists nobody{archive_hint(lists)}: unpack the data set again.")
    columns = [_labels_of(lists / f"{action}_{split}.txt", people, path.name) for action in ACTIONS]
    return dict(zip(people, zip(*columns, strict=True), strict=True))


def _labels_of(path: Path, people: Sequence[Person], listed_in: str) -> list[int]:
    lines = _read_list(path, LABEL, "image, object number, label (-1, 0 or 1)")
    labels = {_person(line): int(line[3]) for line in lines}
    missing = [f"{image} {number}" for image, number in people if (image, number) not in labels]
    if missing:
        raise UserError(
            f"{path} has no label for {len(missing):,} of the {len(people):,} people in {listed_in} "
            f"(first: {first_names(missing)}): unpack the data set again."
        )
    return [labels[person] for person in people]


def _read_list(path: Path, pattern: re.Pattern, wanted: str) -> list[re.Match]:
    matches = {line: pattern.fullmatch(line) for line in read_lines(path)}
    for line, match in matches.items():
        if match is None:
            raise UserError(f"{path}: the line '{line}' is not `{wanted}`: unpack the data set again.")
    return list(matches.values())


def _person(line: re.Match) -> Person:
    return line[1], int(line[2])


def _check_apart(known: Mapping[Person, tuple], images: Sequence[str], lists: Path) -> None:
    both = sorted({image for image, _ in known}.intersection(images))
    if both:
        raise UserError(
            f"{lists}: {len(both):,} images are in train.txt as well as in val.txt (first: {first_names(both)}): "
            "unpack the data set again."
        )


def _people(annotations: Path, labels: Mapping[Person, tuple[int, ...]]) -> list[tuple]:
    """Return the rows of the listed people, by image and object; UserError if one is not annotated as a person."""
    objects = {row[:2]: row for row in read_annotations(annotations, sorted({image for image, _ in labels}))}
    wrong = [
        f"object {number} of {image}.xml"
        for image, number in sorted(labels)
        if (image, number) not in objects or objects[image, number][2] != "person"
    ]
    if wrong:
        raise UserError(
            f"{annotations}: {len(wrong):,} people of the lists in ImageSets/Action are not annotated as such "
            f"(first: {first_names(wrong)}): unpack annotations and lists of the same release."
        )
    return [(*objects[person], *labels[person]) for person in sorted(labels)]
