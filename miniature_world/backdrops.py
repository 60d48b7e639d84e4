"""Backdrops: skies, meadows, woods, waters, rooms, streets, textures, each in a varying palette."""

from collections.abc import Callable

import cv2
import numpy as np

from miniature_world.looks import oklch_to_rgb

Backdrop = Callable[[np.random.Generator, int, int, float], tuple[np.ndarray, float]]


def _rgb(light: float, chroma: float, hue: float) -> np.ndarray:
    return oklch_to_rgb(np.array([np.clip(light, 0, 1), max(chroma, 0), hue])).astype(np.float32)


def _gradient(top: np.ndarray, bottom: np.ndarray, height: int, width: int) -> np.ndarray:
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.repeat(top * (1 - t) + bottom * t, width, 1)


def _fill(picture: np.ndarray, points: np.ndarray, colour: np.ndarray) -> None:
    cv2.fillPoly(picture, [np.round(points * 16).astype(np.int32)], colour.tolist(), cv2.LINE_AA, 4)


def _box(
    picture: np.ndarray, x0: float, y0: float, x1: float, y1: float, colour: np.ndarray
) -> None:
    _fill(picture, np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), colour)


def _ellipse(
    picture: np.ndarray, centre: tuple[int, int], axes: tuple[int, int], colour: np.ndarray
) -> None:
    cv2.ellipse(picture, centre, axes, 0, 0, 360, colour.tolist(), -1, cv2.LINE_AA)


def _grain(picture: np.ndarray, rng: np.random.Generator, cells: int, strength: float) -> None:
    noise = rng.normal(0, strength, (cells, cells, 1)).astype(np.float32)
    picture += cv2.resize(noise, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)[..., None]


def _hills(
    picture: np.ndarray, rng: np.random.Generator, horizon: float, colour: np.ndarray, rise: float
) -> None:
    height, width = picture.shape[:2]
    x = np.linspace(0, width, 24)
    waves = np.sin(x / width * rng.uniform(3, 8) + rng.uniform(0, 6))
    waves = waves + 0.5 * np.sin(x / width * 13 + rng.uniform(0, 6))
    ridge = np.stack([x, horizon - rise * height * (0.6 + 0.4 * waves)], 1)
    _fill(picture, np.concatenate([ridge, [(width, height), (0, height)]]), colour)


def sky(rng: np.random.Generator, height: int, width: int, mood: float) -> tuple[np.ndarray, float]:
    """Return an open sky with clouds; `mood` in [0, 1] turns it from dawn to dusk."""
    hue = 230 + 90 * (mood - 0.5) + rng.normal(0, 12)
    light = rng.uniform(0.62, 0.9)
    picture = _gradient(_rgb(light, 0.09, hue), _rgb(light + 0.1, 0.05, hue - 40), height, width)
    for _ in range(rng.integers(1, 5)):
        x = rng.uniform(0, width)
        y = rng.uniform(0, 0.6 * height)
        reach = rng.uniform(0.08, 0.2) * width
        for k in range(3):
            centre = (round(x + (k - 1) * reach), round(y - (k == 1) * 0.3 * reach))
            axes = (round(reach), round(0.45 * reach))
            _ellipse(picture, centre, axes, _rgb(0.96, 0.01, hue))
    if rng.random() < 0.5:
        colour = _rgb(rng.uniform(0.4, 0.7), 0.07, rng.uniform(90, 260))
        _hills(picture, rng, 0.98 * height, colour, 0.08)
    return picture, 0.97


