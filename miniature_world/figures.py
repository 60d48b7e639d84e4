"""People in action and the things they hold.

The origin of a drawing is the hip or the hand; one unit is the standing height.
"""

from dataclasses import dataclass

import numpy as np

from miniature_world.looks import oklch_to_rgb
from miniature_world.shapes import (
    ACCENT,
    BODY,
    DARK,
    FAR,
    GLASS,
    LEAF,
    LIGHT,
    METAL,
    SECOND,
    SKIN,
    WOOD,
    Drawing,
)

Point = tuple[float, float]
# Angles of a limb's upper and lower half in radians: 0 hangs down, positive is forward
Limb = tuple[float, float]

TORSO = 0.30
ARM = 0.17
LEG = 0.24
NECK = 0.12
HEAD = 0.085
# The near and the far limb of each stance, in this order
LEGS: dict[str, tuple[Limb, Limb]] = {
    "stand": ((0.06, 0.02), (-0.1, -0.06)),
    "sit": ((1.35, 0.1), (1.2, -0.08)),
    "stride": ((0.45, 0.25), (-0.3, -0.6)),
    "run": ((1.05, -0.1), (-0.45, -1.5)),
    "leap": ((1.25, 0.1), (-0.75, -1.3)),
}
ARMS: dict[str, tuple[Limb, Limb]] = {
    "hang": ((0.1, 0.25), (-0.1, 0.15)),
    "swing": ((-0.5, -0.05), (0.5, 0.9)),
    "pump": ((-0.9, 0.5), (0.8, 2.2)),
    "raise": ((2.3, 2.7), (2.0, 2.5)),
    "forward": ((0.6, 1.35), (0.7, 1.45)),
    "up": ((0.9, 2.85), (0.0, 0.2)),
}
LEANS = {"run": 0.28, "leap": 0.15, "stride": 0.08}


@dataclass(frozen=True)
class Person:
    """A drawing with its origin at the hip; where the busy hand and the lower foot are."""

    drawing: Drawing
    hand: Point
    foot: float


def person(legs: str, arms: str, rng: np.random.Generator) -> Person:
    """Return somebody in a stance, facing right, with joints that vary a little."""
    d = Drawing()
    lean = LEANS.get(legs, 0.04) + rng.normal(0, 0.05)
    neck = (TORSO * np.sin(lean), -TORSO * np.cos(lean))
    near_arm, far_arm = _jittered(ARMS[arms], rng)
    near_leg, far_leg = _jittered(LEGS[legs], rng)
    feet = [_leg(d, far_leg, WOOD)]
    _arm(d, neck, far_arm, FAR)
    d.limb(BODY, (0, -0.01), 0.085, (neck[0], neck[1] + 0.06), 0.1)
    feet.append(_leg(d, near_leg, SECOND))
    _head(d, neck, rng)
    hand = _arm(d, neck, near_arm, FAR if arms == "up" else BODY)
    return Person(d, hand, max(feet))


def _jittered(limbs: tuple[Limb, Limb], rng: np.random.Generator) -> list[Limb]:
    return [(upper + rng.normal(0, 0.1), lower + rng.normal(0, 0.1)) for upper, lower in limbs]


def _along(start: Point, angle: float, length: float) -> Point:
    return start[0] + length * np.sin(angle), start[1] + length * np.cos(angle)


def _leg(d: Drawing, leg: Limb, material: int) -> float:
    """Draw a leg from the hip; return how far below the hip its sole is."""
    knee = _along((0, 0), leg[0], LEG)
    ankle = _along(knee, leg[1], LEG - 0.03)
    d.limb(material, (0, 0), 0.075, knee, 0.055)
    d.limb(material, knee, 0.055, ankle, 0.04)
    d.limb(DARK, ankle, 0.035, _along(ankle, leg[1] + 1.5, 0.08), 0.028)
    return ankle[1] + 0.035


def _arm(d: Drawing, neck: Point, arm: Limb, material: int) -> Point:
    shoulder = (neck[0], neck[1] + 0.04)
    elbow = _along(shoulder, arm[0], ARM)
    hand = _along(elbow, arm[1], ARM)
    d.limb(material, shoulder, 0.05, elbow, 0.042)
    d.limb(material, elbow, 0.042, hand, 0.032)
    d.ellipse(SKIN, *hand, 0.038, 0.038)
    return hand


def _head(d: Drawing, neck: Point, rng: np.random.Generator) -> None:
    x, y = neck[0] + 0.015, neck[1] - NECK
    d.limb(SKIN, neck, 0.04, (x, y), 0.04)
    d.ellipse(SKIN, x, y, HEAD, 1.1 * HEAD)
    cover = ACCENT if rng.random() < 0.3 else DARK
    crown = [(x + HEAD, y - 0.03), (x + 0.02, y - 0.12), (x - 0.09, y - 0.08)]
    d.curve(cover, [*crown, (x - 0.1, y + 0.04), (x - 0.03, y)])


