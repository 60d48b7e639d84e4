"""What a config would say of a folder that nobody has described yet."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagenet_transfer.data.inspection import TRAINED
from imagenet_transfer.data.known_layouts import ACTIONS, LAYOUTS, WNIDS
from imagenet_transfer.data.layouts import Listing, list_dataset, looks_like
from imagenet_transfer.data.layouts.image_list import LIST
from imagenet_transfer.data.layouts.listing import CORNERS, found_in, numbered_lines, subfolders
from imagenet_transfer.data.layouts.looks import PEEK
from imagenet_transfer.data.layouts.own import TESTED
from imagenet_transfer.data.layouts.voc import SPLITS_OF_YEAR
from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import class_lists, read_classes

HELD_OUT = 0.2  # of each class, if the folder has no splits
LONGEST = 64  # characters of a data set's name in a config
# As in the paper's study
PROPOSALS = {"method": "selective-search", "mode": "fast", "max_boxes": 2000, "min_side": 20}


@dataclass(frozen=True)
class Proposed:
    """A data set's entry in a config, and the images that it lists."""

    entry: Mapping[str, Any]
    listing: Listing

    @property
    def needs_classes(self) -> bool:
        """Whether the study has to name the WordNet classes."""
        return LAYOUTS[self.entry["layout"]].holds == WNIDS


def proposed(root: Path) -> list[Proposed]:
    """Return an entry for each data set that a folder holds, by the layouts that it looks like.

    Entries have an absolute root and declare the numbers found. Raises UserError if the folder
    looks like none, or with what is wrong with the first one if none can be read.
    """
    layouts = looks_like(root)
    if not layouts:
        raise UserError(_unknown(root))
    found: list[Proposed] = []
    errors: list[UserError] = []
    for keys in (keys for layout in layouts for keys in _alternatives(root, layout)):
        try:
            found.append(_first_read(root, keys))
        except UserError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


def slug(name: str) -> str:
    """Return a folder's name as a config has the names of data sets."""
    return re.sub("[^a-z0-9]+", "-", name.lower()[:LONGEST]).strip("-") or "mine"


def list_of_classes(listing: Listing) -> str | None:
    """Return the list of the workflow that has exactly these classes; None if there is none."""
    wanted = set(listing.classes)
    return next((name for name in class_lists() if set(read_classes(name)) == wanted), None)


def _unknown(root: Path) -> str:
    """Return what to say of a folder that looks like no layout."""
    if not root.is_dir():
        return f"{root} is not a folder: name the one that holds the data set."
    below = {name: looks_like(root / name) for name in subfolders(root)[:PEEK]}
    inside = next((name for name, likely in below.items() if likely), None)
    if inside:
        return (
            f"{root} does not look like a known layout, but {root / inside} looks like "
            f"{' or '.join(below[inside])}: name that folder."
        )
    return (
        f"{root} does not look like a known layout{found_in(root)}: sort the pictures into one "
        f"folder per class, or list them in {LIST}; docs/data.md shows what belongs where in the "
        f"layouts {', '.join(LAYOUTS)}."
    )


# --- what an entry may say ------------------------------------------------------------------------


def _alternatives(root: Path, layout: str) -> Iterator[list[dict[str, Any]]]:
    """Yield, for each data set of a layout, the keys that may describe it, the likeliest first."""
    known = {"layout": layout}
    if layout == "voc":
        years = [year for year in SPLITS_OF_YEAR if (root / f"VOC{year}/ImageSets/Main").is_dir()]
        yield from ([known | {"year": year}] for year in years)
        if not years:
            yield [known]
        return
    if layout == "sun397":
        known["partition"] = 1
    if LAYOUTS[layout].holds == ACTIONS:
        known["proposals"] = PROPOSALS
    if layout == "list" and _has_corners(root / LIST):
        known["boxes"] = True
    with_share = [known | {"held_out": HELD_OUT}] if "held_out" in LAYOUTS[layout].takes else []
    yield [known, *with_share]


def _has_corners(path: Path) -> bool:
    """Return whether the first line of a list names the corners of boxes."""
    _, first = numbered_lines(path)[0]
    return {*CORNERS} <= {name.strip() for name in first.split(",")}


def _first_read(root: Path, alternatives: list[dict[str, Any]]) -> Proposed:
    """Return the first alternative that can be read; UserError with what is wrong if none can."""
    errors = []
    for keys in alternatives:
        try:
            return _declared(root, keys)
        except UserError as error:
            errors.append(error)
    asks_for_share = "`held_out`" in str(errors[0])  # so that it is not what is wrong
    raise errors[-1] if asks_for_share else errors[0]


def _declared(root: Path, keys: Mapping[str, Any]) -> Proposed:
    """Return the entry with the numbers of what it lists."""
    place = {"layout": keys["layout"], "root": str(root.resolve())}
    listing = list_dataset({**keys, **place})
    splits = listing.images["split"].value_counts()
    images = {split: int(splits[split]) for split in (*TRAINED, *TESTED) if split in splits}
    numbers = {"num_classes": len(listing.classes), "images": images}
    return Proposed({**place, **keys, **place, **numbers}, listing)
