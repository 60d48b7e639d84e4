"""SUN397 with its partitions: `<letter>/<class>[/<sub-class>]/*.jpg` and `Partitions/*.txt`."""

from collections.abc import Sequence
from pathlib import Path

from imagenet_transfer.datasets.listing import (
    Listing,
    archive_hint,
    check_present,
    first_names,
    image_files,
    make_listing,
    read_lines,
)
from imagenet_transfer.errors import UserError

LISTS = {"train": "Training", "test": "Testing"}


def read_sun(root: Path, partition: int, num_classes: int | None = None) -> Listing:
    """Return splits train and test of one partition; a class is named like 'a/abbey' or 'a/apse/indoor'.

    Raises UserError if `num_classes` is given and ClassName.txt holds another number.
    """
    lists = _partitions(root)
    classes = [line.strip("/") for line in read_lines(lists / "ClassName.txt")]
    if num_classes is not None and len(classes) != num_classes:
        raise UserError(
            f"{lists / 'ClassName.txt'} names {len(classes)} classes where the config says {num_classes}: "
            "unpack the partitions again or correct `classes` in the config."
        )
    _check_class_folders(root, classes)
    files = {(name, file.lower()): file for name in classes for _, file in image_files(root / name)}
    rows = []
    for split, title in LISTS.items():
        rows += _split_rows(root, lists / f"{title}_{partition:02d}.txt", split, classes, files)
    return make_listing(rows, classes)


def _partitions(root: Path) -> Path:
    places = (root / "Partitions", root.parent / "Partitions")
    lists = next((path for path in places if path.is_dir()), None)
    if lists is None:
        raise UserError(
            f"{places[0]} is missing{archive_hint(root)}{archive_hint(root.parent)}: unpack SUN397's Partitions.zip "
            "into a folder of that name there or beside it."
        )
    return lists


def _check_class_folders(root: Path, classes: Sequence[str]) -> None:
    missing = [name for name in classes if not (root / name).is_dir()]
    check_present(missing, len(classes), root, "class folders")


def _split_rows(
    root: Path, path: Path, split: str, classes: Sequence[str], files: dict[tuple[str, str], str]
) -> list[tuple]:
    """Return the rows of one list of `/a/abbey/sun_x.jpg` lines; the case of names on disk may differ."""
    known = frozenset(classes)
    pairs = [line.strip("/").rpartition("/")[::2] for line in read_lines(path)]
    strangers = sorted({name for name, _ in pairs} - known)
    if strangers:
        raise UserError(
            f"{path} names classes that ClassName.txt does not ({first_names(strangers)}): unpack both again."
        )
    missing = [f"{name}/{file}" for name, file in pairs if (name, file.lower()) not in files]
    check_present(missing, len(pairs), root, f"{split} images")
    found = [(name, files[name, file.lower()]) for name, file in pairs]
    return [(split, f"{name}/{file.rpartition('.')[0]}", name, f"{name}/{file}") for name, file in found]
