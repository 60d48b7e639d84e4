"""Names of images, classes and studies with letters that tables, files or lines cannot have."""

import json

import pytest
import small_sets
from helpers import image_bytes, refusal, smooth_picture, write_file

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.study.strict_yaml import load_yaml

STORE = {"codec": "original"}
REFUSED = ["\r", "\n", "\t", "\x0b", "\x7f", "\x85", "\u2028", "\u2029", "\x1b[31m"]
TAKEN = [",", '"', "'", " ", ";", "#", "\\", "-", "\u00a0", "é", "e\u0301", "😀", "NA", "1e5", "=1"]


def folder_of(root, odd):
    """Return a folder data set whose images have names with an odd part."""
    for split in ("train", "val"):
        for seed, name in enumerate(("cat", "dog")):
            path = root / split / name / f"{odd}{split}.png"
            write_file(path, image_bytes(smooth_picture(seed), "PNG"))
    return {"layout": "folder", "root": str(root)}


@pytest.mark.parametrize("odd", REFUSED, ids=ascii)
def test_control_characters_in_names_are_refused_before_anything_is_packed(tmp_path, odd):
    refusal(lambda: list_dataset(folder_of(tmp_path, odd)), tmp_path, "4 names of images")


@pytest.mark.parametrize("odd", TAKEN, ids=ascii)
def test_other_letters_of_names_are_packed_and_read(tmp_path, odd):
    listing = list_dataset(folder_of(tmp_path / "in", odd))
    build_store(listing, tmp_path / "in", tmp_path / "out", STORE, 1, progress=False)
    store = Store(tmp_path / "out")
    assert store.images["image"].tolist() == listing.images["image"].tolist()
    assert f"cat/{odd}train" in set(store.images["image"])


def test_names_that_are_not_utf_8_are_refused(tmp_path):
    entry = folder_of(tmp_path, "x")
    (tmp_path / "val/cat/xval.png").rename(tmp_path / "val/cat/\udcff.png")
    refusal(lambda: list_dataset(entry), "1 file names are not UTF-8")


def test_classes_of_a_json_with_half_a_letter_are_refused(tmp_path):
    entry = small_sets.make_coco(tmp_path)
    for split in ("train", "val"):
        path = tmp_path / f"annotations/instances_{split}2017.json"
        content = json.loads(path.read_text())
        content["categories"][0]["name"] = "d\ud800g"
        path.write_text(json.dumps(content))
    refusal(lambda: list_dataset(entry), tmp_path)


@pytest.mark.parametrize("letters", ["\\ud800", "\\udcff", "\\0", "\\r", "\\e", "\\x7f", "\\x85"])
@pytest.mark.parametrize("place", ['title: "a{}"', '"a{}": 1', '["x", "{}"]'])
def test_texts_of_a_config_that_nothing_can_show_are_refused(tmp_path, letters, place):
    path = write_file(tmp_path / "c.yaml", "\n" + place.format(letters))
    refusal(lambda: load_yaml(path), f"{path}, line 2:", "control characters or halves of letters")
    write_file(path, place.format("\\u00e9\\n\\t\\U0001f600"))
    assert load_yaml(path)
