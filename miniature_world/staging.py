"""A person and the things around them, laid on a transparent stage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_transfer.labels.taxonomy import Taxonomy
from miniature_world import figures
from miniature_world.acts import SEATS, Act
from miniature_world.drawing import Pose, Sprite, draw_figure, draw_object, lay
from miniature_world.figures import Person, thing_colours
from miniature_world.looks import look_of
from miniature_world.scenes import VISIBLE
from miniature_world.shapes import Drawing

BEHIND = frozenset({"horse", "bicycle", *SEATS, "kiosk", "track", "crossing", "hurdle"})


@dataclass
class Layer:
    """An object's visible pixels as a mask (H, W); `whole` counts all that it has."""

    name: str
    mask: np.ndarray
    whole: float


class Stage:
    """A transparent canvas for one person, facing right, and the things around them."""

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
        """Lay a sprite, its upper left corner at pixel (x, y); a named one is annotated."""
        left, top = np.round(corner).astype(int).tolist()
        covered = lay(self.rgb, sprite, left, top, float(self.rng.uniform(0.9, 1.1)))
        self.alpha = 1 - (1 - self.alpha) * (1 - covered)
        for layer in self.layers:
            layer.mask = layer.mask & (covered <= VISIBLE)
        if name:
            whole = float((sprite.alpha > VISIBLE).sum())
            self.layers.append(Layer(name, covered > VISIBLE, whole))

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
        angle = angle + self.rng.normal(0, 0.04)
        aspect = float(np.exp(self.rng.normal(0, 0.05)))
        pose = Pose(size * self.scale, False, angle, aspect)
        return draw_object(look_of(wnid, self.taxonomy), pose, self.rng)


def staged(
    act: Act, scale: float, rng: np.random.Generator, synsets: Mapping, taxonomy: Taxonomy
) -> Stage:
    """Return a stage with a person `scale` pixels tall who does an act, and its things."""
    stage = Stage(scale, rng, synsets, taxonomy)
    who = figures.person(act.legs, act.arms, rng)
    for thing in act.things:
        if thing in BEHIND:
            THINGS_LAID[thing](stage, who)
    stage.figure(who.drawing, figures.person_colours(rng), name="person")
    for thing in act.things:
        if thing not in BEHIND:
            THINGS_LAID[thing](stage, who)
    return stage


def _ride(stage: Stage, name: str, size: float, column: float) -> None:
    """Lay a mount whose back, at a share `column` of its length, is just below the hip."""
    sprite = stage.thing(name, size)
    x = round(column * sprite.alpha.shape[1])
    top = np.flatnonzero(sprite.alpha[:, max(0, x - 1) : x + 2].max(1) > VISIBLE)[0]
    stage.lay(sprite, stage.hip - (x, top - 0.04 * stage.scale), name)


def _stand_on(stage: Stage, sprite: Sprite, foot: Sequence[float], name: str) -> None:
    """Lay a sprite, the middle of its lower edge at a point given in units from the hip."""
    tall, wide = sprite.alpha.shape
    stage.lay(sprite, stage.hip + stage.scale * np.asarray(foot) - (wide / 2, tall - 2), name)


def _grey(stage: Stage, light: float) -> np.ndarray:
    return thing_colours(stage.rng, light, 0.02, 250)


def _vivid(stage: Stage) -> np.ndarray:
    rng = stage.rng
    light = rng.uniform(0.45, 0.75)
    return thing_colours(rng, light, rng.uniform(0.1, 0.17), rng.uniform(0, 360))


def _lay_horse(stage: Stage, who: Person) -> None:
    _ride(stage, "horse", 1.12, stage.rng.uniform(0.38, 0.46))


def _lay_bicycle(stage: Stage, who: Person) -> None:
    _ride(stage, "bicycle", 1.15, 0.36)


def _lay_chair(stage: Stage, who: Person) -> None:
    colours = thing_colours(stage.rng, 0.5, 0.07, 60)
    stage.figure(figures.seat(who.foot), colours, name="chair")


def _lay_crate(stage: Stage, who: Person) -> None:
    crate = figures.crate(who.foot, stage.rng)
    stage.figure(crate, thing_colours(stage.rng, 0.6, 0.11, 55))


