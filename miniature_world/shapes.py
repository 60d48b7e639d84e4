"""Vector shapes in unit coordinates (x to the right, y down), as a list of filled polygons."""

from collections.abc import Callable, Sequence

import numpy as np

BODY, FAR, SECOND, ACCENT, DARK, LIGHT, GLASS, METAL, LINE, SKIN, LEAF, WOOD = range(1, 13)

Jitter = Callable[[float], float]

_CIRCLE = np.linspace(0, 2 * np.pi, 40, endpoint=False)
_UNIT_CIRCLE = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], 1)
_HALF = np.linspace(-np.pi / 2, np.pi / 2, 9)
_HALF_CIRCLE = np.stack([np.cos(_HALF), np.sin(_HALF)], 1)
_STEPS = np.linspace(0, 1, 8, endpoint=False)[:, None]


def rotated(points: np.ndarray, angle: float) -> np.ndarray:
    """Return the points (N, 2) turned by `angle` radians about the origin."""
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])


def smooth(points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return a closed Catmull-Rom curve through the points."""
    p1 = np.asarray(points, float)[:, None]
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = _STEPS[None]
    curve = (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return (curve / 2).reshape(-1, 2)


class Drawing:
    """Polygons (N, 2) with their materials, in drawing order."""

    def __init__(self, jitter: Jitter = lambda scale: 0.0):
        self.parts: list[tuple[int, np.ndarray]] = []
        self.jitter = jitter

    def poly(self, material: int, points: Sequence[tuple[float, float]] | np.ndarray) -> None:
        """Add a polygon."""
        self.parts.append((material, np.asarray(points, float)))

    def curve(self, material: int, points: Sequence[tuple[float, float]]) -> None:
        """Add a closed smooth curve through the points."""
        self.parts.append((material, smooth(points)))

    def ellipse(
        self, material: int, x: float, y: float, rx: float, ry: float, angle: float = 0.0
    ) -> None:
        """Add an ellipse, turned by `angle` radians."""
        self.parts.append((material, np.add(rotated(_UNIT_CIRCLE * (rx, ry), angle), (x, y))))

    def ring(
        self, material: int, inside: int, x: float, y: float, rx: float, ry: float, width: float
    ) -> None:
        """Add an ellipse with another one of another material inside."""
        self.ellipse(material, x, y, rx, ry)
        self.ellipse(inside, x, y, rx - width, ry - width)

    def limb(
        self,
        material: int,
        start: tuple[float, float],
        r0: float,
        end: tuple[float, float],
        r1: float,
    ) -> None:
        """Add a tapered limb with round ends."""
        a, b = np.asarray(start, float), np.asarray(end, float)
        angle = np.arctan2(*(b - a)[::-1])
        ends = [b + rotated(_HALF_CIRCLE * r1, angle), a - rotated(_HALF_CIRCLE * r0, angle)]
        self.parts.append((material, np.concatenate(ends)))

    def path(
        self, material: int, points: Sequence[tuple[float, float]], r0: float, r1: float
    ) -> None:
        """Add a tapered stroke along a smooth open path."""
        line = np.asarray(points, float)
        if len(line) > 2:
            t = np.linspace(0, len(line) - 1, 6 * len(line))
            grid = np.arange(len(line))
            line = np.stack([np.interp(t, grid, line[:, k]) for k in (0, 1)], 1)
            line[1:-1] = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
            line[2:-2] = (line[:-4] + 2 * line[2:-2] + line[4:]) / 4
        normal = np.gradient(line, axis=0)[:, ::-1] * (-1, 1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        radius = np.linspace(r0, r1, len(line))[:, None]
        outline = np.concatenate([line + normal * radius, (line - normal * radius)[::-1]])
        self.parts.append((material, outline))

    def box(
        self, material: int, x0: float, y0: float, x1: float, y1: float, r: float = 0.0
    ) -> None:
        """Add a rectangle with corners rounded by `r`."""
        if r <= 0:
            self.poly(material, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
            return
        r = min(r, (x1 - x0) / 2, (y1 - y0) / 2)
        corners = [(x1 - r, y1 - r), (x0 + r, y1 - r), (x0 + r, y0 + r), (x1 - r, y0 + r)]
        arcs = [_UNIT_CIRCLE[10 * k : 10 * k + 11] * r + corner for k, corner in enumerate(corners)]
        self.parts.append((material, np.concatenate(arcs)))
