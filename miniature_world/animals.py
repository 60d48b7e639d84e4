"""Body plans of animals and people, facing right. Each takes a look and draws its parts."""

import numpy as np

from miniature_world.looks import Look
from miniature_world.shapes import ACCENT, BODY, DARK, FAR, LIGHT, SECOND, SKIN, Drawing


def quadruped(look: Look, d: Drawing) -> None:
    """Draw a four-legged mammal: dogs, cats, cattle, horses, bears, rodents."""
    half = look.between("trunk", 0.42, 0.72)
    deep = look.between("girth", 0.17, 0.36)
    leg = look.between("leg", 0.14, 0.72)
    shag = look.between("shag", 0.0, 0.075)
    _tail(look, d, half, deep)
    _legs(look, d, FAR, half, deep, leg, 0.07)
    if look.has("fleece"):
        for angle in np.linspace(0, 2 * np.pi, 13)[:-1]:
            d.ellipse(BODY, half * np.cos(angle), 0.9 * deep * np.sin(angle), 0.17, 0.15)
    head_x, head_y = _neck(look, d, half, deep)
    chest = deep * (1.0 + 0.12 * look.trait("chest"))
    rump = [(-half, -0.55 * deep), (-0.4 * half, -0.8 * deep)]
    shoulder = [(0.35 * half, -0.85 * deep), (half, -0.7 * deep), (1.12 * half, 0.1)]
    under = [(0.75 * half, 0.85 * chest), (0, 0.75 * deep), (-0.75 * half, 0.8 * deep)]
    d.curve(BODY, [*rump, *shoulder, *under, (-1.08 * half, 0.1 * deep)])
    _legs(look, d, BODY, half, deep, leg, 0.0)
    if look.trait("shag") > 0.6:
        _fringe(d, half, deep, shag)
    _head(look, d, head_x, head_y)


def _legs(
    look: Look, d: Drawing, material: int, half: float, deep: float, leg: float, shift: float
) -> None:
    thick = look.between("thick", 0.07, 0.12) + 0.05 * look.trait("shag")
    foot = DARK if look.has("hoof") else material
    for x in (-0.8 * half + shift * 2, 0.72 * half + shift * 2):
        end = (x + d.jitter(0.11), deep + leg - (0.5 * shift))
        d.limb(material, (x, 0.35 * deep), 1.3 * thick, end, 0.62 * thick)
        d.ellipse(foot, end[0] + 0.03, end[1], 0.95 * thick, 0.6 * thick)


def _tail(look: Look, d: Drawing, half: float, deep: float) -> None:
    length = look.between("tail", 0.0, 0.85)
    up = look.between("tail_up", -0.9, 1.1) + d.jitter(0.2)
    if length < 0.06:
        return
    x, y = -0.95 * half, -0.45 * deep
    middle = (x - 0.5 * length, y - 0.3 * up * length)
    end = (x - 0.75 * length * (1.1 - 0.5 * abs(up)), y - 0.95 * up * length)
    thick = look.between("plume", 0.04, 0.12)
    d.path(BODY, [(x + 0.1, y + 0.05), middle, end], 0.06, thick)
    d.ellipse(SECOND if look.has("plume") else BODY, *end, thick * 1.25, thick * 1.25)


def _fringe(d: Drawing, half: float, deep: float, shag: float) -> None:
    xs = np.linspace(-0.95 * half, 0.95 * half, 10)
    for x in xs:
        root = [(x - 0.1, 0.55 * deep), (x + 0.1, 0.55 * deep)]
        d.poly(BODY, [*root, (x - 0.02, 0.85 * deep + 2.2 * shag)])


def _neck(look: Look, d: Drawing, half: float, deep: float) -> tuple[float, float]:
    reach = look.between("neck", 0.12, 0.62)
    nod = d.jitter(0.05)
    x, y = 0.98 * half + 0.42 * reach + 0.08, -0.5 * deep - 0.85 * reach - 0.08 + nod
    thick = look.between("neck_thick", 0.13, 0.2) * (0.8 + 1.2 * deep)
    if look.trait("mane") > 0.8:
        for angle in np.linspace(0, 2 * np.pi, 12)[:-1]:
            left = x - 0.07 + 0.26 * np.cos(angle)
            d.ellipse(SECOND, left, y + 0.06 + 0.3 * np.sin(angle), 0.15, 0.15)
    elif look.trait("mane") > 0.4:
        crest = [(0.7 * half, -0.85 * deep), (x - 0.2, y - 0.02), (x - 0.02, y - 0.2)]
        d.path(DARK, crest, 0.05, 0.08)
    d.limb(BODY, (0.78 * half, -0.25 * deep), 1.35 * thick, (x, y), 0.8 * thick)
    return x, y


