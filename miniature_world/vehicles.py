"""Body plans of vehicles, facing right. Each takes a look and draws its parts."""

from itertools import pairwise

import numpy as np

from miniature_world.looks import Look
from miniature_world.shapes import (
    ACCENT,
    BODY,
    DARK,
    FAR,
    GLASS,
    LIGHT,
    METAL,
    SECOND,
    WOOD,
    Drawing,
)


def _wheel(d: Drawing, x: float, y: float, radius: float) -> None:
    d.ellipse(DARK, x, y, radius, radius)
    d.ellipse(METAL, x, y, 0.52 * radius, 0.52 * radius)
    d.ellipse(DARK, x, y, 0.15 * radius, 0.15 * radius)


def car(look: Look, d: Drawing) -> None:
    """Draw a car or wagon from the side."""
    long = look.between("long", 0.8, 1.1)
    roof = look.between("high", 0.26, 0.62)
    sill = 0.28
    belt = -0.04 - 0.12 * look.trait("high")
    wheel = look.between("wheel", 0.17, 0.24)
    nose = look.between("nose", 0.0, 0.16)
    start = look.between("cabin", -0.75, -0.35) * long
    end = look.between("hood", 0.55, 0.2) * long
    slope = look.between("nose", 0.06, 0.34)
    if look.has("open"):
        _windscreen_and_seats(d, start, end, belt, roof)
    else:
        _cabin(look, d, start, end, belt, belt - roof, slope)
    deck = [(-long + 0.02, belt), (0, belt - 0.02), (0.6 * long, belt)]
    front = [(long - 0.03, belt + 0.4 * nose + 0.04), (long, sill - 0.02)]
    d.curve(BODY, [(-long, sill - 0.02), *deck, *front, (0, sill)])
    d.box(METAL, -long - 0.02, sill - 0.09, long + 0.02, sill)
    d.ellipse(LIGHT, long - 0.06, belt + 0.14, 0.06, 0.05)
    d.ellipse(ACCENT, -long + 0.05, belt + 0.1, 0.04, 0.05)
    for x in (-0.58 * long, 0.6 * long):
        _wheel(d, x, sill, wheel)


def _windscreen_and_seats(d: Drawing, start: float, end: float, belt: float, roof: float) -> None:
    """Draw what is above the doors of an open car."""
    top = belt - 0.6 * roof
    d.poly(GLASS, [(end - 0.12, belt), (end - 0.3, top), (end - 0.24, top), (end, belt)])
    for x in (start + 0.22, 0.0):
        d.box(ACCENT, x - 0.08, belt - 0.4 * roof, x + 0.08, belt + 0.05, 0.07)


def _cabin(
    look: Look, d: Drawing, start: float, end: float, belt: float, top: float, slope: float
) -> None:
    """Draw a closed car's roof, its two panes, and what is on the roof."""
    rear = [(start - 0.03, belt + 0.1), (start + 0.6 * slope, top + 0.02)]
    front = [(end - slope - 0.05, top), (end + 0.06, belt + 0.1)]
    d.curve(BODY, [*rear, (0.5 * start, top - 0.02), *front])
    pane = (start + end - 0.5 * slope) / 2
    high = top + 0.09
    left = [(start + 0.1, belt), (start + 0.12 + 0.5 * slope, high)]
    d.poly(GLASS, [*left, (pane - 0.03, high), (pane - 0.03, belt)])
    right = [(end - 0.1 - 0.8 * slope, high), (end - 0.06, belt)]
    d.poly(GLASS, [(pane + 0.03, belt), (pane + 0.03, high), *right])
    if look.has("sign"):
        d.box(ACCENT, pane - 0.13, top - 0.13, pane + 0.13, top + 0.0, 0.02)
    if look.has("rack"):
        d.box(DARK, start + 0.15, top - 0.07, end - 0.25, top - 0.035)


