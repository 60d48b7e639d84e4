"""Readers of what users have on disk: one module per layout, all returning a `Listing`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.datasets.listing import Listing, archive_hint, check_folder
from imagenet_transfer.errors import UserError

__all__ = ["LAYOUTS", "Listing", "list_dataset"]

Reader = Callable[[Path, Mapping[str, Any], Sequence[str]], Listing]


def _ilsvrc(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    from imagenet_transfer.datasets.ilsvrc import read_ilsvrc

    return read_ilsvrc(root, wnids)


def _tiny_imagenet(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    from imagenet_transfer.datasets.tiny_imagenet import read_tiny_imagenet

    return read_tiny_imagenet(root, wnids)


def _voc(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    from imagenet_transfer.datasets.voc import VOC_CLASSES, read_voc

    return read_voc(root, int(entry["year"]), tuple(entry.get("classes", VOC_CLASSES)))


def _voc_action(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    from imagenet_transfer.datasets.voc_action import read_voc_action

    return read_voc_action(root)


def _sun397(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    from imagenet_transfer.datasets.sun import read_sun

    return read_sun(root, int(entry["partition"]), entry.get("classes"))


def _places365(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    from imagenet_transfer.datasets.places import read_places365

    return read_places365(root)


def _places205(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    from imagenet_transfer.datasets.places import read_places205

    return read_places205(root)


LAYOUTS: dict[str, Reader] = {
    "ilsvrc": _ilsvrc,
    "tiny-imagenet": _tiny_imagenet,
    "voc": _voc,
    "voc-action": _voc_action,
    "sun397": _sun397,
    "places365": _places365,
    "places205": _places205,
}


def list_dataset(entry: Mapping[str, Any], wnids: Sequence[str] = ()) -> Listing:
    """Return the listing of the data set that a config entry describes (layout, root, images, ...).

    `wnids`: the classes to read of an ImageNet layout (all that are there if empty); other layouts know their classes.
    Raises UserError if anything is missing, or if the numbers of images differ from the entry's `images`.
    """
    root = check_folder(Path(entry["root"]))
    try:
        listing = LAYOUTS[entry["layout"]](root, entry, wnids)
    except OSError as error:
        raise UserError(
            f"{error.filename or root} cannot be read ({error.strerror}): check the disk and the rights."
        ) from error
    _check_numbers(listing, entry.get("images") or {}, root)
    return listing


def _check_numbers(listing: Listing, declared: Mapping[str, int], root: Path) -> None:
    found = listing.images.split.value_counts()
    for split, expected in declared.items():
        number = int(found.get(split, 0))
        if number != expected:
            reason = "an archive is probably half unpacked" if number < expected else "files were probably added"
            raise UserError(
                f"{root} holds {number:,} {split} images where the config's `images: {split}` says {expected:,}"
                f"{archive_hint(root)}: {reason}; unpack it again, or correct `root` or `images` in the config."
            )
