"""Unpacking the official archives of ILSVRC2012: safely, resumably, without copying inner archives.

Files are written to a hidden folder that is renamed when it is complete, so that class folders are
never half full. Archives with other files than the official ones, with links, devices or paths
that lead elsewhere are refused, which is stricter than `tarfile`'s filter "data".
"""

import gzip
import io
import re
import shutil
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from imagenet_transfer.data.layouts.listing import check_unique, first_names, image_files, printable
from imagenet_transfer.data.tars import check_end, damaged_tar, is_plain, kind_of, opened_tar
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import exclusive
from imagenet_transfer.running.progress import Progress

OFFICIAL = {
    "train": "ILSVRC2012_img_train.tar",
    "val": "ILSVRC2012_img_val.tar",
    "devkit": "ILSVRC2012_devkit_t12.tar.gz",
}
MEMBERS = {  # the files in each
    "train": re.compile(r"(?:\./)?(n[0-9]{8})\.tar"),
    "val": re.compile(r"(?:\./)?(ILSVRC2012_val_([0-9]{8})\.JPEG)"),
    "devkit": re.compile(r"(?:\./)?(ILSVRC2012_devkit_t12(?:/[A-Za-z0-9_][A-Za-z0-9_. -]*)+)"),
}
NEEDED = ("data/meta.mat", "data/ILSVRC2012_validation_ground_truth.txt")  # of the devkit's files
MAX_DEVKIT = 2**28  # bytes when unpacked; the real one has a few million


def unpack_datasets(datasets: Mapping[str, Mapping[str, Any]], wnids: Sequence[str]) -> None:
    """Unpack the `archives` of a config's ILSVRC data sets into their roots, keeping what is there.

    Raises UserError if no data set has any, or if an archive is missing, damaged or another one.
    """
    with_archives = {name: entry for name, entry in datasets.items() if "archives" in entry}
    wrong = [name for name, entry in with_archives.items() if entry["layout"] != "ilsvrc"]
    if wrong or not with_archives:
        lack = "No data set has `archives`"
        if wrong:
            lack = f"datasets.{wrong[0]} has `archives`, but is not of layout ilsvrc"
        raise UserError(
            f"{lack}: give a data set of layout ilsvrc the key "
            "`archives: {train: PATH, val: PATH, devkit: PATH}`, and unpack others with tar or "
            "unzip."
        )
    for entry in with_archives.values():
        unpack_ilsvrc(entry["archives"], Path(entry["root"]), wnids, entry.get("images") or {})


def unpack_ilsvrc(
    archives: Mapping[str, str | Path], root: Path, wnids: Sequence[str], images: Mapping[str, int]
) -> None:
    """Unpack the given ones of `train`, `val` and `devkit` into `root`, for the classes `wnids`.

    `images`: the declared numbers of images: exact for train (in all `wnids`), a minimum for val.
    Raises UserError if the numbers differ, or if an archive is missing, damaged or another one.
    """
    paths = {part: Path(path) for part, path in archives.items()}
    for part, path in paths.items():
        if not path.is_file():
            raise UserError(
                f"{path} is missing, which the config names as `archives: {part}`: "
                f"fetch {OFFICIAL[part]}, or correct the path."
            )
    unpackers = {"train": _unpack_train, "val": _unpack_val, "devkit": _unpack_devkit}
    try:
        with exclusive(root, "unpacks into"):
            for part, path in paths.items():
                unpackers[part](path, root, wnids, images)
    except OSError as error:
        where = printable(str(error.filename or root), 300)
        raise UserError(
            f"{where} cannot be read or written ({error.strerror}): check the disk and the "
            "permissions, and run the same target again; finished folders are kept."
        ) from error