def truck(look: Look, d: Drawing) -> None:
    """Draw a truck or van from the side, its load behind the cab."""
    long = look.between("long", 0.85, 1.15)
    high = look.between("high", 0.4, 0.85)
    sill = 0.3
    cab = long - look.between("cab", 0.42, 0.58)
    front = _load(look, d, long, high, sill, cab)
    top = sill - 0.45 - 0.3 * look.trait("high")
    rear = [(cab - 0.1, sill - 0.05), (cab - 0.1, top)]
    d.poly(BODY, [*rear, (front - 0.16, top), (front, -0.05), (front, sill - 0.05)])
    pane = [(front - 0.2, top + 0.07), (front - 0.08, -0.05)]
    d.poly(GLASS, [(cab, -0.05), (cab, top + 0.07), *pane])
    if look.has("ladder"):
        y = sill - 0.2 - high
        d.box(METAL, -long - 0.05, y, cab, y + 0.045)
        for x in np.linspace(-long, cab - 0.06, 7):
            d.box(METAL, x, y, x + 0.04, y + 0.13)
    if look.has("sign"):
        d.box(ACCENT, long - 0.42, top - 0.09, long - 0.22, top, 0.02)
    d.ellipse(LIGHT, long - 0.05, sill - 0.17, 0.05, 0.05)
    wheel = look.between("wheel", 0.16, 0.22)
    for x in (-0.68, 0.68) if look.trait("axles") < 0.6 else (-0.72, -0.35, 0.68):
        _wheel(d, x * long, sill, wheel)


def _load(look: Look, d: Drawing, long: float, high: float, sill: float, cab: float) -> float:
    """Draw the chassis with a bed or a box behind `cab`; return where the windscreen ends."""
    d.box(DARK, -long, sill - 0.12, long, sill)
    if look.has("bed"):
        d.box(BODY, -long, -0.1, cab, sill - 0.05, 0.03)
        d.box(BODY, long - 0.45, -0.1, long, sill - 0.03, 0.08)
        return long - 0.3
    material = SECOND if look.trait("box") > 0.5 else BODY
    d.box(material, -long, sill - 0.1 - high, cab - 0.04, sill - 0.08, 0.04)
    d.box(LIGHT, -long + 0.1, sill - 0.3, cab - 0.12, sill - 0.24)
    return long


def bus(look: Look, d: Drawing) -> None:
    """Draw a bus from the side."""
    long = look.between("long", 0.75, 1.2)
    high = look.between("high", 0.5, 0.75)
    sill = 0.32
    nose = 0.3 if look.has("hood") else 0.0
    d.box(BODY, -long, sill - high, long - nose, sill, look.between("round", 0.06, 0.16))
    if nose:
        d.box(BODY, long - nose - 0.1, sill - 0.5 * high, long, sill, 0.08)
    count = round(look.between("long", 3, 7))
    edges = np.linspace(-long + 0.08, long - nose - 0.08, count + 1)
    low = sill - 0.42 * high
    top = sill - 0.85 * high
    for left, right in pairwise(edges):
        d.box(GLASS, left + 0.025, top, right - 0.025, low, 0.03)
    d.box(SECOND, -long + 0.02, sill - 0.28 * high, long - 0.02, sill - 0.18 * high)
    d.ellipse(LIGHT, long - 0.05, sill - 0.14, 0.045, 0.045)
    for x in (-0.62 * long, 0.6 * long):
        _wheel(d, x, sill, look.between("wheel", 0.14, 0.19))


