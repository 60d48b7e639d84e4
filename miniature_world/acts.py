"""Who does what in the action scenes: the ten actions of VOC2012, stances and labels.

Actions share their stances: what tells them apart lies around the person.
"""

from dataclasses import dataclass

import numpy as np

# As in imagenet_transfer/data/layouts/voc_action.py, which this package must not import: a test
# compares them
ACTIONS = (
    *("jumping", "phoning", "playinginstrument", "reading", "ridingbike", "ridinghorse"),
    *("running", "takingphoto", "usingcomputer", "walking"),
)
OTHER = "other"
# What is drawn as a class of the study's below a synset; the names are VOC's where it has one
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
SHARE_UNCLEAR = 0.12  # of people whose one action is in UNCLEAR: its neighbour is labelled 0
SHARE_TWO = 0.15  # of people do two actions


@dataclass(frozen=True)
class Act:
    """What somebody does: the stance of legs and arms, and the things around them."""

    actions: tuple[str, ...]
    legs: str
    arms: str
    things: tuple[str, ...]


def _act(actions: str, legs: str, arms: str, things: str = "") -> Act:
    return Act(tuple(actions.split()), legs, arms, tuple(things.split()))


# The ground or obstacle of each moving action, and its stances of the legs, frequent ones repeated
MOVES = {
    "jumping": ("hurdle", "leap leap run stride"),
    "running": ("track", "run run leap stride"),
    "walking": ("crossing", "stride stride run"),
}
# The crate has a horse's colour, the fence a bicycle's colour and rings
SEATS = ("chair", "crate", "fence")


def _moving(action: str) -> tuple[Act, ...]:
    """Return the acts of running, walking or jumping, which share stances but not the ground."""
    ground, stances = MOVES[action]
    free = tuple(
        _act(action, legs, arms, ground)
        for legs in stances.split()
        for arms in ("swing", "pump", "raise")
    )
    return (*free, *(_act(action, legs, "up", f"{ground} brush") for legs in stances.split()))


def _riding(action: str, mount: str) -> tuple[Act, ...]:
    """Return the acts of somebody who rides, in the stances of people who sit on other things."""
    hands_on = _act(action, "sit", "forward", mount)
    return hands_on, hands_on, _act(action, "sit", "up", f"{mount} brush")


def _still(action: str, arms: str, things: str) -> tuple[Act, ...]:
    """Return the acts of somebody who stands, or sits on a seat, with the things."""
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
    names = [*ACTS, OTHER]  # OTHER twice: one person in six does none of the ten
    acts = TWO if rng.random() < SHARE_TWO else ACTS[names[rng.integers(len(names))]]
    act = acts[rng.integers(len(acts))]
    labels = {name: 1 if name in act.actions else -1 for name in ACTIONS}
    labels[OTHER] = -1 if act.actions else 1
    unclear = [UNCLEAR[name] for name in act.actions if name in UNCLEAR]
    if len(act.actions) == 1 and unclear and rng.random() < SHARE_UNCLEAR:
        labels[unclear[0]] = 0
    return Role(act, labels)
