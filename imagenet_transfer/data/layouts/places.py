"""Places365 and Places205 at 256 pixels: class folders, and lists of `path label` lines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.data.layouts.listing import (
    IMAGE,
    NUMBER,
    LayoutError,
    Listing,
    check_folder,
    check_present,
    check_unique,
    files_by_stem,
    first_names,
    found_in,
    make_listing,
    read_class_names,
    read_columns,
)
from imagenet_transfer.errors import UserError

PLACES365_IMAGES = ("data_256_standard", "data_256")
PLACES205_IMAGES = ("data/vision/torralba/deeplearning/images256", "images256")
PLACES205_LISTS = "trainvalsplit_places205"
PLACES205_CATEGORIES = "categoryIndex_places205.csv"
Entries = Sequence[tuple[str, int]]  # path without leading slash, label


def read_365(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry of layout places365."""
    return read_places365(root)


def read_205(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry of layout places205."""
    return read_places205(root)


def read_places365(root: Path) -> Listing:
    """Return splits train and val of Places365-Standard.

    Classes, such as 'a/airfield', are in the order of their index. An image's id is its path
    without suffix: 'a/airfield/00000001', 'Places365_val_00000001'. Raises UserError if a list is
    missing, if it names an image that is missing, or if it disagrees with the categories.
    """
    classes = _read_classes(root / "categories_places365.txt")
    images = _image_folder(root, PLACES365_IMAGES)
    files = _class_files(images, classes)
    train_list = root / "places365_train_standard.txt"
    train = _rows("train", train_list, classes, files, images, root)
    images = check_folder(root / "val_256")
    val = _rows("val", root / "places365_val.txt", classes, files_by_stem(images), images, root)
    return make_listing(train + val, classes)


def read_places205(root: Path) -> Listing:
    """Return splits train and val of Places205; classes and images have names as in Places365.

    The index of categories is published with the networks, not with the lists: it may be with the
    lists, in the root, or missing, as the training list has each label with its folder. Raises
    UserError as `read_places365` does.
    """
    lists = check_folder(root / PLACES205_LISTS)
    categories = next(
        (path for path in (lists, root) if (path / PLACES205_CATEGORIES).is_file()), None
    )
    if categories:
        classes = _read_classes(categories / PLACES205_CATEGORIES)
    else:
        classes = _classes_of(lists / "train_places205.csv")
    images = _image_folder(root, PLACES205_IMAGES)
    files = _class_files(images, classes)
    train = _rows("train", lists / "train_places205.csv", classes, files, images, root)
    val = _rows("val", lists / "val_places205.csv", classes, files, images, root)
    return make_listing(train + val, classes)


def _read_entries(path: Path, name: str = IMAGE) -> Entries:
    lines = read_columns(path, rf"/*({name})\s+({NUMBER})", "path label")
    return [(name, int(label)) for name, label in lines]


def _read_classes(path: Path) -> list[str]:
    """Return the classes by index; raise UserError unless the indices are 0, 1, 2, ..."""
    return _numbered(_read_entries(path, r"\S+"), path)


def _classes_of(path: Path) -> list[str]:
    """Return the folders of a list of images, by label."""
    return _numbered(
        sorted({(name.rpartition("/")[0], label) for name, label in _read_entries(path)}), path
    )


def _numbered(entries: Entries, path: Path) -> list[str]:
    entries = sorted(entries, key=lambda entry: entry[1])
    if [label for _, label in entries] != list(range(len(entries))):
        raise UserError(
            f"{path} should number its {len(entries)} classes from 0 without gaps: unpack it again."
        )
    return read_class_names(path, [name for name, _ in entries])


def _image_folder(root: Path, names: Sequence[str]) -> Path:
    folder = next((root / name for name in names if (root / name).is_dir()), None)
    if folder is None:
        raise LayoutError(
            f"{root} has neither {' nor '.join(f'{name}/' for name in names)}{found_in(root)}: "
            "unpack the images there or correct `root` in the config."
        )
    return folder


def _class_files(folder: Path, classes: Sequence[str]) -> dict[str, str]:
    """Return image id -> file of all classes, both starting with the class."""
    missing = [name for name in classes if not (folder / name).is_dir()]
    check_present(missing, len(classes), folder, "class folders")
    files = {name: files_by_stem(folder / name) for name in classes}
    return {
        f"{name}/{stem}": f"{name}/{file}" for name in classes for stem, file in files[name].items()
    }


def _rows(
    split: str,
    path: Path,
    classes: Sequence[str],
    files: Mapping[str, str],
    images: Path,
    root: Path,
) -> list[tuple[str, str, str, str]]:
    """Return the rows of the images that a list names, perhaps with other suffixes than on disk."""
    entries = [(name.rpartition(".")[0], label) for name, label in _read_entries(path)]
    _check_labels(path, entries, classes)
    check_unique([name for name, _ in entries], path, "images")
    check_present(
        [name for name, _ in entries if name not in files], len(entries), images, f"{split} images"
    )
    prefix = images.relative_to(root).as_posix()
    return [(split, name, classes[label], f"{prefix}/{files[name]}") for name, label in entries]


def _check_labels(path: Path, entries: Entries, classes: Sequence[str]) -> None:
    """Raise UserError if a label has no category, or is not that of the image's class folder."""
    beyond = [f"{name} {label}" for name, label in entries if label >= len(classes)]
    if beyond:
        raise UserError(
            f"{path} has labels beyond the {len(classes)} categories (first: "
            f"{first_names(beyond)}): unpack it and the categories again."
        )
    wrong = [
        name for name, label in entries if "/" in name and name.rpartition("/")[0] != classes[label]
    ]
    if wrong:
        raise UserError(
            f"{path} gives {len(wrong):,} images a label that is not their folder's (first: "
            f"{first_names(wrong)}): unpack it and the categories again."
        )
