"""Pictures of the miniature world: one object for classification, several with boxes, places."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from imagenet_transfer.labels.taxonomy import Taxonomy
from imagenet_transfer.seeds import seed_of
from miniature_world.backdrops import BACKDROPS, backdrop, lit
from miniature_world.drawing import FLYING, Sprite, draw_object, lay, lay_shadow, random_pose
from miniature_world.looks import look_of, oklch_to_rgb

# Names of SUN397 and the backdrop of each
SCENES = {
    "beach": "water",
    "street": "street",
    "kitchen": "room",
    "pasture": "meadow",
    "forest/path": "wood",
    "living_room": "room",
    "harbor": "water",
    "highway": "street",
    "botanical_garden": "meadow",
    "sky": "sky",
    "bedroom": "room",
    "lake/natural": "water",
    "crosswalk": "street",
    "park": "meadow",
    "forest/broadleaf": "wood",
    "dining_room": "room",
    "coast": "water",
    "parking_lot": "street",
    "field/wild": "meadow",
    "bamboo_forest": "wood",
    "office": "room",
    "ocean": "water",
    "plaza": "street",
    "golf_course": "meadow",
    "rainforest": "wood",
    "attic": "room",
    "river": "water",
    "alley": "street",
    "vineyard": "meadow",
    "orchard": "wood",
    "nursery": "room",
    "pond": "water",
    "residential_neighborhood": "street",
    "hayfield": "meadow",
    "tree_farm": "wood",
    "classroom": "room",
    "marsh": "water",
    "skyscraper": "street",
    "farm": "meadow",
    "forest/needleleaf": "wood",
    "music_store": "room",
    "islet": "water",
    "gas_station": "street",
    "corral": "meadow",
    "swamp": "wood",
    "waiting_room": "room",
    "canal/natural": "water",
    "market/outdoor": "street",
    "wheat_field": "meadow",
    "dorm_room": "room",
    "raft": "water",
    "downtown": "street",
    "picnic_area": "meadow",
    "tree_house": "wood",
    "basement": "room",
    "lagoon": "water",
    "village": "street",
    "golf_driving_range": "meadow",
    "rope_bridge": "wood",
    "library/indoor": "room",
}
VISIBLE = 0.5  # a pixel counts as drawn above this alpha
MIN_SHARE_VISIBLE = 0.35  # an object that would hide more of another is put elsewhere, or left out
DIFFICULT_SHARE = 0.6
DIFFICULT_SIDE = 14


@dataclass(frozen=True)
class Box:
    """An object of a scene; its coordinates are 1-based and inclusive, as in VOC."""

    name: str
    xmin: int
    ymin: int
    xmax: int
    ymax: int
    truncated: bool
    difficult: bool


def object_picture(
    rng: np.random.Generator, wnid: str, taxonomy: Taxonomy, size: int
) -> np.ndarray:
    """Return a uint8 RGB picture, about `size` pixels per side, of one synset and some clutter."""
    height, width = (round(size * side) for side in sides(rng))
    picture, _ = backdrop(rng, str(rng.choice(list(BACKDROPS))), height, width, rng.random())
    clutter(picture, rng, rng.integers(0, 4))
    look = look_of(wnid, taxonomy)
    sprite = draw_object(look, random_pose(rng, min(height, width) * rng.uniform(0.55, 1.05)), rng)
    tall, wide = sprite.alpha.shape
    left = round((width - wide) / 2 + rng.normal(0, 0.09) * width)
    top = round((height - tall) / 2 + rng.normal(0, 0.09) * height)
    stand(picture, sprite, left, top, rng, look.plan)
    if rng.random() < 0.3:
        clutter(picture, rng, 1, low=0.55)
    return lit(picture, rng)


def sides(rng: np.random.Generator) -> tuple[float, float]:
    """Return height and width of a picture as multiples of its size."""
    ratio = np.exp(rng.normal(0, 0.14))
    return float(np.clip(ratio, 0.75, 1.33)), float(np.clip(1 / ratio, 0.75, 1.33))


def stand(
    picture: np.ndarray, sprite: Sprite, left: int, top: int, rng: np.random.Generator, plan: str
) -> np.ndarray:
    """Lay a sprite with its shadow on the picture; return its alpha there."""
    tall, wide = sprite.alpha.shape
    if plan not in FLYING:
        x = left + wide / 2 + rng.normal(0, 2)
        lay_shadow(picture, x, top + 0.95 * tall, 0.85 * wide, rng.uniform(0.12, 0.4))
    return lay(picture, sprite, left, top, float(rng.uniform(0.85, 1.1)))


def clutter(picture: np.ndarray, rng: np.random.Generator, count: int, low: float = 0.0) -> None:
    """Draw pebbles, cards and poles of random colours; `low` keeps them in the lower part."""
    height, width = picture.shape[:2]
    for _ in range(count):
        colour = np.array([rng.uniform(0.4, 0.9), rng.uniform(0, 0.13), rng.uniform(0, 360)])
        colour = oklch_to_rgb(colour).tolist()
        x, y = rng.uniform(0, width), rng.uniform(low, 1.05) * height
        reach = rng.uniform(0.04, 0.16) * width
        kind = rng.integers(3)
        if kind == 0:
            centre = (round(x), round(y))
            axes = (round(reach), round(0.7 * reach))
            turn = rng.uniform(0, 180)
            cv2.ellipse(picture, centre, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            angles = rng.uniform(0, 6.3) + np.arange(4) * np.pi / 2 + rng.normal(0, 0.3, 4)
            card = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], 1)
            cv2.fillPoly(picture, [np.round(card * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
        else:
            end = (round(x + rng.normal(0, 0.1) * width), round(y - rng.uniform(0.2, 0.5) * height))
            thick = max(1, round(0.025 * width))
            cv2.line(picture, (round(x), round(y)), end, colour, thick, cv2.LINE_AA)


def classes_below(root: str, wnids: Sequence[str], taxonomy: Taxonomy) -> tuple[str, ...]:
    """Return those of the wnids that have `root` among all their ancestors."""
    return tuple(wnid for wnid in wnids if root in taxonomy.ancestors(wnid))


def detection_picture(
    rng: np.random.Generator,
    choices: Mapping[str, Sequence[str]],
    distractors: Sequence[str],
    taxonomy: Taxonomy,
    size: tuple[int, int],
) -> tuple[np.ndarray, list[Box]]:
    """Return a uint8 RGB picture of `size` (width, height) and the boxes of its objects.

    There is at least one. `choices` holds the synsets that each object name may be drawn as,
    `distractors` the synsets that are not objects.
    """
    width, height = size
    picture, _ = backdrop(rng, str(rng.choice(list(BACKDROPS))), height, width, rng.random())
    clutter(picture, rng, rng.integers(0, 4))
    count = rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2])
    names = [str(name) for name in rng.choice(sorted(choices), count)]
    others = range(rng.integers(0, 3))
    drawn = [("", str(rng.choice(list(distractors)))) for _ in others if len(distractors)]
    drawn += [(name, str(rng.choice(list(choices[name])))) for name in names]
    placed: list[tuple[str, np.ndarray, float]] = []
    for k, (name, wnid) in enumerate(drawn):
        tall = rng.uniform(0.2, 0.4) if not name else rng.uniform(0.32, 0.85)
        _place(picture, rng, name, wnid, taxonomy, tall * height, placed, must=k == len(drawn) - 1)
    if rng.random() < 0.25:
        clutter(picture, rng, 1, low=0.7)
    return lit(picture, rng), [box for box in map(box_of, placed) if box]


def _place(
    picture: np.ndarray,
    rng: np.random.Generator,
    name: str,
    wnid: str,
    taxonomy: Taxonomy,
    size: float,
    placed: list[tuple[str, np.ndarray, float]],
    must: bool,
) -> None:
    """Draw one object where it leaves enough of the earlier ones visible.

    If there is no such place, it is drawn only if it `must` be.
    """
    height, width = picture.shape[:2]
    look = look_of(wnid, taxonomy)
    sprite = draw_object(look, random_pose(rng, 1.15 * size), rng)
    tall, wide = sprite.alpha.shape
    for _ in range(12):
        left = round(rng.uniform(-0.12, 1.12) * width - wide / 2)
        left = int(np.clip(left, -0.2 * wide, width - 0.8 * wide))
        top = round(rng.uniform(-0.05 * tall, height - 0.92 * tall))
        alpha = lay(np.zeros((height, width, 3), np.float32), sprite, left, top)
        keeps = [np.where(alpha > VISIBLE, 0, mask) for _, mask, _ in placed]
        pairs = zip(keeps, (whole for _, _, whole in placed), strict=True)
        if all(kept.sum() > MIN_SHARE_VISIBLE * whole for kept, whole in pairs):
            break
    else:
        if not must:
            return
    pairs = zip(keeps, placed, strict=True)
    placed[:] = [(other, kept, whole) for kept, (other, _, whole) in pairs]
    stand(picture, sprite, left, top, rng, look.plan)
    whole = float((sprite.alpha > VISIBLE).sum())
    placed.append((name, (alpha > VISIBLE).astype(np.float32), whole))


def box_of(placed: tuple[str, np.ndarray, float]) -> Box | None:
    """Return the box around an object's visible pixels; None if it is unnamed or hidden."""
    name, mask, whole = placed
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not name or len(rows) == 0:
        return None
    height, width = mask.shape
    ymin = rows[0] + 1
    ymax = rows[-1] + 1
    xmin = columns[0] + 1
    xmax = columns[-1] + 1
    truncated = xmin == 1 or ymin == 1 or xmax == width or ymax == height
    small = min(ymax - ymin, xmax - xmin) + 1 < DIFFICULT_SIDE
    difficult = small or mask.sum() < DIFFICULT_SHARE * whole
    return Box(name, int(xmin), int(ymin), int(xmax), int(ymax), bool(truncated), bool(difficult))


