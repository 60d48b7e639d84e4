"""What is drawn: looks, roles, people among things, and boxes."""

import time
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from small_world import ALL_CLASSES, CLASSES, SPEC, TAXONOMY

from imagenet_transfer.data.layouts.voc_action import ACTIONS as ACTIONS_OF_THE_LAYOUT
from imagenet_transfer.labels.taxonomy import read_pascal_roots, taxonomy_for
from miniature_world import actions, scenes, staging
from miniature_world.actions import action_picture
from miniature_world.acts import ACTIONS, ACTS, Role, cast_roles
from miniature_world.drawing import Pose, Sprite, draw_figure, draw_object
from miniature_world.looks import COLOUR_TRAITS, PATTERN_TRAITS, look_of
from miniature_world.scenes import detection_picture
from miniature_world.world import World


def test_actions_are_those_of_the_layout():
    assert ACTIONS == ACTIONS_OF_THE_LAYOUT


def test_roles():
    """A role has one or two actions or is `other`, with their labels; few labels are unclear."""
    casts = [cast_roles(np.random.default_rng(n)) for n in range(600)]
    roles = [role for cast in casts for role in cast]
    assert {len(cast) for cast in casts} == {1, 2, 3}
    for role in roles:
        positive = {name for name, label in role.labels.items() if label == 1}
        assert positive == (set(role.act.actions) or {"other"})
        assert list(role.labels) == [*ACTIONS, "other"]
    assert {len(role.act.actions) for role in roles} == {0, 1, 2}
    unclear = sum(label == 0 for role in roles for label in role.labels.values())
    assert 0 < unclear < 0.1 * len(roles)
    counts = [sum(role.labels[action] == 1 for role in roles) for action in ACTIONS]
    assert min(counts) > 0.05 * len(roles)


def test_people_keep_their_order_and_boxes_among_the_things():
    """Boxes are in the roles' order: of two people, only the rider has the horse below them."""
    world = World(SPEC, CLASSES, TAXONOMY, 1)
    rider = Role(ACTS["ridinghorse"][0], {})
    reader = Role(ACTS["reading"][0], {})
    first = set()
    for number in range(8):
        rng = world.rng("order", number)
        _, boxes = action_picture(
            rng, (reader, rider), world.action_things, (), TAXONOMY, (160, 96)
        )
        first.add(boxes[0].name)
        (horse,) = (box for box in boxes if box.name == "horse")
        people = [box for box in boxes if box.name == "person"]
        assert len(people) == 2
        assert people[1].xmin < (horse.xmin + horse.xmax) / 2 < people[1].xmax
        assert not people[0].xmin < (horse.xmin + horse.xmax) / 2 < people[0].xmax
        assert horse.ymax > people[1].ymax
    assert first == {"horse", "person"}


@pytest.fixture
def flat(monkeypatch):
    """Return a function that lets a module draw on white, without clutter, shadows or noise."""

    def white(rng, name, height, width, mood):
        return np.full((height, width, 3), 255, np.float32), 0.9

    def flatten(module):
        monkeypatch.setattr(module, "backdrop", white)
        monkeypatch.setattr(module, "clutter", lambda *args, **kwargs: None)
        monkeypatch.setattr(module, "lay_shadow", lambda *args: None)
        monkeypatch.setattr(module, "lit", lambda picture, rng: picture)

    return flatten


def hard_edged(sprite, rgb):
    """Return the sprite in one colour, without half-transparent pixels."""
    alpha = (sprite.alpha > scenes.VISIBLE).astype(np.float32)
    return Sprite(alpha[..., None] * np.float32(rgb), alpha)


def sides_around(mask):
    """Return xmin, ymin, xmax, ymax of the pixels of a mask, 1-based and inclusive."""
    rows, columns = np.nonzero(mask)
    return columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1


def sides_of(box):
    return box.xmin, box.ymin, box.xmax, box.ymax