def train(look: Look, d: Drawing) -> None:
    """Draw a train or locomotive from the side."""
    long = 1.15
    high = look.between("high", 0.42, 0.58)
    nose = look.between("nose", 0.0, 0.75)
    d.box(DARK, -long - 0.1, 0.33, long + 0.1, 0.37)
    for x in np.linspace(-0.9, 0.7, 6):
        d.ellipse(DARK, x, 0.26, 0.085, 0.085)
    roof = [(-long, 0.25 - high), (0, 0.23 - high), (long - nose - 0.08, 0.25 - high)]
    d.curve(BODY, [(-long, 0.22), *roof, (long - 0.2 * nose, 0.02), (long, 0.22), (0, 0.24)])
    edges = np.linspace(-long + 0.1, long - nose - 0.2, round(look.between("panes", 4, 8)) + 1)
    for left, right in pairwise(edges):
        d.box(GLASS, left + 0.03, 0.33 - high, right - 0.03, 0.47 - high, 0.03)
    tip = long - 0.75 * nose
    front = [(tip + 0.1, 0.4 - high), (tip + 0.3 * nose + 0.05, 0.5 - high)]
    d.poly(GLASS, [(tip - 0.1, 0.4 - high), *front, (tip - 0.1, 0.5 - high)])
    if look.has("funnel"):
        d.box(DARK, 0.6, -high, 0.78, 0.3 - high)
    d.box(SECOND, -long + 0.02, 0.1, long - 0.08, 0.17)


def cycle(look: Look, d: Drawing) -> None:
    """Draw a bicycle or motorcycle from the side."""
    motor = look.has("motor")
    wheel = look.between("wheel", 0.36, 0.44)  # drawn for every cycle: each draw moves the next
    if motor:
        wheel = 0.3
    base = 0.45
    rear = (-0.55, base)
    front = (0.58, base)
    for x, y in (rear, front):
        _spoked_wheel(d, x, y, wheel)
    crank = (-0.05, base)
    seat = (-0.22, -0.12)
    head = (0.38, -0.15)
    tube = 0.06 if motor else 0.05
    if motor:
        _engine(d)
    for a, b in ((crank, seat), (crank, head), (seat, head), (crank, rear), (seat, rear)):
        d.limb(BODY, a, tube, b, tube)
    d.limb(BODY, (0.34, -0.32), tube, front, 0.04)
    bar = [(0.34, -0.32), (0.48, -0.42), (0.38, -0.48 - 0.1 * look.trait("bar"))]
    d.path(DARK, bar, 0.035, 0.035)
    if not motor:
        d.limb(BODY, seat, 0.035, (-0.26, -0.28), 0.035)
        d.limb(DARK, (-0.4, -0.3), 0.06, (-0.14, -0.29), 0.035)


def _spoked_wheel(d: Drawing, x: float, y: float, radius: float) -> None:
    d.ellipse(DARK, x, y, radius, radius)
    d.ellipse(0, x, y, 0.8 * radius, 0.8 * radius)  # what is behind shows between the spokes
    for angle in np.arange(4) * np.pi / 4 + 0.2:
        dx, dy = 0.8 * radius * np.array([np.cos(angle), np.sin(angle)])
        d.limb(METAL, (x - dx, y - dy), 0.012, (x + dx, y + dy), 0.012)
    d.ellipse(METAL, x, y, 0.07, 0.07)


def _engine(d: Drawing) -> None:
    """Draw a motorcycle's body, engine, saddle and lamp."""
    top = [(-0.75, 0.05), (-0.2, -0.06), (0.1, 0.1), (0.42, -0.2)]
    d.curve(BODY, [*top, (0.5, 0.1), (0.3, 0.5), (-0.2, 0.5), (-0.5, 0.3)])
    d.ellipse(METAL, 0.05, 0.4, 0.2, 0.15)
    d.box(DARK, -0.75, -0.1, -0.1, 0.0, 0.05)
    d.ellipse(LIGHT, 0.5, -0.2, 0.09, 0.09)


