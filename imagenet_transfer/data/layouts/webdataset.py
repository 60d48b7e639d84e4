"""Shards of WebDataset: tar archives with an image and its label side by side, read in place.

A sample's members share their name up to the first dot: 'a/0001.jpg' and 'a/0001.cls'. The headers
of an archive are read once; nothing is unpacked.
"""

import contextlib
import json
import os
import re
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from imagenet_transfer.data.codecs import UnreadableImage
from imagenet_transfer.data.layouts.containers import files_of_splits, places_of
from imagenet_transfer.data.layouts.labels import class_names_of, named, without_secret
from imagenet_transfer.data.layouts.listing import (
    IMAGE_SUFFIXES,
    LayoutError,
    Listing,
    check_unique,
    found_in,
    printable,
)
from imagenet_transfer.data.layouts.own import own_listing
from imagenet_transfer.data.sources import check_size
from imagenet_transfer.data.tars import NameAndSize, check_end, is_plain, kind_of, opened_tar
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import check_regular

LABEL_KEY = "label"  # of a member .json
LABELS = ("cls", "json")
NUMBER = re.compile(r"-?[0-9]{1,9}")
MAX_LABEL = 2**20  # bytes of a member .cls or .json
SKIPPED = re.compile(
    r"\..*|__.*__(\..*)?"
)  # base names of macOS's files and of WebDataset's own notes
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lz4")
MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass
class Sample:
    """A sample's image (its member's name, first byte and size) and label.

    While an archive is read, `members` are the label's members by suffix.
    """

    image: str = ""
    offset: int = 0
    size: int = 0
    label: int | str = ""
    members: dict[str, bytes] = field(default_factory=dict)


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry.

    An image's id is its sample's key; if splits have keys in common, the archive's name and the
    key: 'train-0000/a/0001'.
    """
    _check_compressed(root)
    files = files_of_splits(root, ".tar", entry)
    shards = {
        file: _samples(root / file, entry) for of_split in files.values() for file in of_split
    }
    for of_split in files.values():
        check_unique((key for file in of_split for key in shards[file]), root, "samples")
    labels = {
        file: [sample.label for sample in samples.values()] for file, samples in shards.items()
    }
    kept = without_secret(
        root, {split: [labels[file] for file in of_split] for split, of_split in files.items()}
    )
    used = {file: labels[file] for split in kept for file in files[split]}
    has_numbers = any(isinstance(label, int) for found in used.values() for label in found[:1])
    classes = class_names_of(root, entry, has_numbers)
    names = named(used, classes, root)
    images = _ids({file: list(shards[file]) for file in used})
    rows = [
        (split, image, name, f"{file}/{sample.image}")
        for split in kept
        for file in files[split]
        for sample, image, name in zip(
            shards[file].values(), images[file], names[file], strict=True
        )
    ]
    places = {
        f"{file}/{sample.image}": (sample.offset, sample.size)
        for file in used
        for sample in shards[file].values()
    }
    return own_listing(root, entry, rows, classes, TarImages(root, places))


def _check_compressed(root: Path) -> None:
    """Raise LayoutError if the root has compressed archives: their members cannot be sought."""
    paths = (path for place in places_of(root) for path in place.iterdir())
    names = sorted(path.name for path in paths if path.name.lower().endswith(COMPRESSED))
    if names:
        raise LayoutError(
            f"{root} has no files that can be read in place: {printable(names[0])} is "
            f"compressed{found_in(root)}; decompress the archives first (gunzip, unxz, unzstd), or "
            "move them elsewhere."
        )


# --- the listing ----------------------------------------------------------------------------------


def _samples(path: Path, entry: Mapping[str, Any]) -> dict[str, Sample]:
    """Return the samples of an archive by key, in its order; UserError if any is not whole."""
    samples: dict[str, Sample] = {}
    with check_regular(path).open("rb") as file:
        _check_magic(path, file)
        with opened_tar(file, path, NameAndSize) as tar:
            for member in _members(tar, path):
                _add(samples, member, path, file)
    if not samples:
        raise UserError(f"{path} has no images with labels: fetch or write the archive again.")
    incomplete = [key for key, sample in samples.items() if not (sample.image and sample.members)]
    if incomplete:
        lack = "label (a member .cls or .json)" if samples[incomplete[0]].image else "image"
        raise UserError(
            f"{path}: {len(incomplete):,} of {len(samples):,} samples are incomplete (first: "
            f"{printable(incomplete[0])}, which has no {lack}): write the archive again."
        )
    for key, sample in samples.items():
        sample.label = _label(f"{path}: the sample {printable(key)}", sample.members, entry)
        sample.members = {}
    return samples


def _check_magic(path: Path, file: IO[bytes]) -> None:
    start = file.read(8)
    file.seek(0)
    for magic, name in MAGIC.items():
        if start.startswith(magic):
            raise UserError(
                f"{path} is compressed with {name}, so that no image can be read by itself: "
                "decompress it first."
            )


def _members(tar: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the files of an archive; UserError for anything but files and folders."""
    end = os.fstat(tar.fileobj.fileno()).st_size
    empty = True
    while (member := tar.next()) is not None:
        tar.members.clear()  # else it keeps all of them
        empty = False
        plain = is_plain(member.name)
        if not plain or not (member.isdir() or member.isreg()) or member.issparse():
            where = "" if plain else ", on a path that leads out of the folder"
            raise UserError(
                f"{path} has '{printable(member.name)}' ({kind_of(member)}{where}): a shard has "
                "only files; write it again without that."
            )
        if not 0 <= member.size <= end - member.offset_data:  # below 0, tarfile would go in circles
            raise tarfile.ReadError(f"'{member.name}' goes beyond its end")
        if member.isreg() and not SKIPPED.fullmatch(member.name.rpartition("/")[2]):
            yield member
    check_end(tar, empty)


