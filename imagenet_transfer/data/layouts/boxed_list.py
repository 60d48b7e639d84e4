"""Pictures and boxes that a CSV lists: a line per object, its corners as VOC counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_transfer.data.codecs import size_in_header
from imagenet_transfer.data.layouts.flaws import BadBox, Flaw, Flaws, check_inside
from imagenet_transfer.data.layouts.listing import (
    CORNERS,
    Listing,
    check_named,
    first_names,
    is_class_name,
    make_listing,
    printable,
)
from imagenet_transfer.data.layouts.own import check_splits, hold_out, without_suffix
from imagenet_transfer.data.layouts.voc import DECIMAL
from imagenet_transfer.errors import UserError

if TYPE_CHECKING:  # its module imports this one
    from imagenet_transfer.data.layouts.image_list import ListRow

Size = tuple[float, float]


def boxed_listing(
    root: Path, entry: Mapping[str, Any], path: Path, rows: Sequence[ListRow]
) -> Listing:
    """Return the listing of a list's rows, whose files exist; UserError for anything wrong.

    A row without a label and corners is an image without objects.
    """
    split_of = _splits(path, rows)
    images = [(split, without_suffix(image), "", image) for image, split in split_of.items()]
    if "held_out" in entry:
        images = hold_out(images, entry["held_out"])
    check_splits(images, root, "held_out" in entry)
    sizes = {image: size for image in split_of if (size := size_in_header(root / image))}
    objects = _objects(path, rows, sizes, Flaws.of(entry))
    found = {row[2] for row in objects}
    if not found:
        raise UserError(f"{path} has no objects: add the labels and corners of some.")
    if "classes" in entry:
        check_named(entry["classes"], found, path)
    classes = sorted(entry.get("classes", found))
    chosen = [row for row in objects if row[2] in classes]
    known = {without_suffix(image): size for image, size in sizes.items()}
    return make_listing(images, classes, sorted(chosen), sizes=known)


def _splits(path: Path, rows: Sequence[ListRow]) -> dict[str, str]:
    """Return the split of each image; UserError if lines of one disagree."""
    split_of: dict[str, str] = {}
    wrong = [row for row in rows if split_of.setdefault(row.image, row.split) != row.split]
    if wrong:
        names = first_names(dict.fromkeys(row.image for row in wrong))
        raise UserError(
            f"{path} has images in more than one split (first: {names}; line {wrong[0].line}): "
            "give all lines of an image the same split."
        )
    return split_of


def _objects(
    path: Path, rows: Sequence[ListRow], sizes: Mapping[str, Size], flaws: Flaws
) -> list[tuple]:
    """Return rows of OBJECT_COLUMNS; `sizes` are those of the images that can be read."""
    objects = []
    counts: Counter[str] = Counter()
    for row in rows:
        if not any(row.cells[name] for name in ("label", *CORNERS)):
            continue
        counts[row.image] += 1
        with flaws.of_annotation(f"line {row.line}"):
            one = _object(row, sizes.get(row.image))
            objects.append((without_suffix(row.image), counts[row.image], *one))
    flaws.settle(path, len(rows), "lines")
    return objects


def _object(row: ListRow, size: Size | None) -> tuple:
    """Return class, corners and difficulty (0 by default) of an object."""
    if not is_class_name(row.label):
        raise Flaw(f"its label is '{printable(row.label)}', not 1 to 100 characters, no slash")
    difficult = row.cells.get("difficult") or "0"
    if difficult not in ("0", "1"):
        raise Flaw(f"its difficult is '{printable(difficult)}', neither 0 nor 1")
    xmin, ymin, xmax, ymax = corners = tuple(_number(row, name) for name in CORNERS)
    words = f"its box goes from ({xmin:g}, {ymin:g}) to ({xmax:g}, {ymax:g})"
    if not (xmin < xmax and ymin < ymax):
        raise BadBox(f"{words}, which is empty")
    if size:
        check_inside(corners, size, words)
    return row.label, *corners, int(difficult)


def _number(row: ListRow, column: str) -> float:
    text = row.cells[column]
    if not DECIMAL.fullmatch(text):
        raise Flaw(f"its {column} is '{printable(text)}', not a number")
    return float(text)
