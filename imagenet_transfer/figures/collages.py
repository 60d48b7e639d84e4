"""Figure 8: collages of the halves of each split."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imagenet_transfer.figures.canvas import (
    LARGE,
    MARGIN,
    image_side,
    inch_canvas,
    place_image,
    thumbnail,
)
from imagenet_transfer.figures.style import TWO_COLUMNS, styled
from imagenet_transfer.seeds import seed_of

HALF_GAP = 0.16  # inches between two collages
HEADING = 0.3  # inches above a collage


def pick_images(images: pd.DataFrame, label_set: pd.DataFrame, count: int, seed: int) -> list[str]:
    """Return `count` training images of the label set's classes, all if it has fewer, shuffled.

    The classes have equal shares; of more classes than images, every nth in ascending order of wnid
    has one image. `images` has the columns image, split and class. Equal seeds give equal images.
    """
    training = images[images["split"] == "train"]
    classes = _evenly(sorted(set(training["class"]) & set(label_set["wnid"])), count)
    chosen = training[training["class"].isin(classes)]
    ranked = chosen.assign(draw=[seed_of(seed, "collage", image) for image in chosen["image"]])
    ranked = ranked.sort_values(["class", "draw", "image"])
    turn_of = ranked.groupby("class").cumcount().to_numpy()
    names = ranked["image"].to_numpy()
    picked: list[str] = []
    for turn in range(turn_of.max(initial=-1) + 1):  # each class has at most one image per turn
        picked += _evenly(names[turn_of == turn], count - len(picked))
    return sorted(picked, key=lambda image: seed_of(seed, "place", image))


def _evenly(values: Sequence[str], count: int) -> list[str]:
    """Return `count` of the values at even steps, all if there are fewer."""
    count = min(count, len(values))
    return [values[place * len(values) // count] for place in range(count)]


@styled
def draw_collages(
    halves: Mapping[tuple[str, str], Sequence[np.ndarray]], layout: Mapping[str, Any]
) -> Figure:
    """Return Figure 8: a collage of images of each half of each split, one row per split.

    `halves` maps (split, "a" or "b") to uint8 RGB images. layout["splits"] maps the splits, in
    their order, to the label sets of their halves; layout["n_classes"] maps the label sets to their
    numbers of classes.
    """
    width = (TWO_COLUMNS - 2 * MARGIN - HALF_GAP) / 2
    columns = collage_columns(max(map(len, halves.values())))
    rows = {
        split: max(-(-len(halves[split, half]) // columns) for half in "ab")
        for split in layout["splits"]
    }
    tile = width / columns
    heights = [HEADING + tile * number + 0.08 for number in rows.values()]
    figure, axes = inch_canvas(TWO_COLUMNS, MARGIN + sum(heights))
    pixels = image_side(tile, sum(map(len, halves.values())))
    top = MARGIN
    for (split, names), height in zip(layout["splits"].items(), heights, strict=True):
        for half, name, left in zip("ab", names, (MARGIN, MARGIN + width + HALF_GAP), strict=True):
            right = left + width
            title = f"{split} split, half {half}"
            _draw_titles(axes, title, layout["n_classes"][name], (left, right), top)
            picture = collage(halves[split, half], columns, pixels)
            y = top + HEADING
            bottom = y + width * picture.shape[0] / picture.shape[1]
            place_image(axes, picture, (left, right, bottom, y))
        top += height
    return figure


def _draw_titles(
    axes: Axes, title: str, n_classes: int, sides: tuple[float, float], top: float
) -> None:
    style = {"fontsize": LARGE, "va": "center"}
    axes.text(sides[0], top + 0.14, title, weight="bold", **style)
    axes.text(sides[1], top + 0.14, f"{n_classes} classes", ha="right", **style)


def collage_columns(number: int) -> int:
    """Return the number of images per row of a collage, for a shape of about four to three."""
    return max(1, round((number * 4 / 3) ** 0.5))


def collage(images: Sequence[np.ndarray], columns: int, side: int) -> np.ndarray:
    """Return the images as one uint8 RGB picture, `columns` per row.

    Each has `side` pixels per side, with a white edge of one pixel on the right and below.
    """
    rows = -(-len(images) // columns)
    picture = np.full((rows * side, columns * side, 3), 255, np.uint8)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        top = side * row
        left = side * column
        picture[top : top + side - 1, left : left + side - 1] = thumbnail(image, side - 1)
    return picture
