"""SUN397 with its partitions: `<letter>/<class>[/<sub-class>]/*.jpg` and `Partitions/*.txt`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.data.layouts.listing import (
    LayoutError,
    Listing,
    check_present,
    check_unique,
    first_names,
    found_in,
    image_files,
    make_listing,
    read_class_names,
    read_lines,
)
from imagenet_transfer.errors import UserError

LISTS = {"train": "Training", "test": "Testing"}


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry."""
    return read_sun(root, int(entry["partition"]))


def read_sun(root: Path, partition: int) -> Listing:
    """Return splits train and test of a partition; classes have names like 'a/abbey'.

    Raises UserError if a list is missing, if it names a class or image that is missing, or if the
    lists disagree.
    """
    lists = _partitions(root)
    names = lists / "ClassName.txt"
    classes = read_class_names(names, read_lines(names))
    check_present(
        [name for name in classes if not (root / name).is_dir()],
        len(classes),
        root,
        "class folders",
    )
    files = {name: _by_name(image_files(root / name)) for name in classes}
    rows = []
    for split, title in LISTS.items():
        rows += _split_rows(root, lists / f"{title}_{partition:02d}.txt", split, files)
    return make_listing(rows, classes)


def _partitions(root: Path) -> Path:
    """Return the folder of the lists: `Partitions` in or next to the root, the root or its parent.

    The last two are where people unpack Partitions.zip, which has no folder in it.
    """
    places = (root / "Partitions", root.parent / "Partitions", root, root.parent)
    lists = next(
        (path for path in places if path.is_dir() and any(path.glob("Training_[0-9][0-9].txt"))),
        None,
    )
    if lists is None:
        raise LayoutError(
            f"{places[0]} is missing, or has no Training_01.txt{found_in(places[0])}"
            f"{found_in(root.parent)}: unpack SUN397's Partitions.zip into a folder of that name."
        )
    return lists


def _by_name(files: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the files by name and by lower-case name, as the lists may differ in case."""
    return {file.lower(): file for _, file in files} | {file: file for _, file in files}


def _split_rows(
    root: Path, path: Path, split: str, files: Mapping[str, Mapping[str, str]]
) -> list[tuple]:
    """Return the rows of one list of `/a/abbey/sun_x.jpg` lines."""
    lines = [line.strip("/") for line in read_lines(path)]
    check_unique(lines, path, "images")
    pairs = [line.rpartition("/")[::2] for line in lines]
    strangers = sorted({name for name, _ in pairs}.difference(files))
    if strangers:
        raise UserError(
            f"{path} names classes that ClassName.txt does not ({first_names(strangers)}): "
            "unpack both again."
        )
    found = [(name, files[name].get(file) or files[name].get(file.lower())) for name, file in pairs]
    missing = [line for line, (_, file) in zip(lines, found, strict=True) if file is None]
    check_present(missing, len(pairs), root, f"{split} images")
    return [
        (split, f"{name}/{file.rpartition('.')[0]}", name, f"{name}/{file}") for name, file in found
    ]
