"""The images, classes and objects of a data set on disk, and what all layouts need to read them."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from imagenet_transfer.data.sources import Files, Source
from imagenet_transfer.errors import UserError

IMAGE_COLUMNS = ["image", "split", "class", "path"]
CORNERS = ["xmin", "ymin", "xmax", "ymax"]  # of a box: pixels, counted from 1, both ends included
OBJECT_COLUMNS = ["image", "object", "class", *CORNERS, "difficult"]
IMAGE_SUFFIXES = frozenset({"jpeg", "jpg", "png", "gif", "bmp", "ppm", "tif", "tiff", "webp"})
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")
WNID = re.compile(r"n[0-9]{8}")
NUMBER = "[0-9]{1,9}"  # of a label or an object; `int` would refuse 5,000 digits
IMAGE = r"\S(?:.*\S)?\.[A-Za-z]{1,5}"  # in a list; it may have spaces, but not after the suffix


class LayoutError(UserError):
    """A file or folder is not where it should be; `list_dataset` adds where to read about it."""


class NamesError(UserError):
    """Names of images are not unique, or not fit for tables; `list_dataset` adds the root."""


@dataclass(frozen=True)
class Listing:
    """The images of a data set with their classes and objects.

    `images`: image (unique id), split, class ('' for VOC), path (relative to the root); sorted by
        split and image, or within a split in the order in which its source reads fast.
    `objects`: boxes as in the annotations (1-based, inclusive pixels); `object` counts from 1 in
        its image. The action set has one more column per action (1, 0: unclear, -1).
    `classes`: names in label order.
    `sizes`: width and height in pixels of images whose annotations state them; packing checks them.
    `source`: what reads the images if they are not files of their own; see `reader`.
    """

    images: pd.DataFrame
    objects: pd.DataFrame
    classes: tuple[str, ...]
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    source: Source | None = None

    def reader(self, root: Path) -> Source:
        """Return what gives an image's bytes by its path: below `root`, unless it has a source."""
        return self.source or Files(root)


def make_listing(
    rows: Iterable[tuple[str, str, str, str]],
    classes: Sequence[str],
    objects: Iterable[tuple] = (),
    more_columns: Sequence[str] = (),
    sizes: Mapping[str, tuple[float, float]] | None = None,
    source: Source | None = None,
) -> Listing:
    """Return the listing of (split, image, class, path) rows; NamesError unless images are unique.

    `objects` are rows of OBJECT_COLUMNS followed by `more_columns`; `sizes` the width and height by
    image. Rows that a `source` reads keep their order within a split.
    """
    ordered = sorted(rows) if source is None else sorted(rows, key=lambda row: row[0])
    # First: pandas with pyarrow stores only UTF-8
    check_encoding(image if path.isprintable() else path for _, image, _, path in ordered)
    images = pd.DataFrame(ordered, columns=["split", "image", "class", "path"])[IMAGE_COLUMNS]
    repeated = images[images.image.duplicated(keep=False)]
    if len(repeated) and repeated.path.duplicated().any():
        names = repeated.image[repeated.path.duplicated()].tolist()
        raise NamesError(
            f"{len(names):,} images are in more than one split (first: {first_names(names)}), so "
            "that networks would be tested on training images: unpack the lists of the data set "
            "again."
        )
    if len(repeated):
        raise NamesError(
            f"{len(repeated)} image files share their name with another one (first: "
            f"{first_names(repeated.path)}), but an image is known by its name without suffix: "
            "remove or rename the copies."
        )
    boxes = pd.DataFrame(list(objects), columns=[*OBJECT_COLUMNS, *more_columns])
    return Listing(images, boxes, tuple(classes), sizes or {}, source)


def check_encoding(paths: Iterable[str]) -> None:
    """Raise NamesError for names that tables cannot store, or cannot store on one line.

    Those are names that are not UTF-8 on disk, and names with control characters: a carriage return
    ends a line of a CSV, for instance.
    """
    odd = [path for path in paths if not path.isprintable()]
    undecoded = [path for path in odd if any("\ud800" <= letter <= "\udfff" for letter in path)]
    if undecoded:
        raise NamesError(
            f"{len(undecoded):,} file names are not UTF-8 (first: {first_names(undecoded)}): "
            "rename the files."
        )
    controlled = [path for path in odd if has_controls(path)]
    if controlled:
        raise NamesError(
            f"{len(controlled):,} names of images have control characters, such as line ends "
            f"(first: {first_names(controlled)}): rename the files."
        )