def _head(look: Look, d: Drawing, x: float, y: float) -> None:
    size = look.between("head", 0.17, 0.27)
    snout = look.between("snout", 0.05, 0.36)
    nose_x, nose_y = x + 0.65 * size + snout, y + 0.35 * size + 0.25 * snout
    _ear(look, d, FAR, x + 0.35 * size, y - 0.6 * size, size)
    if look.trait("horn") > 0.4:
        reach = look.between("horn", 0.0, 0.45)
        bow = [(x, y - 0.6 * size), (x - 0.6 * reach, y - reach), (x - reach, y - 0.4 * reach)]
        d.path(LIGHT, bow, 0.055, 0.015)
    d.ellipse(BODY, x, y, size * 1.05, size)
    muzzle = SECOND if look.pattern in ("belly", "points", "patches") else BODY
    blunt = look.between("blunt", 0.32, 0.5) * size
    d.limb(muzzle, (x + 0.3 * size, y + 0.25 * size), 0.6 * size, (nose_x, nose_y), blunt)
    d.ellipse(DARK, nose_x + 0.3 * size, nose_y - 0.12 * size, 0.17 * size, 0.15 * size)
    if look.has("whisker"):
        d.path(LIGHT, [(nose_x, nose_y), (nose_x + 0.26, nose_y - 0.04)], 0.011, 0.006)
        d.path(LIGHT, [(nose_x, nose_y), (nose_x + 0.24, nose_y + 0.07)], 0.011, 0.006)
    d.ellipse(LIGHT, x + 0.38 * size, y - 0.22 * size, 0.21 * size, 0.21 * size)
    d.ellipse(DARK, x + 0.43 * size, y - 0.21 * size, 0.14 * size, 0.16 * size)
    if look.trait("shag") > 0.65:
        beard = [(nose_x - 0.2 * size, nose_y), (nose_x + 0.15 * size, nose_y + 0.1)]
        d.poly(BODY, [*beard, (nose_x - 0.05, nose_y + 0.2)])
    material = SECOND if look.pattern in ("saddle", "points", "patches") else BODY
    _ear(look, d, material, x - 0.3 * size, y - 0.55 * size, size)


def _ear(look: Look, d: Drawing, material: int, x: float, y: float, size: float) -> None:
    length = look.between("ear", 0.5, 1.7) * size
    wide = look.between("ear_wide", 0.24, 0.36) * size
    if look.trait("ear_drop") > 0.45:
        drop = look.between("ear_drop", 0.0, 1.0)
        turn = 0.25 + d.jitter(0.1)
        low = y + 0.5 * length * drop
        d.ellipse(material, x - 0.1 * size, low, 1.1 * wide, 0.5 * length + 0.05, turn)
    elif look.has("ear_round"):
        d.ellipse(material, x, y - 0.15 * size, 0.4 * length, 0.4 * length)
    else:
        tip = (x - 0.1 * size + d.jitter(0.02), y - 0.95 * length)
        left = (x - 1.4 * wide, y + 0.15 * size)
        d.poly(material, [left, tip, (x + 1.5 * wide, y + 0.05 * size)])


