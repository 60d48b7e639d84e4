"""Images as the tasks read them: into memory of a feed, or once to where a device keeps them."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from imagenet_transfer.data.store import Store
from imagenet_transfer.data.windows import Windows
from imagenet_transfer.training.feed import Feed

T = TypeVar("T")
U = TypeVar("U")


class ImageSource(Protocol):
    """The part of `store.Store` that classification reads."""

    # The column `image` holds the records' names.

    images: pd.DataFrame

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Return the images of some rows as uint8 N,S,S,3."""


def read_images(
    source: ImageSource, rows: np.ndarray, windows: Windows | None, feed: Feed, size: int
) -> Tensor:
    """Return some images, uint8 N,size,size,3, or windows of them; a store decodes them in place.

    They are in memory of the feed.
    """
    if isinstance(source, Store):
        out = feed.empty((len(rows), size, size, 3))
        return torch.from_numpy(source.batch(rows, out, windows))
    images = source.batch(rows)
    return torch.from_numpy(images if windows is None else windows.cut_all(images))


def on_threads(source: Any, function: Callable[[T], U], items: Iterable[T]) -> list[U]:
    """Return function(item) of each item, computed by the threads of a source that has some."""
    return source.map(function, items) if isinstance(source, Store) else list(map(function, items))


def read_image(store: Store, row: int, mirror: bool = False) -> Tensor:
    """Return an image of a store, uint8 H,W,3, mirrored if told."""
    image = store.image(row)
    return torch.from_numpy(cv2.flip(image, 1) if mirror else image)


class Placed(NamedTuple):
    """Images of a batch by their places among those on the device, and those not there yet."""

    places: Tensor  # (N,)
    new: Tensor  # uint8 K,S,S,3
    new_places: Tensor  # (K,)
    new_numbers: np.ndarray  # (K,) the same where they can be read without waiting for the device


class DeviceImages:
    """Images on a device, uint8, each from the first batch that it was in.

    `num_records` is the number of a store's records, `rows` which of them to keep.
    """

    def __init__(self, num_records: int, rows: np.ndarray, size: int, device: torch.device | str):
        self.pixels = torch.empty((len(rows), size, size, 3), dtype=torch.uint8, device=device)
        self.place = np.full(num_records, -1, dtype=np.int64)
        self.place[rows] = np.arange(len(rows))
        self.there = np.zeros(len(rows), dtype=bool)

    def placed(self, rows: np.ndarray, read: Callable[[np.ndarray], Tensor]) -> Placed:
        """Return a batch of records, of which `read` gives those that are not on the device."""
        places = self.place[rows]
        missing = np.unique(rows[~self.there[places]])
        new = self.place[missing]
        return Placed(torch.from_numpy(places), read(missing), torch.from_numpy(new), new)

    def take(self, batch: Placed) -> Tensor:
        """Return all images, once those of a batch are among them; in the thread that computes.

        Only now are they marked as being there: a batch that was loaded may never be taken.
        """
        if len(batch.new):
            self.pixels[batch.new_places] = batch.new
            self.there[batch.new_numbers] = True
        return self.pixels
