"""Places for the labels of points, where they cover neither marks nor each other."""

from collections.abc import Sequence

import numpy as np

from imagenet_transfer.figures.canvas import INCH
from imagenet_transfer.figures.panels import SMALL

SIDES = (90, 270, 0, 180)  # degrees: where a label may be, from the most preferred
DIAGONALS = (45, 135, 315, 225)
BETWEEN = (22.5, 67.5, 112.5, 157.5, 202.5, 247.5, 292.5, 337.5)
DIRECTIONS = np.deg2rad([*SIDES, *DIAGONALS, *BETWEEN])
RINGS = (0.085, 0.11, 0.15, 0.2, 0.26, 0.33, 0.42, 0.52)  # inches from the point
MARK = 3.4  # points: the diameter of a point's mark
LABEL_HEIGHT = SMALL / INCH
AIR = 0.012  # inches about a label


def label_places(
    anchors: np.ndarray, reach: np.ndarray, widths: Sequence[float], size: tuple[float, float]
) -> np.ndarray:
    """Return the centres (n, 2) of labels of these widths next to their points, all in inches.

    `anchors` (n, 2) are the points, `reach` (n, 2) how far their bars go to either side, and `size`
    is that of the axes. Labels cover neither marks nor each other if that is possible, and avoid
    bars where this costs little. The most crowded points choose first.
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
    """Return centres around a point, for wide labels farther away on its left and right."""
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

    Each mark or label that it covers and each edge that it crosses costs 10. A bar that it covers,
    or being so near to another point that it could belong to that one, costs a few tenths, as much
    as that many inches of distance.
    """
    low = centre - half
    high = centre + half
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
