"""Body plans of artefacts and of the ground. Each takes a look and draws its parts."""

from itertools import pairwise

import numpy as np

from miniature_world.looks import Look
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
    WOOD,
    Drawing,
    rotated,
)


def chair(look: Look, d: Drawing) -> None:
    """Draw a chair or bench, three-quarter view."""
    back = look.between("back", 0.45, 0.95)
    wide = look.between("wide", 0.36, 0.52)
    leg = 0.62
    slant = look.between("slant_back", 0.0, 0.2)
    thick = look.between("thick", 0.035, 0.065)
    if look.has("cross"):
        for x in (-0.12, 0.0):
            d.limb(FAR if x else BODY, (-wide + x, 0.1), thick, (wide + x, leg + 0.1), thick)
            d.limb(FAR if x else BODY, (wide + x, 0.1), thick, (-wide + x, leg + 0.1), thick)
    else:
        for material, dx, dy in ((FAR, 0.14, -0.1), (BODY, 0.0, 0.0)):
            for x in (-wide, wide):
                d.limb(material, (x + dx, 0.1 + dy), thick, (1.08 * x + dx, leg + dy), 0.8 * thick)
    for x in (-wide - slant, -wide - slant + 0.16):
        d.limb(FAR, (x + slant, 0.08), thick, (x, -back), thick)
    if look.has("slats"):
        for y in np.linspace(-back + 0.05, -0.2, 4):
            d.limb(BODY, (-wide - slant, y), 0.04, (-wide - slant + 0.2, y - 0.05), 0.04)
    else:
        top = [(-wide - slant, -back), (-wide - slant + 0.22, -back - 0.06)]
        d.poly(BODY, [*top, (-wide + 0.22, -0.05), (-wide, 0.05)])
    rear = [(-wide + 0.16, -0.08), (wide + 0.16, -0.08)]
    d.poly(SECOND, [(-wide - 0.05, 0.08), *rear, (wide + 0.03, 0.08)])
    d.box(BODY, -wide - 0.05, 0.07, wide + 0.03, 0.15)
    if look.has("arm"):
        d.limb(BODY, (-wide, -0.32), 0.045, (wide, -0.28), 0.045)
        d.limb(BODY, (wide - 0.04, -0.28), 0.035, (wide - 0.06, 0.1), 0.035)
    if look.has("rocker"):
        runner = [(-wide - 0.35, leg - 0.06), (0, leg + 0.14), (wide + 0.3, leg - 0.06)]
        d.path(BODY, runner, 0.045, 0.045)


def sofa(look: Look, d: Drawing) -> None:
    """Draw a sofa or bed from the front."""
    wide = look.between("long", 0.85, 1.1)
    back = look.between("back", 0.35, 0.62)
    arm = look.between("arm", 0.12, 0.24)
    for x in (-wide + 0.08, wide - 0.16):
        d.box(WOOD, x, 0.4, x + 0.08, 0.55)
    d.box(BODY, -wide + 0.04, -back, wide - 0.04, 0.3, look.between("round", 0.05, 0.2))
    seats = 2 if look.trait("seats") < 0.55 else 3
    edges = np.linspace(-wide + arm, wide - arm, seats + 1)
    for left, right in pairwise(edges):
        d.box(BODY, left + 0.01, -0.8 * back, right - 0.01, 0.1, 0.07)
        d.box(FAR, left, 0.04, right, 0.24, 0.06)
    d.box(BODY, -wide + 0.02, 0.22, wide - 0.02, 0.44, 0.05)
    for side in (-1, 1):
        x = side * (wide - 0.5 * arm)
        d.box(BODY, x - 0.55 * arm, -0.12, x + 0.55 * arm, 0.45, 0.09)
    x = d.jitter(0.3)
    d.box(SECOND, x - 0.15, -0.26, x + 0.15, 0.04, 0.05)


