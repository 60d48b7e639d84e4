"""Rendering of the miniature world in the layouts users have: in parallel, by seed alone."""

import errno
import hashlib
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import exclusive
from imagenet_transfer.labels.taxonomy import Taxonomy
from imagenet_transfer.running.jobs import end_with
from miniature_world import action_layout, layouts
from miniature_world.world import Files, Pictures, World

CHUNK = 64

Part = tuple[
    Callable[[World], Pictures], Callable[..., Files], Callable[[World, Path], dict[str, str]]
]
PARTS: dict[str, Part] = {
    "ilsvrc": (layouts.ilsvrc_pictures, layouts.ilsvrc_files, lambda world, folder: {}),
    "voc2007": (layouts.voc_pictures, layouts.voc_files, layouts.voc_lists),
    "sun397": (layouts.sun_pictures, layouts.sun_files, layouts.sun_lists),
    "voc2012": (
        action_layout.action_pictures,
        action_layout.action_files,
        action_layout.action_lists,
    ),
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
    """Render one part of the miniature world below `root` and return its counts and a digest of all its files.

    `part` is "ilsvrc" (root/train, root/val), "voc2007" (root/VOC2007), "sun397" (root/<letter>, root/Partitions),
    "voc2012" (root/VOC2012, with actions) or "places365" (root/data_256_standard, root/val_256 and their lists).
    `spec` holds the sections of the config's `miniature` that the part needs. What is written depends on the spec,
    the classes and the seed, not on `workers`. The folder is whole or absent: it is rendered beside `root` and takes
    its name at the end.
    Raises UserError if the disk is full or cannot be written, or if the spec asks for more than there is.
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
        f"{root}: the miniature world cannot be written ({reason}). Make room or choose another folder."
    )


def _render_afresh(part: Part, world: World, folder: Path, workers: int) -> dict[str, Any]:
    """Render into `folder` alone what the part consists of; an error leaves no folder."""
    try:
        for (
            leftover
        ) in folder.iterdir():  # of a killed attempt; the folder itself is this process's lock
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        return _render(part, world, folder, workers)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _render(part: Part, world: World, folder: Path, workers: int) -> dict[str, Any]:
    jobs_of, files_of, lists_of = part
    jobs = jobs_of(world)
    chunks = [jobs[k : k + CHUNK] for k in range(0, len(jobs), CHUNK)]
    digest = hashlib.sha256()
    for written in _mapped(Writer(files_of, world, folder), chunks, workers):
        digest.update(written.encode())
    for name, text in lists_of(world, folder).items():
        digest.update(_write(folder, name, text.encode()).encode())
    return {"images": len(jobs), "digest": digest.hexdigest()}


def _mapped(writer: "Writer", chunks: list[Pictures], workers: int) -> Iterator[str]:
    if workers <= 1 or len(chunks) <= 1:
        yield from map(writer.write, chunks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(workers, len(chunks)), context, initializer=_start, initargs=(writer,)
    ) as pool:
        yield from pool.map(_write_chunk, chunks)


class Writer:
    """Writes the files of jobs. Each process has one, for what its world has looked up once serves all its pictures."""

    def __init__(self, files_of: Callable[..., Files], world: World, folder: Path):
        self.files_of = files_of
        self.world = world
        self.folder = folder

    def write(self, jobs: Pictures) -> str:
        """Write the files of some jobs; return their names and digests as one text."""
        files = (file for job in jobs for file in self.files_of(self.world, *job))
        return "".join(_write(self.folder, name, data) for name, data in files)


_WRITERS: list[Writer] = []  # of a worker process: its only one


def _start(writer: Writer) -> None:
    end_with(os.getppid())
    cv2.setNumThreads(1)
    _WRITERS.append(writer)


def _write_chunk(jobs: Pictures) -> str:
    return _WRITERS[0].write(jobs)


def _write(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f"{name} {hashlib.sha256(data).hexdigest()}\n"
