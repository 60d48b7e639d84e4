"""What a data set on disk holds, and the small readers that every layout shares."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from imagenet_transfer.errors import UserError

IMAGE_COLUMNS = ["image", "split", "class", "path"]
OBJECT_COLUMNS = ["image", "object", "class", "xmin", "ymin", "xmax", "ymax", "difficult"]
IMAGE_SUFFIXES = frozenset({"jpeg", "jpg", "png", "gif", "bmp", "ppm", "tif", "tiff", "webp"})
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")


@dataclass(frozen=True)
class Listing:
    """The images of a data set with their classes and objects.

    `images`: image (unique id), split, class ('' for VOC), path (relative to the root); sorted by split and image.
    `objects`: boxes as the annotation has them (1-based, inclusive pixels); `object` counts from 1 within its image.
        The action set has one more column an action (1, 0: unclear, -1).
    `classes`: names in label order.
    """

    images: pd.DataFrame
    objects: pd.DataFrame
    classes: tuple[str, ...]


def make_listing(
    rows: Iterable[tuple[str, str, str, str]],
    classes: Sequence[str],
    objects: Iterable[tuple] = (),
    more_columns: Sequence[str] = (),
) -> Listing:
    """Return the listing of (split, image, class, path) rows; UserError if two files share an image id.

    `objects` are rows of OBJECT_COLUMNS followed by `more_columns`.
    """
    ordered = sorted(rows)
    images = pd.DataFrame(ordered, columns=["split", "image", "class", "path"])[IMAGE_COLUMNS]
    repeated = images.path[images.image.duplicated(keep=False)]
    if len(repeated):
        raise UserError(
            f"{len(repeated)} image files share their name with another one (first: {first_names(repeated)}), but an "
            "image is known by its name without suffix: remove or rename the copies."
        )
    return Listing(images, pd.DataFrame(list(objects), columns=[*OBJECT_COLUMNS, *more_columns]), tuple(classes))


def image_files(folder: Path) -> list[tuple[str, str]]:
    """Return (stem, file name) of the images directly in `folder`, by name; any case of suffix, hidden files left out.

    Names alone decide: a dangling link is listed here, and named as unreadable when it is packed.
    """
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    parts = ((name.rpartition("."), name) for name in names if not name.startswith("."))
    return [(stem, name) for (stem, _, suffix), name in parts if stem and suffix.lower() in IMAGE_SUFFIXES]


def subfolders(folder: Path) -> list[str]:
    """Return the names of the folders (or links to folders) directly in `folder`, ascending."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())


def read_lines(path: Path) -> list[str]:
    """Return the stripped, non-empty lines of a text file (LF or CRLF); UserError if it is missing or no text."""
    if not path.is_file():
        raise UserError(f"{path} is missing: unpack the data set completely or correct its `root` in the config.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file: unpack the data set again.") from None
    return [line.strip() for line in lines if line.strip()]


def check_folder(folder: Path) -> Path:
    """Return `folder`; UserError if it is not there, naming an archive that still waits to be unpacked."""
    if folder.is_dir():
        return folder
    raise UserError(
        f"{folder} is missing{archive_hint(folder.parent)}: unpack the data set there "
        "or correct its `root` in the config."
    )


def archive_hint(folder: Path) -> str:
    """Return a half-sentence that names the archives still packed in `folder`, or ''."""
    if not folder.is_dir():
        return ""
    archives = [path.name for path in sorted(folder.iterdir()) if path.name.lower().endswith(ARCHIVE_SUFFIXES)]
    if not archives:
        return ""
    return f" ({first_names(archives)} in {folder} {'is' if len(archives) == 1 else 'are'} still packed)"


def first_names(names: Iterable[str], number: int = 3) -> str:
    """Return the first few names, comma-separated, with dots if there are more."""
    names = list(names)
    return ", ".join(names[:number]) + (", ..." if len(names) > number else "")


def check_present(missing: Sequence[str], total: int, folder: Path, what: str) -> None:
    """Raise UserError if anything that should lie in `folder` is missing; `what` is a plural noun."""
    if missing:
        raise UserError(
            f"{folder} lacks {len(missing):,} of {total:,} {what} (first: {first_names(missing)})"
            f"{archive_hint(folder)}: the data set seems half unpacked; unpack it again "
            "or correct its `root` in the config."
        )


def class_folder_rows(root: Path, folder: Path, wnids: Sequence[str], split: str, inner: str = "") -> list[tuple]:
    """Return the (split, image, class, path) rows of `folder/<wnid>/[inner/]*`; other folders are not looked at.

    Raises UserError if a class has no folder or no image.
    """
    present = set(subfolders(check_folder(folder)))
    check_present([wnid for wnid in wnids if wnid not in present], len(wnids), folder, "class folders")
    prefix = folder.relative_to(root).as_posix()
    rows, empty = [], []
    for wnid in wnids:
        path = f"{prefix}/{wnid}/{inner}"
        files = image_files(check_folder(root / path))
        rows.extend((split, stem, wnid, path + name) for stem, name in files)
        empty += [] if files else [wnid]
    if empty:
        raise UserError(
            f"{len(empty)} class folders in {folder} hold no images (first: {first_names(empty)})"
            f"{archive_hint(folder / empty[0])}: unpack them, or correct `root` or `layout` in the config."
        )
    return rows


def labelled_rows(root: Path, folder: Path, labels: dict[str, str], wnids: Sequence[str], split: str) -> list[tuple]:
    """Return the rows of a flat folder whose classes come from `labels` (stem -> wnid), for `wnids` alone.

    Raises UserError if an image has no label or a labelled image no file.
    """
    files = dict(image_files(check_folder(folder)))
    unlabelled = [name for stem, name in files.items() if stem not in labels]
    if unlabelled:
        raise UserError(
            f"{len(unlabelled):,} images in {folder} have no label (first: {first_names(unlabelled)}): "
            "remove them or give the label file that belongs to this folder."
        )
    wanted = frozenset(wnids)
    chosen = {stem: wnid for stem, wnid in labels.items() if wnid in wanted}
    check_present([stem for stem in chosen if stem not in files], len(chosen), folder, "labelled images")
    check_present(sorted(wanted.difference(chosen.values())), len(wanted), folder, "classes")
    prefix = folder.relative_to(root).as_posix()
    return [(split, stem, wnid, f"{prefix}/{files[stem]}") for stem, wnid in chosen.items()]