def _unpack_train(path: Path, root: Path, wnids: Sequence[str], images: Mapping[str, int]) -> None:
    folder = root / "train"
    with path.open("rb") as file, opened_tar(file, path) as outer:
        members = _class_archives(outer, path, wnids)
        pending = [wnid for wnid in sorted(wnids) if not _is_filled(folder / wnid)]
        _check_room_to_unpack(sum(members[wnid].size for wnid in pending), root)
        there = len(wnids) - len(pending)
        _say(f"{folder}: {there:,} classes are there, {len(pending):,} to unpack.")
        progress = Progress(len(pending), {"classes": 1})
        for wnid in pending:
            _unpack_class(outer.extractfile(members[wnid]), path, wnid, folder / wnid)
            progress.advance()
        found = {wnid: len(image_files(folder / wnid)) for wnid in sorted(wnids)}
        if "train" in images and sum(found.values()) != images["train"]:
            kept = sorted(set(wnids).difference(pending))
            short = [
                wnid
                for wnid in kept
                if found[wnid] != _count(outer.extractfile(members[wnid]), path)
            ]
            raise _wrong_number(folder, sum(found.values()), images["train"], short)


def _class_archives(
    outer: tarfile.TarFile, path: Path, wnids: Sequence[str]
) -> dict[str, tarfile.TarInfo]:
    """Return the inner archives by class; raise UserError if one of `wnids` is missing."""
    members = [(match[1], member) for match, member in _members(outer, path, "train")]
    check_unique([wnid for wnid, _ in members], path, "class archives")
    missing = sorted(set(wnids).difference(wnid for wnid, _ in members))
    if missing:
        raise UserError(
            f"{path} has {len(members):,} class archives and lacks {len(missing):,} of the study's "
            f"{len(wnids):,} classes (first: {first_names(missing)}); {OFFICIAL['train']} has "
            "1,000: fetch that one."
        )
    return dict(members)


def _unpack_class(file: IO[bytes], path: Path, wnid: str, folder: Path) -> None:
    label = Path(f"{path}: {wnid}.tar")
    images = re.compile(rf"(?:\./)?({wnid}_[0-9]+\.JPEG)")
    with opened_tar(file, label) as inner:
        _unpack(_named(inner, label, images, f"{wnid}.tar"), inner, folder)


def _count(file: IO[bytes], path: Path) -> int:
    with opened_tar(file, path) as inner:
        return len(inner.getmembers())


def _wrong_number(folder: Path, found: int, expected: int, short: Sequence[str]) -> UserError:
    blame = f" (differing: {first_names(short)})" if short else ""
    return UserError(
        f"{folder} has {found:,} images of the study's classes, but `images: train` says "
        f"{expected:,}: delete the class folders that were there before and are not "
        f"complete{blame} and unpack again, or correct `images`."
    )


def _unpack_val(path: Path, root: Path, wnids: Sequence[str], images: Mapping[str, int]) -> None:
    folder = root / "val"
    if _is_filled(folder):
        _say(f"{folder} is there and is kept; delete it to have it unpacked again.")
        return
    _check_room_to_unpack(path.stat().st_size, root)

    def check(names: Sequence[str]) -> None:
        numbers = sorted(int(MEMBERS["val"].fullmatch(name)[2]) for name in names)
        if numbers != list(range(1, len(numbers) + 1)) or len(numbers) < images.get("val", 1):
            expected = max(images.get("val", 0), *numbers)
            raise UserError(
                f"{path} has {len(numbers):,} images where there should be {expected:,}, numbered "
                f"from 1 without gaps: fetch {OFFICIAL['val']} again."
            )

    with path.open("rb") as file, opened_tar(file, path) as tar:
        _unpack(_members(tar, path, "val"), tar, folder, check)


def _unpack_devkit(path: Path, root: Path, wnids: Sequence[str], images: Mapping[str, int]) -> None:
    folder = root / "ILSVRC2012_devkit_t12"
    if all((folder / name).is_file() for name in NEEDED):
        _say(f"{folder} is there and is kept.")
        return

    def check(names: Sequence[str]) -> None:
        missing = [name for name in NEEDED if f"{folder.name}/{name}" not in names]
        if missing:
            raise UserError(
                f"{path} lacks {first_names(missing)}: fetch {OFFICIAL['devkit']} again."
            )

    with opened_tar(io.BytesIO(_inflated(path)), path) as tar:
        _unpack(_members(tar, path, "devkit"), tar, folder, check, below=folder.name)


