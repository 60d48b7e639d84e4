"""Which layouts a folder looks like, by the names at its top: for whoever names another layout."""

import itertools
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from imagenet_transfer.data.layouts.ilsvrc import DATA_FOLDERS
from imagenet_transfer.data.layouts.listing import IMAGE_SUFFIXES, WNID, subfolders
from imagenet_transfer.data.layouts.own import TESTED, split_of

PEEK = 200  # entries of a folder that are looked at
ILSVRC_ARCHIVE = re.compile(r"ILSVRC.*|n[0-9]{8}\.tar")
WNIDS_OF_TINY = "wnids.txt"
ILSVRC_SPLITS = tuple(f"{folder}/train" for folder in DATA_FOLDERS)


def looks_like(root: Path) -> list[str]:
    """Return the layouts that a folder looks like; none if there is no folder."""
    try:
        return [layout for layout, sign in SIGNS.items() if root.is_dir() and sign(root)]
    except OSError:
        return []


def _has(*names: str) -> Callable[[Path], bool]:
    """Return a sign: one of these files or folders is there; names may have wildcards."""
    return lambda root: any(next(root.glob(name), None) for name in names)


def _is_ilsvrc(root: Path) -> bool:
    return not (root / WNIDS_OF_TINY).exists() and any(
        WNID.fullmatch(name)
        for folder in ILSVRC_SPLITS
        if (root / folder).is_dir()
        for name in subfolders(root / folder)[:PEEK]
    )


def _is_coco(root: Path) -> bool:
    return _has("annotations/instances*.json", "instances*.json")(root)


def _is_folder(root: Path) -> bool:
    """Return whether there are splits of class folders, or class folders with pictures."""
    if _is_coco(root):  # whose splits are folders with pictures
        return False
    splits = {split_of(name): root / name for name in subfolders(root) if split_of(name)}
    if "train" in splits and not splits.keys().isdisjoint(TESTED):
        return all(len(subfolders(of)) > 1 and not _has_pictures(of) for of in splits.values())
    return sum(_has_pictures(root / name) for name in subfolders(root)[:3]) > 1


def _has_pictures(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in itertools.islice(entries, PEEK)]
    return any(name.rpartition(".")[2].lower() in IMAGE_SUFFIXES for name in names)


def _is_webdataset(root: Path) -> bool:
    tars = itertools.chain(root.glob("*.tar"), root.glob("data/*.tar"))
    return any(not ILSVRC_ARCHIVE.fullmatch(path.name) for path in tars)


SIGNS: Mapping[str, Callable[[Path], bool]] = {
    "ilsvrc": _is_ilsvrc,
    "tiny-imagenet": _has(WNIDS_OF_TINY, f"tiny-imagenet-200/{WNIDS_OF_TINY}"),
    "voc": _has("ImageSets/Main", "*/ImageSets/Main"),
    "coco": _is_coco,
    "voc-action": _has("VOC2012/ImageSets/Action"),
    "sun397": _has("Training_[0-9][0-9].txt", "Partitions/Training_[0-9][0-9].txt"),
    "places365": _has("categories_places365.txt"),
    "places205": _has("trainvalsplit_places205"),
    "folder": _is_folder,
    "list": _has("list.csv"),
    "parquet": _has("*.parquet", "data/*.parquet"),
    "webdataset": _is_webdataset,
}