def bird(look: Look, d: Drawing) -> None:
    """Draw a perching, wading or swimming bird with its wing folded."""
    plump = look.between("plump", 0.24, 0.4)
    neck = look.between("neck", 0.0, 0.75)
    leg = look.between("leg", 0.05, 0.85)
    tail = look.between("tail", 0.25, 1.0)
    tilt = 0.35 + 0.9 * look.has("upright") + d.jitter(0.12)
    head = look.between("head", 0.17, 0.25)
    x = 0.42
    y = -0.28 - neck
    for shift in (-0.06, 0.08):
        foot = (shift + d.jitter(0.05), plump + leg)
        d.limb(ACCENT, (shift, 0.6 * plump), 0.045, foot, 0.03)
        d.limb(ACCENT, foot, 0.03, (foot[0] + 0.16, foot[1] + 0.02), 0.02)
    drop = 0.2 + 0.3 * look.trait("tail_drop") + d.jitter(0.08)
    spread = look.between("fan", 0.06, 0.17)
    end = (-0.35 - tail, drop * tail + 0.05)
    fan = [(end[0], end[1] - spread), (end[0] + 0.04, end[1] + spread)]
    d.poly(FAR, [(-0.25, -0.08), *fan, (-0.2, 0.2)])
    throat = (0.36 + 0.1 * neck, -0.25 - 0.4 * neck)
    d.path(BODY, [(0.2, 0), throat, (x, y)], 0.8 * plump, 0.62 * head)
    d.ellipse(BODY, 0, 0, 0.56, plump, -tilt)
    if look.trait("crest") > 0.35:
        tip = (x - 0.25, y - 0.2 - 0.25 * look.trait("crest"))
        d.poly(BODY, [(x - 0.16, y - 0.02), tip, (x + 0.1, y - 0.12)])
    _bill(look, d, x, y, head)
    d.ellipse(BODY, x, y, head, 0.95 * head)
    d.ellipse(LIGHT, x + 0.35 * head, y - 0.15 * head, 0.22 * head, 0.22 * head)
    d.ellipse(DARK, x + 0.39 * head, y - 0.15 * head, 0.15 * head, 0.15 * head)
    _wing(look, d, plump)


def _bill(look: Look, d: Drawing, x: float, y: float, head: float) -> None:
    length = look.between("beak", 0.12, 0.75)
    deep = 0.5 * head if look.has("hook") else look.between("beak_deep", 0.22, 0.4) * head
    tip_x, tip_y = x + 0.75 * head + length, y + 0.12 * head
    if look.has("hook"):
        hook = [(tip_x, y), (tip_x - 0.02, y + 0.26)]
        d.curve(ACCENT, [(x + 0.5 * head, y - deep), *hook, (x + 0.6 * head, y + deep)])
    elif look.has("flat"):
        d.limb(ACCENT, (x + 0.6 * head, y + 0.1 * head), deep, (tip_x, tip_y + 0.08), 0.6 * deep)
    else:
        root = x + 0.5 * head
        d.poly(ACCENT, [(root, y - deep), (tip_x, tip_y), (root, y + 1.2 * deep)])


def _wing(look: Look, d: Drawing, plump: float) -> None:
    material = SECOND if look.pattern == "wing" else FAR
    long = look.between("wing", 0.55, 0.95)
    drop = d.jitter(0.05)
    edge = [(0.0, -0.25 * plump), (-long, 0.28 + drop), (-0.15, 0.62 * plump)]
    d.curve(material, [(0.22, -0.13), *edge, (0.18, 0.2)])
    if look.trait("bar") > 0.5:
        d.limb(LIGHT, (0.02, 0.0), 0.03, (-0.12, 0.16), 0.04)


def fish(look: Look, d: Drawing) -> None:
    """Draw a fish, shark or whale."""
    deep = look.between("slender", 0.52, 0.2)
    fork = look.between("fork", 0.08, 0.5)
    dorsal = look.between("dorsal", 0.1, 0.45)
    swing = d.jitter(0.08)
    fin = SECOND if look.trait("fins") > 0.5 else FAR
    top = -deep - dorsal * (0.5 + 0.5 * deep)
    d.curve(fin, [(0.3, -0.75 * deep), (-0.15, top), (-0.35, 0.6 * top), (-0.35, -0.5 * deep)])
    d.curve(fin, [(0.1, 0.7 * deep), (-0.25, deep + 0.5 * dorsal), (-0.3, 0.5 * deep)])
    d.curve(fin, [(-0.7, 0), (-1.15, -fork + swing), (-0.98, swing), (-1.15, fork + swing)])
    nose = look.between("nose", 0.85, 1.05)
    back = [(0.45, -0.85 * deep), (-0.2, -0.85 * deep), (-0.8, -0.1)]
    d.curve(BODY, [(nose, 0.05), *back, (-0.8, 0.1), (-0.2, 0.8 * deep), (0.5, 0.8 * deep)])
    d.curve(fin, [(0.25, 0.1), (-0.1, 0.3 + 0.2 * deep + d.jitter(0.05)), (0.0, 0.08)])
    d.ellipse(LIGHT, 0.62, -0.25 * deep, 0.085, 0.085)
    d.ellipse(DARK, 0.64, -0.25 * deep, 0.055, 0.055)
    d.path(DARK, [(nose - 0.05, 0.25 * deep), (nose - 0.28, 0.32 * deep)], 0.018, 0.01)