def has_controls(text: str) -> bool:
    """Return whether a text has control characters or separators of lines."""
    return any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in text)


# --- folders --------------------------------------------------------------------------------------


def image_files(folder: Path) -> list[tuple[str, str]]:
    """Return (stem, file name) of the images directly in `folder`, by name, without hidden files.

    Only the suffix decides, in any case: a dangling link is listed here, and packing reports it.
    """
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    parts = ((name.rpartition("."), name) for name in names if not name.startswith("."))
    return [
        (stem, name)
        for (stem, _, suffix), name in parts
        if stem and suffix.lower() in IMAGE_SUFFIXES
    ]


def files_by_stem(folder: Path) -> dict[str, str]:
    """Return stem -> file name of the images in `folder`; UserError if a stem appears twice."""
    files = image_files(folder)
    check_unique([stem for stem, _ in files], folder, "images (apart from the suffix)")
    return dict(files)


def subfolders(folder: Path) -> list[str]:
    """Return the names of the folders (or links to folders) directly in `folder`, ascending."""
    with os.scandir(folder) as entries:
        return sorted(
            entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()
        )


def check_folder(folder: Path) -> Path:
    """Return `folder`; raise LayoutError, which says what is there instead, if it is missing."""
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise LayoutError(
            f"{folder} is a file where a folder is expected: unpack it, or correct `root` in the "
            "config."
        )
    raise LayoutError(
        f"{folder} is missing{found_in(folder.parent)}: unpack the data set there or correct its "
        "`root` in the config."
    )


def check_present(missing: Sequence[str], total: int, folder: Path, what: str) -> None:
    """Raise LayoutError if anything is missing in `folder`; `what` is a plural noun."""
    if missing:
        raise LayoutError(
            f"{folder} lacks {len(missing):,} of {total:,} {what} (first: {first_names(missing)})"
            f"{found_in(folder)}: the data set seems half unpacked; unpack it again or correct its "
            "`root` in the config."
        )


def found_in(folder: Path) -> str:
    """Return " (... holds ...)": what is in `folder` or the nearest one above, archives first."""
    folder = next(path for path in (folder, *folder.parents) if path.is_dir())
    with os.scandir(folder) as entries:
        names = [
            f"{entry.name}/" if entry.is_dir() else entry.name
            for entry in entries
            if entry.name[0] != "."
        ]
    packed = sorted(name for name in names if name.lower().endswith(ARCHIVE_SUFFIXES))
    others = sorted(set(names).difference(packed))
    place = folder.absolute() if folder == Path() else folder
    listed = [f"{printable(name)}, still packed" for name in packed[:3]] + [
        printable(name) for name in others[:4]
    ]
    more = ", ..." if len(listed) < len(names) else ""
    return f" ({place} holds {', '.join(listed)}{more})" if listed else f" ({place} is empty)"


# --- text files -----------------------------------------------------------------------------------


def read_lines(path: Path) -> list[str]:
    """Return the stripped, non-blank lines of a UTF-8 text file.

    Any line endings will do, with or without a byte-order mark. Raises UserError if the file is
    missing, not text, or blank.
    """
    return [line for _, line in numbered_lines(path)]


def read_columns(path: Path, pattern: str, wanted: str) -> list[tuple[str, ...]]:
    """Return the groups of `pattern` in each line that is not blank.

    Raises UserError as `read_lines` does, and for a line that does not match: it is not `wanted`.
    """
    matcher = re.compile(pattern)
    rows = []
    for number, line in numbered_lines(path):
        match = matcher.fullmatch(line)
        if match is None:
            raise UserError(
                f"{path}, line {number}: '{printable(line)}' is not `{wanted}`: "
                "unpack or fetch it again."
            )
        rows.append(match.groups())
    return rows


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of `read_lines` with their numbers, from 1."""
    if not path.is_file():
        raise LayoutError(
            f"{path} is missing{found_in(path.parent)}: unpack the data set completely "
            "or correct its `root` in the config."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(f"{path} is not a text file in UTF-8: unpack or fetch it again.")
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    if not lines:
        raise UserError(f"{path} is empty: unpack or fetch it again.")
    return lines


def read_class_names(path: Path, names: Sequence[str]) -> list[str]:
    """Return class names without leading slashes; raise UserError unless they name folders."""
    names = [name.strip("/") for name in names]
    wrong = [
        name
        for name in names
        if not set(name.split("/")).isdisjoint({"", ".", ".."}) or "\\" in name
    ]
    if wrong:
        raise UserError(
            f"{path} has class names that are not folders ({first_names(wrong)}): "
            "unpack or fetch it again."
        )
    check_unique(names, path, "classes")
    return names


def check_unique(names: Iterable[str], path: Path, what: str) -> None:
    """Raise UserError if `path`, a list or folder, has a name twice; `what` is a plural noun."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UserError(
            f"{path} names {len(repeated):,} {what} more than once (first: "
            f"{first_names(repeated)}): remove the copies, or unpack it again."
        )


