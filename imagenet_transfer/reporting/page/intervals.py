"""Small pictures of effects with their intervals, against the bounds in which a statement holds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imagenet_transfer.claims.statistics import FAILS, HOLDS, OPEN

WIDTH = 250  # pixels of the plot
ROW = 19  # pixels per statement
# Fill and shape both tell the verdict, so that it survives grey print
MARKS = {HOLDS: ("circle", "var(--yes)"), FAILS: ("diamond", "var(--no)"), OPEN: ("circle", "none")}
LINES = {HOLDS: "var(--yes)", FAILS: "var(--no)", OPEN: "var(--ink)"}
INK = "var(--ink)"  # colours of the page, light or dark
PALE = "var(--zone)"


@dataclass(frozen=True)
class Interval:
    """An effect with its 95 % interval; its statement holds between `least` and `most`."""

    name: str
    effect: float
    low: float
    high: float
    least: float
    most: float
    verdict: str
    unit: str


def intervals_svg(drawn: Sequence[Interval]) -> str:
    """Return an SVG with one row per effect on one axis; the shaded part is where they hold.

    Effects of several units have an axis each, one below the other. Its colours are variables of
    the page's style sheet. "" if nothing was measured.
    """
    units = dict.fromkeys(one.unit for one in drawn if not math.isnan(one.effect))
    plots = [_plot([one for one in drawn if one.unit == unit], unit) for unit in units]
    return _svg({"vconcat": plots, "spacing": 4}) if plots else ""


def _plot(drawn: Sequence[Interval], unit: str) -> dict[str, Any]:
    measured = [one for one in drawn if not math.isnan(one.effect)]
    low, high = _domain(measured)
    rows = [_row(place, one, low, high) for place, one in enumerate(measured)]
    names = {str(row["place"]): row["name"] for row in rows}
    x = {"type": "quantitative", "scale": {"domain": [low, high], "nice": False}}
    y = {
        "field": "place",
        "type": "ordinal",
        "axis": {"labelExpr": f"{names}[datum.value]", "title": None, "labelLimit": 150},
    }
    axis = {"title": unit, "tickCount": 4}
    layers = [
        {
            "mark": {"type": "bar", "color": PALE, "height": ROW - 3},
            "encoding": {"x": x | {"field": "from", "axis": axis}, "x2": {"field": "to"}, "y": y},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 1.8},
            "transform": [{"filter": "datum.high > datum.low"}],
            "encoding": {
                "x": x | {"field": "low"},
                "x2": {"field": "high"},
                "y": y,
                "stroke": {"field": "line", "type": "nominal", "scale": None},
            },
        },
        {
            "mark": {"type": "point", "size": 48, "strokeWidth": 1.6, "opacity": 1},
            "encoding": {
                "x": x | {"field": "effect"},
                "y": y,
                "shape": {"field": "shape", "type": "nominal", "scale": None},
                "fill": {"field": "fill", "type": "nominal", "scale": None},
                "stroke": {"field": "line", "type": "nominal", "scale": None},
            },
        },
    ]
    plot = {"data": {"values": rows}, "width": WIDTH, "height": {"step": ROW}, "layer": layers}
    if low < 0 < high:
        plot["layer"].insert(
            1,
            {
                "mark": {"type": "rule", "color": INK, "strokeWidth": 0.6},
                "encoding": {"x": {"datum": 0}},
            },
        )
    return plot


def _domain(drawn: Sequence[Interval]) -> tuple[float, float]:
    """Return the ends of the axis: all intervals and bounds, with some room."""
    ends = [end for one in drawn for end in (one.effect, one.low, one.high, one.least, one.most)]
    finite = [0.0, *(end for end in ends if math.isfinite(end))]
    low, high = min(finite), max(finite)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def _row(place: int, one: Interval, low: float, high: float) -> dict[str, Any]:
    shape, fill = MARKS[one.verdict]
    known = not math.isnan(one.low)
    return {
        "place": place,
        "name": one.name,
        "effect": one.effect,
        "low": one.low if known else one.effect,
        "high": one.high if known else one.effect,
        "from": max(one.least, low),
        "to": min(one.most, high),
        "shape": shape,
        "fill": fill,
        "line": LINES[one.verdict],
    }


def _svg(spec: dict[str, Any]) -> str:
    import vl_convert

    axis = {"labelColor": INK, "titleColor": INK, "domainColor": INK, "tickColor": INK}
    config = {
        "mark": {"aria": False},  # the page describes the picture as a whole
        "background": None,
        "view": {"stroke": None},
        "axis": axis | {"grid": False, "aria": False, "labelFontSize": 11, "titleFontSize": 11},
        "axisX": {"titleFontWeight": "normal"},
        "font": "DejaVu Sans",
    }
    return vl_convert.vegalite_to_svg(spec | {"config": config})
