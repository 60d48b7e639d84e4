"""The reader of VOC2012's action set, on a small exact tree with the oddities of the real one."""

from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from helpers import write_file

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.layouts.voc_action import ACTIONS, read_voc_action
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.errors import UserError

PEOPLE = {
    "train": [("2010_000005", 2), ("2010_000005", 3), ("2011_000007", 1)],
    "val": [("2010_000001", 1)],
}
DOES = {  # who does what; nobody else does anything
    "phoning": {("2010_000005", 2): 1, ("2011_000007", 1): 0},
    "walking": {("2010_000005", 2): 1},
    "running": {("2010_000001", 1): 1},
}


def an_object(name: str, corners: tuple, more: str = "") -> str:
    xmin, ymin, xmax, ymax = corners
    box = f"<xmax>{xmax}</xmax><xmin>{xmin}</xmin><ymax>{ymax}</ymax><ymin>{ymin}</ymin>"
    part = "<part><name>head</name><bndbox><xmin>9</xmin></bndbox></part>"
    return f"<object><name>{name}</name><bndbox>{box}</bndbox>{more}{part}</object>"


OBJECTS = {
    "2010_000005": [
        an_object("horse", (1, 1, 30, 20), "<difficult>1</difficult>"),
        an_object("person", (2, 3, 20.5, 19), "<actions><jumping>0</jumping></actions>"),
        an_object("person", (10, 2, 30, 20)),
    ],
    "2011_000007": [an_object("person", (1, 1, 10, 20)), an_object("person", (11, 1, 20, 20))],
    "2010_000001": [an_object("person", (5, 5, 32, 24))],
}


def annotate(root: Path, image: str, objects: list[str]) -> None:
    text = "".join(objects)
    size = "<size><depth>3</depth><height>24</height><width>32</width></size>"
    write_file(
        root / "VOC2012" / "Annotations" / f"{image}.xml", f"<annotation>{text}{size}</annotation>"
    )


def lists(root: Path) -> Path:
    return root / "VOC2012" / "ImageSets" / "Action"


@pytest.fixture
def root(tmp_path) -> Path:
    for image, objects in OBJECTS.items():
        annotate(tmp_path, image, objects)
        pixels = np.full((24, 32, 3), 99, dtype=np.uint8)
        write_file(
            tmp_path / "VOC2012" / "JPEGImages" / f"{image}.jpg", simplejpeg.encode_jpeg(pixels)
        )
    for split, people in PEOPLE.items():
        write_file(
            lists(tmp_path) / f"{split}.txt", "".join(f"{image}\r\n" for image in dict(people))
        )
        for action in ACTIONS:
            labels = [(*person, DOES.get(action, {}).get(person, -1)) for person in people]
            lines = "".join(f"{image}   {number} {label:2}\r\n" for image, number, label in labels)
            write_file(lists(tmp_path) / f"{action}_{split}.txt", lines)
    return tmp_path


def test_a_small_tree(root):
    listing = list_dataset(
        {"layout": "voc-action", "root": str(root), "images": {"train": 2, "val": 1}}
    )
    assert listing.classes == (*ACTIONS, "other")
    assert listing.images.values.tolist() == [
        ["2010_000005", "train", "", "VOC2012/JPEGImages/2010_000005.jpg"],
        ["2011_000007", "train", "", "VOC2012/JPEGImages/2011_000007.jpg"],
        ["2010_000001", "val", "", "VOC2012/JPEGImages/2010_000001.jpg"],
    ]
    assert list(listing.objects.columns[8:]) == list(ACTIONS)
    columns = [
        "image",
        "object",
        "class",
        "xmin",
        "ymin",
        "xmax",
        "ymax",
        "difficult",
        "phoning",
        "running",
        "walking",
    ]
    assert listing.objects[columns].values.tolist() == [
        ["2010_000001", 1, "person", 5, 5, 32, 24, 0, -1, 1, -1],
        ["2010_000005", 2, "person", 2, 3, 20.5, 19, 0, 1, -1, 1],
        ["2010_000005", 3, "person", 10, 2, 30, 20, 0, -1, -1, -1],
        ["2011_000007", 1, "person", 1, 1, 10, 20, 0, 0, -1, -1],  # the second person is in no list
    ]
    assert (listing.objects[["jumping", "reading", "takingphoto"]] == -1).all(axis=None)


def test_a_split_may_list_its_people(root):
    """PASCAL's train.txt has images, as R*CNN reads it; numbers of people, if any, must agree."""
    images_alone = read_voc_action(root)
    for split, people in PEOPLE.items():
        write_file(
            lists(root) / f"{split}.txt", "".join(f"{image} {number}\n" for image, number in people)
        )
    people_too = read_voc_action(root)
    assert people_too.objects.equals(images_alone.objects)
    assert people_too.images.equals(images_alone.images)
    write_file(lists(root) / "val.txt", "2010_000001 2\n")
    with pytest.raises(
        UserError,
        match=r"val.txt and the lists of actions .* 2 images or people \(first: 2010_000001 1",
    ):
        read_voc_action(root)


