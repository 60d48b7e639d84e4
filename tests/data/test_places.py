"""Readers of Places365 and Places205, on small trees with the oddities that users' disks have."""

import shutil
from pathlib import Path

import pytest
from helpers import write_file

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError

CATEGORIES = "/a/airfield 0\n/a/apartment_building/outdoor 1\n/z/zen_garden 2\n"


def make_places365(root: Path) -> dict:
    write_file(root / "categories_places365.txt", CATEGORIES)
    write_file(
        root / "places365_train_standard.txt",
        "/a/airfield/00000001.jpg 0\r\n/a/airfield/00000002.jpg 0\r\n\r\n"
        "/a/apartment_building/outdoor/00000001.jpg 1\r\n/z/zen_garden/00000001.jpg 2\r\n",
    )
    write_file(
        root / "places365_val.txt", "Places365_val_00000001.jpg 2\nPlaces365_val_00000002.jpg 0\n"
    )
    base = root / "data_256_standard"
    for name in ("a/airfield/00000001.jpg", "a/airfield/00000002.JPG", "a/airfield/._00000001.jpg"):
        write_file(base / name)
    write_file(base / "a/apartment_building/outdoor/00000001.jpeg")
    write_file(base / "z/zen_garden/00000001.jpg")
    for number in (1, 2, 3):  # the third is in no list
        write_file(root / f"val_256/Places365_val_{number:08d}.jpg")
    return {"layout": "places365", "root": str(root)}


def make_places205(root: Path, images: str = "data/vision/torralba/deeplearning/images256") -> dict:
    lists = root / "trainvalsplit_places205"
    write_file(lists / "categoryIndex_places205.csv", "/a/abbey 0\n/a/airport_terminal 1\n")
    write_file(
        lists / "train_places205.csv", "a/airport_terminal/gsun_b.jpg 1\na/abbey/gsun_a.jpg 0\n"
    )
    write_file(lists / "val_places205.csv", "a/abbey/gsun_c.jpg 0\n")
    for name in ("a/abbey/gsun_a.jpg", "a/abbey/gsun_c.jpg", "a/airport_terminal/gsun_b.jpg"):
        write_file(root / images / name)
    return {"layout": "places205", "root": str(root)}


def test_places365(tmp_path):
    listing = list_dataset(make_places365(tmp_path))
    assert listing.classes == ("a/airfield", "a/apartment_building/outdoor", "z/zen_garden")
    assert listing.images.to_numpy().tolist() == [
        ["a/airfield/00000001", "train", "a/airfield", "data_256_standard/a/airfield/00000001.jpg"],
        ["a/airfield/00000002", "train", "a/airfield", "data_256_standard/a/airfield/00000002.JPG"],
        [
            "a/apartment_building/outdoor/00000001",
            "train",
            "a/apartment_building/outdoor",
            "data_256_standard/a/apartment_building/outdoor/00000001.jpeg",
        ],
        [
            "z/zen_garden/00000001",
            "train",
            "z/zen_garden",
            "data_256_standard/z/zen_garden/00000001.jpg",
        ],
        ["Places365_val_00000001", "val", "z/zen_garden", "val_256/Places365_val_00000001.jpg"],
        ["Places365_val_00000002", "val", "a/airfield", "val_256/Places365_val_00000002.jpg"],
    ]
    assert len(listing.objects) == 0


def test_classes_follow_their_index_not_the_alphabet(tmp_path):
    entry = make_places365(tmp_path)
    write_file(
        tmp_path / "categories_places365.txt",
        "/z/zen_garden 0\n/a/apartment_building/outdoor 1\n/a/airfield 2\n",
    )
    for name in ("places365_train_standard.txt", "places365_val.txt"):
        text = (tmp_path / name).read_text()
        swapped = [line.split() for line in text.splitlines() if line]
        write_file(
            tmp_path / name, "".join(f"{path} {2 - int(label)}\n" for path, label in swapped)
        )
    listing = list_dataset(entry)
    assert listing.classes == ("z/zen_garden", "a/apartment_building/outdoor", "a/airfield")
    assert listing.images["class"].tolist()[-2:] == ["z/zen_garden", "a/airfield"]


def test_the_older_name_of_the_image_folder(tmp_path):
    entry = make_places365(tmp_path)
    (tmp_path / "data_256_standard").rename(tmp_path / "data_256")
    assert list_dataset(entry).images.path[0] == "data_256/a/airfield/00000001.jpg"


