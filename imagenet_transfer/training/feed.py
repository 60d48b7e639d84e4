"""How batches get to the device that trains: decoded into pinned memory, copied on the side.

A loader thread loads a batch (`Feed.loaded`) while the network computes; the thread that trains
takes it (`Feed.taken`) and waits for nothing that a GPU could wait for. On a CPU a batch stays
where it was loaded.
"""

import contextlib
import math
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from imagenet_transfer.running.read_ahead import read_ahead

AHEAD = 2  # batches that are loaded while one is computed
SLOTS = 3  # for the loaders of a training and of an evaluation, and the copy that is under way
LEAST = 2**20  # bytes of a piece of memory
ALIGNMENT = 256  # bytes, as of torch's own tensors


class Feed(Protocol):
    """The way of batches to a device.

    A batch is a tensor, or a tuple, named tuple or list of batches; anything else passes as it is.
    """

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return memory, uint8, for a part of the batch that this thread is loading."""

    def loaded(self, load: Callable[[Any], Any], item: Any) -> Any:
        """Return load(item), on its way to the device; in a loader thread."""

    def taken(self, loaded: Any) -> Any:
        """Return what `loaded` gave as a batch that can be computed with; in the main thread."""


class HostFeed:
    """Batches stay where they were loaded."""

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return new memory."""
        return np.empty(shape, dtype=np.uint8)

    def loaded(self, load: Callable[[Any], Any], item: Any) -> Any:
        """Return load(item)."""
        return load(item)

    def taken(self, loaded: Any) -> Any:
        """Return the batch as it is."""
        return loaded


class Copier(Protocol):
    """What a feed asks of a GPU."""

    def allocate(self, num_bytes: int) -> Tensor:
        """Return memory of the host, uint8."""

    def copy(self, pieces: Iterable[Tensor]) -> tuple[list[Tensor], Any]:
        """Return copies on the GPU, which are under way, and an event: their end.

        The event has the method `synchronize`, which waits for it.
        """

    def receive(self, pieces: Iterable[Tensor], copied: Any) -> None:
        """Let what is computed from now on begin after `copied`; it uses these pieces."""


class CudaCopier:
    """Copies from pinned memory, on a stream of its own."""

    def __init__(self, device: torch.device):
        self.device = device
        self.stream = torch.cuda.Stream(device)

    def allocate(self, num_bytes: int) -> Tensor:
        """Return pinned memory, from which a GPU copies without the processor."""
        return torch.empty(num_bytes, dtype=torch.uint8, pin_memory=True)

    def copy(self, pieces: Iterable[Tensor]) -> tuple[list[Tensor], torch.cuda.Event]:
        """Return copies on the GPU and an event, their end, for which a thread can wait asleep."""
        with torch.cuda.stream(self.stream):
            copies = [piece.to(self.device, non_blocking=True) for piece in pieces]
        copied = torch.cuda.Event(blocking=True)
        copied.record(self.stream)
        return copies, copied

    def receive(self, pieces: Iterable[Tensor], copied: torch.cuda.Event) -> None:
        """Let the current stream wait for the copies; their memory is its own until it is done."""
        computing = torch.cuda.current_stream(self.device)
        computing.wait_event(copied)
        for piece in pieces:
            piece.record_stream(computing)


