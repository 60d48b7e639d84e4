"""Bad files of COCO's layout: each gets a sentence that names the file and the entry."""

import json
import os
from pathlib import Path

import pytest
from damages import folder_instead, pipe
from helpers import write_file
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import (
    COCO_CATEGORIES,
    FUZZED,
    coco_file,
    coco_image,
    coco_object,
    make_coco,
    said_of,
)

from imagenet_transfer.data.layouts import coco as coco_layout
from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError

TRAIN = "annotations/instances_train2017.json"


@pytest.fixture
def coco(tmp_path) -> dict:
    return make_coco(tmp_path)


def annotate(coco: dict, data: bytes | str) -> Path:
    return write_file(Path(coco["root"]) / TRAIN, data)


def lacking(entry: dict, key: str) -> dict:
    return {name: value for name, value in entry.items() if name != key}


OBJECT = coco_object(1, 1)
IMAGE = coco_image(1)
BAD_FILES = {  # files that are something else
    "empty file": (b"", "it is not JSON: Expecting value"),
    "blanks": (b" \n", "it is not JSON: Expecting value"),
    "an image": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "it is not JSON: "),
    "gzip": (b"\x1f\x8b\x08\x00", "it is not JSON: "),
    "web page": (b"<html>404</html>", "it is not JSON: Expecting value"),
    "cut off": (coco_file(1)[:-20], "it is not JSON: "),
    "two values": (coco_file(1) * 2, "it is not JSON: Extra data"),
    "not UTF-8": (b'{"images": ["\xff"]}', "it is not JSON: 'utf-8' codec can't decode"),
    "comma too many": ('{"images": [],}', "it is not JSON: "),
    "quotes of Python": ("{'images': []}", "it is not JSON: Expecting property name"),
    "Python": ("__import__('os').system('touch executed')", "it is not JSON: Expecting value"),
    "deep nesting": ("[" * 200_000 + "]" * 200_000, "it is not JSON: maximum recursion depth"),
    "deep objects": ('{"a":' * 200_000 + "1", "it is not JSON: maximum recursion depth"),
    "endless number": (f'{{"images": {"9" * 6000}}}', "it is not JSON: Exceeds the limit"),
    "a list": ("[]", "it is [], not an object with keys"),
    "a text": ('"images"', "it is 'images', not an object with keys"),
    "null": ("null", "it is None, not an object with keys"),
    "no keys": ("{}", "it has no `categories`"),
    "images missing": (json.dumps(lacking(json.loads(coco_file(1)), "images")), "has no `images`"),
    "no annotations": (coco_file(1, annotations=[]), "its `annotations` is [], not a list with"),
    "annotations by id": (coco_file(1, annotations={"1": OBJECT}), "`annotations` is {'1': {"),
    "no images": (coco_file(1, images=[]), "its `images` is [], not a list with entries"),
    "images of null": (coco_file(1, images=None), "its `images` is None, not a list with entries"),
    "no categories": (coco_file(1, categories=[]), "its `categories` is [], not a list with"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_is_something_else_is_named(coco, case):
    data, words = BAD_FILES[case]
    path = annotate(coco, data)
    said = said_of(coco)
    assert said.startswith(f"{path} does not hold instances as COCO has them (")
    assert words in said
    assert not Path("executed").exists()


def an_image(**changes) -> str:
    return coco_file(1, images=[IMAGE | changes])


def an_object(**changes) -> str:
    return coco_file(1, annotations=[OBJECT | changes])


def categories(*names) -> str:
    return coco_file(
        1, categories=[{"id": 18, "name": "dog"}, *({"id": 1, "name": n} for n in names)]
    )


NAN = float("nan")
BAD_ENTRIES = {
    "category without a name": (
        coco_file(1, categories=[{"id": 18}]),
        "1 of 1 categories are wrong (first: category 18: it has no name)",
    ),
    "category without an id": (
        coco_file(1, categories=[{"name": "dog"}]),
        "category at place 1: it has no id",
    ),
    "categories of one id": (
        coco_file(1, categories=[*COCO_CATEGORIES, {"id": 3, "name": "cat"}]),
        "1 of 3 categories are wrong (first: category 3: its id is also that of another one)",
    ),
    "categories of one name": (categories("dog"), "category 1: its name 'dog' is also that of"),
    "category with a slash": (categories("a/b"), "its name is 'a/b', not 1 to 100 characters, no"),
    "category of two lines": (categories("a\nb"), r"its name is 'a\nb', not 1 to 100"),
    "category without letters": (categories(""), "category 1: its name is '', not 1 to 100"),
    "half a letter": (categories("\ud800"), r"its name is '\ud800', not 1 to 100 characters"),
    "endless category": (categories("x" * 101), "xxx...', not 1 to 100 characters"),
    "category with a number": (categories(7), "its name is 7, not text"),
    "category as text": (coco_file(1, categories=["dog"]), "place 1: it is 'dog', not an object"),
    "image without a file": (
        coco_file(1, images=[lacking(IMAGE, "file_name")]),
        "1 of 1 images are wrong (first: image 1: it has no file_name)",
    ),
    "image without a width": (coco_file(1, images=[lacking(IMAGE, "width")]), "it has no width"),
    "images of one id": (
        coco_file(1, images=[IMAGE, coco_image(1, file_name="b.jpg")]),
        "image 1: its id is also that of another one",
    ),
    "images of one file": (
        coco_file(1, images=[IMAGE, coco_image(2, file_name="./000001.jpg")]),
        "image 2: its file_name '000001.jpg' is also that of another one",
    ),
    "image of no id": (an_image(id=None), "image at place 1: its id is None, not a number or text"),
    "id that is true": (an_image(id=True), "its id is True, not a number or text"),
    "id with a fraction": (an_image(id=1.5), "its id is 1.5, not a number or text"),
    "id that is a list": (an_image(id=[1]), "its id is [1], not a number or text"),
    "no width": (an_image(width=0), "image 1: its width is 0, not a number of pixels"),
    "negative height": (an_image(height=-30), "its height is -30, not a number of pixels"),
    "width as text": (an_image(width="40"), "its width is '40', not a number of pixels"),
    "width of nan": (an_image(width=NAN), "its width is nan, not a number of pixels"),
    "endless width": (an_image(width=10**400), "its width is 1000000"),
    "file name of numbers": (an_image(file_name=1), "its file_name is 1, not text"),
    "empty file name": (an_image(file_name=""), "its file_name '' is not a path in a folder"),
    "a folder": (an_image(file_name="./"), "its file_name './' is not a path in a folder"),
    "a path out of the folder": (
        an_image(file_name="a/../../../etc/passwd"),
        "its file_name 'a/../../../etc/passwd' is not a path in a folder, with slashes",
    ),
    "an absolute path": (an_image(file_name="/etc/passwd"), "'/etc/passwd' is not a path in a"),
    "a path of Windows": (an_image(file_name="C:\\a.jpg"), r"'C:\a.jpg' is not a path in a folder"),
    "a file name with a zero": (an_image(file_name="a\0.jpg"), r"'a\x00.jpg' is not a path in a"),
    "object of an unknown image": (
        an_object(image_id=2),
        "1 of 1 annotations are wrong (first: annotation 1: its image_id is 2, which is not an id",
    ),
    "image's id as text": (an_object(image_id="1"), "its image_id is '1', which is not an id in"),
    "object of no image": (
        coco_file(1, annotations=[lacking(OBJECT, "image_id")]),
        "annotation 1: it has no image_id",
    ),
    "object of an unknown category": (
        an_object(category_id=1),
        "annotation 1: its category_id is 1, which is not an id in the file",
    ),
    "objects of one id": (
        coco_file(1, annotations=[OBJECT, OBJECT]),
        "1 of 2 annotations are wrong (first: annotation 1: its id is also that of another one",
    ),
    "captions": (
        coco_file(1, annotations=[{"id": 7, "image_id": 1, "caption": "A dog."}]),
        "annotation 7: it has no category_id",
    ),
    "no box": (coco_file(1, annotations=[lacking(OBJECT, "bbox")]), "it has no bbox"),
    "box of three": (an_object(bbox=[1, 2, 3]), "its bbox is [1, 2, 3], not a list of four"),
    "box of text": (an_object(bbox="1 2 3 4"), "its bbox is '1 2 3 4', not a list of four numbers"),
    "box of texts": (an_object(bbox=[1, 2, "3", 4]), "its bbox is [1, 2, '3', 4], not a list of"),
    "box of nan": (
        an_object(bbox=[1, NAN, 3, 4]),
        "its bbox is [1, nan, 3, 4], not a list of four",
    ),
    "infinite box": (an_object(bbox=[1, 2, 1e999, 4]), "its bbox is [1, 2, inf, 4], not a list"),
    "box of null": (an_object(bbox=None), "its bbox is None, not a list of four numbers"),
    "endless box": (an_object(bbox=[1, 2, 3, 10**400]), "its bbox is [1, 2, 3, 1000000"),
    "box of true": (an_object(bbox=[1, 2, 3, True]), "its bbox is [1, 2, 3, True], not a list of"),
    "no area": (an_object(bbox=[9, 4, 0, 0]), "its bbox is [9, 4, 0, 0], which is empty"),
    "negative width": (an_object(bbox=[9, 4, -3, 5]), "its bbox is [9, 4, -3, 5], which is empty"),
    "too far left": (
        an_object(bbox=[-2, 4, 9, 9]),
        "its bbox is [-2, 4, 9, 9], outside the image of 40×30 pixels",
    ),
    "too far down": (an_object(bbox=[9, 4, 9, 27.5]), "[9, 4, 9, 27.5], outside the image of 40"),
    "far outside": (an_object(bbox=[999, 999, 9, 9]), "[999, 999, 9, 9], outside the image"),
    "corners": (
        an_object(bbox=[30, 20, 39, 29]),
        "its bbox is [30, 20, 39, 29], outside the image",
    ),
    "crowd of 2": (an_object(iscrowd=2), "its iscrowd is 2, neither 0 nor 1"),
    "crowd of text": (an_object(iscrowd="0"), "its iscrowd is '0', neither 0 nor 1"),
    "crowd of true": (an_object(iscrowd=True), "its iscrowd is True, neither 0 nor 1"),
    "object as a list": (coco_file(1, annotations=[[1, 2]]), "it is [1, 2], not an object with"),
    "endless id": (
        coco_file(1, annotations=[coco_object("x" * 9999, 2)]),
        "xxx...: its image_id is 2, which",
    ),
}


@pytest.mark.parametrize("case", BAD_ENTRIES)
def test_a_bad_entry_is_named(coco, case):
    data, words = BAD_ENTRIES[case]
    path = annotate(coco, data)
    said = said_of(coco)
    assert said.startswith(f"{path}: ")
    assert words in said


def test_all_bad_entries_are_counted(coco):
    objects = [coco_object(number, number % 2 + 1, bbox=[0, 0, 0, 0]) for number in range(1000)]
    annotate(coco, coco_file(1, annotations=[*objects, OBJECT | {"id": "a"}]))
    said = said_of(coco)
    assert "1,000 of 1,001 annotations are wrong (first: annotation 0: its bbox" in said
    assert "annotation 1: its image_id is 2" in said and "annotation 2: " in said
    assert "; ...): correct them, leave out bad boxes with `bad_boxes: skip`" in said
    assert "500 of 1,001 annotations are wrong" in said_of(coco | {"bad_boxes": "skip"})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (pipe, "cannot be read (it is not a regular file but a"),
        (folder_instead, "cannot be read (it is not a regular file but a"),
        (lambda path: os.truncate(path, 2**31 + 1), "it has 2,147,483,649 bytes, and at most"),
    ],
)
def test_files_that_are_not_read(coco, damage, words):
    path = Path(coco["root"]) / TRAIN
    damage(path)
    assert words in said_of(coco)
    assert str(path) in said_of(coco)