def table(look: Look, d: Drawing) -> None:
    """Draw a table or desk."""
    wide = look.between("long", 0.7, 1.1)
    leg = look.between("leg", 0.6, 0.75)
    thick = look.between("thick", 0.04, 0.08)
    for material, x, dy in ((FAR, 0.72, -0.12), (BODY, 0.95, 0.0)):
        for side in (-1, 1):
            foot = (side * x * wide * 1.02, leg + dy)
            d.limb(material, (side * x * wide, 0), thick, foot, 0.75 * thick)
    rear = [(-0.78 * wide, -0.24), (0.78 * wide, -0.24)]
    d.poly(BODY, [(-wide - 0.04, 0.02), *rear, (wide + 0.04, 0.02)])
    if look.has("cloth"):
        spread = [(-0.6 * wide, 0.02), (-0.48 * wide, -0.24), (0.48 * wide, -0.24)]
        hem = [(0.58 * wide, 0.25), (0, 0.18), (-0.58 * wide, 0.25)]
        d.poly(SECOND, [*spread, (0.6 * wide, 0.02), *hem])
    d.box(BODY, -wide - 0.04, 0.01, wide + 0.04, 0.1, 0.02)
    x = d.jitter(0.2)
    left = [(x - 0.1, -0.14), (x - 0.13, -0.3), (x - 0.05, -0.4)]
    d.curve(ACCENT, [*left, (x + 0.05, -0.4), (x + 0.13, -0.3), (x + 0.1, -0.14)])
    d.ellipse(LIGHT, x + 0.42, -0.12, 0.17, 0.05)


def vessel(look: Look, d: Drawing) -> None:
    """Draw a vessel of revolution by its profile: bottle, mug, vase, pot."""
    tall = look.between("tall", 0.5, 1.05)
    wide = look.between("width", 0.26, 0.36) + 0.28 * (1 - look.trait("tall"))
    neck = look.between("neck", 0.0, 0.62)
    bulge = look.between("bulge", -0.1, 0.3)
    throat = wide * (1 - 0.8 * look.trait("neck")) + 0.025
    if look.has("spout"):
        spout = [(0.8 * wide, 0.2), (wide + 0.25, 0.0), (wide + 0.42, -0.8 * tall)]
        d.path(BODY, spout, 0.14, 0.05)
    if look.has("handle"):
        _handle(d, -wide - 0.5 * bulge, 0.55 * tall)
    join = tall * (-1 + neck)
    shoulder = join + look.between("shoulder", 0.35, 0.08)
    belly = (wide + bulge, 0.1 * tall + 0.5 * shoulder)
    side = [(0.78 * wide, tall), (wide + 0.6 * bulge, 0.5 * tall), belly, (0.97 * wide, shoulder)]
    rim = (throat * (1 + 0.8 * look.has("flare")), -tall)
    right = np.array([*side, (throat, join), (throat, -tall + 0.05), rim])
    points = np.concatenate([right, right[::-1] * (-1, 1)])
    if bulge > 0.12:
        d.curve(BODY, points)
    else:
        d.poly(BODY, points)
    if look.has("label"):
        low = look.between("label_low", 0.55, 0.75) * tall
        d.box(LIGHT, -0.93 * wide, low - 0.55 * tall, 0.93 * wide, low)
        d.box(ACCENT, -0.93 * wide, low - 0.36 * tall, 0.93 * wide, low - 0.2 * tall)
    _mouth(look, d, tall, wide, throat)
    d.limb(LIGHT, (-0.62 * wide, 0.0), 0.03, (-0.62 * wide, 0.55 * tall), 0.022)


def _handle(d: Drawing, x: float, ry: float) -> None:
    upper = [(x + 0.12, -ry), (x - 0.22, -0.9 * ry), (x - 0.32, 0)]
    d.path(FAR, [*upper, (x - 0.2, 0.65 * ry), (x + 0.1, 0.8 * ry)], 0.07, 0.06)


def _mouth(look: Look, d: Drawing, tall: float, wide: float, throat: float) -> None:
    """Draw a bottle's cap, a pot's lid, or an open mouth."""
    if look.has("glass"):
        cap = ACCENT if look.trait("cap") > 0.5 else METAL
        d.box(cap, -1.35 * throat, -tall - 0.06, 1.35 * throat, -tall + 0.1, 0.02)
    elif look.has("lid"):
        d.ellipse(SECOND, 0, -0.95 * tall, 0.8 * wide, 0.12)
        d.ellipse(SECOND, 0, -1.15 * tall, 0.09, 0.09)
    else:
        d.ellipse(DARK, 0, -tall, 0.93 * throat, 0.05 + 0.1 * throat)