def _inflated(path: Path) -> bytes:
    """Return the devkit's tar; raise UserError if it is cut off or larger than MAX_DEVKIT."""
    try:
        with path.open("rb") as packed:
            zipped = packed.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as file:
            data = file.read(MAX_DEVKIT + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged_tar(path, error) from error
    if len(data) > MAX_DEVKIT:
        raise UserError(
            f"{path} unpacks to more than {MAX_DEVKIT:,} bytes, which {OFFICIAL['devkit']} does "
            "not: fetch that one."
        )
    return data


# --- any archive ----------------------------------------------------------------------------------


def _members(
    tar: tarfile.TarFile, path: Path, part: str
) -> Iterator[tuple[re.Match, tarfile.TarInfo]]:
    """Yield the files of an official archive and the matches of their names."""
    return _named(tar, path, MEMBERS[part], OFFICIAL[part], part)


def _named(
    tar: tarfile.TarFile, path: Path, pattern: re.Pattern, like: str, part: str = ""
) -> Iterator[tuple[re.Match, tarfile.TarInfo]]:
    """Yield (match, file) for each file; UserError for another name, or if the end is missing."""
    empty = True
    for member in tar:
        if member.isdir() and is_plain(member.name):
            continue
        empty = False
        match = pattern.fullmatch(member.name)
        if match is None or not member.isreg() or member.issparse() or member.size < 0:
            raise _stranger(path, member, like, part)
        yield match, member
    check_end(tar, empty)
    if empty:
        raise UserError(f"{path} has no files: fetch it again.")


def _stranger(path: Path, member: tarfile.TarInfo, like: str, part: str) -> UserError:
    """Return the error for a member that the archive should not have."""
    is_of = next(
        (other for other, pattern in MEMBERS.items() if pattern.fullmatch(member.name)), part
    )
    if is_of != part and part:
        return UserError(
            f"{path} has '{printable(member.name)}': it is the archive `{is_of}` "
            f"({OFFICIAL[is_of]}), not `{part}` ({like}); correct `archives` in the config."
        )
    where = "" if is_plain(member.name) else ", on a path that leads out of the folder"
    return UserError(
        f"{path} has '{printable(member.name)}' ({kind_of(member)}{where}), which the official "
        f"{like} does not have: nothing of it was unpacked; fetch the official one."
    )


def _unpack(
    members: Iterable[tuple[re.Match, tarfile.TarInfo]],
    tar: tarfile.TarFile,
    folder: Path,
    check: Callable[[Sequence[str]], None] = lambda names: None,
    below: str = "",
) -> None:
    """Write the files under their matched names to a hidden folder, and rename that to `folder`.

    `below`: a subfolder to rename instead. `check` raises UserError unless all names are there.
    """
    folder = folder.resolve()  # so that a user's link stays a link
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(
            f"{folder} is in the way and is not what the archive has: move it and unpack again."
        )
    partial = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(partial, ignore_errors=True)  # left by a killed process
    partial.mkdir(parents=True)
    try:
        names = []
        for match, member in members:
            target = partial / match[1]
            if target.exists():
                raise UserError(
                    f"The archive of {folder} has '{printable(member.name)}' twice: fetch it again."
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(tar.extractfile(member), file, 2**20)  # bytes at a time
            names.append(match[1])
        check(names)
        (partial / below).rename(folder)  # over an empty folder, if there is one
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _is_filled(folder: Path) -> bool:
    return folder.is_dir() and any(path.name[0] != "." for path in folder.iterdir())


def _check_room_to_unpack(needed: int, root: Path) -> None:
    """Raise UserError, before hours of work, if the images do not fit on the disk."""
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if needed > free:
        raise UserError(
            f"{root} needs {needed / 1e9:,.1f} GB more and its disk has {free / 1e9:,.1f} GB free: "
            "make room, or choose another `root` in the config."
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr)
