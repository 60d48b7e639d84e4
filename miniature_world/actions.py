"""People doing the ten actions of VOC2012: stances are shared, what tells the actions apart lies around the person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from imagenet_transfer.labels.taxonomy import Taxonomy
from miniature_world import figures
from miniature_world.backdrops import BACKDROPS, backdrop, lit
from miniature_world.drawing import Pose, Sprite, draw_figure, draw_object, lay, lay_shadow
from miniature_world.figures import Person
from miniature_world.looks import look_of
from miniature_world.scenes import VISIBLE, Box, box_of, clutter, stand
from miniature_world.shapes import Drawing

# fmt: off
ACTIONS = (
    "jumping", "phoning", "playinginstrument", "reading", "ridingbike", "ridinghorse", "running", "takingphoto",
    "usingcomputer", "walking",
)
# fmt: on
OTHER = "other"
# The synset below which the study's classes are looked for; the names are VOC's where VOC has one
THINGS = {
    "horse": "n02374451",
    "bicycle": "n02834778",
    "dog": "n02084071",
    "tvmonitor": "n03782006",
    "instrument": "n03800933",
}
UNCLEAR = {
    "running": "walking",
    "walking": "running",
    "jumping": "running",
    "reading": "usingcomputer",
}
SHARE_UNCLEAR = (
    0.12  # of the people whose action has a neighbour in UNCLEAR: that one is labelled 0
)
SHARE_TWO = 0.15  # of people do two actions
SHARE_TYPICAL = (
    0.45  # of scenes are before the backdrop that is typical of the first person's action
)
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


@dataclass(frozen=True)
class Act:
    """What somebody does: the stance of legs and arms, and the things around them."""

    actions: tuple[str, ...]
    legs: str
    arms: str
    things: tuple[str, ...]


def _act(actions: str, legs: str, arms: str, things: str = "") -> Act:
    return Act(tuple(actions.split()), legs, arms, tuple(things.split()))


# Of each moving action the ground or obstacle, and the stances of the legs, the usual ones several times
MOVES = {
    "jumping": ("hurdle", "leap leap run stride"),
    "running": ("track", "run run leap stride"),
    "walking": ("crossing", "stride stride run"),
}
SEATS = (
    "chair",
    "crate",
    "fence",
)  # the chest has a horse's colour, the railing a bicycle's colour and rings


def _moving(action: str) -> tuple[Act, ...]:
    """Return the acts of running, walking or jumping: the stances are common to them, the ground is not."""
    ground, stances = MOVES[action]
    free = tuple(
        _act(action, legs, arms, ground)
        for legs in stances.split()
        for arms in ("swing", "pump", "raise")
    )
    return (*free, *(_act(action, legs, "up", f"{ground} brush") for legs in stances.split()))


def _riding(action: str, mount: str) -> tuple[Act, ...]:
    """Return the acts of somebody who rides, in the stances of those who sit on something else."""
    hands_on = _act(action, "sit", "forward", mount)
    return hands_on, hands_on, _act(action, "sit", "up", f"{mount} brush")


def _still(action: str, arms: str, things: str) -> tuple[Act, ...]:
    """Return the acts of somebody who stands, or sits on one of the seats, with the things."""
    standing = _act(action, "stand", arms, things)
    return standing, standing, *(_act(action, "sit", arms, f"{seat} {things}") for seat in SEATS)


ACTS = {
    "jumping": _moving("jumping"),
    "phoning": _still("phoning", "up", "kiosk handset"),
    "playinginstrument": _still("playinginstrument", "forward", "instrument"),
    "reading": (*_still("reading", "forward", "book"), *_still("reading", "forward", "desk book")),
    "ridingbike": _riding("ridingbike", "bicycle"),
    "ridinghorse": _riding("ridinghorse", "horse"),
    "running": _moving("running"),
    "takingphoto": (
        *_still("takingphoto", "forward", "tripod"),
        *_still("takingphoto", "up", "camera"),
    ),
    "usingcomputer": (
        *_still("usingcomputer", "forward", "desk tvmonitor"),
        *_still("usingcomputer", "forward", "desk tvmonitor"),
        *_still("usingcomputer", "up", "desk tvmonitor brush"),
    ),
    "walking": (
        *_moving("walking"),
        *(_act("walking", "stride", "swing", "crossing dog") for _ in range(4)),
    ),
    OTHER: (
        *_still("", "forward", ""),
        *_still("", "forward", "desk"),
        *_still("", "up", "brush"),
        *_still("", "up", "brush"),
        _act("", "stand", "hang", "dog"),
        _act("", "stand", "hang", "kiosk"),
    ),
}
TWO = (
    _act("phoning walking", "stride", "up", "crossing handset"),
    _act("reading walking", "stride", "forward", "crossing book"),
    _act("takingphoto walking", "stride", "up", "crossing camera"),
    _act("phoning ridingbike", "sit", "up", "bicycle handset"),
    _act("ridinghorse takingphoto", "sit", "up", "horse camera"),
    _act("phoning usingcomputer", "sit", "up", "chair desk tvmonitor handset"),
    _act("running phoning", "run", "up", "track handset"),
)


@dataclass(frozen=True)
class Role:
    """One person of a scene with the label (-1, 0, 1) of each action, `other` last."""

    act: Act
    labels: dict[str, int]


def cast_roles(rng: np.random.Generator) -> tuple[Role, ...]:
    """Return the roles of one scene: one or two people, rarely three."""
    return tuple(_role(rng) for _ in range(rng.choice([1, 2, 3], p=[0.6, 0.36, 0.04])))


def _role(rng: np.random.Generator) -> Role:
    names = [*ACTS, OTHER]  # somebody in six does nothing of the ten
    acts = TWO if rng.random() < SHARE_TWO else ACTS[names[rng.integers(len(names))]]
    act = acts[rng.integers(len(acts))]
    labels = {name: 1 if name in act.actions else -1 for name in ACTIONS}
    labels[OTHER] = -1 if act.actions else 1
    unclear = [UNCLEAR[name] for name in act.actions if name in UNCLEAR]
    if len(act.actions) == 1 and unclear and rng.random() < SHARE_UNCLEAR:
        labels[unclear[0]] = 0
    return Role(act, labels)


@dataclass
class Layer:
    """What is seen of an object: the mask (H, W) of its visible pixels; `whole` counts those it has."""

    name: str
    mask: np.ndarray
    whole: float


class Stage:
    """A transparent canvas on which one person and the things around them are laid, facing right."""

    def __init__(
        self,
        scale: float,
        rng: np.random.Generator,
        synsets: Mapping[str, Sequence[str]],
        taxonomy: Taxonomy,
    ):
        self.scale = scale
        self.rng = rng
        self.synsets = synsets
        self.taxonomy = taxonomy
        self.hip = np.array([1.35 * scale, 1.1 * scale])
        self.rgb = np.zeros((round(2.5 * scale), round(3.0 * scale), 3), np.float32)
        self.alpha = np.zeros(self.rgb.shape[:2], np.float32)
        self.layers: list[Layer] = []

    def lay(self, sprite: Sprite, corner: np.ndarray, name: str = "") -> None:
        """Lay a sprite whose upper left corner is at pixel (x, y); a named one is an object of the annotation."""
        left, top = np.round(corner).astype(int).tolist()
        covered = lay(self.rgb, sprite, left, top, float(self.rng.uniform(0.9, 1.1)))
        self.alpha = 1 - (1 - self.alpha) * (1 - covered)
        for layer in self.layers:
            layer.mask = layer.mask & (covered <= VISIBLE)
        if name:
            self.layers.append(
                Layer(name, covered > VISIBLE, float((sprite.alpha > VISIBLE).sum()))
            )

    def figure(
        self,
        drawing: Drawing,
        colours: np.ndarray,
        origin: Sequence[float] = (0, 0),
        name: str = "",
    ) -> None:
        """Lay a drawing whose origin is at a point given in units from the hip."""
        sprite, offset = draw_figure(drawing, colours, self.scale)
        self.lay(sprite, self.hip + self.scale * np.asarray(origin) - offset, name)

    def thing(self, name: str, size: float, angle: float = 0.0) -> Sprite:
        """Return one of the study's synsets as a sprite, its longer side `size` units."""
        synsets = self.synsets[name]
        wnid = synsets[self.rng.integers(len(synsets))]
        pose = Pose(
            size * self.scale,
            False,
            angle + self.rng.normal(0, 0.04),
            float(np.exp(self.rng.normal(0, 0.05))),
        )
        return draw_object(look_of(wnid, self.taxonomy), pose, self.rng)