def _add(samples: dict[str, Sample], member: tarfile.TarInfo, path: Path, file: IO[bytes]) -> None:
    """Add a member to its sample; UserError if the sample has one of its kind already."""
    folder, slash, name = member.name.removeprefix("./").rpartition("/")
    stem, _, suffix = name.partition(".")
    kind = "image" if suffix.lower() in IMAGE_SUFFIXES else suffix.lower()
    if kind not in ("image", *LABELS):
        return
    key = f"{folder}{slash}{stem}"
    sample = samples.setdefault(key, Sample())
    if kind in sample.members or (kind == "image" and sample.image):
        raise UserError(
            f"{path} has the sample {printable(key)} twice, or with two members of the kind "
            f"{kind}: each needs a key of its own; write the archive again."
        )
    if kind == "image":
        sample.image = member.name
        sample.offset = member.offset_data
        sample.size = member.size
        return
    if member.size > MAX_LABEL:
        raise UserError(
            f"{path}: '{printable(member.name)}' has {member.size:,} bytes, too many for a label: "
            "write the archive again."
        )
    sample.members[kind] = os.pread(file.fileno(), member.size, member.offset_data)


def _label(where: str, members: Mapping[str, bytes], entry: Mapping[str, Any]) -> int | str:
    """Return a sample's label: that of .cls, unless the entry names a key of .json or there is none.

    Raises UserError, which begins with `where`, for anything but a whole number or text.
    """
    if "cls" in members and "label_key" not in entry:
        return _text_label(where, members["cls"])
    if "json" not in members:
        raise UserError(
            f"{where} has no member .json, in which the config's `label_key` would be: remove that "
            "key to take the member .cls."
        )
    return _json_label(where, members["json"], entry.get("label_key", LABEL_KEY))


def _text_label(where: str, data: bytes) -> int | str:
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise UserError(
            f"{where} has a member .cls that is empty or not UTF-8 text: write the archive again."
        )
    return int(text) if NUMBER.fullmatch(text) else text


def _json_label(where: str, data: bytes, key: str) -> int | str:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{where} has a member .json that cannot be read ({printable(str(error))}): write the "
            "archive again."
        ) from error
    label = content.get(key) if isinstance(content, dict) else None
    if isinstance(label, bool) or not isinstance(label, int | str) or label == "":
        raise UserError(
            f"{where}: the key '{key}' of its member .json is not a whole number or text: correct "
            "`label_key` in the config, or write the archive again."
        )
    return label


def _ids(keys: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the ids of the images of each archive."""
    names = [key for of_file in keys.values() for key in of_file]
    if len(set(names)) == len(names):
        return {file: list(of_file) for file, of_file in keys.items()}
    stems = {file: PurePosixPath(file).stem for file in keys}
    unique = len(set(stems.values())) == len(stems)
    return {
        file: [f"{stems[file] if unique else file}/{key}" for key in of_file]
        for file, of_file in keys.items()
    }


# --- the images -----------------------------------------------------------------------------------


class TarImages:
    """Gives images by paths such as 'train-0000.tar/a/0001.jpg'; each thread has a file open.

    `places`: the first byte and the size of each image in its archive.
    """

    together = 1

    def __init__(self, root: Path, places: Mapping[str, tuple[int, int]]):
        self.root = root
        self.places = places
        self._open = threading.local()

    def read(self, path: str) -> bytes:
        """Return an image's file; raise UnreadableImage with the reason if there is none."""
        offset, size = self.places[path]
        check_size(size)
        archive = path[: path.lower().index(".tar/") + len(".tar")]
        try:
            data = os.pread(self._file(archive).fileno(), size, offset)
        except OSError as error:
            raise UnreadableImage(error.strerror) from error
        if len(data) < size:
            raise UnreadableImage("the archive is shorter than when it was listed")
        return data

    def _file(self, archive: str) -> IO[bytes]:
        if getattr(self._open, "name", None) != archive:
            with contextlib.suppress(AttributeError):
                self._open.file.close()
            self._open.name = None
            self._open.file = (self.root / archive).open("rb", buffering=0)
            self._open.name = archive
        return self._open.file