def test_boxes_are_tight_around_what_is_drawn(monkeypatch, flat):
    """Each object takes away one channel of the white ground: its box ends at its own pixels."""
    flat(scenes)
    drawn = []

    def in_one_channel(look, pose, rng):
        drawn.append(look.wnid)
        return hard_edged(draw_object(look, pose, rng), 255 * (np.arange(3) != len(drawn) - 1))

    monkeypatch.setattr(scenes, "draw_object", in_one_channel)
    world = World(SPEC, CLASSES, TAXONOMY, 1)
    seen = Counter()
    for number in range(40):
        drawn.clear()
        rng = world.rng("boxes", number)
        picture, boxes = detection_picture(rng, world.choices, (), TAXONOMY, (128, 96))
        masks = [picture[..., channel] == 0 for channel in range(len(drawn))]
        assert [sides_of(box) for box in boxes] == [sides_around(m) for m in masks if m.any()]
        for box in boxes:
            at_edge = box.xmin == 1 or box.ymin == 1 or box.xmax == 128 or box.ymax == 96
            assert box.truncated == at_edge
        seen.update([len(boxes), *(box.truncated for box in boxes)])
    assert {1, 2, 3} <= set(seen)
    assert {True, False} <= set(seen)


def test_boxes_of_people_are_tight(monkeypatch, flat):
    """Only the person is black: the things before and behind it are white."""
    flat(actions)

    def white_thing(look, pose, rng):
        return hard_edged(draw_object(look, pose, rng), 255)

    def hard_figure(drawing, colours, scale):
        sprite, origin = draw_figure(drawing, colours, scale)
        return hard_edged(sprite, 0 if colours is black else 255), origin

    black = np.zeros((13, 3))
    monkeypatch.setattr(staging, "draw_object", white_thing)
    monkeypatch.setattr(staging, "draw_figure", hard_figure)
    monkeypatch.setattr(staging.figures, "person_colours", lambda rng: black)
    world = World(SPEC, CLASSES, TAXONOMY, 1)
    acts = [act for ways in ACTS.values() for act in ways]
    for number, act in enumerate(acts):
        rng = world.rng("people", number)
        things = world.action_things
        picture, boxes = action_picture(rng, (Role(act, {}),), things, (), TAXONOMY, (160, 120))
        (person,) = (box for box in boxes if box.name == "person")
        assert sides_of(person) == sides_around((picture == 0).all(2))


def test_every_ilsvrc_class_can_be_drawn():
    start = time.monotonic()
    for wnid in ALL_CLASSES:
        sprite = draw_object(look_of(wnid, TAXONOMY), Pose(32), np.random.default_rng(0))
        assert sprite.alpha.max() == 1
        assert np.isfinite(sprite.rgb).all()
    assert time.monotonic() - start < 30


SHAPE_TRAITS = [
    *("leg", "trunk", "girth", "neck", "head", "snout"),
    *("ear", "tail", "long", "high", "tall", "bulge"),
]


def traits_of(look):
    return np.array([look.trait(name) for name in (*SHAPE_TRAITS, *COLOUR_TRAITS, *PATTERN_TRAITS)])


def test_siblings_look_closer_than_strangers():
    looks = [look_of(wnid, TAXONOMY) for wnid in CLASSES]
    siblings = []
    strangers = []
    for one, other in combinations(looks, 2):
        near = len(set(one.lineage) & set(other.lineage)) >= 4
        apart = np.linalg.norm(traits_of(one) - traits_of(other))
        (siblings if near else strangers).append(apart)
    assert len(siblings) > 10
    assert len(strangers) > 10
    assert np.mean(siblings) < 0.8 * np.mean(strangers)


def test_looks_do_not_depend_on_the_other_classes():
    alone = taxonomy_for(["n02099712"])
    one = look_of("n02099712", alone)
    other = look_of("n02099712", TAXONOMY)
    assert one is not other
    assert np.array_equal(traits_of(one), traits_of(other))


def test_class_list():
    assert len(CLASSES) == 64
    assert set(CLASSES) <= set(ALL_CLASSES)
    covered = {
        name
        for name, root in read_pascal_roots().items()
        if any(root in TAXONOMY.ancestors(w) for w in CLASSES)
    }
    assert len(covered) >= 15
    siblings = [
        sum(TAXONOMY.parent(wnid) == TAXONOMY.parent(other) for other in CLASSES)
        for wnid in CLASSES
    ]
    assert sum(count > 1 for count in siblings) >= 20