def _ride(stage: Stage, name: str, size: float, column: float) -> None:
    """Lay an animal or a bicycle so that its top at a share `column` of its length is just below the hip."""
    sprite = stage.thing(name, size)
    x = round(column * sprite.alpha.shape[1])
    top = np.flatnonzero(sprite.alpha[:, max(0, x - 1) : x + 2].max(1) > VISIBLE)[0]
    stage.lay(sprite, stage.hip - (x, top - 0.04 * stage.scale), name)


def _stand_on(stage: Stage, sprite: Sprite, foot: Sequence[float], name: str) -> None:
    """Lay a sprite so that the middle of its lower edge is at a point given in units from the hip."""
    tall, wide = sprite.alpha.shape
    stage.lay(sprite, stage.hip + stage.scale * np.asarray(foot) - (wide / 2, tall - 2), name)


def _grey(stage: Stage, light: float) -> np.ndarray:
    return figures.thing_colours(stage.rng, light, 0.02, 250)


def _vivid(stage: Stage) -> np.ndarray:
    rng = stage.rng
    return figures.thing_colours(
        rng, rng.uniform(0.45, 0.75), rng.uniform(0.1, 0.17), rng.uniform(0, 360)
    )


def _lay_thing(stage: Stage, thing: str, who: Person) -> None:
    """Lay one of the things that an act names, where it belongs about the person."""
    rng = stage.rng
    (x, y) = who.hand
    foot = who.foot
    match thing:
        case "horse":
            _ride(stage, "horse", 1.12, rng.uniform(0.38, 0.46))
        case "bicycle":
            _ride(stage, "bicycle", 1.15, 0.36)
        case "chair":
            stage.figure(
                figures.seat(foot), figures.thing_colours(rng, 0.5, 0.07, 60), name="chair"
            )
        case "crate":
            stage.figure(figures.crate(foot, rng), figures.thing_colours(rng, 0.6, 0.11, 55))
        case "fence":
            stage.figure(figures.fence(foot, rng), figures.thing_colours(rng, 0.62, 0.14, 250))
        case "brush":
            stage.figure(figures.brush(), figures.thing_colours(rng, 0.38, 0.04, 60), (x, y))
        case "kiosk":
            colours = figures.thing_colours(rng, 0.55, 0.17, rng.choice([25, 255]))
            stage.figure(figures.kiosk(foot + 0.2), colours, (x + rng.uniform(0.08, 0.16), -0.2))
        case "track":
            stage.figure(
                figures.track(rng), figures.thing_colours(rng, 0.55, 0.13, 35), (0, foot + 0.03)
            )
        case "crossing":
            stage.figure(figures.crossing(rng), _grey(stage, 0.42), (0, foot + 0.03))
        case "hurdle":
            colours = figures.thing_colours(rng, 0.55, 0.18, rng.choice([25, 255]))
            gap = rng.uniform(0.05, 0.12)
            stage.figure(
                figures.hurdle(rng.uniform(0.3, 0.4)), colours, (rng.normal(0.05, 0.04), foot + gap)
            )
        case "dog":
            _stand_on(
                stage,
                stage.thing("dog", rng.uniform(0.5, 0.62)),
                (rng.uniform(0.5, 0.6), foot + 0.04),
                "dog",
            )
        case "desk":
            stage.figure(
                figures.desk(foot - y - 0.06),
                figures.thing_colours(rng, 0.6, 0.07, 65),
                (x + 0.02, y + 0.06),
            )
        case "tvmonitor":
            foot_at = (x + rng.uniform(0.27, 0.33), y + 0.09)
            _stand_on(
                stage, stage.thing("tvmonitor", rng.uniform(0.46, 0.54)), foot_at, "tvmonitor"
            )
        case "instrument":
            sprite = stage.thing("instrument", rng.uniform(0.78, 0.95), rng.normal(0.1, 0.1))
            centre = stage.hip + stage.scale * np.array([x + rng.uniform(0.08, 0.14), y + 0.06])
            stage.lay(sprite, centre - np.array(sprite.alpha.shape[::-1]) / 2)
        case "book":
            stage.figure(figures.book(), _vivid(stage), (x + 0.05, y))
        case "tripod":
            stage.figure(figures.tripod(foot - y), _grey(stage, 0.35), (x, y))
        case "camera":
            stage.figure(figures.camera(), _grey(stage, 0.35), (x - 0.02, y))
        case "handset":
            stage.figure(figures.handset(), _grey(stage, 0.4), (x, y))