@dataclass
class Slot:
    """Memory for one batch on its way: pieces, each filled from its start.

    There is one piece unless a batch is larger than those before it.
    """

    allocate: Callable[[int], Tensor]
    pieces: list[Tensor] = field(default_factory=list)
    used: list[int] = field(default_factory=list)  # bytes, of each piece
    copied: Any = None  # the event of the copy of its last batch

    def reset(self) -> None:
        """Forget the last batch, once its copy has finished; join the pieces."""
        if self.copied is not None:
            self.copied.synchronize()
        if len(self.pieces) > 1:
            self.pieces = [self.allocate(sum(map(len, self.pieces)))]
        self.used = [0] * len(self.pieces)

    def take(self, num_bytes: int) -> tuple[int, int]:
        """Return the piece, and the byte in it, where memory begins that is not used yet."""
        wanted = -(-max(num_bytes, 1) // ALIGNMENT) * ALIGNMENT
        if not self.pieces or self.used[-1] + wanted > len(self.pieces[-1]):
            self.pieces.append(self.allocate(max(wanted, LEAST)))
            self.used.append(0)
        self.used[-1] += wanted
        return len(self.pieces) - 1, self.used[-1] - wanted

    def place_of(self, tensor: Tensor) -> tuple[int, int] | None:
        """Return the piece and the byte in it where a tensor begins; None if it is elsewhere."""
        for number, piece in enumerate(self.pieces):
            start = tensor.data_ptr() - piece.data_ptr()
            if 0 <= start < self.used[number] and tensor.is_contiguous():
                return number, start
        return None

    def put(self, tensor: Tensor) -> tuple[int, int]:
        """Return where a tensor of the batch is; one that is elsewhere is copied to here."""
        place = self.place_of(tensor)
        if place is None:
            place = self.take(tensor.nbytes)
            part_of(self.pieces, place, tensor).copy_(tensor)
        return place


def part_of(pieces: Sequence[Tensor], place: tuple[int, int], like: Tensor) -> Tensor:
    """Return the tensor, of the type and shape of `like`, at a place in pieces of memory."""
    piece, start = place
    return pieces[piece][start : start + like.nbytes].view(like.dtype).view(like.shape)


@dataclass(frozen=True)
class Sent:
    """A batch on its way to a GPU."""

    batch: Any
    pieces: list[Tensor]  # the memory of its tensors on the GPU
    copied: Any  # the event of the copy


class CopyingFeed:
    """Batches go to a GPU in one copy each, while it computes.

    Memory of the host is used again only when the copy from it has finished, for which the loader
    thread waits.
    """

    def __init__(self, copier: Copier, slots: int = SLOTS):
        self.copier = copier
        self.slots: queue.Queue[Slot] = queue.Queue()
        for _ in range(slots):
            self.slots.put(Slot(copier.allocate))
        self._loading = threading.local()  # the slot of the batch that a thread is loading

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return pinned memory of this thread's batch; outside of `loaded`, any memory."""
        slot = getattr(self._loading, "slot", None)
        if slot is None:
            return np.empty(shape, dtype=np.uint8)
        piece, start = slot.take(math.prod(shape))
        return slot.pieces[piece][start : start + math.prod(shape)].numpy().reshape(shape)

    def loaded(self, load: Callable[[Any], Any], item: Any) -> Sent:
        """Return load(item), whose copy to the GPU has begun."""
        slot = self.slots.get()
        try:
            slot.reset()
            self._loading.slot = slot
            return self._sent(load(item), slot)
        finally:
            self._loading.slot = None
            self.slots.put(slot)

    def _sent(self, batch: Any, slot: Slot) -> Sent:
        places: list[tuple[int, int]] = []
        on_tensors(lambda tensor: places.append(slot.put(tensor)), batch)
        pieces, slot.copied = self.copier.copy(
            piece[:used] for piece, used in zip(slot.pieces, slot.used, strict=True)
        )
        following = iter(places)
        there = on_tensors(lambda tensor: part_of(pieces, next(following), tensor), batch)
        return Sent(there, pieces, slot.copied)

    def taken(self, loaded: Sent) -> Any:
        """Return a batch, which the GPU will not read before it is there."""
        self.copier.receive(loaded.pieces, loaded.copied)
        return loaded.batch


def on_tensors(function: Callable[[Tensor], Any], batch: Any) -> Any:
    """Return a batch with function(tensor) for each of its tensors, in order."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(on_tensors(function, part) for part in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(on_tensors(function, part) for part in batch)
    return batch


def feed_of(device: torch.device) -> Feed:
    """Return the feed of a device; tasks and loops share it. A GPU without a number is the current.

    What a task asks of its feed while it loads is of use only if the loop has the same one.
    """
    if device.type not in COPIERS:
        return _HOST
    if device == torch.device("cuda"):
        device = torch.device("cuda", torch.cuda.current_device())
    return _copying_feed(device)


_HOST = HostFeed()
COPIERS: dict[str, Callable[[torch.device], Copier]] = {"cuda": CudaCopier}  # by type of device


@cache
def _copying_feed(device: torch.device) -> Feed:
    return CopyingFeed(COPIERS[device.type](device))


def fed(
    feed: Feed, load: Callable[[Any], Any], items: Iterable[Any], ahead: int = AHEAD
) -> Iterator[Any]:
    """Yield load(item) for each item, on the feed's device; a thread loads the next ones.

    What `load` raises is raised here. If the caller stops early and closes this, no thread is left.
    """
    loading = read_ahead(lambda item: feed.loaded(load, item), items, ahead)
    with contextlib.closing(loading):
        yield from map(feed.taken, loading)