def device(look: Look, d: Drawing) -> None:
    """Draw a box: appliance, monitor, cabinet, keyboard instrument."""
    wide = look.between("long", 0.6, 0.95)
    tall = look.between("tall", 0.42, 1.0)
    if look.has("stand"):
        d.box(FAR, -0.09, tall - 0.05, 0.09, tall + 0.2)
        d.ellipse(BODY, 0, tall + 0.22, look.between("foot", 0.25, 0.5), 0.07)
    elif look.trait("feet") > 0.5:
        for x in (-0.8 * wide, 0.8 * wide):
            d.box(DARK, x - 0.06, tall - 0.02, x + 0.06, tall + 0.1)
    edge = wide + 0.14
    d.poly(FAR, [(wide, -tall), (edge, -tall - 0.08), (edge, tall - 0.12), (wide, tall)])
    rear = -tall - 0.09
    d.poly(FAR, [(-wide, -tall), (-wide + 0.14, rear), (edge, rear), (wide, -tall)])
    d.box(BODY, -wide, -tall, wide, tall, look.between("round", 0.0, 0.12))
    rim = look.between("rim", 0.06, 0.14)
    if look.trait("screen") > 0.5:
        right = wide - rim - (0.35 if look.trait("dials") > 0.55 else 0.0)
        d.box(GLASS, -wide + rim, -tall + rim, right, tall - rim, 0.05)
        x = -wide + rim + 0.06
        y = -tall + rim + 0.05
        d.poly(LIGHT, [(x, 0.2 * tall), (x, y), (-0.1 * wide, y)])
    if look.has("drawers"):
        for y in np.linspace(-tall, tall, round(look.between("drawers", 2, 5)) + 1)[:-1]:
            d.box(FAR, -wide + 0.07, y + 0.06, wide - 0.07, y + 0.085)
            d.ellipse(METAL, 0, y + 0.2, 0.08, 0.035)
    if look.has("keys"):
        d.box(LIGHT, -wide - 0.05, 0.12, wide + 0.1, 0.3)
        for x in np.linspace(-wide, wide, 10):
            d.box(DARK, x, 0.12, x + 0.06, 0.23)
    if look.trait("dials") > 0.55:
        for y in np.linspace(-0.55, 0.35, 3):
            d.ellipse(METAL, wide - 0.22, y * tall, 0.09, 0.09)
            d.ellipse(ACCENT, wide - 0.22, y * tall, 0.04, 0.04)
    if look.has("door"):
        d.ellipse(METAL, -0.15, 0.05, 0.42 * wide, 0.42 * wide)
        d.ellipse(GLASS, -0.15, 0.05, 0.32 * wide, 0.32 * wide)


def guitar(look: Look, d: Drawing) -> None:
    """Draw a stringed instrument, its neck up."""
    wide = look.between("girth", 0.36, 0.5)
    waist = look.between("waist", 0.85, 0.55)
    top = look.between("neck", -0.7, -1.25)
    d.box(WOOD, -0.06, top, 0.06, 0.1)
    d.box(DARK, -0.045, top, 0.045, 0.1)
    if look.has("scroll"):
        d.ellipse(BODY, 0.02, top - 0.05, 0.1, 0.09)
        d.limb(WOOD, (0.75, -0.7), 0.025, (0.5, 0.9), 0.025)
    else:
        d.poly(BODY, [(-0.1, top), (-0.13, top - 0.25), (0.13, top - 0.25), (0.1, top)])
        for y in (0.05, 0.15):
            d.box(METAL, -0.19, top - y - 0.05, 0.19, top - y)
    x0, x1 = 0.74 * wide, waist * 0.72 * wide
    outline = [(x0 * 0.6, -0.28), (x0, -0.1), (x1, 0.2)]
    outline += [(1.05 * wide, 0.55), (0.55 * wide, 0.9), (0, 0.95)]
    if look.has("horn"):
        outline[0] = (x0 * 1.1, -0.42)
    left = [(-x, y) for x, y in outline[-2::-1]]
    if look.has("horn"):
        left[4] = (left[4][0], left[4][1] + 0.12)
    d.curve(BODY, outline + left)
    hole = look.trait("hole")
    if hole > 0.7:
        d.ring(SECOND, DARK, 0, 0.22, 0.19, 0.19, 0.035)
    elif hole > 0.25:
        for side in (-1, 1):
            d.path(DARK, [(side * 0.2, 0.1), (side * 0.25, 0.3), (side * 0.2, 0.5)], 0.025, 0.025)
    else:
        d.curve(LIGHT, [(-0.2, 0.05), (0.22, 0.1), (0.25, 0.6), (0.0, 0.5), (-0.12, 0.7)])
        for y in (0.25, 0.45):
            d.box(DARK, -0.12, y, 0.12, y + 0.07)
    d.box(DARK, -0.2, 0.66, 0.2, 0.72)
    d.box(LIGHT, -0.025, top, -0.012, 0.66)
    d.box(LIGHT, 0.012, top, 0.025, 0.66)