def is_class_name(name: str) -> bool:
    """Return whether a text can be the name of a class, as metrics and configs have it."""
    return name.isprintable() and 1 <= len(name) <= 100 and "/" not in name


def check_named(named: Sequence[str], found: Collection[str], where: Path) -> None:
    """Raise UserError unless all classes that the config names are among those found."""
    unknown = [name for name in named if name not in found]
    if unknown:
        raise UserError(
            f"{where} lacks {len(unknown):,} of the classes that the config names (first: "
            f"{first_names(unknown)}); it has {first_names(sorted(found), 20)}: correct `classes` "
            "in the config."
        )


def first_names(names: Iterable[str], number: int = 3) -> str:
    """Return the first few names, comma-separated, with "..." if there are more."""
    names = list(names)
    return ", ".join(map(printable, names[:number])) + (", ..." if len(names) > number else "")


def printable(name: str, most: int = 80) -> str:
    """Return a name fit for a message: one line, printable, at most `most` characters."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= most else f"{text[: most - 3]}..."


# --- images with their classes --------------------------------------------------------------------


def class_folder_rows(
    root: Path, folder: Path, wnids: Sequence[str], split: str, inner: str = ""
) -> list[tuple]:
    """Return the (split, image, class, path) rows of `folder/<wnid>/[inner/]*`, for `wnids` only.

    Raises LayoutError if a class has no folder or no image.
    """
    present = set(subfolders(check_folder(folder)))
    check_present(
        [wnid for wnid in wnids if wnid not in present], len(wnids), folder, "class folders"
    )
    prefix = folder.relative_to(root).as_posix()
    rows = []
    empty = []
    for wnid in wnids:
        path = f"{prefix}/{wnid}/{inner}"
        files = image_files(check_folder(root / path))
        rows.extend((split, stem, wnid, path + name) for stem, name in files)
        empty += [] if files else [wnid]
    if empty:
        raise LayoutError(
            f"{len(empty)} class folders in {folder} have no images (first: {first_names(empty)})"
            f"{found_in(folder / empty[0])}: unpack them, or correct `root` or `layout` in the "
            "config."
        )
    return rows


def labelled_rows(
    root: Path,
    folder: Path,
    labels: dict[str, str],
    wnids: Sequence[str],
    known: Iterable[str],
    split: str,
) -> list[tuple]:
    """Return the rows for `wnids` of a flat folder whose classes come from `labels` (stem -> wnid).

    Raises UserError if a label is neither in `wnids` nor in `known`, an image has no label, or a
    labelled image has no file.
    """
    files = files_by_stem(check_folder(folder))
    wanted = frozenset(wnids)
    strangers = sorted(set(labels.values()).difference(wanted, known))
    if strangers:
        raise UserError(
            f"The labels of {folder} name {len(strangers):,} classes that the data set does not "
            f"have (first: {first_names(strangers)}): fetch the label file again."
        )
    unlabelled = [name for stem, name in files.items() if stem not in labels]
    if unlabelled:
        raise UserError(
            f"{len(unlabelled):,} images in {folder} have no label (first: "
            f"{first_names(unlabelled)}): remove them, or add the label file of this folder."
        )
    chosen = {stem: wnid for stem, wnid in labels.items() if wnid in wanted}
    check_present(
        [stem for stem in chosen if stem not in files], len(chosen), folder, "labelled images"
    )
    check_present(sorted(wanted.difference(chosen.values())), len(wanted), folder, "classes")
    prefix = folder.relative_to(root).as_posix()
    return [(split, stem, wnid, f"{prefix}/{files[stem]}") for stem, wnid in chosen.items()]
