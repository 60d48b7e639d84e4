"""Figure 8: collages of the halves of each split."""

import itertools
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
    """Return `count` training images of the label set's classes in a drawn order, all if it has fewer.

    The classes take equal shares or, where there are more classes than images, every so many-th in ascending order of
    wnid has one. `images` has the columns image, split and class. Equal seeds give equal images.
    """
    training = images[images["split"] == "train"]
    classes = _evenly(sorted(set(training["class"]) & set(label_set["wnid"])), count)
    chosen = training[training["class"].isin(classes)]
    ranked = chosen.assign(draw=[seed_of(seed, "collage", image) for image in chosen["image"]])
    ranked = ranked.sort_values(["class", "draw", "image"])
    turn_of = ranked.groupby("class").cumcount().to_numpy()
    names, order = ranked["image"].to_numpy(), []
    for turn in itertools.count():
        picked = _evenly(names[turn_of == turn], count - len(order))
        if not picked:
            break
        order += picked
    return sorted(order, key=lambda image: seed_of(seed, "place", image))


def _evenly(values: Sequence[str], count: int) -> list[str]:
    """Return `count` of the values at even steps, all of them if there are fewer."""
    count = min(count, len(values))
    return [values[place * len(values) // count] for place in range(count)]


@styled
def draw_collages(
    halves: Mapping[tuple[str, str], Sequence[np.ndarray]], layout: Mapping[str, Any]
) -> Figure:
    """Return Figure 8: a collage of images of each half of each split, a row for each split.

    `halves` maps (split, half), half "a" or "b", to uint8 RGB images; layout["splits"] gives the splits in their order
    with the names of their halves' label sets, layout["n_classes"] the number of classes of each label set.
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
            _draw_titles(
                axes,
                f"{split} split, half {half}",
                layout["n_classes"][name],
                (left, left + width),
                top,
            )
            picture = collage(halves[split, half], columns, pixels)
            y = top + HEADING
            bottom = y + width * picture.shape[0] / picture.shape[1]
            place_image(axes, picture, (left, left + width, bottom, y))
        top += height
    return figure


def _draw_titles(
    axes: Axes, title: str, n_classes: int, sides: tuple[float, float], top: float
) -> None:
    style = {"fontsize": LARGE, "va": "center"}
    axes.text(sides[0], top + 0.14, title, weight="bold", **style)
    axes.text(sides[1], top + 0.14, f"{n_classes} classes", ha="right", **style)


def collage_columns(number: int) -> int:
    """Return how many images of a collage stand abreast: about four to three high."""
    return max(1, round((number * 4 / 3) ** 0.5))


def collage(images: Sequence[np.ndarray], columns: int, side: int) -> np.ndarray:
    """Return the images as one uint8 RGB picture, `columns` abreast, `side` pixels each with a white edge of one."""
    rows = -(-len(images) // columns)
    picture = np.full((rows * side, columns * side, 3), 255, np.uint8)
    for place, image in enumerate(images):
        top, left = side * (place // columns), side * (place % columns)
        picture[top : top + side - 1, left : left + side - 1] = thumbnail(image, side - 1)
    return picture