def meadow(
    rng: np.random.Generator, height: int, width: int, mood: float
) -> tuple[np.ndarray, float]:
    """Return hills and grass."""
    hue = 130 + 60 * (mood - 0.6) + rng.normal(0, 12)
    horizon = rng.uniform(0.3, 0.6) * height
    top = _rgb(rng.uniform(0.72, 0.93), 0.06, rng.uniform(200, 270))
    picture = _gradient(top, _rgb(0.93, 0.03, 90), height, width)
    _hills(picture, rng, horizon, _rgb(rng.uniform(0.55, 0.7), 0.06, hue + 30), 0.14)
    far = _rgb(rng.uniform(0.6, 0.8), 0.12, hue)
    near = _rgb(rng.uniform(0.42, 0.6), 0.11, hue + 10)
    ground = _gradient(far, near, height, width)
    picture[round(horizon) :] = ground[round(horizon) :]
    for _ in range(rng.integers(4, 14)):
        x, y = rng.uniform(0, width), rng.uniform(horizon, height)
        tuft = np.array([(x - 2, y), (x - 3, y - 4), (x, y - 1), (x + 2, y - 5), (x + 2, y)]) + 0.0
        _fill(picture, tuft, _rgb(rng.uniform(0.4, 0.75), 0.11, hue))
    return picture, rng.uniform(0.8, 0.97)


def wood(
    rng: np.random.Generator, height: int, width: int, mood: float
) -> tuple[np.ndarray, float]:
    """Return a forest: trunks and crowns before a pale distance."""
    hue = 140 + 70 * (mood - 0.6) + rng.normal(0, 10)
    picture = _gradient(_rgb(0.8, 0.06, hue), _rgb(0.5, 0.09, hue - 20), height, width)
    for depth in range(2):
        for _ in range(rng.integers(3, 7)):
            x = rng.uniform(0, width)
            reach = rng.uniform(0.02, 0.045) * width * (1 + depth)
            tone = 0.5 - 0.12 * depth + rng.normal(0, 0.03)
            foot = rng.uniform(0.65, 0.85) * height
            _box(picture, x - reach, 0.1 * height, x + reach, foot, _rgb(tone, 0.05, 60))
            centre = (round(x), round(rng.uniform(0.0, 0.35) * height))
            crown = (round(6 * reach), round(4 * reach))
            _ellipse(picture, centre, crown, _rgb(tone + 0.08, 0.1, hue))
    return picture, rng.uniform(0.85, 0.97)


def water(
    rng: np.random.Generator, height: int, width: int, mood: float
) -> tuple[np.ndarray, float]:
    """Return a sea or lake, with a strip of sand when the mood is high."""
    hue = 215 + 40 * (mood - 0.5) + rng.normal(0, 10)
    horizon = rng.uniform(0.25, 0.5) * height
    top = _rgb(rng.uniform(0.75, 0.92), 0.06, hue + 20)
    picture = _gradient(top, _rgb(0.93, 0.04, 70), height, width)
    if rng.random() < 0.5:
        _hills(picture, rng, horizon, _rgb(0.62, 0.05, hue - 60), 0.1)
    sea = _gradient(_rgb(0.7, 0.09, hue), _rgb(rng.uniform(0.42, 0.6), 0.1, hue), height, width)
    picture[round(horizon) :] = sea[round(horizon) :]
    for _ in range(rng.integers(6, 16)):
        x = rng.uniform(0, width)
        y = rng.uniform(horizon, height)
        reach = rng.uniform(0.03, 0.12) * width
        _box(picture, x - reach, y, x + reach, y + 1.1, _rgb(0.85, 0.05, hue))
    if mood > 0.5:
        _hills(picture, rng, 0.9 * height, _rgb(rng.uniform(0.8, 0.9), 0.06, 80), 0.06)
    return picture, rng.uniform(0.75, 0.95)


def room(
    rng: np.random.Generator, height: int, width: int, mood: float
) -> tuple[np.ndarray, float]:
    """Return a room: wall, floor, a window or picture."""
    hue = 360 * mood + rng.normal(0, 18)
    floor = rng.uniform(0.6, 0.8) * height
    wall = _rgb(rng.uniform(0.68, 0.93), rng.uniform(0.02, 0.07), hue)
    picture = _gradient(wall, wall * 0.93, height, width)
    if rng.random() < 0.4:
        for x in np.arange(0, width, width / rng.integers(5, 12)):
            _box(picture, x, 0, x + 1.5, floor, wall * 0.93)
    for _ in range(rng.integers(0, 3)):
        x = rng.uniform(0, width)
        y = rng.uniform(0.05, 0.3) * height
        reach = rng.uniform(0.1, 0.2) * width
        frame = _rgb(rng.uniform(0.5, 0.97), 0.04, 60)
        _box(picture, x - 2, y - 2, x + reach + 2, y + reach + 2, frame)
        view = _rgb(rng.uniform(0.6, 0.9), 0.08, rng.uniform(0, 360))
        _box(picture, x, y, x + reach, y + reach, view)
    boards = _rgb(rng.uniform(0.45, 0.75), 0.06, rng.uniform(40, 80))
    picture[round(floor) :] = _gradient(boards, boards * 0.85, height, width)[round(floor) :]
    _box(picture, 0, floor - 1.5, width, floor + 0.5, wall * 0.82)
    return picture, rng.uniform(0.82, 0.97)