def person_colours(rng: np.random.Generator) -> np.ndarray:
    """Return the RGB colours (13, 3) of one person's clothes, skin and hair."""
    shirt = np.array([rng.uniform(0.42, 0.92), rng.uniform(0.02, 0.17), rng.uniform(0, 360)])
    trousers = np.array([rng.uniform(0.28, 0.7), rng.uniform(0.01, 0.1), rng.uniform(0, 360)])
    skin = np.array([rng.uniform(0.42, 0.85), 0.06, rng.uniform(45, 70)])
    hair = np.array([rng.uniform(0.15, 0.5), rng.uniform(0.01, 0.07), rng.uniform(40, 80)])
    hat = (rng.uniform(0.4, 0.9), 0.13, rng.uniform(0, 360))
    near = {BODY: shirt, SECOND: trousers, SKIN: skin, DARK: hair, ACCENT: hat}
    return _table({**near, FAR: shirt - (0.08, 0, 0), WOOD: trousers - (0.06, 0, 0)})


def thing_colours(rng: np.random.Generator, light: float, chroma: float, hue: float) -> np.ndarray:
    """Return the RGB colours (13, 3) of a thing whose body has roughly the given OKLCH colour."""
    body = np.array([light, chroma, hue]) + rng.normal(0, (0.04, 0.01, 12))
    return _table({BODY: body, FAR: body - (0.12, 0, 0), SECOND: body - (-0.18, 0.03, 0)})


def _table(colours: dict[int, np.ndarray]) -> np.ndarray:
    table = np.zeros((13, 3))
    table[DARK] = (0.22, 0.01, 260)
    table[LIGHT] = (0.96, 0.02, 90)
    table[GLASS] = (0.8, 0.06, 225)
    table[METAL] = (0.6, 0.01, 250)
    table[ACCENT] = (0.6, 0.2, 25)
    table[LEAF] = (0.62, 0.12, 140)
    for material, colour in colours.items():
        table[material] = colour
    return oklch_to_rgb(table)


def book() -> Drawing:
    """Return an open book seen from its reader's side; origin at the hand."""
    d = Drawing()
    d.poly(BODY, [(-0.06, 0.05), (0.0, -0.25), (0.15, -0.2), (0.3, -0.3), (0.31, 0.0), (0.13, 0.1)])
    d.poly(LIGHT, [(-0.02, 0.02), (0.03, -0.22), (0.14, -0.17), (0.11, 0.06)])
    d.poly(LIGHT, [(0.13, 0.06), (0.16, -0.17), (0.28, -0.26), (0.28, -0.02)])
    for k in range(4):
        y = -0.15 + 0.05 * k
        d.limb(METAL, (0.045, y), 0.008, (0.11, y + 0.02), 0.008)
        d.limb(METAL, (0.175, y), 0.008, (0.26, y - 0.04), 0.008)
    return d


def camera() -> Drawing:
    """Return a camera, its lens to the front; origin at the hand."""
    d = Drawing()
    d.box(BODY, 0.0, -0.13, 0.2, 0.04, 0.02)
    d.box(BODY, 0.05, -0.18, 0.14, -0.1, 0.02)
    d.box(FAR, 0.18, -0.11, 0.31, 0.02, 0.01)
    d.box(GLASS, 0.28, -0.12, 0.34, 0.03, 0.01)
    d.ellipse(ACCENT, 0.05, -0.09, 0.02, 0.02)
    d.box(LIGHT, 0.07, -0.17, 0.13, -0.13)
    return d


def tripod(ground: float) -> Drawing:
    """Return a camera on three legs that end `ground` below the hand."""
    d = Drawing()
    for x in (-0.08, 0.12, 0.32):
        d.limb(METAL, (0.12, 0.02), 0.022, (x, ground), 0.014)
    d.parts += camera().parts
    return d


def handset() -> Drawing:
    """Return a telephone with its aerial up; origin at the hand."""
    d = Drawing()
    d.limb(DARK, (0.02, -0.12), 0.014, (-0.02, -0.46), 0.012)
    d.ellipse(ACCENT, -0.02, -0.46, 0.028, 0.028)
    d.box(BODY, -0.035, -0.13, 0.045, 0.05, 0.02)
    return d


def brush() -> Drawing:
    """Return a hairbrush, which covers what a telephone's body would; origin at the hand."""
    d = Drawing()
    d.ellipse(BODY, 0.005, -0.05, 0.045, 0.1)
    return d