def aircraft(look: Look, d: Drawing) -> None:
    """Draw an aeroplane in flight."""
    long = look.between("long", 0.85, 1.15)
    thick = look.between("girth", 0.11, 0.18)
    sweep = look.between("swept", 0.15, 0.7)
    bank = 0.5 + d.jitter(0.1)
    d.poly(FAR, [(0.2, 0), (0.2 - sweep, -1.1 * bank), (0.02 - sweep, -1.1 * bank), (-0.2, 0)])
    fin = [(-long - 0.02, -0.52), (-long - 0.2, -0.52)]
    d.poly(SECOND, [(-long + 0.35, -0.05), *fin, (-long + 0.02, -0.03)])
    top = [(0.8 * long, -thick), (-0.4 * long, -thick), (-long, -0.08)]
    under = [(-long, 0.0), (-0.5 * long, thick), (0.75 * long, thick)]
    d.curve(BODY, [(long, 0.03), *top, *under])
    d.poly(SECOND, [(-long + 0.25, 0.0), (-long - 0.12, 0.2), (-long - 0.25, 0.2), (-long, 0.0)])
    pane = [(0.72 * long, -0.8 * thick), (0.85 * long, -0.62 * thick)]
    d.poly(GLASS, [*pane, (0.88 * long, -0.1), (0.72 * long, -0.05)])
    if look.has("engines"):
        for x in np.linspace(-0.55, 0.55, 9):
            d.ellipse(GLASS, x * long, -0.35 * thick, 0.03, 0.03)
        d.limb(METAL, (-0.12 - 0.2 * sweep, 0.33), 0.075, (0.16 - 0.2 * sweep, 0.33), 0.085)
    material = SECOND if look.trait("wings") > 0.5 else BODY
    tip = [(0.1 - sweep, 1.1 * bank), (-0.15 - sweep, 1.1 * bank)]
    d.poly(material, [(0.25, 0.05), *tip, (-0.25, 0.05)])


def boat(look: Look, d: Drawing) -> None:
    """Draw a boat or ship on the water."""
    long = look.between("long", 0.75, 1.1)
    deep = look.between("deep", 0.2, 0.42)
    rake = look.between("nose", 0.08, 0.45)
    rise = 0.25 if look.has("rise") else 0.06
    if look.has("mast"):
        _sails(look, d)
    if look.trait("cabin") > 0.25:
        _deckhouse(look, d, rake)
    deck = [(-long, -0.02 - 0.6 * rise), (-0.3, 0.04), (0.4, 0.03), (long + 0.1, -0.08 - rise)]
    d.curve(BODY, [*deck, (long - rake, deep), (0, deep + 0.02), (-long + 0.12, deep)])
    stripe = [(-long + 0.06, 0.5 * deep), (0, 0.55 * deep), (long - 0.6 * rake, 0.42 * deep)]
    d.path(SECOND, stripe, 0.035, 0.035)


def _sails(look: Look, d: Drawing) -> None:
    tall = look.between("sail", 0.85, 1.35)
    belly = 0.1 + d.jitter(0.05)
    d.box(WOOD, -0.03, -tall, 0.03, 0.1)
    leech = [(-0.08, -tall + 0.05), (-0.3 - belly, -0.5 * tall), (-0.65, -0.1)]
    d.curve(LIGHT, [*leech, (-0.3, -0.06), (-0.08, -0.08)])
    jib = [(0.08, -tall + 0.1), (0.35 + belly, -0.4 * tall), (0.7, -0.08)]
    d.poly(SECOND, [*jib, (0.08, -0.08)])


def _deckhouse(look: Look, d: Drawing, rake: float) -> None:
    high = look.between("cabin", 0.1, 0.5)
    back = look.between("aft", -0.55, -0.2)
    front = [(back + 0.5, -high), (back + 0.5 + 0.5 * rake, 0.05)]
    d.poly(LIGHT, [(back, 0.05), (back, -high), *front])
    left = [(back + 0.08, -0.3 * high), (back + 0.08, -0.8 * high)]
    d.poly(GLASS, [*left, (back + 0.48, -0.8 * high), (back + 0.52, -0.3 * high)])
    if high > 0.35:
        d.box(ACCENT, back + 0.12, -high - 0.25, back + 0.28, -high, 0.02)


PLANS = (car, truck, bus, train, cycle, aircraft, boat)
