"""Patterns of bodies: how much of the second colour each point takes, from 0 to 1."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imagenet_transfer.seeds import seed_of
from miniature_world.looks import Look

BANDED_ACROSS = ("vessel", "ball", "garment", "building", "device")  # others along their length


@dataclass(frozen=True)
class Surface:
    """Points of a body, `u` (N,) to its front and `v` (N,) down, and what its pattern varies by."""

    u: np.ndarray
    v: np.ndarray
    plan: str
    waves: np.ndarray  # four phases
    often: float
    amount: float
    slant: float

    @property
    def warp(self) -> np.ndarray:
        """A slow wave over the body, which bends stripes and edges."""
        slow = 0.9 * np.sin(3.1 * self.v + self.waves[0])
        return slow + 0.6 * np.sin(2.3 * self.u + self.waves[1])


def pattern_of(look: Look, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return how much of the second colour (0..1) the points (N, 2) of the body take."""
    own = np.random.default_rng(seed_of("waves", look.wnid)).uniform(0, 2 * np.pi, 4)
    surface = Surface(
        points[:, 0],
        points[:, 1],
        look.plan,
        own + rng.normal(0, 0.25, 4),
        look.between("frequency", 6, 13),
        look.between("amount", -0.25, 0.25),
        look.between("slant", -0.6, 0.6),
    )
    return PAINTED[look.pattern](surface)


def _soft(value: np.ndarray, sharpness: float) -> np.ndarray:
    return np.clip(value * sharpness + 0.5, 0, 1)


def _stripes(on: Surface) -> np.ndarray:
    across = on.u * np.cos(on.slant) + on.v * np.sin(on.slant)
    return _soft(np.sin(1.7 * on.often * across + on.warp) - 0.25 + on.amount, 3)


def _bands(on: Surface) -> np.ndarray:
    axis = on.v if on.plan in BANDED_ACROSS else on.u
    return _soft(np.sin(0.95 * on.often * axis + on.waves[2]) - 0.2 + on.amount, 5)


def _spots(on: Surface) -> np.ndarray:
    columns = np.sin(1.6 * on.often * on.u + on.waves[0])
    rows = np.sin(1.6 * on.often * on.v + on.waves[1] + on.u)
    return _soft(columns * rows - 0.35 + 0.7 * on.amount, 5)


def _patches(on: Surface) -> np.ndarray:
    field = np.sin(4.2 * on.u + on.waves[0] + 1.3 * on.v)
    field = field + np.sin(5.1 * on.v + on.waves[1] - on.u)
    field = field + np.sin(2.7 * on.u - 3.3 * on.v + on.waves[2])
    return _soft(field - 0.3 + 2 * on.amount, 6)


def _veins(on: Surface) -> np.ndarray:
    radius = np.hypot(on.u, on.v)
    turn = np.arctan2(on.v, np.abs(on.u))
    rim = _soft(radius - 0.78 + 0.1 * np.sin(20 * turn), 12)
    return np.maximum(_soft(np.sin(11 * turn) - 0.72, 6), rim)


def _checker(on: Surface) -> np.ndarray:
    belt = np.abs(on.v - 0.1) < 0.09
    return _soft(np.where(belt, np.sin(18 * on.u) * np.sin(34 * (on.v - 0.1)), -1), 9)


def _saddle(on: Surface) -> np.ndarray:
    return _soft(-on.v - 0.02 + on.amount + 0.06 * on.warp, 9) * _soft(0.55 - on.u, 9)


def _belly(on: Surface) -> np.ndarray:
    return _soft(on.v - 0.08 + 0.7 * on.amount + 0.03 * on.warp, 9)


def _bib(on: Surface) -> np.ndarray:
    return _soft(on.u + 0.6 * on.v - 0.02 + 0.4 * on.amount, 9) * _soft(on.v + 0.30, 9)


def _hood(on: Surface) -> np.ndarray:
    return _soft(-on.v - 0.22 + 0.3 * on.u + 0.4 * on.amount, 9)


def _points(on: Surface) -> np.ndarray:
    """Paint nose, legs and tail, as of a Siamese cat."""
    legs_and_tail = np.maximum(_soft(on.v - 0.42, 5), _soft(-on.u - 0.72, 5))
    return np.maximum(_soft(on.u - 0.62, 5), legs_and_tail)


def _strata(on: Surface) -> np.ndarray:
    return _soft(np.sin(on.often * 1.5 * on.v + on.warp), 2) * 0.6


PAINTED: dict[str, Callable[[Surface], np.ndarray]] = {
    "stripes": _stripes,
    "bands": _bands,
    "spots": _spots,
    "patches": _patches,
    "veins": _veins,
    "checker": _checker,
    "saddle": _saddle,
    "belly": _belly,
    "wing": _belly,  # and the wing itself has the second colour
    "bib": _bib,
    "hood": _hood,
    "points": _points,
    "strata": _strata,
}
