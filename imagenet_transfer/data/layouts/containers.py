"""Which split the files of a container layout hold, by their names or their folders."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagenet_transfer.data.layouts.listing import LayoutError, first_names, found_in
from imagenet_transfer.data.layouts.own import SPLITS, say, split_of
from imagenet_transfer.errors import UserError

SPLIT_IN_NAME = re.compile(rf"({'|'.join(SPLITS)})(?:[-_. 0-9].*)?", re.IGNORECASE)


def files_of_splits(root: Path, suffix: str, entry: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the files with a suffix, relative to the root, by split; by "" if a share is held out.

    They lie in the root, in `data` or in a folder of the split, and their names or these folders
    begin with that of a split. Raises LayoutError if there are none, and UserError unless either
    they belong to splits or the entry declares `held_out`.
    """
    paths = [path for place in places_of(root) for path in sorted(place.iterdir())]
    files = {
        path.relative_to(root).as_posix(): _split(path, root)
        for path in paths
        if path.name.lower().endswith(suffix) and path.name[0] != "." and not path.is_dir()
    }
    if not files:
        raise LayoutError(
            f"{root} has no files train-*{suffix}, neither there nor in data/{found_in(root)}: put "
            "the files there, or correct `root` in the config."
        )
    splits = set(filter(None, files.values()))
    if "held_out" in entry:
        _check_no_tests(root, splits)
        return {"": [file for file, split in files.items() if split or not splits]}
    if not splits:
        raise UserError(
            f"{root} has files whose names do not say of which split they are (first: "
            f"{first_names(files)}): call them train-*{suffix} and val-*{suffix}, or declare the "
            "share of each class to hold out, such as `held_out: 0.2`."
        )
    if strangers := [file for file, split in files.items() if not split]:
        say(f"{root}: {first_names(strangers)} left out, as the names are not those of a split.")
    return {split: [file for file in files if files[file] == split] for split in sorted(splits)}


def places_of(root: Path) -> list[Path]:
    """Return the folders that may hold files of a container layout."""
    of_splits = [path for path in sorted(root.iterdir()) if split_of(path.name)]
    return [path for path in (root, root / "data", *of_splits) if path.is_dir()]


def _split(path: Path, root: Path) -> str:
    """Return the split that a file's name, or else its folder, stands for; "" if there is none."""
    match = SPLIT_IN_NAME.fullmatch(path.name.rpartition(".")[0])
    if match:
        return split_of(match[1])
    return split_of(path.parent.name) if path.parent != root else ""


def _check_no_tests(root: Path, splits: set[str]) -> None:
    """Raise UserError if a share is to be held out where there are tests already."""
    if splits - {"train"}:
        raise UserError(
            f"{root} has files of {first_names(sorted(splits))}, but the config declares "
            "`held_out`: remove that key to use these splits."
        )
