"""Every data set as it lies on disk, checked before anything is packed: a table and sentences."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from imagenet_transfer.data.codecs import UnreadableImage, decode, pillow_limits
from imagenet_transfer.data.copies import (
    Look,
    copies_within,
    exact_copies,
    look_of,
    near_copies,
)
from imagenet_transfer.data.layouts import Listing, list_dataset
from imagenet_transfer.data.layouts.listing import OBJECT_COLUMNS, first_names, printable
from imagenet_transfer.data.sources import Source
from imagenet_transfer.errors import UserError
from imagenet_transfer.seeds import seed_of

LEAST = 200  # images of each split that are decoded, however long it takes
MOST = 2500  # images of each split that are decoded
SECONDS = 15.0  # per data set, after which no more than LEAST are
TRAINED = ("train", "trainval")
COLUMNS = (
    "data set",
    "split",
    "images",
    "classes",
    "per class",
    "pixels: least, median, most",
    "decoded",
)


@dataclass
class Report:
    """What is printed of the data sets: rows of COLUMNS, and sentences."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the table, the notes and the warnings."""
        table = [COLUMNS, *self.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)
                for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in table
        ]
        warnings = [f"Warning: {sentence}" for sentence in self.warnings]
        return "\n".join([*lines, "", *self.notes, *warnings])


def check_datasets(
    datasets: Mapping[str, Mapping[str, Any]],
    wnids: Mapping[str, Sequence[str]],
    rendered_as: Mapping[str, Path],
    threads: int,
) -> None:
    """Print what the data sets of a config hold, and what is wrong with them.

    `wnids` are the classes to read by data set; `rendered_as` the file that a rendered one has when
    it is whole. Raises UserError at the end if a layout or a number is wrong or an image cannot be
    read; copies among training and test images are warnings.
    """
    report = Report()
    for name, entry in datasets.items():
        marker = rendered_as.get(name)
        if marker and not marker.exists():
            report.notes.append(
                f"{name} is not rendered yet: `snakemake {marker}`, with the options of this "
                "command, renders it."
            )
            continue
        try:
            _check_dataset(report, name, entry, wnids.get(name, ()), threads)
        except UserError as error:
            report.errors.append(f"{name}: {error}")
    print(report.text(), flush=True)
    if report.errors:
        raise UserError("\nError: ".join(report.errors))


def _check_dataset(
    report: Report, name: str, entry: Mapping[str, Any], wnids: Sequence[str], threads: int
) -> None:
    listing = list_dataset(entry, wnids)
    unreadable = inspect(report, name, listing, Path(entry["root"]), threads)
    allowed = entry["store"].get("max_unreadable", 0)
    report.warnings += [f"{name}: {said}" for said in _unreadable_but_allowed(unreadable, allowed)]
    report.errors += [f"{name}: {said}" for said in _unreadable(unreadable, allowed)]


def inspect(
    report: Report, name: str, listing: Listing, root: Path, threads: int
) -> list[tuple[str, str]]:
    """Add what a data set holds to a report; return (path, reason) of what cannot be read in it."""
    looks, unreadable = _sample(listing, root, threads)
    split_of = dict(zip(listing.images["image"], listing.images["split"], strict=True))
    of_split: dict[str, dict[str, Look]] = {split: {} for split in sorted(set(split_of.values()))}
    for image, look in looks.items():
        of_split[split_of[image]][image] = look
    for split, found in of_split.items():
        report.rows.append((name, split, *_row(listing, split, found)))
    warnings = list(_copies(of_split, listing))
    errors = list(_wrong_sizes(listing, looks))
    report.warnings += [f"{name}: {said}" for said in warnings]
    report.errors += [f"{name}: {said}" for said in errors]
    total = len(looks) + len(unreadable)
    part = "all" if total == len(listing.images) else "a sample of"
    verdict = "" if warnings or errors or unreadable else "; nothing is wrong"
    report.notes.append(f"{name}: {part} {total:,} images decoded and compared{verdict}.")
    return unreadable


# --- the sample -----------------------------------------------------------------------------------


def _sample(
    listing: Listing, root: Path, threads: int
) -> tuple[dict[str, Look], list[tuple[str, str]]]:
    """Return the looks of a sample by image, and (path, reason) of what cannot be read in it.

    Images are ranked by a hash of their file's name, so that files of one name in two splits are
    both in the sample or neither is.
    """
    source = listing.reader(root)
    looks: dict[str, Look] = {}
    unreadable: list[tuple[str, str]] = []
    until = time.monotonic() + SECONDS
    with pillow_limits(), ThreadPoolExecutor(max(1, threads)) as pool:
        for images in _batches(listing.images, source.together):
            parts = np.array_split(np.arange(len(images)), max(1, threads))
            found = pool.map(lambda rows, of=images: _looks(of.iloc[rows], source), parts)
            for of_part, wrong in found:
                looks |= of_part
                unreadable += wrong
            if time.monotonic() > until:
                break
    return looks, unreadable