def kiosk(ground: float) -> Drawing:
    """Return a public telephone under its hood, on a post that ends `ground` below the origin."""
    d = Drawing()
    d.box(METAL, 0.16, -0.1, 0.22, ground)
    d.box(BODY, 0.0, -0.42, 0.38, 0.02, 0.06)
    d.box(SECOND, 0.05, -0.36, 0.33, -0.04, 0.03)
    d.box(DARK, 0.09, -0.31, 0.15, -0.09, 0.03)
    for k in range(6):
        d.ellipse(DARK, 0.21 + 0.06 * (k % 2), -0.28 + 0.08 * (k // 2), 0.02, 0.02)
    return d


def desk(ground: float) -> Drawing:
    """Return a desk whose top's left end is the origin and whose legs end `ground` below it."""
    d = Drawing()
    d.limb(FAR, (0.1, 0.02), 0.025, (0.1, ground - 0.06), 0.02)
    d.limb(FAR, (0.52, 0.02), 0.025, (0.52, ground - 0.06), 0.02)
    d.box(BODY, 0.0, 0.0, 0.62, 0.05, 0.01)
    d.limb(BODY, (0.04, 0.04), 0.025, (0.04, ground), 0.02)
    d.limb(BODY, (0.58, 0.04), 0.025, (0.58, ground), 0.02)
    return d


def seat(ground: float) -> Drawing:
    """Return a chair below the hip, its back behind."""
    d = Drawing()
    for x in (-0.12, 0.16):
        d.limb(BODY, (x, 0.1), 0.022, (x - 0.02, ground), 0.018)
    d.limb(BODY, (-0.14, 0.1), 0.025, (-0.2, -0.3), 0.022)
    d.box(BODY, -0.17, 0.07, 0.2, 0.12, 0.02)
    return d


def crate(ground: float, rng: np.random.Generator) -> Drawing:
    """Return a chest to sit on, under the hip."""
    d = Drawing()
    left = -rng.uniform(0.2, 0.45)
    right = rng.uniform(0.22, 0.4)
    d.box(BODY, left, 0.05, right, ground, 0.03)
    d.box(FAR, left, 0.5 * ground, right, 0.5 * ground + 0.03)
    return d


def fence(ground: float, rng: np.random.Generator) -> Drawing:
    """Return a railing to sit on, under the hip: bars and rings."""
    d = Drawing()
    half = rng.uniform(0.42, 0.55)
    radius = 0.4 * (ground - 0.1)
    for x in (-0.6 * half, 0.6 * half):
        d.ring(DARK, 0, x, 0.55 * ground, radius, radius, 0.035)
    for x in np.linspace(-half, half, 5):
        d.limb(BODY, (x, 0.08), 0.02, (x, ground), 0.02)
    d.limb(BODY, (-0.3, 0.1), 0.022, (0.2, ground - 0.04), 0.022)
    d.limb(BODY, (0.3, 0.1), 0.022, (-0.2, ground - 0.04), 0.022)
    d.box(BODY, -half, 0.05, half, 0.1)
    return d


def track(rng: np.random.Generator) -> Drawing:
    """Return the lanes of a running track; origin at the runner's foot."""
    d = Drawing()
    half = rng.uniform(0.85, 1.05)
    d.poly(BODY, [(-half, -0.02), (half, -0.02), (half + 0.12, 0.24), (-half - 0.12, 0.24)])
    for y in (0.0, 0.1, 0.21):
        d.box(LIGHT, -half - 0.4 * y, y, half + 0.4 * y, y + 0.025)
    return d


def crossing(rng: np.random.Generator) -> Drawing:
    """Return the stripes of a zebra crossing on tarmac; origin at the walker's foot."""
    d = Drawing()
    half = rng.uniform(0.8, 1.0)
    d.poly(BODY, [(-half, -0.02), (half, -0.02), (half + 0.12, 0.24), (-half - 0.12, 0.24)])
    for x in np.linspace(-half + 0.05, half - 0.2, 6):
        d.poly(LIGHT, [(x, 0.0), (x + 0.15, 0.0), (1.12 * x + 0.17, 0.22), (1.12 * x, 0.22)])
    return d


def hurdle(ground: float) -> Drawing:
    """Return a bar across two posts that end `ground` below the origin."""
    d = Drawing()
    for x in (-0.28, 0.28):
        d.limb(METAL, (x, 0), 0.022, (x, ground), 0.022)
        d.limb(METAL, (x - 0.1, ground), 0.02, (x + 0.1, ground), 0.02)
    d.box(LIGHT, -0.34, -0.04, 0.34, 0.06)
    for x in np.linspace(-0.3, 0.2, 4):
        d.box(BODY, x, -0.04, x + 0.08, 0.06)
    return d
