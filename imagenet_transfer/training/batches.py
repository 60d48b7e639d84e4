"""Which images a step sees, and batches of images of one size."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from imagenet_transfer.seeds import seed_of

Sized = TypeVar("Sized")  # a training example with an `image`


class DataOrder:
    """Which images a step sees: a permutation per epoch, each a function of seed and epoch only."""

    def __init__(self, num_images: int, batch_size: int, seed: int):
        self.num_images = num_images
        self.batch_size = batch_size
        self.seed = seed
        self._permutation = lru_cache(maxsize=3)(self._permutation)

    def _permutation(self, epoch: int) -> np.ndarray:
        generator = np.random.default_rng(seed_of(self.seed, "epoch", epoch))
        return generator.permutation(self.num_images)

    def at(self, step: int) -> np.ndarray:
        """Return the positions (0..num_images-1) of a step's images.

        A batch may reach into the next epoch.
        """
        wanted = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        epochs, places = np.divmod(wanted, self.num_images)
        parts = [self._permutation(int(e))[places[epochs == e]] for e in np.unique(epochs)]
        return np.concatenate(parts)


def grouped_by_size(examples: Sequence[Sized]) -> list[list[Sized]]:
    """Return the examples in groups whose images have the same height and width."""
    groups: dict[torch.Size, list[Sized]] = defaultdict(list)
    for example in examples:
        groups[example.image.shape].append(example)
    return list(groups.values())


def batches_of_equal_size(
    images: Iterable[tuple[str, Tensor]], size: int
) -> Iterator[tuple[list[str], Tensor]]:
    """Yield names and images N,H,W,3 in batches of one height and width.

    A batch has `size` images, or fewer at the end.
    """
    waiting: dict[torch.Size, list[tuple[str, Tensor]]] = defaultdict(list)
    for name, image in images:
        group = waiting[image.shape]
        group.append((name, image))
        if len(group) == size:
            yield _stacked(waiting.pop(image.shape))
    yield from map(_stacked, waiting.values())


def _stacked(group: list[tuple[str, Tensor]]) -> tuple[list[str], Tensor]:
    names, images = zip(*group, strict=True)
    return list(names), torch.stack(images)