def _batches(images: pd.DataFrame, together: int) -> Iterator[pd.DataFrame]:
    """Yield LEAST images of each split, then as many more, up to MOST; each in their order."""
    names = images["image"].tolist()
    of_split = images.groupby("split").indices
    draws = [_draw(rows, names, together)[:MOST] for _, rows in sorted(of_split.items())]
    for start in range(0, max(map(len, draws), default=0), LEAST):
        chosen = np.concatenate([rows[start : start + LEAST] for rows in draws])
        yield images.iloc[np.sort(chosen)]


def _draw(rows: np.ndarray, names: Sequence[str], together: int) -> np.ndarray:
    """Return ascending rows by the hashes of their files' names, `together` in a block."""
    firsts = rows[::together]
    keys = [seed_of("check", names[row].rpartition("/")[2]) for row in firsts]
    starts = firsts[np.argsort(keys, kind="stable")]
    return np.concatenate([np.arange(row, min(row + together, rows[-1] + 1)) for row in starts])


def _looks(images: pd.DataFrame, source: Source) -> tuple[dict[str, Look], list[tuple[str, str]]]:
    looks = {}
    unreadable = []
    for image, path in zip(images["image"], images["path"], strict=True):
        try:
            data = source.read(path)
            looks[image] = look_of(data, decode(data))
        except UnreadableImage as error:
            unreadable.append((path, str(error)))
    return looks, unreadable


# --- what is said ---------------------------------------------------------------------------------


def _row(listing: Listing, split: str, looks: Mapping[str, Look]) -> tuple[str, ...]:
    """Return the cells of a split, without its names."""
    images = listing.images[listing.images["split"] == split]
    counts = _per_class(listing, images)
    sizes = sorted((look.width * look.height, look.width, look.height) for look in looks.values())
    places = (0, len(sizes) // 2, -1) if sizes else ()
    return (
        f"{len(images):,}",
        f"{len(listing.classes):,}",
        f"{counts.min():,} to {counts.max():,}",
        ", ".join(f"{width}×{height}" for _, width, height in (sizes[at] for at in places)),
        f"{len(looks):,}",
    )


def _per_class(listing: Listing, images: pd.DataFrame) -> np.ndarray:
    """Return the number of images of each class; with boxes, of those that have an object of it."""
    if (images["class"] != "").any():
        return images["class"].value_counts().reindex(listing.classes, fill_value=0).to_numpy()
    objects = listing.objects[listing.objects["image"].isin(images["image"])]
    if actions := list(objects.columns[len(OBJECT_COLUMNS) :]):
        return (objects.groupby("image")[actions].max() == 1).sum().to_numpy()
    once = objects.drop_duplicates(["image", "class"])["class"]
    return once.value_counts().reindex(listing.classes, fill_value=0).to_numpy()


def _copies(of_split: Mapping[str, dict[str, Look]], listing: Listing) -> Iterator[str]:
    """Yield sentences about copies: of tested images among those trained on, and in a split."""
    class_of = dict(zip(listing.images["image"], listing.images["class"], strict=True))
    for split, looks in of_split.items():
        within = copies_within(looks)
        if within:
            others = sum(class_of[one] != class_of[other] for one, other in within)
            also = f", {others:,} of them in another class" if others else ""
            yield f"{len(within):,} images of {split} are there twice{also}{_first(within)}."
    for trained in filter(of_split.__contains__, TRAINED):
        for split in sorted(of_split.keys() - {trained}):
            exact = exact_copies(of_split[split], of_split[trained])
            near = near_copies(of_split[split], of_split[trained])
            for pairs, how in ((exact, "byte for byte"), (near, "nearly the same")):
                if pairs:
                    yield (
                        f"{len(pairs):,} images of {split} are also in {trained}, {how}"
                        f"{_first(pairs)}: remove them from one, or results are too good."
                    )


def _first(pairs: Sequence[tuple[str, str]]) -> str:
    listed = first_names((f"{one} = {other}" for one, other in pairs), 2)
    return f" (first: {listed})"


def _wrong_sizes(listing: Listing, looks: Mapping[str, Look]) -> Iterator[str]:
    """Yield that images do not have the size that their annotations state."""
    wrong = [
        image
        for image, look in looks.items()
        if listing.sizes.get(image, (look.width, look.height)) != (look.width, look.height)
    ]
    if wrong:
        yield (
            f"{len(wrong):,} images do not have the width and height in their annotations (first: "
            f"{first_names(wrong)}): fetch images and annotations of one version."
        )


def _unreadable(found: Sequence[tuple[str, str]], allowed: int) -> Iterator[str]:
    """Yield that more images cannot be read than are allowed."""
    if len(found) > allowed:
        yield (
            f"{not_read(found)} and `max_unreadable` is {allowed:,}: fetch them again, or raise "
            "`max_unreadable` to leave them out."
        )


def _unreadable_but_allowed(found: Sequence[tuple[str, str]], allowed: int) -> Iterator[str]:
    if found and len(found) <= allowed:
        yield f"{not_read(found)}; `max_unreadable` allows {allowed:,}."


def not_read(found: Sequence[tuple[str, str]]) -> str:
    """Return a clause about unreadable images, with the first ones."""
    first = "; ".join(f"{printable(path)}: {reason}" for path, reason in found[:3])
    images = "1 image" if len(found) == 1 else f"{len(found):,} images"
    return f"{images} cannot be read ({first})"