BEHIND = frozenset({"horse", "bicycle", *SEATS, "kiosk", "track", "crossing", "hurdle"})


def _staged(
    act: Act, scale: float, rng: np.random.Generator, synsets: Mapping, taxonomy: Taxonomy
) -> Stage:
    stage = Stage(scale, rng, synsets, taxonomy)
    who = figures.person(act.legs, act.arms, rng)
    for thing in act.things:
        if thing in BEHIND:
            _lay_thing(stage, thing, who)
    stage.figure(who.drawing, figures.person_colours(rng), name="person")
    for thing in act.things:
        if thing not in BEHIND:
            _lay_thing(stage, thing, who)
    return stage


def action_picture(
    rng: np.random.Generator,
    roles: Sequence[Role],
    synsets: Mapping[str, Sequence[str]],
    bystanders: Sequence[str],
    taxonomy: Taxonomy,
    size: tuple[int, int],
) -> tuple[np.ndarray, list[Box]]:
    """Return a uint8 RGB picture of `size` (width, height) and the boxes of its objects in random order.

    The people among the objects keep the order of their `roles`. `synsets` holds what each of THINGS may be drawn as,
    `bystanders` the synsets that belong to no action.
    """
    width, height = size
    picture, _ = backdrop(rng, _place_of(rng, roles[0]), height, width, rng.random())
    clutter(picture, rng, rng.integers(0, 3))
    for _ in range(rng.integers(0, 3) if bystanders else 0):
        _lay_bystander(picture, rng, str(rng.choice(list(bystanders))), taxonomy)
    layers: list[Layer] = []
    slots = rng.permutation(len(roles))
    for role, slot in zip(roles, slots.tolist(), strict=True):
        stage = _staged(
            role.act, height * _share(rng, len(roles), role.act), rng, synsets, taxonomy
        )
        _lay_stage(picture, rng, stage, (slot + 0.5) / len(roles), layers)
    boxes = [
        box for box in (box_of((layer.name, layer.mask, layer.whole)) for layer in layers) if box
    ]
    return lit(picture, rng), _mixed(rng, boxes)