def tool(look: Look, d: Drawing) -> None:
    """Draw an implement: a shaft with a head, aslant."""
    reach = 0.95
    thick = look.between("thick", 0.04, 0.13)
    wide = look.between("flare", 0.1, 0.42)
    long = look.between("long", 0.12, 0.45)
    start = len(d.parts)
    d.limb(BODY, (0, reach), 1.1 * thick, (0, -reach + long), 0.9 * thick)
    grip = (0, reach - look.between("grip", 0.1, 0.6))
    d.limb(SECOND, (0, reach), 1.3 * thick, grip, 1.25 * thick)
    shape = look.trait("tip")
    if shape > 0.6:
        blade = [(-wide, -reach - 0.3 * long), (wide, -reach - 0.1)]
        d.curve(METAL, [*blade, (0.5 * thick, -reach + long), (-thick, -reach + long)])
    elif shape > 0.35:
        d.box(METAL, -wide, -reach - 0.1, wide, -reach + long, 0.05)
    else:
        d.ellipse(METAL, 0, -reach + 0.3 * long, wide, long)
    for y in np.linspace(-0.4, 0.3, round(look.between("keys", 0, 5))):
        d.ellipse(ACCENT, 0, y, 0.7 * thick, 0.7 * thick)
    tilt = look.between("lean", 0.2, 0.9)
    d.parts[start:] = [(material, rotated(points, tilt)) for material, points in d.parts[start:]]


def ball(look: Look, d: Drawing) -> None:
    """Draw a ball, with a basket below if it flies."""
    d.ellipse(BODY, 0, 0, look.between("oval", 0.7, 0.9), 0.8, d.jitter(0.3))
    seam = (0, look.between("seam", -0.35, 0.25))
    d.path(SECOND, [(-0.68, -0.25), seam, (0.68, -0.25)], 0.03, 0.03)
    d.path(SECOND, [(-0.6, 0.4), (0, look.between("seam_low", 0.1, 0.5)), (0.6, 0.4)], 0.03, 0.03)
    d.ellipse(LIGHT, -0.3, -0.4, 0.14, 0.09, -0.6)
    if look.has("basket"):
        for x in (-0.2, 0.2):
            d.limb(DARK, (2 * x, 0.65), 0.02, (x, 1.15), 0.02)
        d.box(WOOD, -0.22, 1.1, 0.22, 1.4, 0.04)


def garment(look: Look, d: Drawing) -> None:
    """Draw a garment, cloth or bag, laid flat."""
    wide = look.between("girth", 0.35, 0.55)
    hem = look.between("tall", 0.4, 1.0)
    flare = look.between("flare", -0.08, 0.35)
    if look.trait("sleeve") > 0.4:
        reach = look.between("sleeve", 0.0, 0.7)
        for side in (-1, 1):
            cuff = (side * (wide + 0.45 * reach), -0.55 + reach)
            d.limb(BODY, (side * wide * 0.85, -0.55), 0.17, cuff, 0.12)
    collar = [(-0.2, -0.78), (0, -0.66), (0.2, -0.78)]
    skirt = [(wide + flare, hem), (0, hem + 0.06), (-wide - flare, hem)]
    right = [(wide, -0.65), (0.9 * wide, 0.0)]
    d.curve(BODY, [*collar, *right, *skirt, (-0.9 * wide, 0), (-wide, -0.65)])
    if look.trait("belt") > 0.5:
        d.box(SECOND, -0.92 * wide, 0.0, 0.92 * wide, 0.11)
    for y in np.linspace(-0.45, 0.7 * hem, round(look.between("buttons", 0, 6))):
        d.ellipse(ACCENT, 0, y, 0.045, 0.045)