def scene_classes(
    names: Sequence[str], wnids: Sequence[str], kind: str
) -> dict[str, tuple[str, ...]]:
    """Return the 4 synsets of each scene; their draw depends only on `kind` and the name."""
    scenes = {}
    for name in names:
        rng = np.random.default_rng(seed_of(kind, name))
        drawn = rng.choice(sorted(wnids), min(4, len(wnids)), replace=False)
        scenes[name] = tuple(map(str, drawn))
    return scenes


Draw = Callable[[np.random.Generator, str], Sprite]


def scene_picture(
    rng: np.random.Generator,
    name: str,
    synsets: Sequence[str],
    taxonomy: Taxonomy,
    size: int,
    draw: Draw,
) -> np.ndarray:
    """Return a uint8 RGB picture of a place: its backdrop in any mood, 2 to 4 of its objects.

    `draw` returns an individual of a synset.
    """
    height, width = (round(size * side) for side in sides(rng))
    picture, _ = backdrop(rng, SCENES[name], height, width, rng.random())
    clutter(picture, rng, rng.integers(0, 3))
    count = int(rng.integers(2, 5))
    slots = rng.permutation(4)[:count]
    for slot in sorted(slots.tolist()):
        wnid = str(rng.choice(list(synsets)))
        sprite = draw(rng, wnid)
        tall, wide = sprite.alpha.shape
        x = (0.28 + 0.46 * (slot % 2) + rng.normal(0, 0.04)) * width
        y = (0.34 + 0.4 * (slot // 2) + rng.normal(0, 0.04)) * height
        plan = look_of(wnid, taxonomy).plan
        stand(picture, sprite, round(x - wide / 2), round(y - tall / 2), rng, plan)
    return lit(picture, rng)


def place_object(rng: np.random.Generator, wnid: str, taxonomy: Taxonomy, size: int) -> Sprite:
    """Return a new individual of a synset for a place of `size` pixels."""
    return draw_object(look_of(wnid, taxonomy), random_pose(rng, size * rng.uniform(0.4, 0.6)), rng)
