"""Inherited looks: a synset's look is its parent's, perturbed by draws that its wnid seeds."""

import functools
import math
from collections.abc import Mapping

import numpy as np

from imagenet_transfer.labels.taxonomy import Taxonomy
from imagenet_transfer.seeds import digest_of
from miniature_world.declarations import DECLARATIONS

SHAPE_SPREAD = 0.10  # standard deviation of one step of inheritance, in trait units (0..1)
COLOUR_SPREAD = 0.07
PATTERN_SPREAD = 0.14
INDIVIDUAL_SPREAD = 0.075  # of individuals around their synset, likewise
INDIVIDUAL_HUE = {
    "fur": 0.12,
    "vivid": 0.07,
    "pale": 0.12,
    "wood": 0.12,
    "grey": 0.15,
    "earth": 0.12,
}
NEW_PATTERN = 0.12  # probability that one step changes the pattern
COLOUR_TRAITS = ("light", "chroma", "hue", "contrast", "second_light", "second_hue", "accent_hue")
HUES = ("hue", "second_hue", "accent_hue")
PATTERN_TRAITS = ("frequency", "amount", "slant")

# OKLCH bounds (lightness, chroma, hue in degrees) of the colour traits
PALETTES = {
    "fur": ((0.40, 0.95), (0.015, 0.12), (52, 88)),
    "vivid": ((0.42, 0.92), (0.02, 0.17), (5, 365)),
    "pale": ((0.72, 0.95), (0.01, 0.06), (40, 280)),
    "wood": ((0.42, 0.76), (0.05, 0.11), (45, 78)),
    "grey": ((0.42, 0.78), (0.005, 0.035), (60, 280)),
    "earth": ((0.50, 0.85), (0.03, 0.10), (30, 130)),
}
# Patterns that a step may change to, by body plan
PATTERNS = {
    "quadruped": ("plain", "patches", "saddle", "belly", "spots", "stripes"),
    "bird": ("wing", "hood", "bib", "belly", "bands"),
    "fish": ("belly", "bands", "spots", "stripes"),
    "snake": ("bands", "stripes", "spots"),
    "lizard": ("bands", "stripes", "spots", "belly"),
}
COMMON_PATTERNS = ("plain", "bands", "stripes", "checker", "belly", "spots")


def _normal(wnid: str, trait: str) -> float:
    """Return a roughly normal number (Irwin-Hall of six) that depends only on the two names."""
    halves = np.frombuffer(digest_of("look", wnid, trait)[:12], dtype="<u2")  # 12 bytes: six draws
    return (halves.sum() / 65535 - 3) * math.sqrt(2)


def _reflected(value: float) -> float:
    """Fold a value back into [0, 1]."""
    value = abs(value) % 2
    return 2 - value if value > 1 else value