def snake(look: Look, d: Drawing) -> None:
    """Draw a snake or a worm, winding."""
    waves = look.between("waves", 1.3, 2.6)
    thick = look.between("girth", 0.09, 0.19)
    x = np.linspace(-1, 0.75, 26)
    lift = np.clip(x - 0.35, 0, 1) * look.between("rear", 0.2, 1.1)
    phase = d.jitter(1.0)
    amp = look.between("wind", 0.2, 0.34)
    y = amp * np.sin(phase + waves * np.pi * x) * np.clip(1.3 - x, 0.3, 1) - lift
    d.path(BODY, list(zip(x, y, strict=True)), 0.02, thick)
    d.ellipse(BODY, x[-1] + 0.05, y[-1], 1.75 * thick, 1.25 * thick, 0.1)
    d.ellipse(LIGHT, x[-1] + 0.1, y[-1] - 0.4 * thick, 0.4 * thick, 0.4 * thick)
    d.ellipse(DARK, x[-1] + 0.12, y[-1] - 0.4 * thick, 0.24 * thick, 0.26 * thick)
    mouth = x[-1] + 1.7 * thick
    d.path(ACCENT, [(mouth, y[-1] + 0.02), (mouth + 0.14, y[-1] + 0.05)], 0.02, 0.01)


def lizard(look: Look, d: Drawing) -> None:
    """Draw a lizard, crocodile, salamander or frog."""
    deep = look.between("girth", 0.13, 0.3)
    tail = look.between("tail", 0.0, 1.0)
    long = look.between("trunk", 0.35, 0.6)
    curl = d.jitter(0.12)
    tip = (-long - 0.85 * tail, 0.1 + curl - 0.15 * tail)
    d.path(BODY, [(-0.8 * long, 0.02), (-long - 0.4 * tail, 0.12), tip], 0.75 * deep, 0.015)
    for material, shift in ((FAR, 0.1), (BODY, 0.0)):
        for x in (-0.7 * long, 0.65 * long):
            knee = (x - 0.16 + shift + d.jitter(0.05), 0.24 + 0.3 * deep)
            d.limb(material, (x + shift, 0.1), 0.08, knee, 0.06)
            d.limb(material, knee, 0.055, (x + 0.08 + shift, 0.42 + deep), 0.04)
    if look.trait("ridge") > 0.5:
        for x in np.linspace(-0.8 * long, 0.9 * long, 9):
            spike = (x - 0.03, -deep - 0.14)
            d.poly(SECOND, [(x - 0.07, -0.6 * deep), spike, (x + 0.07, -0.6 * deep)])
    d.ellipse(BODY, 0, 0, 1.15 * long, deep)
    head = long + 0.28
    snout = look.between("snout", 0.22, 0.36)
    d.ellipse(BODY, head - 0.1, -0.1, snout, 0.7 * deep + 0.05, 0.1 + d.jitter(0.08))
    d.ellipse(LIGHT, head - 0.08, -0.15 - 0.3 * deep, 0.07, 0.07)
    d.ellipse(DARK, head - 0.06, -0.15 - 0.3 * deep, 0.045, 0.045)


def turtle(look: Look, d: Drawing) -> None:
    """Draw a turtle or tortoise."""
    dome = look.between("dome", 0.35, 0.65)
    neck = look.between("neck", 0.15, 0.4)
    for x in (-0.5, 0.45):
        d.limb(FAR, (x, 0), 0.13, (x + 0.1 + d.jitter(0.06), 0.32), 0.11)
    d.limb(FAR, (0.5, -0.05), 0.13, (0.75 + neck, -0.25 + d.jitter(0.06)), 0.15)
    d.ellipse(DARK, 0.8 + neck, -0.29, 0.035, 0.035)
    d.poly(FAR, [(-0.65, 0.05), (-0.95, 0.2), (-0.6, 0.18)])
    shell = [(-0.45, -0.75 * dome), (0, -dome), (0.45, -0.75 * dome)]
    d.curve(BODY, [(-0.75, 0.12), *shell, (0.75, 0.12)])
    d.box(SECOND, -0.78, 0.06, 0.78, 0.2, 0.07)


