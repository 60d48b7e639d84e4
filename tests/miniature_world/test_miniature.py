import time
from collections import Counter
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from defusedxml import ElementTree

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import RESOURCES, read_pascal_roots, read_wnids, taxonomy_for
from miniature_world import actions, contact_sheet, render_part, scenes, staging
from miniature_world.actions import action_picture
from miniature_world.acts import ACTIONS, ACTS, Role, cast_roles
from miniature_world.drawing import Pose, Sprite, draw_figure, draw_object
from miniature_world.looks import COLOUR_TRAITS, PATTERN_TRAITS, look_of
from miniature_world.scenes import SCENES, detection_picture
from miniature_world.world import World

CLASSES = read_wnids(RESOURCES / "classes" / "miniature.txt")
ALL_CLASSES = read_wnids(RESOURCES / "classes" / "ilsvrc2012.txt")
TAXONOMY = taxonomy_for(ALL_CLASSES)
SPEC = {
    "image_size": 64,
    "train_per_class": 2,
    "val_per_class": 1,
    "voc": {"objects": ["bird", "car", "cow", "dog"], "trainval": 5, "test": 4, "size": [128, 96]},
    "sun": {"classes": 3, "train": 2, "test": 3, "size": 64},
    "action": {"train": 7, "val": 5, "size": [128, 96]},
    "places": {"classes": 2, "train": 3, "val": 2, "size": 64},
}


def render(part: str, root: Path, seed: int = 1, workers: int = 1, classes=CLASSES[::8]) -> dict:
    return render_part(part, root, SPEC, classes, TAXONOMY, seed, workers)


