"""Pictures in one folder per class: below `train`, `val` and `test`, or below the root itself.

As in torchvision's ImageFolder, pictures may be in folders inside a class folder.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.data.layouts.listing import (
    IMAGE_SUFFIXES,
    LayoutError,
    Listing,
    NamesError,
    check_folder,
    check_present,
    first_names,
    found_in,
    image_files,
    printable,
    subfolders,
)
from imagenet_transfer.data.layouts.own import (
    TESTED,
    Row,
    own_listing,
    split_of,
    without_suffix,
)
from imagenet_transfer.data.sources import MAX_IMAGE_BYTES
from imagenet_transfer.errors import UserError

NOT_CLASSES = ("__MACOSX",)  # what macOS leaves in archives


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry: splits as there are, or train and test by `held_out`.

    An image's id is its class and its path in the class folder without suffix, 'cat/0001', and if
    two splits have such a name for different images, the split's folder before it.
    """
    folders = _split_folders(root)
    if "held_out" in entry:
        _check_one_level(root, folders)
        return own_listing(root, entry, _rows(root, root, ""))
    if "train" not in folders or len(folders) == 1:
        raise LayoutError(_lack(root, folders))
    rows = {split: _rows(root, root / name, split) for split, name in folders.items()}
    for split in folders:
        _check_same_classes(root / folders[split], rows["train"], rows[split])
    return own_listing(root, entry, _told_apart(root, rows))


def _split_folders(root: Path) -> dict[str, str]:
    """Return the folders of splits by split; UserError if a split has two."""
    folders: dict[str, str] = {}
    for name in (name for name in subfolders(root) if split_of(name)):
        other = folders.setdefault(split_of(name), name)
        if other != name:
            raise UserError(
                f"{root} has two folders for {split_of(name)}, {other}/ and {name}/: join them, or "
                "move one elsewhere."
            )
    return folders


def _lack(root: Path, folders: Mapping[str, str]) -> str:
    """Return what to say of a root without `train`, or with nothing to test on."""
    for name in ("train", *TESTED):
        if (root / name).is_file():
            check_folder(root / name)
    share = "declare the share of each class to hold out, such as `held_out: 0.2`"
    if "train" not in folders:
        return (
            f"{root} has no folder train{found_in(root)}: sort the pictures into train/<class>/ "
            f"and val/<class>/; or, if the folders there are the classes, {share}."
        )
    train = folders["train"]
    return (
        f"{root} has {train}/, but neither val nor test: add val/<class>/; or set `root` to "
        f"{root / train} and {share}."
    )


def _check_one_level(root: Path, folders: Mapping[str, str]) -> None:
    """Raise UserError if a share is to be held out where there are splits already."""
    below = ", ".join(f"{name}/" for name in folders.values())
    if len(folders) > 1 and "train" in folders:
        raise UserError(
            f"{root} has {below}, but the config declares `held_out`: remove that key to use these "
            "splits, or set `root` to the one folder from which a share is held out."
        )
    classes = _class_folders(root)
    inner = next((root / name for name in classes if len(_split_folders(root / name)) > 1), None)
    inside = root / next(iter(folders.values()), "") if len(folders) == len(classes) else inner
    if classes and inside:
        raise UserError(
            f"{root} has {first_names(f'{name}/' for name in classes)}, which are not classes: "
            f"with `held_out`, `root` is the folder that holds the class folders; set it to "
            f"{inside} or to one below."
        )


def _class_folders(folder: Path) -> list[str]:
    return [name for name in subfolders(folder) if name not in NOT_CLASSES]


