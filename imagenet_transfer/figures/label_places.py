"""Places for the labels of points that cover neither marks nor each other."""

from collections.abc import Sequence

import numpy as np

from imagenet_transfer.figures.canvas import INCH
from imagenet_transfer.figures.panels import SMALL

# Where labels may stand: directions by preference, distances from the point in inches
SIDES, DIAGONALS, BETWEEN = (90, 270, 0, 180), (45, 135, 315, 225), (22.5, 67.5, 112.5, 157.5)
DIRECTIONS = np.deg2rad([*SIDES, *DIAGONALS, *BETWEEN, 202.5, 247.5, 292.5, 337.5])
RINGS = (0.085, 0.11, 0.15, 0.2, 0.26, 0.33, 0.42, 0.52)
MARK = 3.4  # points: the diameter of a set's mark
LABEL_HEIGHT = SMALL / INCH
AIR = 0.012


def label_places(
    anchors: np.ndarray, reach: np.ndarray, widths: Sequence[float], size: tuple[float, float]
) -> np.ndarray:
    """Return the centres (n, 2) of labels of these widths next to their points, all in inches.

    `anchors` and `reach` (n, 2) are the points and how far their bars go to each side; `size` is
    that of the axes. Labels cover neither marks nor each other while there is any such place; they
    keep off bars where that costs little. The most crowded points choose first.
    """
    near = np.hypot(*(anchors[:, None] - anchors[None]).transpose(2, 0, 1)) < 2 * RINGS[0]
    centres = np.full_like(anchors, np.nan, dtype=float)
    taken: list[np.ndarray] = []
    for i in np.argsort(-near.sum(axis=1), kind="stable"):
        half = np.array([widths[i] / 2, LABEL_HEIGHT / 2]) + AIR
        costs = [
            (_cost(centre, half, i, anchors, reach, taken, size) + distance + 0.002 * rank, *centre)
            for distance in RINGS
            for rank, centre in enumerate(_ring(anchors[i], distance, half))
        ]
        centres[i] = min(costs)[1:]
        taken.append(np.concatenate([centres[i] - half, centres[i] + half]))
    return centres


def _ring(anchor: np.ndarray, distance: float, half: np.ndarray) -> np.ndarray:
    """Return centres about a point; sideways a wide label is moved off by half its width."""
    directions = np.stack([np.cos(DIRECTIONS), np.sin(DIRECTIONS)], axis=1)
    stretch = np.array([distance + max(half[0] - half[1], 0), distance])
    return anchor + directions * stretch


def _cost(
    centre: np.ndarray,
    half: np.ndarray,
    own: int,
    anchors: np.ndarray,
    reach: np.ndarray,
    taken: Sequence[np.ndarray],
    size: tuple[float, float],
) -> float:
    """Return how bad a place for the label of the point `own` is.

    Each mark or label that it covers and each side that it crosses costs 10; bars, and standing so
    near to another point that it might be that one's, cost as much as a few tenths of an inch.
    """
    low, high = centre - half, centre + half
    outside = int((low < 0).sum() + (high > size).sum())
    labels = sum(bool((low < box[2:]).all() and (high > box[:2]).all()) for box in taken)
    mark = MARK / INCH / 2
    marks = int(((low < anchors + mark) & (high > anchors - mark)).all(axis=1).sum())
    bars = 0
    for axis in (0, 1):
        arm = reach * np.eye(2)[axis]
        bars += int(((low < anchors + arm) & (high > anchors - arm)).all(axis=1).sum())
    to_others = np.hypot(*(anchors - centre).T)
    unclear = bool((np.delete(to_others, own) < 1.35 * to_others[own]).any())
    return 10.0 * (outside + labels + marks) + 0.12 * (bars + 2 * unclear)
