"""Pictures of people doing the ten actions of VOC2012, with the boxes of people and things."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from imagenet_transfer.labels.taxonomy import Taxonomy
from miniature_world.acts import Act, Role
from miniature_world.backdrops import BACKDROPS, backdrop, lit
from miniature_world.drawing import Pose, Sprite, draw_object, lay, lay_shadow
from miniature_world.looks import look_of
from miniature_world.scenes import VISIBLE, Box, box_of, clutter, stand
from miniature_world.staging import Layer, Stage, staged

SHARE_TYPICAL = 0.45  # of scenes have the backdrop that is typical of the first person's action
TYPICAL = {
    "jumping": "sky",
    "phoning": "street",
    "playinginstrument": "room",
    "reading": "room",
    "ridingbike": "street",
    "ridinghorse": "meadow",
    "running": "meadow",
    "usingcomputer": "room",
    "walking": "street",
}


def action_picture(
    rng: np.random.Generator,
    roles: Sequence[Role],
    synsets: Mapping[str, Sequence[str]],
    bystanders: Sequence[str],
    taxonomy: Taxonomy,
    size: tuple[int, int],
) -> tuple[np.ndarray, list[Box]]:
    """Return a uint8 RGB picture of `size` (width, height) and the boxes of its objects.

    The boxes are in random order, but people keep the order of their `roles`. `synsets` holds what
    each of THINGS may be drawn as, `bystanders` the synsets that do not belong to an action.
    """
    width, height = size
    picture, _ = backdrop(rng, _place_of(rng, roles[0]), height, width, rng.random())
    clutter(picture, rng, rng.integers(0, 3))
    for _ in range(rng.integers(0, 3) if bystanders else 0):
        _lay_bystander(picture, rng, str(rng.choice(list(bystanders))), taxonomy)
    layers: list[Layer] = []
    slots = rng.permutation(len(roles))
    for role, slot in zip(roles, slots.tolist(), strict=True):
        scale = height * _share(rng, len(roles), role.act)
        stage = staged(role.act, scale, rng, synsets, taxonomy)
        _lay_stage(picture, rng, stage, (slot + 0.5) / len(roles), layers)
    boxes = [box_of((layer.name, layer.mask, layer.whole)) for layer in layers]
    return lit(picture, rng), _mixed(rng, [box for box in boxes if box])


def _place_of(rng: np.random.Generator, role: Role) -> str:
    typical = TYPICAL.get(role.act.actions[-1]) if role.act.actions else None
    anywhere = list(BACKDROPS)[rng.integers(len(BACKDROPS))]
    return typical if typical and rng.random() < SHARE_TYPICAL else anywhere


def _share(rng: np.random.Generator, people: int, act: Act) -> float:
    """Return a person's standing height as a share of the picture's height."""
    low, high = {1: (0.6, 0.74), 2: (0.48, 0.6), 3: (0.38, 0.46)}[people]
    return float(rng.uniform(low, high)) * (0.85 if "horse" in act.things else 1.0)


def _lay_bystander(
    picture: np.ndarray, rng: np.random.Generator, wnid: str, taxonomy: Taxonomy
) -> None:
    height, width = picture.shape[:2]
    look = look_of(wnid, taxonomy)
    pose = Pose(height * rng.uniform(0.2, 0.36), rng.random() < 0.5, float(rng.normal(0, 0.08)))
    sprite = draw_object(look, pose, rng)
    tall, wide = sprite.alpha.shape
    left = rng.uniform(-0.2 * wide, width - 0.8 * wide)
    top = rng.uniform(0.35, 0.95) * height - tall
    stand(picture, sprite, round(left), round(top), rng, look.plan)


def _lay_stage(
    picture: np.ndarray, rng: np.random.Generator, stage: Stage, share: float, layers: list[Layer]
) -> None:
    """Lay a stage, perhaps mirrored, around a share of the width; add its objects to `layers`."""
    height, width = picture.shape[:2]
    turn = slice(None, None, -1) if rng.random() < 0.5 else slice(None)
    rows = np.flatnonzero((stage.alpha > VISIBLE).any(1))
    columns = np.flatnonzero((stage.alpha[:, turn] > VISIBLE).any(0))
    middle = share * width + rng.normal(0, 0.03) * width
    left = round(middle - (columns[0] + columns[-1]) / 2)
    top = round(min(rng.uniform(0.9, 0.99) * height, height - 1) - rows[-1])
    top += max(0, -(top + rows[0]) - 4)
    lay_shadow(picture, middle, top + rows[-1], 0.6 * len(columns), rng.uniform(0.12, 0.35))
    sprite = Sprite(stage.rgb[:, turn], stage.alpha[:, turn])
    covered = lay(picture, sprite, left, top)
    for layer in layers:
        layer.mask = layer.mask & (covered <= VISIBLE)
    move = np.float32([[1, 0, left], [0, 1, top]])
    for layer in stage.layers:
        mask = layer.mask[:, turn].astype(np.uint8)
        moved = cv2.warpAffine(mask, move, (width, height), flags=cv2.INTER_NEAREST)
        layers.append(Layer(layer.name, moved > 0, layer.whole))


def _mixed(rng: np.random.Generator, boxes: Sequence[Box]) -> list[Box]:
    """Return the boxes in random order, except that the people keep theirs."""
    people = iter([box for box in boxes if box.name == "person"])
    return [
        next(people) if boxes[k].name == "person" else boxes[k] for k in rng.permutation(len(boxes))
    ]