def _rows(root: Path, folder: Path, split: str) -> list[Row]:
    """Return the rows of the pictures in the class folders in `folder`; LayoutError if it lacks any.

    Pictures outside class folders are refused.
    """
    classes = _class_folders(folder)
    _check_loose(folder, classes)
    prefix = "" if folder == root else f"{folder.relative_to(root).as_posix()}/"
    rows = []
    empty = []
    for name in classes:
        below = f"{prefix}{name}/"
        paths = list(pictures_below(root / below, below))
        rows += [(split, without_suffix(path[len(prefix) :]), name, path) for path in paths]
        empty += [] if paths else [name]
    if empty:
        raise LayoutError(
            f"{len(empty):,} class folders in {folder} have no pictures (first: "
            f"{first_names(empty)}){found_in(folder / empty[0])}: unpack or remove them."
        )
    return rows


def _check_loose(folder: Path, classes: Sequence[str]) -> None:
    loose = [name for _, name in image_files(folder) if name not in classes]
    if not classes:
        raise LayoutError(
            f"{folder} has no class folders{found_in(folder)}: sort the pictures into one folder "
            "per class; pictures without labels belong elsewhere."
        )
    if loose:
        raise LayoutError(
            f"{folder} has class folders and {len(loose):,} pictures outside them (first: "
            f"{first_names(loose)}): sort these into the class folders, or move them elsewhere."
        )


def pictures_below(
    folder: Path, prefix: str, above: tuple[tuple[int, int], ...] = ()
) -> Iterator[str]:
    """Yield the paths of the pictures in a folder and below, ascending; hidden ones do not count.

    Raises UserError for links that lead in a circle.
    """
    place = folder.stat()
    here = (place.st_dev, place.st_ino)
    if here in above:
        raise UserError(
            f"{printable(str(folder), 300)} is a link to a folder that it lies in: remove the link."
        )
    with os.scandir(folder) as entries:
        names = sorted((entry.name, entry.is_dir()) for entry in entries if entry.name[0] != ".")
    for name, is_folder in names:
        if is_folder:
            yield from pictures_below(folder / name, f"{prefix}{name}/", (*above, here))
        elif name.rpartition(".")[2].lower() in IMAGE_SUFFIXES and "." in name[1:]:
            yield prefix + name


def _check_same_classes(folder: Path, train: Sequence[Row], rows: Sequence[Row]) -> None:
    """Raise UserError unless a split has the classes of train, no others and no fewer."""
    wanted = {name for _, _, name, _ in train}
    found = {name for _, _, name, _ in rows}
    strangers = sorted(found - wanted)
    if strangers:
        raise LayoutError(
            f"{folder} has {len(strangers):,} classes that train does not have (first: "
            f"{first_names(strangers)}): add training pictures of them, or remove them."
        )
    check_present(sorted(wanted - found), len(wanted), folder, "class folders")


def _told_apart(root: Path, rows: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Return the rows of all splits; if splits share names of images, their ids get the split.

    Raises NamesError if files of the same name are the same image.
    """
    together = [row for of_split in rows.values() for row in of_split]
    shared = _shared_names(rows)
    if not shared:
        return together
    copies = [paths for paths in shared if _has_copies([root / path for path in paths])]
    if copies:
        raise NamesError(
            f"{len(copies):,} images are in more than one split (first: {first_names(copies[0])}), "
            "so that networks would be tested on training images: remove them from one."
        )
    return [(split, without_suffix(path), name, path) for split, _, name, path in together]


def _shared_names(rows: Mapping[str, Sequence[Row]]) -> list[list[str]]:
    """Return the paths of the images whose id is in several splits."""
    tested = {image for split in rows if split in TESTED for _, image, _, _ in rows[split]}
    paths: dict[str, dict[str, str]] = defaultdict(dict)
    for split, of_split in rows.items():
        for _, image, _, path in of_split:
            if image in tested:
                paths[image][split] = path
    return [list(same.values()) for same in paths.values() if len(same) > 1]


def _has_copies(paths: Sequence[Path]) -> bool:
    """Return whether two of these files have the same bytes."""
    sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
    alike = [
        path
        for path, size in zip(paths, sizes, strict=True)
        if 0 < size <= MAX_IMAGE_BYTES and sizes.count(size) > 1
    ]
    return len({path.read_bytes() for path in alike}) < len(alike)
