"""Lists of objects with boxes: what is read, and what is refused."""

import os
from pathlib import Path

import pytest
from helpers import image_bytes, refusal, write_file
from PIL import Image
from small_sets import said_of

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.study.cross_checks import problems_of
from imagenet_transfer.study.defaults import completed

HEAD = "image,label,xmin,ymin,xmax,ymax,split"
LINES = (
    "b/2.jpg,dog,1,2,3,4,train",
    "b/1.jpg,dog,10,5,20,15,train",
    'b/1.jpg,"cat, black",0,0,41,31,train',
    "b/1.jpg,dog,10.5,5.25,20,15,train",
    "3.jpg,dog,10,5,20,15,val",
    "4.jpg,,,,,,val",
)


@pytest.fixture
def entry(tmp_path) -> dict:
    for name in ("b/1.jpg", "b/2.jpg", "3.jpg", "4.jpg"):
        write_file(tmp_path / name, image_bytes(Image.new("RGB", (40, 30))))
    write_list(tmp_path, *LINES)
    return {"layout": "list", "root": str(tmp_path), "boxes": True}


def write_list(root: Path, *lines: str, head: str = HEAD) -> None:
    write_file(root / "list.csv", "\n".join([head, *lines]))


def test_images_and_objects(entry):
    listing = list_dataset(entry | {"images": {"train": 2, "val": 2}, "num_classes": 2})
    assert listing.classes == ("cat, black", "dog")
    assert listing.images.to_numpy().tolist() == [
        ["b/1", "train", "", "b/1.jpg"],
        ["b/2", "train", "", "b/2.jpg"],
        ["3", "val", "", "3.jpg"],
        ["4", "val", "", "4.jpg"],
    ]
    assert listing.objects.to_numpy().tolist() == [
        ["3", 1, "dog", 10, 5, 20, 15, 0],
        ["b/1", 1, "dog", 10, 5, 20, 15, 0],
        ["b/1", 2, "cat, black", 0, 0, 41, 31, 0],
        ["b/1", 3, "dog", 10.5, 5.25, 20, 15, 0],
        ["b/2", 1, "dog", 1, 2, 3, 4, 0],
    ]
    assert listing.sizes["b/1"] == (40, 30)


def test_classes_are_chosen_and_objects_are_difficult(entry, tmp_path):
    lines = ("3.jpg,dog,1,2,3,4,val,1", "3.jpg,cat,1,2,3,4,val,", "b/1.jpg,dog,1,2,3,4,train,0")
    write_list(tmp_path, *lines, head=f"{HEAD},difficult")
    listing = list_dataset(entry | {"classes": ["dog"]})
    assert listing.classes == ("dog",)
    assert listing.objects[["image", "difficult"]].to_numpy().tolist() == [["3", 1], ["b/1", 0]]
    assert "lacks 1 of the classes that the config names (first: bird); it has cat, dog: " in (
        said_of(entry | {"classes": ["dog", "bird"]})
    )


def test_a_share_of_the_images_is_held_out(entry, tmp_path):
    lines = [line.rpartition(",")[0] for line in LINES]
    write_list(tmp_path, *lines, head=HEAD.removesuffix(",split"))
    splits = list_dataset(entry | {"held_out": 0.4}).images.split
    assert sorted(splits) == ["test", "train", "train", "train"]
    assert "has no column split" in said_of(entry)