def files_of(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("part", ["ilsvrc", "voc2007", "sun397", "voc2012", "places365"])
def test_same_seed_gives_same_bytes_and_another_seed_does_not(part, tmp_path):
    first, again, other = (
        render(part, tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first["digest"] != other["digest"]
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_workers_do_not_matter(tmp_path):
    """Of Places, whose pictures share what their process has drawn before."""
    spec = SPEC | {"places": {"classes": 3, "train": 40, "val": 2, "size": 32}}
    one = render_part("places365", tmp_path / "one", spec, CLASSES[:8], TAXONOMY, 1, 1)
    two = render_part("places365", tmp_path / "two", spec, CLASSES[:8], TAXONOMY, 1, 2)
    assert one["images"] > 64  # more than one chunk
    assert one == two
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_ilsvrc_layout(tmp_path):
    summary = render("ilsvrc", tmp_path / "ilsvrc")
    names = list(files_of(tmp_path / "ilsvrc"))
    assert summary["images"] == len(names) == 8 * 3
    assert f"train/{CLASSES[0]}/{CLASSES[0]}_1.JPEG" in names
    assert f"val/{CLASSES[8]}/ILSVRC2012_val_00000002.JPEG" in names
    shapes = {cv2.imread(str(tmp_path / "ilsvrc" / name)).shape for name in names}
    assert len(shapes) > 1


def test_voc_layout(tmp_path):
    render("voc2007", tmp_path / "VOCdevkit")
    root = tmp_path / "VOCdevkit" / "VOC2007"
    assert (
        len(list((root / "JPEGImages").glob("*.jpg")))
        == len(list((root / "Annotations").glob("*.xml")))
        == 9
    )
    assert (root / "ImageSets/Main/trainval.txt").read_text().split() == [
        f"{n:06d}" for n in range(1, 6)
    ]
    assert len((root / "ImageSets/Main/dog_test.txt").read_text().splitlines()) == 4
    for path in (root / "Annotations").glob("*.xml"):
        for thing in ElementTree.parse(path).iter("object"):
            assert thing.findtext("name") in SPEC["voc"]["objects"]
            xmin, ymin, xmax, ymax = (
                int(thing.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")
            )
            assert 1 <= xmin <= xmax <= 128
            assert 1 <= ymin <= ymax <= 96


def test_sun_layout(tmp_path):
    render("sun397", tmp_path / "SUN397")
    lists = {
        name: (tmp_path / f"SUN397/Partitions/{name}.txt").read_text().split()
        for name in ("Training_01", "Testing_01")
    }
    assert (len(lists["Training_01"]), len(lists["Testing_01"])) == (3 * 2, 3 * 3)
    assert all(
        (tmp_path / "SUN397" / line[1:]).is_file() for lines in lists.values() for line in lines
    )
    classes = (tmp_path / "SUN397/Partitions/ClassName.txt").read_text().split()
    assert classes == ["/b/beach", "/k/kitchen", "/s/street"]


def test_places_layout(tmp_path):
    """The reader finds what was rendered: other scenes than SUN's first three, labels by name."""
    render("places365", tmp_path / "Places365")
    listing = list_dataset(
        {"layout": "places365", "root": tmp_path / "Places365", "images": {"train": 6, "val": 4}}
    )
    assert listing.classes == ("f/forest/path", "p/pasture")
    assert listing.images["class"].value_counts().to_dict() == {"f/forest/path": 5, "p/pasture": 5}
    assert "p/pasture/00000003" in set(listing.images.image)
    assert (tmp_path / "Places365" / listing.images.path[0]).is_file()


def test_places_take_the_scenes_of_sun_last():
    first, *_, last = SCENES
    wanted = {"sun": {"classes": len(SCENES) - 1}, "places": {"classes": 2}}
    world = World(wanted, CLASSES, TAXONOMY, 1)
    assert set(world.places) == {first, last}
    assert world.places[first] != world.scenes[first]


@pytest.mark.parametrize(("part", "section"), [("sun397", "sun"), ("places365", "places")])
def test_more_scenes_than_there_are(part, section, tmp_path):
    spec = SPEC | {section: SPEC[section] | {"classes": len(SCENES) + 1}}
    with pytest.raises(
        UserError, match=rf"miniature.{section}.classes: {len(SCENES) + 1} is more than"
    ):
        render_part(part, tmp_path / "root", spec, CLASSES, TAXONOMY, 1, 1)


def test_action_layout(tmp_path):
    render("voc2012", tmp_path / "VOCdevkit")
    root = tmp_path / "VOCdevkit" / "VOC2012"
    lists = {
        path.stem: path.read_text().splitlines()
        for path in (root / "ImageSets" / "Action").iterdir()
    }
    assert set(lists) == {
        "_".join(filter(None, (action, split)))
        for action in ("", *ACTIONS, "other")
        for split in ("train", "val", "trainval")
    }
    assert lists["trainval"] == lists["train"] + lists["val"]
    assert (root / "ImageSets/Main/val.txt").read_text().split() == [
        f"2012_{n:06d}" for n in range(8, 13)
    ]
    assert lists["train"] == [
        f"2012_{n:06d}" for n in range(1, 8)
    ]  # images alone, as in PASCAL's own
    assert {line.split()[0] for line in lists["walking_train"]} == set(lists["train"])
    for line in lists["walking_trainval"]:
        name, index, _ = line.split()
        thing = ElementTree.parse(root / f"Annotations/{name}.xml").findall("object")[
            int(index) - 1
        ]
        assert thing.findtext("name") == "person"
        assert [corner.tag for corner in thing.find("bndbox")] == ["xmax", "xmin", "ymax", "ymin"]
        xmin, ymin, xmax, ymax = (
            int(thing.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")
        )
        assert 1 <= xmin < xmax <= 128
        assert 1 <= ymin < ymax <= 96
        for action in (*ACTIONS, "other"):
            (label,) = (
                row.split()[2]
                for row in lists[f"{action}_trainval"]
                if row.split()[:2] == [name, index]
            )
            assert thing.findtext(f"actions/{action}") == ("1" if label == "1" else "0")


def test_roles():
    """Labels are of the acts; a role has one or two actions or is `other`; few are unclear; up to three people."""
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
    """Every role has its box, in the roles' order: of two people, only the one on the horse has it below them."""
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


@pytest.mark.parametrize(
    "parts", [("ilsvrc", "voc2007", "sun397", "voc2012", "places365"), ("voc2012",)]
)
def test_contact_sheet_of_the_parts_there_are(parts, tmp_path):
    roots = {part: tmp_path / part for part in parts}
    for part, root in roots.items():
        render(part, root)
    contact_sheet.contact_sheet(roots, TAXONOMY, CLASSES[::8], tmp_path / "sheet.png")
    height, width, _ = cv2.imread(str(tmp_path / "sheet.png")).shape
    assert (height > width) == (len(parts) > 1)


def test_contact_sheet_names_what_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"categories_places365.txt cannot be read"):
        contact_sheet.contact_sheet(
            {"places365": tmp_path}, TAXONOMY, CLASSES, tmp_path / "sheet.png"
        )


def test_rendering_replaces_what_was_there(tmp_path):
    (tmp_path / "ilsvrc" / "train" / "old").mkdir(parents=True)
    render("ilsvrc", tmp_path / "ilsvrc")
    assert not (tmp_path / "ilsvrc" / "train" / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["ilsvrc"]


def test_unwritable_folder_is_told_to_the_user(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        render("ilsvrc", tmp_path / "file" / "ilsvrc")


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