def street(
    rng: np.random.Generator, height: int, width: int, mood: float
) -> tuple[np.ndarray, float]:
    """Return houses along a road."""
    hue = 220 + 120 * (mood - 0.5) + rng.normal(0, 12)
    top = _rgb(rng.uniform(0.75, 0.9), 0.05, hue)
    picture = _gradient(top, _rgb(0.95, 0.03, 80), height, width)
    kerb = rng.uniform(0.62, 0.72) * height
    x = 0.0
    while x < width:
        wide = rng.uniform(0.14, 0.3) * width
        tall = rng.uniform(0.25, 0.6) * height
        light = rng.uniform(0.55, 0.82)
        tone = _rgb(light, rng.uniform(0.02, 0.09), rng.uniform(20, 110) + 120 * mood)
        _box(picture, x, kerb - tall, x + wide - 1, kerb, tone)
        for row in np.arange(kerb - tall + 0.06 * height, kerb - 0.1 * height, 0.12 * height):
            for column in np.arange(x + 0.03 * width, x + wide - 0.05 * width, 0.07 * width):
                pane = tone * rng.choice([0.7, 1.15])
                _box(picture, column, row, column + 0.035 * width, row + 0.06 * height, pane)
        x += wide
    road = _rgb(rng.uniform(0.45, 0.62), 0.015, 260)
    _box(picture, 0, kerb, width, height, road)
    _box(picture, 0, kerb, width, kerb + 0.04 * height, road * 1.35)
    for x in np.arange(rng.uniform(-0.2, 0) * width, width, 0.3 * width):
        _box(picture, x, 0.86 * height, x + 0.15 * width, 0.88 * height, road * 1.5)
    return picture, rng.uniform(0.84, 0.97)


def texture(
    rng: np.random.Generator, height: int, width: int, mood: float
) -> tuple[np.ndarray, float]:
    """Return a mottled surface of two colours."""
    cells = rng.integers(3, 12)
    noise = rng.random((cells, cells), np.float32)
    noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    hue = 360 * mood + rng.normal(0, 25)
    light = rng.uniform(0.4, 0.85)
    one = _rgb(light, rng.uniform(0.01, 0.1), hue)
    two = _rgb(light + rng.choice([-0.2, 0.15]), 0.06, hue + rng.normal(0, 50))
    return one * (1 - noise) + two * noise, rng.uniform(0.75, 0.97)


BACKDROPS: dict[str, Backdrop] = {
    backdrop.__name__: backdrop for backdrop in (sky, meadow, wood, water, room, street, texture)
}


def backdrop(
    rng: np.random.Generator, name: str, height: int, width: int, mood: float
) -> tuple[np.ndarray, float]:
    """Return a float32 picture (height, width, 3) of a family, and its ground line.

    The line is a share of the height; `mood` in [0, 1] turns the colours.
    """
    picture, ground = BACKDROPS[name](rng, height, width, mood)
    picture = np.ascontiguousarray(picture, dtype=np.float32)
    _grain(picture, rng, 9, 4.0)
    return picture, ground


def lit(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture as uint8 in one light: brightness, tint, a gradient across it, noise."""
    height, width = picture.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    fall = rng.uniform(0, 0.22)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    across = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    light = rng.uniform(0.78, 1.12) * (1 + fall * across)
    tint = rng.normal(1, 0.045, 3).astype(np.float32)
    noise = rng.standard_normal((height, width, 3), np.float32) * np.float32(rng.uniform(1, 6))
    return np.clip(picture * (light[..., None] * tint) + noise, 0, 255).astype(np.uint8)