BAD_LINES = {
    "no area": ("3.jpg,dog,10,5,10,15,val", "line 8: its box goes from (10, 5) to (10, 15), which"),
    "upside down": ("3.jpg,dog,10,15,20,5,val", "to (20, 5), which is empty"),
    "outside": ("3.jpg,dog,10,5,42,15,val", "to (42, 15), outside the image of 40×30 pixels"),
    "no number": ("3.jpg,dog,left,5,20,15,val", "line 8: its xmin is 'left', not a number"),
    "no corner": ("3.jpg,dog,10,5,20,,val", "line 8: its ymax is '', not a number"),
    "nan": ("3.jpg,dog,nan,5,20,15,val", "its xmin is 'nan', not a number"),
    "exponent": ("3.jpg,dog,1,5,1e400,15,val", "its xmax is '1e400', not a number"),
    "box without a label": ("3.jpg,,10,5,20,15,val", "its label is '', not 1 to 100 characters"),
    "label without a box": ("3.jpg,dog,,,,,val", "its xmin is '', not a number"),
    "slash": ("3.jpg,a/b,1,2,3,4,val", "its label is 'a/b', not 1 to 100 characters, no slash"),
    "endless label": (f"3.jpg,{'x' * 101},1,2,3,4,val", "xxx...', not 1 to 100 characters"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_lines_are_named(entry, tmp_path, case):
    line, words = BAD_LINES[case]
    write_list(tmp_path, *LINES, line)
    said = said_of(entry)
    assert f"{tmp_path}/list.csv: 1 of 7 lines are wrong (first: line 8: " in said
    assert words in said
    skipped = {"no area", "upside down", "outside"}
    if case in skipped:
        assert len(list_dataset(entry | {"bad_boxes": "skip"}).objects) == 5
    else:
        assert words in said_of(entry | {"bad_boxes": "skip"})


def test_what_a_list_of_boxes_lacks_is_said(entry, tmp_path):
    write_list(tmp_path, *LINES, "3.jpg,dog,1,2,3,4,train")
    assert "images in more than one split (first: 3.jpg; line 8)" in said_of(entry)
    write_list(tmp_path, "3.jpg,,,,,,val", "4.jpg,,,,,,train")
    assert "list.csv has no objects" in said_of(entry)
    write_list(tmp_path, *LINES[:3])
    assert "has images of train, but a data set needs train, and val or test" in said_of(entry)
    write_list(tmp_path, "a.jpg,dog,train", head="image,label,split")
    assert "lacks the columns xmin, ymin, xmax, ymax" in said_of(entry)
    write_list(tmp_path, *LINES, "5.jpg,dog,1,2,3,4,val", "5.jpg,dog,1,2,3,4,val")
    assert "lacks 1 of 5 listed images (first: 5.jpg)" in said_of(entry)


def test_images_that_cannot_be_read_are_left_to_packing(entry, tmp_path):
    write_file(tmp_path / "3.jpg", "no image")
    (tmp_path / "4.jpg").unlink()
    os.mkfifo(tmp_path / "4.jpg")
    listing = list_dataset(entry)
    assert set(listing.sizes) == {"b/1", "b/2"}
    assert listing.objects.iloc[0][CORNERS].tolist() == [10, 5, 20, 15]


def test_without_boxes_it_is_a_list_of_images(entry):
    words = "names 1 images more than once (first: b/1.jpg)"
    refusal(lambda: list_dataset(entry | {"boxes": False}), "line 7 has no label")
    write_list(Path(entry["root"]), *LINES[:-1])
    refusal(lambda: list_dataset(entry | {"boxes": False}), words)


def test_only_with_boxes_it_serves_detection():
    recipe = {"batch_size": 1, "iterations": 1, "lr": 0.1, "detector": {}}
    config = {
        "study": "mine",
        "datasets": {"mine": {"layout": "list", "root": "mine"}},
        "recipes": {"short": recipe},
        "tasks": {"mine-det": {"kind": "detection", "dataset": "mine", "recipe": "short"}},
    }
    (said,) = [one for one in problems_of(completed(config), ()) if "needs boxes" in one]
    assert said.startswith("tasks.mine-det: kind detection needs boxes, as data sets of layout")
    config["datasets"]["mine"] |= {"boxes": True, "bad_boxes": "skip", "classes": ["a b"]}
    assert problems_of(completed(config), ()) == []
    config["tasks"]["mine-det"]["metric"] = "AP/c"
    (said,) = problems_of(completed(config), ())
    assert said.startswith("tasks.mine-det.metric: AP/c is about none of the classes of mine.")
