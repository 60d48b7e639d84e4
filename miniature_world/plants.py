"""Body plans of plants, fruit and food. Each takes a look and draws its parts."""

import numpy as np

from miniature_world.looks import Look
from miniature_world.shapes import ACCENT, BODY, DARK, LEAF, LIGHT, METAL, SECOND, Drawing


def flower(look: Look, d: Drawing) -> None:
    """Draw a flower in a pot."""
    petals = round(look.between("petals", 5, 13))
    sway = d.jitter(0.1)
    x = sway
    y = -0.5
    reach = look.between("bloom", 0.28, 0.42)
    d.path(LEAF, [(0, 0.45), (0.4 * sway, 0), (x, y)], 0.045, 0.035)
    for side in (-1, 1):
        top = (side * 0.35, 0.0 + d.jitter(0.06))
        d.curve(LEAF, [(0, 0.35), top, (side * 0.55, 0.05), (side * 0.3, 0.25)])
    for angle in 2 * np.pi * np.arange(petals) / petals + d.jitter(0.3):
        across = x + 0.68 * reach * np.cos(angle)
        down = y + 0.68 * reach * np.sin(angle)
        d.ellipse(BODY, across, down, 0.5 * reach, 2.1 * reach / petals, angle)
    d.ellipse(ACCENT, x, y, 0.34 * reach, 0.34 * reach)
    d.poly(SECOND, [(-0.36, 0.42), (0.36, 0.42), (0.25, 0.95), (-0.25, 0.95)])
    d.box(SECOND, -0.4, 0.36, 0.4, 0.5, 0.04)


def mushroom(look: Look, d: Drawing) -> None:
    """Draw a mushroom."""
    cap = look.between("cap", 0.45, 0.85)
    stem = look.between("stem", 0.1, 0.26)
    foot = [(1.25 * stem + d.jitter(0.03), 0.85), (-1.25 * stem, 0.85)]
    d.curve(LIGHT, [(-stem, -0.1), (stem, -0.1), *foot])
    d.curve(BODY, [(-cap, 0.0), (-0.6 * cap, -0.6), (0.6 * cap, -0.6), (cap, 0.0), (0, 0.1)])


def fruit(look: Look, d: Drawing) -> None:
    """Draw a fruit, vegetable or seed."""
    long = look.between("long", 0.6, 1.0)
    taper = look.between("taper", 0.0, 0.5) if look.has("taper") else 0.0
    wide = 0.62 / long**0.9
    bend = (look.trait("bend") - 0.6) * 0.8 if look.has("bend") else 0.0
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    y = long * 0.75 * np.sin(angle)
    x = wide * np.cos(angle) * (1 - taper * y / 0.75) + bend * (y**2 - 0.3)
    d.curve(BODY, list(zip(x, y, strict=True)))
    if look.has("tip"):
        d.ellipse(BODY, bend, 0.78 * long, 0.12, 0.16)
        d.ellipse(BODY, bend, -0.76 * long, 0.15, 0.14)
    if look.has("crown"):
        for k in (-2, -1, 0, 1, 2):
            tip = (0.2 * k + d.jitter(0.03), -0.75 * long - 0.16 + 0.06 * abs(k))
            d.limb(LEAF, (0, -0.7 * long), 0.06, tip, 0.03)
    else:
        stalk = [(bend * 0.3, -0.7 * long), (0.05 + d.jitter(0.05), -0.7 * long - 0.2)]
        d.path(DARK, stalk, 0.035, 0.03)
        top = [(0.03, -0.75 * long), (0.25, -0.9 * long)]
        d.curve(LEAF, [*top, (0.42, -0.8 * long), (0.22, -0.72 * long)])
    d.ellipse(LIGHT, -0.4 * wide, -0.35 * long, 0.09, 0.06, -0.6)


def dish(look: Look, d: Drawing) -> None:
    """Draw food on a plate."""
    heap = look.between("heap", 0.25, 0.6)
    d.ellipse(METAL, 0, 0.3, 1.0, 0.3)
    d.ellipse(LIGHT, 0, 0.27, 0.95, 0.26)
    top = [(-0.45, -0.6 * heap), (0.05, -heap + d.jitter(0.04)), (0.5, -0.5 * heap)]
    d.curve(BODY, [(-0.7, 0.25), *top, (0.7, 0.25), (0, 0.4)])
    for k in range(round(look.between("bits", 2, 6))):
        across = -0.35 + 0.15 * k + d.jitter(0.04)
        d.ellipse(ACCENT, across, -0.1 * heap + d.jitter(0.08), 0.09, 0.06)


PLANS = (flower, mushroom, fruit, dish)