def building(look: Look, d: Drawing) -> None:
    """Draw a building, tower, bridge or fence."""
    wide = look.between("long", 0.5, 1.0)
    tall = look.between("tall", 0.35, 0.85)
    rows = round(look.between("storeys", 1, 4))
    columns = round(look.between("bays", 2, 5))
    roof = look.between("roof", 0.0, 0.65)
    base = 0.8
    top = base - 2 * tall
    if roof > 0.15:
        peak = (0, top - roof)
        if look.has("dome"):
            shoulder = top - 0.7 * roof
            dome = [(-0.5 * wide, shoulder), peak, (0.5 * wide, shoulder)]
            d.curve(ACCENT, [(-0.8 * wide, top + 0.05), *dome, (0.8 * wide, top + 0.05)])
        else:
            d.poly(ACCENT, [(-wide - 0.08, top), peak, (wide + 0.08, top)])
    if look.trait("towers") > 0.6:
        for side in (-1, 1):
            x = side * wide
            d.box(FAR, x - 0.14, top - 0.25, x + 0.14, base)
            d.poly(ACCENT, [(x - 0.18, top - 0.25), (x, top - 0.6), (x + 0.18, top - 0.25)])
    d.box(BODY, -wide, top, wide, base)
    half = 0.35 * wide / columns
    high = 0.55 * (base - 0.35 - top) / rows
    for y in np.linspace(top, base - 0.35, rows + 1)[:-1]:
        for x in np.linspace(-wide, wide, columns + 1)[:-1] + wide / columns:
            d.box(GLASS, x - half, y + 0.1, x + half, y + 0.1 + high)
    d.box(WOOD, -0.11, base - 0.32, 0.11, base, 0.03)


def landform(look: Look, d: Drawing) -> None:
    """Draw a mountain, cliff, reef or shore."""
    peak = look.between("tall", 0.5, 1.0)
    lean = look.between("lean", -0.35, 0.35)
    d.curve(FAR, [(-1.1, 0.5), (-0.5 - lean, -0.5 * peak), (0.1, 0.5)])
    rough = [
        (k * 0.2 - 1, (0.55 - (1 - abs(k - 5 - 3 * lean) / 6) * (peak + 0.5)) + 0.08 * (-1) ** k)
        for k in range(11)
    ]
    d.poly(BODY, [*rough, (1.1, 0.6), (-1.1, 0.6)])
    top = min(rough, key=lambda point: point[1])
    if look.trait("snow") > 0.5:
        x, y = top
        d.poly(LIGHT, [top, (x + 0.25, y + 0.3), (x + 0.05, y + 0.22), (x - 0.25, y + 0.3)])
    for x in (-0.8, 0.75):
        d.ellipse(LEAF, x + d.jitter(0.1), 0.5, 0.18, 0.16)


def gadget(look: Look, d: Drawing) -> None:
    """Draw an artefact of no particular plan: a rounded polygon with a few parts."""
    sides = round(look.between("sides", 3, 8))
    angle = 2 * np.pi * np.arange(sides) / sides + look.between("turn", 0, 1)
    rx, ry = look.between("long", 0.5, 1.0), look.between("tall", 0.45, 0.9)
    points = list(zip(rx * np.cos(angle), ry * np.sin(angle), strict=True))
    if look.trait("grip") > 0.5:
        d.limb(WOOD, (0, 0), 0.09, (look.between("grip_x", -0.9, 0.9), 1.15), 0.07)
    d.curve(BODY, points) if look.trait("soft") > 0.4 else d.poly(BODY, points)
    inner = look.between("inner", 0.25, 0.6)
    x = look.between("inner_x", -0.2, 0.2)
    d.ellipse(SECOND, x, look.between("inner_y", -0.2, 0.2), inner * rx, inner * ry)
    for k in range(round(look.between("studs", 0, 5))):
        d.ellipse(ACCENT, 0.55 * rx * np.cos(1.3 * k), 0.55 * ry * np.sin(1.3 * k), 0.08, 0.08)


PLANS = (
    *(chair, sofa, table, vessel, device, guitar, tool, ball),
    *(garment, building, landform, gadget),
)
