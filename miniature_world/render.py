"""Renders the miniature world in the layouts that users have: in parallel, fixed by the seed."""

import errno
import hashlib
import multiprocessing
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import exclusive
from imagenet_transfer.labels.taxonomy import Taxonomy
from imagenet_transfer.running.progress import Progress
from miniature_world import layouts
from miniature_world.action_layout import action_files, action_lists, action_pictures
from miniature_world.world import Files, Pictures, World

CHUNK = 64  # pictures per task of a worker process

# What names a part's pictures, what yields the files of one, what returns the lists of all by path
Part = tuple[
    Callable[[World], Pictures], Callable[..., Files], Callable[[World, Path], dict[str, str]]
]
PARTS: dict[str, Part] = {
    "ilsvrc": (layouts.ilsvrc_pictures, layouts.ilsvrc_files, lambda world, folder: {}),
    "voc2007": (layouts.voc_pictures, layouts.voc_files, layouts.voc_lists),
    "sun397": (layouts.sun_pictures, layouts.sun_files, layouts.sun_lists),
    "voc2012": (action_pictures, action_files, action_lists),
    "places365": (layouts.places_pictures, layouts.places_files, layouts.places_lists),
}


def render_part(
    part: str,
    root: Path,
    spec: Mapping[str, Any],
    wnids: Sequence[str],
    taxonomy: Taxonomy,
    seed: int,
    workers: int,
) -> dict[str, Any]:
    """Render one part of the miniature world below `root`; return its counts and a digest.

    `part` is "ilsvrc" (root/train, root/val), "voc2007" (root/VOC2007), "sun397" (root/<letter>,
    root/Partitions), "voc2012" (root/VOC2012, with actions) or "places365" (root/data_256_standard,
    root/val_256 and their lists). `spec` holds the sections of the config's `miniature` that the
    part needs. What is written depends on the spec, the classes and the seed, not on the number of
    `workers`; the digest is of all files. The folder is whole or absent: it is rendered next to
    `root` and takes its name at the end.
    Raises UserError if the disk is full or cannot be written, or if the spec asks for too much.
    """
    world = World(spec, tuple(sorted(wnids)), taxonomy, seed)
    root = Path(root)
    temporary = root.with_name(f".{root.name}.{part}.tmp")
    try:
        with exclusive(temporary, "renders"):
            summary = _render_afresh(PARTS[part], world, temporary, workers)
            shutil.rmtree(root, ignore_errors=True)
            temporary.replace(root)
    except OSError as error:
        raise _disk_error(error, root) from error
    return {"part": part, "seed": seed, "classes": len(world.wnids), **summary}


def _disk_error(error: OSError, root: Path) -> UserError:
    reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
    return UserError(
        f"{root}: the miniature world cannot be written ({reason}). Make room or choose another "
        "folder."
    )


def _render_afresh(part: Part, world: World, folder: Path, workers: int) -> dict[str, Any]:
    """Empty `folder` and render the part there; an error leaves no folder."""
    try:
        for leftover in folder.iterdir():  # of a killed attempt; the folder itself is locked
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        return _render(part, world, folder, workers)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _render(part: Part, world: World, folder: Path, workers: int) -> dict[str, Any]:
    pictures_of, files_of, lists_of = part
    pictures = pictures_of(world)
    chunks = [pictures[k : k + CHUNK] for k in range(0, len(pictures), CHUNK)]
    digest = hashlib.sha256()
    progress = Progress(len(pictures), {"images": 1})
    written = _mapped(Writer(files_of, world, folder), chunks, workers)
    for chunk, names in zip(chunks, written, strict=True):
        digest.update(names.encode())
        progress.advance(len(chunk))
    for name, text in lists_of(world, folder).items():
        digest.update(_write(folder, name, text.encode()).encode())
    return {"images": len(pictures), "digest": digest.hexdigest()}


def _mapped(writer: "Writer", chunks: list[Pictures], workers: int) -> Iterator[str]:
    if workers <= 1 or len(chunks) <= 1:
        yield from map(writer.write, chunks)
        return
    context = multiprocessing.get_context("spawn")
    number = min(workers, len(chunks))
    with ProcessPoolExecutor(number, context, initializer=_start, initargs=(writer,)) as pool:
        yield from pool.map(_write_chunk, chunks)


class Writer:
    """Writes the files of pictures.

    Each process has one, as what its world has looked up once serves all its pictures.
    """

    def __init__(self, files_of: Callable[..., Files], world: World, folder: Path):
        self.files_of = files_of
        self.world = world
        self.folder = folder

    def write(self, pictures: Pictures) -> str:
        """Write the files of some pictures; return their names and digests as one text."""
        files = (file for picture in pictures for file in self.files_of(self.world, *picture))
        return "".join(_write(self.folder, name, data) for name, data in files)


_WRITERS: list[Writer] = []  # in a worker process: its only one


def _start(writer: Writer) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _WRITERS.append(writer)


def _end_with_parent() -> None:
    """End a worker process when the process that started it has ended, even if it was killed."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _write_chunk(pictures: Pictures) -> str:
    return _WRITERS[0].write(pictures)


def _write(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f"{name} {hashlib.sha256(data).hexdigest()}\n"