def insect(look: Look, d: Drawing) -> None:
    """Draw a beetle, spider, ant or crab from above."""
    pairs = 4 if look.has("legs") or look.has("claw") else 3
    rx, ry = look.between("girth", 0.26, 0.48), look.between("trunk", 0.4, 0.62)
    for side in (-1, 1):
        for k in range(pairs):
            y = -0.25 + 0.55 * k / (pairs - 1)
            knee = (side * (rx + 0.25 + d.jitter(0.03)), y + 0.35 * (k / (pairs - 1) - 0.5))
            d.limb(DARK, (0, y), 0.04, knee, 0.035)
            d.limb(DARK, knee, 0.03, (side * (rx + 0.45), knee[1] + 0.25 * (k - 0.8)), 0.02)
        if look.has("claw"):
            d.limb(BODY, (side * 0.3, -0.3), 0.06, (side * 0.65, -0.75 + d.jitter(0.05)), 0.15)
        d.path(DARK, [(side * 0.08, -ry - 0.1), (side * 0.2, -ry - 0.4)], 0.022, 0.015)
    d.ellipse(SECOND, 0, -ry - 0.02, 0.6 * rx, 0.22)
    d.ellipse(BODY, 0, 0, rx, ry)
    if not look.has("claw"):
        d.path(DARK, [(0, -0.9 * ry), (0, 0.95 * ry)], 0.018, 0.01)


def butterfly(look: Look, d: Drawing) -> None:
    """Draw a butterfly or dragonfly with its wings spread."""
    if look.has("slim"):
        upper = 0.16
        lower = 0.14
        reach = 0.95
    else:
        upper = look.between("upper", 0.38, 0.55)
        lower = look.between("lower", 0.3, 0.5)
        reach = 0.75
    flap = 1 + d.jitter(0.09)
    for side in (-1, 1):
        s = side * flap
        hind = [(s * 0.72 * reach, 0.1), (s * 0.6 * reach, 0.25 + lower)]
        d.curve(FAR, [(s * 0.05, 0.0), *hind, (s * 0.15, 0.4)])
        fore = [(s * 0.5 * reach, -0.2 - upper), (s * 1.15 * reach, -0.25 - upper)]
        d.curve(BODY, [(s * 0.05, 0.05), *fore, (s * reach, 0.05)])
    d.ellipse(DARK, 0, 0.02, 0.06, 0.42)
    for side in (-1, 1):
        d.path(DARK, [(side * 0.02, -0.35), (side * 0.2, -0.72)], 0.02, 0.012)


def radial(look: Look, d: Drawing) -> None:
    """Draw a starfish, jellyfish, anemone, coral or snail by its arms."""
    arms = round(look.between("arms", 4.6, 11.4))
    inner = look.between("inner", 0.28, 0.75)
    turn = d.jitter(0.4)
    angles = turn + np.pi * np.arange(2 * arms) / arms
    radius = np.where(np.arange(2 * arms) % 2, inner, 1.0)
    d.curve(BODY, list(zip(radius * np.cos(angles), radius * np.sin(angles) * 0.9, strict=True)))
    d.ellipse(SECOND, 0, 0, 0.5 * inner, 0.45 * inner)
    d.ellipse(ACCENT, 0, 0, 0.25 * inner, 0.22 * inner)


def person(look: Look, d: Drawing) -> None:
    """Draw a standing person, dressed."""
    swing = d.jitter(0.14)
    wide = look.between("girth", 0.17, 0.26)
    for side in (-1, 1):
        d.limb(SECOND, (side * 0.1, 0.15), 0.12, (side * (0.14 + swing), 0.92), 0.075)
        d.ellipse(DARK, side * (0.14 + swing) + 0.04, 0.97, 0.12, 0.06)
        hand = (side * (wide + 0.2) + d.jitter(0.08), 0.2 + d.jitter(0.12))
        d.limb(BODY, (side * (wide - 0.03), -0.38), 0.09, hand, 0.06)
        d.ellipse(SKIN, *hand, 0.065, 0.065)
    shoulders = [(-wide, -0.45), (0, -0.52), (wide, -0.45)]
    waist = [(0.9 * wide, 0.0), (wide, 0.27), (-wide, 0.27), (-0.9 * wide, 0)]
    d.curve(BODY, shoulders + waist)
    d.limb(SKIN, (0, -0.45), 0.07, (0, -0.6), 0.07)
    d.ellipse(SKIN, 0, -0.75, 0.15, 0.18)
    cover = ACCENT if look.has("hat") else DARK
    d.curve(cover, [(-0.17, -0.78), (-0.12, -0.95), (0.12, -0.95), (0.17, -0.78), (0, -0.85)])


PLANS = (quadruped, bird, fish, snake, lizard, turtle, insect, butterfly, radial, person)
