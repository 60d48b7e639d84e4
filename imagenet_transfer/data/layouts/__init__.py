"""Readers of data sets as users have them on disk: one module per layout, all return `Listing`s."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.data.known_layouts import CLASSES, LAYOUTS, content_of, reader_of
from imagenet_transfer.data.layouts.listing import (
    LayoutError,
    Listing,
    NamesError,
    check_folder,
    first_names,
    printable,
)
from imagenet_transfer.data.layouts.looks import looks_like
from imagenet_transfer.errors import UserError

__all__ = ["Listing", "list_dataset", "looks_like"]


def list_dataset(entry: Mapping[str, Any], wnids: Sequence[str] = ()) -> Listing:
    """Return the listing of the data set that a config entry describes (layout, root, images, ...).

    `wnids`: the classes to read of an ImageNet layout (all on disk if empty); other layouts have
    all their classes. Raises UserError if anything is missing, or if the numbers of images or classes
    are not those that the entry declares (`images`, `num_classes`).
    """
    root = Path(entry["root"])
    layout = entry["layout"]
    if "classes" in entry and "classes" not in LAYOUTS[layout].keys:
        raise UserError(
            f"The layout {layout} has no use for the key `classes`: declare `num_classes` instead."
        )
    try:
        listing = reader_of(layout)(check_folder(root), entry, wnids)
    except LayoutError as error:
        raise LayoutError(
            f"{error}{_other_layout(root, layout)} docs/data.md, row `{layout}`, shows what belongs "
            "where."
        ) from error
    except NamesError as error:
        raise UserError(f"{root}: {error}") from error
    except OSError as error:
        where = printable(str(error.filename or root), 300)
        raise UserError(
            f"{where} cannot be read ({error.strerror}): check the disk and the permissions."
        ) from error
    _check_numbers(listing, entry, root)
    if len(listing.classes) < 2 and content_of(entry) == CLASSES:
        raise UserError(
            f"{root} has only the class {first_names(listing.classes)}: classification needs images "
            "of two classes or more; correct `root` in the config."
        )
    return listing


def _other_layout(root: Path, layout: str) -> str:
    """Return a sentence about the layouts that the folder looks like, unless it is this one."""
    likely = looks_like(root)
    if layout in likely or not likely:
        return ""
    return f" The folder looks like layout {' or '.join(likely)}."


def _check_numbers(listing: Listing, entry: Mapping[str, Any], root: Path) -> None:
    """Raise UserError if the numbers on disk are not those that the entry declares."""
    classes = entry.get("num_classes", len(listing.classes))
    if len(listing.classes) != classes:
        raise UserError(
            f"{root} has {len(listing.classes):,} classes, but the config's `num_classes` says "
            f"{classes:,}: unpack it again, or correct `root` or `num_classes` in the config."
        )
    found = listing.images.split.value_counts().sort_index()
    for split, expected in (entry.get("images") or {}).items():
        if split not in found:
            raise UserError(
                f"{root} has no split {split}, which the config declares under `images`; layout "
                f"{entry['layout']} has {' and '.join(found.index)}: correct `images`."
            )
        if found[split] != expected:
            reason = (
                "an archive is probably half unpacked"
                if found[split] < expected
                else "files were probably added"
            )
            raise UserError(
                f"{root} has {found[split]:,} {split} images, but the config's `images: {split}` "
                f"says {expected:,}: {reason}; unpack it again, or correct `root` or `images` in "
                "the config."
            )
