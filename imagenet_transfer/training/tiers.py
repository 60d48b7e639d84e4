"""Where a job keeps the images that it reads again and again: the fastest place with room for them.

From the fastest to the slowest: the memory of the GPU, that of the machine, pixels in a file, and
the store as it is. All give the same batches, bit for bit.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imagenet_transfer.data.kept import FileSpace, KeptImages, MemorySpace, Space, bytes_of
from imagenet_transfer.data.store import Store
from imagenet_transfer.running.memory import available_memory
from imagenet_transfer.running.progress import note
from imagenet_transfer.training.images import DeviceImages
from imagenet_transfer.training.loop import Task

GB = 10**9
RESERVE = 8 * GB  # of a job's memory: for libraries, a network, its batches


@dataclass(frozen=True)
class Budget:
    """The bytes that a job may use to keep images, by place."""

    device: float = 0
    host: float = 0
    disk: float = 0
    folder: Path | str = "."  # of the disk
    host_is_given: bool = True  # by the config

    @classmethod
    def of_job(cls, section: Mapping[str, Any], mem_mb: float | None, threads: int) -> "Budget":
        """Return the budget of a job, given the config's section `input`.

        `mem_mb` is the memory that the job has asked a scheduler for: half of it may be used, or
        `host_gb`, and never more than all but `RESERVE`. (After a death for lack of memory, a job
        is given more, and so is everything else.) Without a scheduler, it is `host_gb`, or the
        part of half of the available memory that the job has of the processors.
        """
        if mem_mb is None:
            processors = max(threads, os.cpu_count() or 1)
            most, usual = np.inf, available_memory() / 2 * threads / processors
        else:
            most, usual = max(0.0, mem_mb * 10**6 - RESERVE), mem_mb * 10**6 / 2
        return cls(
            device=section.get("device_gb", 0) * GB,
            host=min(most, section["host_gb"] * GB if "host_gb" in section else usual),
            disk=section.get("disk_gb", 0) * GB,
            folder=os.path.expandvars(section.get("folder", tempfile.gettempdir())),
            host_is_given="host_gb" in section,
        )

    def on(self, device: str) -> "Budget":
        """Return the budget of a job that computes on a device: a CPU has no memory of its own."""
        return replace(self, device=0) if device == "cpu" else self

    def text(self) -> str:
        """Return the numbers in words."""
        parts = {"GPU": self.device, "memory": self.host, "disk": self.disk}
        return ", ".join(f"{name} {size / GB:.1f} GB" for name, size in parts.items())


def keep_images(task: Task, store: Store, budget: Budget) -> str:
    """Let a task keep its images in the fastest place with room for them; return which, and note it.

    The places are `device`, `host`, `disk` and `store`, which is nowhere. They are filled by the
    first batches. Only images of one size are kept on a device. A store of raw pixels is not kept
    in memory unless the config says so: the system keeps what it read of it.
    """
    if not hasattr(task, "rows"):  # a task of the user's own, of which it is not known
        return "store"
    rows = task.rows()
    needed = int(bytes_of(store.index, rows).sum())
    tier = next(name for name, keep in TIERS.items() if keep(task, store, rows, needed, budget))
    where = PLACES[tier].format(codec=CODECS[store.meta["codec"]])
    facts = f"{len(rows):,} images, {needed / GB:.1f} GB of pixels"
    note(f"Input: {facts}, {where} (room: {budget.text()}).")
    return tier


def _on_device(task: Task, store: Store, rows: np.ndarray, needed: int, budget: Budget) -> bool:
    if needed > budget.device or not hasattr(task, "kept"):
        return False
    try:
        task.kept = DeviceImages(len(store), rows, store.meta["size"], task.device)
    except torch.OutOfMemoryError:
        note(f"The GPU has no room for {needed / GB:.1f} GB of pixels: `device_gb` is too much.")
        return False
    return True


def _in_memory(task: Task, store: Store, rows: np.ndarray, needed: int, budget: Budget) -> bool:
    useless = store.meta["codec"] == "raw" and not budget.host_is_given
    if needed > budget.host or useless:
        return False
    return _kept(store, rows, lambda: MemorySpace(needed), "The memory")


def _on_disk(task: Task, store: Store, rows: np.ndarray, needed: int, budget: Budget) -> bool:
    if needed > budget.disk:
        return False
    return _kept(store, rows, lambda: FileSpace(needed, budget.folder), f"{budget.folder}")


def _kept(store: Store, rows: np.ndarray, room: Callable[[], Space], place: str) -> bool:
    """Let a store keep images; return False, with a sentence, if there is no room after all."""

    def failed(error: OSError) -> None:
        reason = error.strerror or error
        note(f"{place} cannot keep the images ({reason}): they are decoded each time.")

    try:
        store.keep(KeptImages(store.index, rows, room(), failed))
    except OSError as error:
        failed(error)
        return False
    return True


TIERS = {
    "device": _on_device,
    "host": _in_memory,
    "disk": _on_disk,
    "store": lambda *_: True,
}
PLACES = {
    "device": "kept on the GPU",
    "host": "kept in memory",
    "disk": "kept on disk",
    "store": "read from the store as {codec} each time",
}
CODECS = {"jpeg": "JPEG", "raw": "raw pixels", "original": "files"}