def test_outlines_are_not_kept(coco):
    path = annotate(coco, an_object(segmentation=[[1.5] * 1000]))
    (entry,) = coco_layout._parse(path)["annotations"]
    assert "segmentation" not in entry and entry["bbox"] == OBJECT["bbox"]


@pytest.mark.parametrize("key", ["train_annotations", "test_annotations", "images_folder"])
def test_names_of_nothing(coco, key):
    for name in ("none", "a\0b", "x" * 5000, "\ud800"):
        said = said_of(coco | {key: name})
        assert "is missing (" in said or "cannot be read (File name too long)" in said


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 60),
        st.floats(),
        st.text(max_size=4),
        st.sampled_from([1, 18, "dog", "000001.jpg", 10**30]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["id", "image_id", "category_id", "bbox", "iscrowd", "file_name", "width", "height", "name"]


@settings(max_examples=150, **FUZZED)
@given(
    section=st.sampled_from(["images", "annotations", "categories"]),
    changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2),
    more=VALUES,
)
def test_any_values_are_boxes_of_the_image_or_refused(coco, section, changes, more):
    content = json.loads(coco_file(1))
    content[section][0] |= changes
    content[section] += more if isinstance(more, list) else []
    path = annotate(coco, json.dumps(content))
    try:
        objects = list_dataset(coco).objects
    except UserError as error:
        assert str(path) in str(error) or str(coco["root"]) in str(error)
        return
    for row in objects[objects.image == "train2017/000001"].itertuples():
        assert row.xmin >= 0 and row.ymin >= 0 and row.difficult in (0, 1)
        assert row.xmax > row.xmin - 1 and row.ymax > row.ymin - 1


@settings(max_examples=150, **FUZZED)
@given(start=st.integers(0, 400), stop=st.integers(0, 400), data=st.binary(max_size=30))
def test_any_bytes_are_read_or_refused(coco, start, stop, data):
    text = coco_file(1).encode()
    path = annotate(coco, text[:start] + data + text[stop:])
    try:
        list_dataset(coco)
    except UserError as error:
        assert str(path) in str(error) or str(coco["root"]) in str(error)
