"""What the layouts of users' own data sets share: splits, held-out images, names of classes."""

import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.data.layouts.listing import (
    IMAGE_SUFFIXES,
    LayoutError,
    Listing,
    first_names,
    has_controls,
    make_listing,
    printable,
)
from imagenet_transfer.data.sources import Source
from imagenet_transfer.errors import UserError
from imagenet_transfer.seeds import seed_of

SPLITS = {  # by the names that folders, files and columns have, in lower case
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
TESTED = ("val", "test")
LONGEST_NAME = 200  # characters of a class; more is a mistake in the data
Row = tuple[str, str, str, str]  # split ("" if none is given), image, class, path


def own_listing(
    root: Path,
    entry: Mapping[str, Any],
    rows: Sequence[Row],
    classes: Sequence[str] = (),
    source: Source | None = None,
) -> Listing:
    """Return the listing of rows, of which a share is held out if the entry declares `held_out`.

    `classes` are in label order; without them, they are the rows' own, ascending. Raises UserError
    unless there is something to train on and to test on, with names of classes that can be told
    apart.
    """
    if "held_out" in entry:
        rows = hold_out(rows, entry["held_out"])
    known = classes or sorted({name for _, _, name, _ in rows})
    check_class_names(known, root, cases=not classes)
    used = _used_classes(rows, known, root)
    check_splits(rows, root, "held_out" in entry)
    return make_listing(rows, used, source=source)


def hold_out(rows: Iterable[Row], share: float) -> list[Row]:
    """Return the rows with the splits train and test: about this share of each class is tested.

    A hash of an image's name decides, so that other images and their order change nothing; except
    that a class of two or more images has at least one in both splits.
    """
    of_class: dict[str, list[tuple[int, Row]]] = defaultdict(list)
    for row in rows:
        of_class[row[2]].append((seed_of("held out", row[1]), row))
    return [row for draws in of_class.values() for row in _parted(sorted(draws), share)]


def _parted(draws: Sequence[tuple[int, Row]], share: float) -> list[Row]:
    """Return the rows of a class, of ascending draws (63-bit), the first of them as tests."""
    below = sum(draw < share * 2**63 for draw, _ in draws)
    tested = min(max(below, 1), len(draws) - 1)
    return [
        ("test" if place < tested else "train", *row[1:]) for place, (_, row) in enumerate(draws)
    ]


def check_splits(rows: Sequence[Row], root: Path, held_out: bool) -> None:
    """Raise UserError unless there are images to train on and to test on, of the same classes."""
    found = {(split, name) for split, _, name, _ in rows}
    splits = {split for split, _ in found}
    if held_out and "test" not in splits:
        raise UserError(
            f"{root} has no class with two images or more, so that none can be held out: add "
            "images, or correct `root` in the config."
        )
    if "train" not in splits or splits.isdisjoint(TESTED):
        has = first_names(sorted(splits)) or "no split"
        raise LayoutError(
            f"{root} has images of {has}, but a data set needs train, and val or test to measure "
            "on: add what is missing, or declare the share of each class to hold out, such as "
            "`held_out: 0.2`."
        )
    trained = {name for split, name in found if split == "train"}
    for split in TESTED:
        strangers = sorted({name for other, name in found if other == split} - trained)
        if strangers:
            raise UserError(
                f"{root}: {len(strangers):,} classes have images in {split} but none in train "
                f"(first: {first_names(strangers)}): add training images of them, or remove them "
                f"from {split}."
            )


def _used_classes(rows: Sequence[Row], classes: Sequence[str], root: Path) -> list[str]:
    """Return the classes with images, and say which have none; UserError for fewer than two."""
    present = {name for _, _, name, _ in rows}
    used = [name for name in classes if name in present]
    unused = [name for name in classes if name not in present]
    if len(used) < 2:
        raise UserError(
            f"{root} has {f'only the class {printable(used[0])}' if used else 'no images'}: "
            "classification needs images of two classes or more; correct `root` in the config."
        )
    if unused:
        say(
            f"{root}: {len(unused):,} of {len(classes):,} classes have no image and are left out "
            f"(first: {first_names(unused)})."
        )
    return used


def check_class_names(names: Sequence[str], where: Path, cases: bool) -> None:
    """Raise UserError unless the names can be told apart and printed.

    With `cases`, neither may they differ only in upper and lower case, which is a slip of whoever
    wrote them by hand.
    """
    wrong = [name for name in names if not _is_name(name)]
    if wrong:
        raise UserError(
            f"{where} has classes whose names are empty, longer than {LONGEST_NAME} characters or "
            f"not printable (first: '{printable(wrong[0])}'): rename them."
        )
    alike = [_folded(name) if cases else name for name in names]
    most, count = Counter(alike).most_common(1)[0] if alike else ("", 0)
    if count > 1:
        first = [name for name, folded in zip(names, alike, strict=True) if folded == most]
        raise UserError(
            f"{where} has classes whose names differ only in upper and lower case, or not at all "
            f"({first_names(first)}): give them one name, or names that differ."
        )


def _is_name(name: str) -> bool:
    storable = not has_controls(name) and name.encode(errors="replace").decode() == name
    return bool(name.strip()) and len(name) <= LONGEST_NAME and storable


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def without_suffix(path: str) -> str:
    """Return a path without the suffix of an image, if it has one."""
    stem, _, suffix = path.rpartition(".")
    return stem if stem and suffix.lower() in IMAGE_SUFFIXES else path


def split_of(name: str) -> str:
    """Return the split that the name of a folder, or a cell, stands for; "" if it is none."""
    return SPLITS.get(name.lower(), "")


def say(text: str) -> None:
    """Print a line about what is left out."""
    print(text, file=sys.stderr, flush=True)