def _lay_fence(stage: Stage, who: Person) -> None:
    fence = figures.fence(who.foot, stage.rng)
    stage.figure(fence, thing_colours(stage.rng, 0.62, 0.14, 250))


def _lay_brush(stage: Stage, who: Person) -> None:
    stage.figure(figures.brush(), thing_colours(stage.rng, 0.38, 0.04, 60), who.hand)


def _lay_kiosk(stage: Stage, who: Person) -> None:
    rng = stage.rng
    colours = thing_colours(rng, 0.55, 0.17, rng.choice([25, 255]))
    place = (who.hand[0] + rng.uniform(0.08, 0.16), -0.2)
    stage.figure(figures.kiosk(who.foot + 0.2), colours, place)


def _lay_track(stage: Stage, who: Person) -> None:
    track = figures.track(stage.rng)
    stage.figure(track, thing_colours(stage.rng, 0.55, 0.13, 35), (0, who.foot + 0.03))


def _lay_crossing(stage: Stage, who: Person) -> None:
    stage.figure(figures.crossing(stage.rng), _grey(stage, 0.42), (0, who.foot + 0.03))


def _lay_hurdle(stage: Stage, who: Person) -> None:
    rng = stage.rng
    colours = thing_colours(rng, 0.55, 0.18, rng.choice([25, 255]))
    gap = rng.uniform(0.05, 0.12)
    hurdle = figures.hurdle(rng.uniform(0.3, 0.4))
    stage.figure(hurdle, colours, (rng.normal(0.05, 0.04), who.foot + gap))


def _lay_dog(stage: Stage, who: Person) -> None:
    dog = stage.thing("dog", stage.rng.uniform(0.5, 0.62))
    _stand_on(stage, dog, (stage.rng.uniform(0.5, 0.6), who.foot + 0.04), "dog")


def _lay_desk(stage: Stage, who: Person) -> None:
    x, y = who.hand
    desk = figures.desk(who.foot - y - 0.06)
    stage.figure(desk, thing_colours(stage.rng, 0.6, 0.07, 65), (x + 0.02, y + 0.06))


def _lay_monitor(stage: Stage, who: Person) -> None:
    x, y = who.hand
    foot = (x + stage.rng.uniform(0.27, 0.33), y + 0.09)
    monitor = stage.thing("tvmonitor", stage.rng.uniform(0.46, 0.54))
    _stand_on(stage, monitor, foot, "tvmonitor")


def _lay_instrument(stage: Stage, who: Person) -> None:
    rng = stage.rng
    x, y = who.hand
    sprite = stage.thing("instrument", rng.uniform(0.78, 0.95), rng.normal(0.1, 0.1))
    centre = stage.hip + stage.scale * np.array([x + rng.uniform(0.08, 0.14), y + 0.06])
    stage.lay(sprite, centre - np.array(sprite.alpha.shape[::-1]) / 2)


def _lay_book(stage: Stage, who: Person) -> None:
    x, y = who.hand
    stage.figure(figures.book(), _vivid(stage), (x + 0.05, y))


def _lay_tripod(stage: Stage, who: Person) -> None:
    stage.figure(figures.tripod(who.foot - who.hand[1]), _grey(stage, 0.35), who.hand)


def _lay_camera(stage: Stage, who: Person) -> None:
    x, y = who.hand
    stage.figure(figures.camera(), _grey(stage, 0.35), (x - 0.02, y))


def _lay_handset(stage: Stage, who: Person) -> None:
    stage.figure(figures.handset(), _grey(stage, 0.4), who.hand)


THINGS_LAID: dict[str, Callable[[Stage, Person], None]] = {
    "horse": _lay_horse,
    "bicycle": _lay_bicycle,
    "chair": _lay_chair,
    "crate": _lay_crate,
    "fence": _lay_fence,
    "brush": _lay_brush,
    "kiosk": _lay_kiosk,
    "track": _lay_track,
    "crossing": _lay_crossing,
    "hurdle": _lay_hurdle,
    "dog": _lay_dog,
    "desk": _lay_desk,
    "tvmonitor": _lay_monitor,
    "instrument": _lay_instrument,
    "book": _lay_book,
    "tripod": _lay_tripod,
    "camera": _lay_camera,
    "handset": _lay_handset,
}
