"""Pictures that a CSV lists: the columns image, label and perhaps split, or boxes as well."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from imagenet_transfer.data.layouts.boxed_list import boxed_listing
from imagenet_transfer.data.layouts.listing import (
    CORNERS,
    Listing,
    check_present,
    check_unique,
    numbered_lines,
    printable,
)
from imagenet_transfer.data.layouts.own import SPLITS, own_listing, split_of, without_suffix
from imagenet_transfer.errors import UserError

LIST = "list.csv"
COLUMNS = ("image", "label")


@dataclass(frozen=True)
class ListRow:
    """A row of a list; `split` is "" if the list has no such column, `cells` has all columns."""

    line: int
    image: str
    label: str
    split: str
    cells: Mapping[str, str]


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry; an image's id is its path without suffix."""
    path = root / entry.get("list", LIST)
    boxes = entry.get("boxes", False)
    rows = list(list_rows(path, CORNERS if boxes else (), labelled=not boxes))
    if not rows:
        raise UserError(f"{path} lists no images: add a line for each, or correct `list`.")
    if not boxes:
        check_unique([row.image for row in rows], path, "images")
    check_held_out(path, rows, entry)
    check_files(root, {row.image: row for row in rows}.values())
    if boxes:
        return boxed_listing(root, entry, path, rows)
    return own_listing(
        root, entry, [(row.split, without_suffix(row.image), row.label, row.image) for row in rows]
    )


def list_rows(path: Path, more: Sequence[str] = (), labelled: bool = True) -> Iterator[ListRow]:
    """Yield the rows of a list with its columns image, label, `more` and perhaps split.

    Paths have no "./" before them and do not lead out of the root; labels are not empty if all are
    `labelled`; splits are train, val or test. Raises LayoutError if there is no such file, and
    UserError, with the line, for what is not as described.
    """
    (_, first), *lines = numbered_lines(path)
    columns = _columns(path, _cells(path, 1, first), more)
    for number, line in lines:
        cells = _cells(path, number, line)
        if len(cells) != len(columns):
            raise UserError(
                f"{path}, line {number}: '{printable(line)}' has {len(cells):,} cells, but the "
                f"first line names {len(columns)} columns: correct it, with cells that have commas "
                "in them in quotes."
            )
        yield _row(path, number, dict(zip(columns, cells, strict=True)), labelled)


def _cells(path: Path, number: int, line: str) -> list[str]:
    try:
        (cells,) = csv.reader([line], strict=True)
    except csv.Error as error:
        raise UserError(
            f"{path}, line {number}: '{printable(line)}' is not a line of a CSV ({error}): correct "
            "the quotes."
        ) from error
    return [cell.strip() for cell in cells]


def _columns(path: Path, names: list[str], more: Sequence[str]) -> list[str]:
    """Return the columns' names; UserError if some that are needed are missing or there twice."""
    wanted = (*COLUMNS, *more)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise UserError(
            f"{path} lacks the columns {', '.join(missing)}: its first line, "
            f"'{printable(','.join(names))}', should name {', '.join(wanted)} and perhaps split, "
            "with commas between them."
        )
    check_unique(names, path, "columns")
    return names


def _row(path: Path, number: int, cells: Mapping[str, str], labelled: bool) -> ListRow:
    image = cells["image"]
    where = f"{path}, line {number}"
    if not image or (labelled and not cells["label"]):
        raise UserError(
            f"{where} has no {'label' if image else 'image'}: complete or remove the line."
        )
    split = split_of(cells["split"]) if "split" in cells else ""
    if "split" in cells and not split:
        raise UserError(
            f"{where}: the split is '{printable(cells['split'])}', but should be one of "
            f"{', '.join(SPLITS)}."
        )
    inside = PurePosixPath(image)
    if inside.is_absolute() or ".." in inside.parts or "\\" in image:
        raise UserError(
            f"{where}: '{printable(image)}' should be a path inside the data set's `root`, with / "
            "between folders and without ..: correct it."
        )
    return ListRow(number, str(inside), cells["label"], split, cells)


def check_held_out(path: Path, rows: Iterable[ListRow], entry: Mapping[str, Any]) -> None:
    """Raise UserError unless either the list has splits or the config declares `held_out`."""
    has_splits = any(row.split for row in rows)
    if has_splits and "held_out" in entry:
        raise UserError(
            f"{path} has the column split, but the config declares `held_out`: remove one of them."
        )
    if not has_splits and "held_out" not in entry:
        raise UserError(
            f"{path} has no column split: add it, with train, val or test in each line, or declare "
            "the share of each class to hold out, such as `held_out: 0.2`."
        )


def check_files(root: Path, rows: Iterable[ListRow]) -> None:
    """Raise LayoutError, which names the first ones, if files of a list are missing."""
    names = defaultdict(list)
    for row in rows:
        folder, _, name = row.image.rpartition("/")
        names[folder].append(name)
    missing = []
    for folder, of_folder in names.items():
        there = _names_in(root / folder)
        prefix = f"{folder}/" if folder else ""
        missing += [prefix + name for name in of_folder if name not in there]
    check_present(missing, sum(map(len, names.values())), root, "listed images")


def _names_in(folder: Path) -> frozenset[str]:
    """Return the names in a folder; none if there is no such folder."""
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - only names, of large folders
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