class Look:
    """The look of one synset: `plan`, `palette`, `pattern`, and any trait by name, in [0, 1]."""

    def __init__(self, wnid: str, taxonomy: Taxonomy):
        chain = taxonomy.chain(wnid)
        declared = [node in DECLARATIONS and bool(DECLARATIONS[node].plan) for node in chain]
        start = max((k for k, plan in enumerate(declared) if plan), default=0)
        self.wnid = wnid
        self.taxonomy = taxonomy
        self.lineage = chain[start:]
        self.plan = self._declared("plan") or "gadget"
        self.palette = self._declared("palette") or "vivid"
        self.pattern = self._inherited_pattern()
        self._traits: dict[str, float] = {}

    def _declared(self, key: str) -> str | None:
        values = [getattr(DECLARATIONS[node], key) for node in self.lineage if node in DECLARATIONS]
        return next((value for value in reversed(values) if value), None)

    def _inherited_pattern(self) -> str:
        choices = PATTERNS.get(self.plan, COMMON_PATTERNS)
        pattern = "plain"
        for node in self.lineage:
            declared = DECLARATIONS.get(node)
            draw = digest_of("look", node, "pattern")
            if declared and declared.pattern:
                pattern = declared.pattern
            elif draw[0] < 256 * NEW_PATTERN:
                pattern = choices[draw[1] % len(choices)]
        return pattern

    def trait(self, name: str) -> float:
        """Return a trait in [0, 1]: 0.5 or a declared value, plus a step per synset below it."""
        if name not in self._traits:
            self._traits[name] = self._walk(name)
        return self._traits[name]

    def _walk(self, name: str) -> float:
        spread = SHAPE_SPREAD
        if name in COLOUR_TRAITS:
            spread = COLOUR_SPREAD
        elif name in PATTERN_TRAITS:
            spread = PATTERN_SPREAD
        value = 0.5 if name not in HUES else digest_of(self.lineage[0], name)[0] / 255
        for node in self.lineage:
            declared = DECLARATIONS.get(node)
            if declared and name in declared.traits:
                value = declared.traits[name]
            elif node != self.lineage[0]:
                value = _reflected(value + spread * _normal(node, name))
        return value

    def between(self, name: str, low: float, high: float) -> float:
        """Return the trait scaled to [low, high]."""
        return low + (high - low) * self.trait(name)

    def has(self, name: str) -> bool:
        """Return whether an optional part is present. Undeclared parts are rare."""
        nodes = [node for node in self.lineage if node in DECLARATIONS]
        declared = any(name in DECLARATIONS[node].traits for node in nodes)
        return self.trait(name) > (0.5 if declared else 0.66)

    @functools.cached_property
    def colours(self) -> Mapping[str, np.ndarray]:
        """The `body`, `second` and `accent` colours in OKLCH: lightness, chroma, hue in degrees."""
        bounds = PALETTES[self.palette]
        names = ("light", "chroma", "hue")
        body = np.array(
            [self.between(name, *pair) for name, pair in zip(names, bounds, strict=True)]
        )
        light, _, hue = bounds
        second_light = self.between("second_light", light[0] - 0.15, light[1])
        if abs(second_light - body[0]) < 0.22:
            second_light = body[0] - 0.24 if body[0] > 0.6 else body[0] + 0.26
        turn = self.between("second_hue", *hue) if self.palette == "vivid" else body[2] + 8
        second = np.array([second_light, 0.7 * body[1] + 0.015, turn])
        accent = np.array([0.66, 0.13, self.between("accent_hue", 10, 370)])
        return {"body": body, "second": second, "accent": accent}


class Individual(Look):
    """One member of a synset: traits and colours vary a little, parts and plan do not."""

    def __init__(self, look: Look, rng: np.random.Generator):
        self.look = look
        self.rng = rng
        self.wnid = look.wnid
        self.lineage = look.lineage
        self.plan = look.plan
        self.palette = look.palette
        self.pattern = look.pattern
        self._traits = {}

    def _walk(self, name: str) -> float:
        spread = INDIVIDUAL_HUE[self.palette] if name in HUES else INDIVIDUAL_SPREAD
        return _reflected(self.look.trait(name) + spread * self.rng.normal())

    def has(self, name: str) -> bool:
        """Return whether the synset has the part."""
        return self.look.has(name)


# By the taxonomy's id: each look holds its taxonomy, so that no other one takes the id
_LOOKS: dict[tuple[int, str], Look] = {}


def look_of(wnid: str, taxonomy: Taxonomy) -> Look:
    """Return the look of a synset of the taxonomy; it depends only on names, not on a seed."""
    key = (id(taxonomy), wnid)
    if key not in _LOOKS:
        _LOOKS[key] = Look(wnid, taxonomy)
    return _LOOKS[key]


def oklch_to_rgb(colours: np.ndarray) -> np.ndarray:
    """Return sRGB in 0..255 (float, clipped) of OKLCH colours (..., 3). Source: Ottosson 2020."""
    light = colours[..., 0]
    chroma = colours[..., 1]
    hue = np.deg2rad(colours[..., 2])
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    linear = np.clip(np.stack([red, green, blue], -1), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