@pytest.mark.parametrize("images", ["data/vision/torralba/deeplearning/images256", "images256"])
def test_places205(tmp_path, images):
    listing = list_dataset(make_places205(tmp_path, images))
    assert listing.classes == ("a/abbey", "a/airport_terminal")
    assert listing.images.to_numpy().tolist() == [
        ["a/abbey/gsun_a", "train", "a/abbey", f"{images}/a/abbey/gsun_a.jpg"],
        [
            "a/airport_terminal/gsun_b",
            "train",
            "a/airport_terminal",
            f"{images}/a/airport_terminal/gsun_b.jpg",
        ],
        ["a/abbey/gsun_c", "val", "a/abbey", f"{images}/a/abbey/gsun_c.jpg"],
    ]


@pytest.mark.parametrize("place", [".", None])
def test_the_categories_of_places205_may_lie_elsewhere(tmp_path, place):
    """They are published with the networks; the training list says the same."""
    entry = make_places205(tmp_path)
    expected = list_dataset(entry).images
    path = tmp_path / "trainvalsplit_places205" / "categoryIndex_places205.csv"
    path.rename(tmp_path / place / path.name) if place else path.unlink()
    listing = list_dataset(entry | {"num_classes": 2})
    assert listing.classes == ("a/abbey", "a/airport_terminal")
    assert listing.images.equals(expected)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("categories_places365.txt", "categories_places365.txt is missing"),
        ("places365_train_standard.txt", "places365_train_standard.txt is missing"),
        (
            "data_256_standard",
            r"neither data_256_standard/ nor data_256/ \(\S+ holds data.tar, still packed",
        ),
        ("val_256", r"val_256 is missing \(\S+ holds data.tar, still packed.*row `places365`"),
        ("data_256_standard/z/zen_garden", r"lacks 1 of 3 class folders \(first: z/zen_garden\)"),
        (
            "data_256_standard/a/airfield/00000002.JPG",
            r"lacks 1 of 4 train images \(first: a/airfield/00000002\)",
        ),
        ("val_256/Places365_val_00000002.jpg", r"val_256 lacks 1 of 2 val images"),
    ],
)
def test_what_is_missing_is_named(tmp_path, gone, said):
    entry = make_places365(tmp_path)
    write_file(tmp_path / "data.tar")
    remove(tmp_path / gone)
    with pytest.raises(UserError, match=said):
        list_dataset(entry)


def test_missing_lists_of_places205_are_named(tmp_path):
    entry = make_places205(tmp_path)
    remove(tmp_path / "trainvalsplit_places205")
    with pytest.raises(UserError, match="trainvalsplit_places205 is missing"):
        list_dataset(entry)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("places365_val.txt", "Places365_val_00000001.jpg 3\n", "labels beyond the 3 categories"),
        ("places365_val.txt", "Places365_val_00000001.jpg\n", "line 1: .* is not `path label`"),
        ("places365_val.txt", "Places365_val_00000001.jpg two\n", "line 1: .* is not `path label`"),
        (
            "places365_train_standard.txt",
            "/a/airfield/00000001.jpg 2\n",
            r"not their folder's \(first: a/airfield/",
        ),
        (
            "categories_places365.txt",
            "/a/airfield 0\n/z/zen_garden 2\n",
            "2 classes from 0 without gaps",
        ),
        ("categories_places365.txt", "", "categories_places365.txt is empty"),
    ],
)
def test_lists_that_disagree_are_told(tmp_path, name, text, said):
    entry = make_places365(tmp_path)
    write_file(tmp_path / name, text)
    with pytest.raises(UserError, match=said):
        list_dataset(entry)


def test_an_image_listed_twice_is_told(tmp_path):
    entry = make_places365(tmp_path)
    write_file(
        tmp_path / "places365_val.txt",
        "Places365_val_00000001.jpg 2\nPlaces365_val_00000001.jpg 0\n",
    )
    with pytest.raises(
        UserError,
        match=r"places365_val.txt names 1 images more than once \(first: Places365_val_00000001",
    ):
        list_dataset(entry)


def test_declared_numbers_are_checked(tmp_path):
    entry = make_places365(tmp_path) | {"images": {"train": 5, "val": 2}}
    with pytest.raises(UserError, match="has 4 train images, but"):
        list_dataset(entry)