def test_an_action_is_judged_by_the_people_of_its_own_list(root, capsys):
    """The images of 2010 were not labelled for jumping, which came in 2011."""
    edit(lists(root) / "jumping_train.txt", "2010_000005   2 -1\r\n2010_000005   3 -1\r\n", "")
    people = read_voc_action(root).objects.set_index(["image", "object"])
    assert people.jumping.tolist() == [-1, 0, 0, -1]
    assert people.phoning.tolist() == [-1, 1, -1, 0]
    assert "jumping_train.txt has labels for 1 of the 3 people" in capsys.readouterr().err


def test_labels_survive_in_a_store(root, tmp_path):
    listing = read_voc_action(root)
    build_store(listing, root, tmp_path / "store", {"codec": "original"}, workers=1, progress=False)
    store = Store(tmp_path / "store")
    assert store.objects.values.tolist() == listing.objects.values.tolist()
    assert store.objects["walking"].dtype == np.int64
    assert store.classes[-1] == "other"


def edit(path: Path, old: str, new: str) -> None:
    write_file(path, path.read_bytes().decode().replace(old, new))


BROKEN = [
    (lambda r: (lists(r) / "val.txt").unlink(), r"val\.txt is missing"),
    (lambda r: (lists(r) / "reading_train.txt").unlink(), r"reading_train\.txt is missing"),
    (lambda r: write_file(lists(r) / "train.txt", "\r\n"), r"train\.txt is empty"),
    (
        lambda r: write_file(lists(r) / "val.txt", "2010_000001 1 1\n"),
        "line 1: '2010_000001 1 1' is not `image, or image ob",
    ),
    (
        lambda r: edit(lists(r) / "train.txt", "2011_000007", "2010_000005"),
        "names 1 lines more than once",
    ),
    (
        lambda r: edit(lists(r) / "running_val.txt", " 1\r", " 2\r"),
        r"running_val.txt, line 1: .* is not .*\(-1, 0 or",
    ),
    (
        lambda r: edit(lists(r) / "running_train.txt", "2011_000007", "x"),
        r"running_train.txt has .* 1 images .*: x\)",
    ),
    (
        lambda r: edit(lists(r) / "train.txt", "2011_000007", ""),
        r"jumping_train.txt has .* \(first: 2011_000007\)",
    ),
    (
        lambda r: edit(lists(r) / "train.txt", "7\r", "7\r\nx\r"),
        r"train.txt and the lists of .* 1 images .*: x\)",
    ),
    (
        lambda r: edit(lists(r) / "reading_train.txt", "   2", "   3"),
        "names 1 people more than once .*2010_000005 3",
    ),
    (
        lambda r: [edit(path, "7   1", "7   9") for path in lists(r).glob("*_train.txt")],
        "object 9 of 2011_000007.xml",
    ),
    (
        lambda r: annotate(r, "2010_000005", OBJECTS["2010_000001"]),
        "2 people .* object 2 of 2010_000005.xml, object 3",
    ),
    (
        lambda r: annotate(r, "2011_000007", [an_object("dog", (1, 1, 9, 9))]),
        "object 1 of 2011_000007.xml",
    ),
    (
        lambda r: annotate(r, "2011_000007", [an_object("person", (9, 1, 1, 9))]),
        r"2011_000007.xml: object 1 has a box from \(9, 1\)",
    ),
    (lambda r: (r / "VOC2012/Annotations/2010_000001.xml").unlink(), "lacks 1 of 3 annotations"),
    (lambda r: (r / "VOC2012/JPEGImages/2010_000001.jpg").unlink(), "lacks 1 of 1 val images"),
    (lambda r: (r / "VOC2012").rename(r / "VOC2011"), "VOC2012 is missing"),
]


@pytest.mark.parametrize(("damage", "words"), BROKEN)
def test_what_is_wrong_is_named(root, damage, words):
    damage(root)
    with pytest.raises(UserError, match=words):
        list_dataset({"layout": "voc-action", "root": str(root)})


def test_an_image_of_both_splits_is_refused(root):
    for name in ("", *(f"{action}_" for action in ACTIONS)):
        with (lists(root) / f"{name}val.txt").open("a") as file:
            file.write("2011_000007 1 -1\n" if name else "2011_000007\n")
    with pytest.raises(
        UserError, match=r"1 images are in train.txt as well as in val.txt \(first: 2011_000007\)"
    ):
        read_voc_action(root)
