"""Tiny ImageNet as unpacked: 200 of the ILSVRC classes at 64×64 pixels."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from imagenet_transfer.data.layouts.listing import (
    IMAGE,
    WNID,
    Listing,
    check_unique,
    class_folder_rows,
    labelled_rows,
    make_listing,
    read_columns,
)


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry."""
    return read_tiny_imagenet(root, wnids)


def read_tiny_imagenet(root: Path, wnids: Sequence[str]) -> Listing:
    """Return splits train and val of the given classes (if none, of wnids.txt).

    The test images have no labels.
    """
    data = next(
        (path for path in (root, root / "tiny-imagenet-200") if (path / "train").is_dir()), root
    )
    path = data / "wnids.txt"
    known = [wnid for (wnid,) in read_columns(path, f"({WNID.pattern})", "wnid")]
    check_unique(known, path, "wnids")
    wnids = sorted(wnids or known)
    rows = class_folder_rows(root, data / "train", wnids, "train", inner="images/")
    labels = _annotations(data / "val" / "val_annotations.txt")
    return make_listing(
        rows + labelled_rows(root, data / "val" / "images", labels, wnids, known, "val"), wnids
    )


def _annotations(path: Path) -> dict[str, str]:
    """Return image -> wnid of the `file wnid xmin ymin xmax ymax` lines."""
    line = rf"({IMAGE})\s+({WNID.pattern})(?:\s+[0-9]+){{4}}"
    pairs = read_columns(path, line, "file wnid xmin ymin xmax ymax")
    check_unique([name for name, _ in pairs], path, "images")
    return {PurePosixPath(name).stem: wnid for name, wnid in pairs}