def _place_of(rng: np.random.Generator, role: Role) -> str:
    typical = TYPICAL.get(role.act.actions[-1]) if role.act.actions else None
    anywhere = list(BACKDROPS)[rng.integers(len(BACKDROPS))]
    return typical if typical and rng.random() < SHARE_TYPICAL else anywhere


def _share(rng: np.random.Generator, people: int, act: Act) -> float:
    """Return the standing height of a person as a share of the picture's."""
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
    left, top = (
        rng.uniform(-0.2 * wide, width - 0.8 * wide),
        rng.uniform(0.35, 0.95) * height - tall,
    )
    stand(picture, sprite, round(left), round(top), rng, look.plan)


def _lay_stage(
    picture: np.ndarray, rng: np.random.Generator, stage: Stage, share: float, layers: list[Layer]
) -> None:
    """Lay a stage, perhaps mirrored, about a share of the width; add its objects to the picture's layers."""
    height, width = picture.shape[:2]
    turn = slice(None, None, -1) if rng.random() < 0.5 else slice(None)
    rows, columns = (
        np.flatnonzero((stage.alpha > VISIBLE).any(1)),
        np.flatnonzero((stage.alpha[:, turn] > VISIBLE).any(0)),
    )
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
        mask = cv2.warpAffine(
            layer.mask[:, turn].astype(np.uint8), move, (width, height), flags=cv2.INTER_NEAREST
        )
        layers.append(Layer(layer.name, mask > 0, layer.whole))


def _mixed(rng: np.random.Generator, boxes: Sequence[Box]) -> list[Box]:
    """Return the boxes in random order, the people's order among themselves kept."""
    people = iter([box for box in boxes if box.name == "person"])
    return [
        next(people) if boxes[k].name == "person" else boxes[k] for k in rng.permutation(len(boxes))
    ]
