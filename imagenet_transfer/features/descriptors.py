"""How much classes look alike by their pixels: colour layout and edge directions, nothing learnt.

Figure 6 asks whether sub-classes that look alike gain most from being judged as one. A likeness
taken from the network whose confusions are counted would answer itself: classes that it confuses
lie close together in its features.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from imagenet_transfer.data.store import Store
from imagenet_transfer.seeds import seed_of

GRID = 8  # cells per side, for colours and for edges
DIRECTIONS = 9  # of edges, over half a turn (Dalal & Triggs 2005)
PER_CLASS = 50  # training images that stand for a class


def class_descriptors(store: Store, wnids: Sequence[str], split: str, seed: int) -> pd.DataFrame:
    """Return the mean descriptor of each class (index wnid), standardised over the classes.

    `seed` draws up to PER_CLASS images per class from `split`, which should not hold the images
    whose confusions are counted.
    """
    images = store.images[store.images["split"] == split]
    rows = {}
    for wnid in wnids:
        names = images.loc[images["class"] == wnid, "image"]
        names = sorted(names, key=lambda name: seed_of(seed, "likeness", name))
        if names:
            pixels = store.batch(np.sort(store.rows(names[:PER_CLASS])))
            rows[wnid] = descriptors(pixels).mean(0)
    frame = pd.DataFrame.from_dict(rows, orient="index")
    spread = frame.std(ddof=0).replace(0.0, 1.0)
    return (frame - frame.mean()) / spread


def descriptors(images: np.ndarray) -> np.ndarray:
    """Return a descriptor (N,D) per RGB image (uint8 N,S,S,3).

    It holds the colours and edge directions of GRID x GRID cells. Images with fewer pixels than
    cells per side are enlarged GRID times, so that cells share pixels.
    """
    values = images.astype(np.float32) / 255
    if values.shape[1] < GRID:
        values = values.repeat(GRID, axis=1).repeat(GRID, axis=2)
    side = values.shape[1] // GRID * GRID
    colours = cells(values[:, :side, :side]).mean(axis=(2, 4)).reshape(len(images), -1)
    return np.concatenate([colours, edge_directions(values[:, :side, :side].mean(axis=3))], axis=1)


def cells(values: np.ndarray) -> np.ndarray:
    """Return N,S,S,C values as N,GRID,S/GRID,GRID,S/GRID,C."""
    count, side, _, channels = values.shape
    return values.reshape(count, GRID, side // GRID, GRID, side // GRID, channels)


def edge_directions(grey: np.ndarray) -> np.ndarray:
    """Return the gradients by direction, (N, GRID * GRID * DIRECTIONS), of grey images N,S,S.

    A cell's values are its sums of gradient strengths divided by their L2 norm, as Dalal & Triggs
    do for a block: their squares add up to 1 (less in a cell that is nearly plain).
    """
    down, right = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, right)
    direction = (np.arctan2(down, right) % np.pi / np.pi * DIRECTIONS).astype(int) % DIRECTIONS
    one_hot = np.eye(DIRECTIONS, dtype=np.float32)[direction] * strength[..., None]
    sums = cells(one_hot).sum(axis=(2, 4))
    normalised = sums / (np.linalg.norm(sums, axis=-1, keepdims=True) + 1e-3)
    return normalised.reshape(len(grey), -1)
