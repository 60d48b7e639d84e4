"""The layout of COCO: boxes by hand, places of images, classes, and what is missing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import image_bytes, refusal, write_file
from PIL import Image
from small_sets import COCO_CATEGORIES, coco_file, coco_image, coco_object, make_coco

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.data.packing import build_store
from imagenet_transfer.errors import UserError
from imagenet_transfer.models.boxes import from_voc

TRAIN = "annotations/instances_train2017.json"
VAL = "annotations/instances_val2017.json"


@pytest.fixture
def coco(tmp_path) -> dict:
    return make_coco(tmp_path)


def write(coco: dict, path: str, content: str) -> Path:
    return write_file(Path(coco["root"]) / path, content)


def test_images_classes_and_objects(coco):
    listing = list_dataset(coco | {"images": {"train": 1, "val": 1}, "num_classes": 2})
    assert listing.classes == ("dog", "hair drier")
    assert listing.images.to_numpy().tolist() == [
        ["train2017/000001", "train", "", "train2017/000001.jpg"],
        ["val2017/000002", "val", "", "val2017/000002.jpg"],
    ]
    assert listing.objects.to_numpy().tolist() == [
        ["train2017/000001", 1, "dog", 10, 5, 20, 15, 0],
        ["val2017/000002", 1, "dog", 10, 5, 20, 15, 0],
    ]
    assert listing.sizes == {"train2017/000001": (40, 30), "val2017/000002": (40, 30)}


@pytest.mark.parametrize(
    ("box", "corners"),
    [
        ([0, 0, 10, 10], [1, 1, 10, 10]),  # the first ten pixels
        ([0, 0, 40, 30], [1, 1, 40, 30]),  # the whole image
        ([39, 29, 1, 1], [40, 30, 40, 30]),  # its last pixel
        ([3.5, 4.25, 6, 0.5], [4.5, 5.25, 9.5, 4.75]),
        ([-1, -1, 42, 32], [0, 0, 41, 31]),  # a pixel beyond each side
    ],
)
def test_boxes_count_from_0_and_end_before_a_pixel(coco, box, corners):
    write(coco, TRAIN, coco_file(1, annotations=[coco_object(1, 1, bbox=box)]))
    row = list_dataset(coco).objects.iloc[0]
    assert row[CORNERS].tolist() == corners
    x, y, width, height = box
    half_open = from_voc(torch.tensor(np.array(corners, dtype=np.float32)))
    assert half_open.tolist() == [x, y, x + width, y + height]


def test_crowds_are_difficult_and_objects_are_counted_by_image(coco):
    images = [coco_image(1), coco_image(7, file_name="000007.png")]
    objects = [
        coco_object(5, 7, category_id=3),
        coco_object(3, 1),
        coco_object(9, 7, iscrowd=1, segmentation={"counts": [1, 2], "size": [30, 40]}),
    ]
    del objects[1]["iscrowd"], objects[1]["segmentation"]
    write(coco, TRAIN, coco_file(1, images=images, annotations=objects))
    write(coco, "train2017/000007.png", "x")
    objects = list_dataset(coco).objects
    assert objects[["image", "object", "class", "difficult"]].to_numpy().tolist() == [
        ["train2017/000001", 1, "dog", 0],
        ["train2017/000007", 1, "hair drier", 0],
        ["train2017/000007", 2, "dog", 1],
        ["val2017/000002", 1, "dog", 0],
    ]
    chosen = list_dataset(coco | {"classes": ["hair drier"]})
    assert chosen.classes == ("hair drier",)
    assert chosen.objects.image.tolist() == ["train2017/000007"]
    assert len(chosen.images) == 3  # also those without an object


PLACES = ["train2017", "train", "images/train2017", "images/train", "images", ".", "annotations"]


@pytest.mark.parametrize("place", PLACES)
def test_images_are_looked_for(coco, place):
    root = Path(coco["root"])
    (root / "other").mkdir()
    (root / "train2017/000001.jpg").rename(root / "other/000001.jpg")
    (root / "train2017").rmdir()
    (root / place).mkdir(parents=True, exist_ok=True)
    (root / "other/000001.jpg").rename(root / place / "000001.jpg")
    path = list_dataset(coco).images.path[0]
    assert Path(path) == Path(place) / "000001.jpg"
    assert list_dataset(coco).images.image[0] == path.removesuffix(".jpg")


@pytest.mark.parametrize("folder", ["photos", "photos/train2017", "photos/images"])
def test_a_named_folder_has_the_images(coco, folder):
    root = Path(coco["root"])
    for split, name in (("train2017", "000001.jpg"), ("val2017", "000002.jpg")):
        write(coco, f"{folder.replace('train', split[:-4])}/{name}", "x")
        (root / split / name).unlink()
    listing = list_dataset(coco | {"images_folder": "photos"})
    assert all((root / path).is_file() for path in listing.images.path)


def test_file_names_may_have_folders_in_them(coco):
    file = "train2017/a b/./1.jpg"
    write(coco, TRAIN, coco_file(1, images=[coco_image(1, file_name=file)]))
    write(coco, "train2017/a b/1.jpg", "x")
    assert list_dataset(coco).images.path[0] == "train2017/a b/1.jpg"


def test_named_files_are_read(tmp_path):
    """As labelling tools write them: a folder per split with its JSON, and images of equal names."""
    for split in ("train", "valid"):
        write_file(tmp_path / split / "_annotations.coco.json", coco_file(1))
        write_file(tmp_path / split / "000001.jpg")
    named = {key: f"{split}/_annotations.coco.json" for key, split in KEYS.items()}
    listing = list_dataset({"layout": "coco", "root": str(tmp_path), **named})
    assert listing.images[["image", "split"]].to_numpy().tolist() == [
        ["valid/000001", "test"],
        ["train/000001", "train"],
    ]


KEYS = {"train_annotations": "train", "test_annotations": "valid"}


def refused(coco: dict, *words: str) -> None:
    refusal(lambda: list_dataset(coco), *words, longest=900)


def test_what_is_missing_is_named(coco):
    root = Path(coco["root"])
    write(coco, "annotations/instances_train2014.json", "{}")
    refused(coco, "several instances_train*.json (instances_train2014.json, instances_train2017")
    refused(
        coco | {"train_annotations": "a/b.json"}, "a/b.json is missing (", "`train_annotations`"
    )
    (root / VAL).rename(root / "annotations/instances_test.json")
    said = coco | {"train_annotations": TRAIN}
    refused(said, "has no instances_val*.json (", "`test_annotations`")
    (root / "annotations/instances_test.json").rename(root / VAL)
    images = [coco_image(number) for number in range(1, 6)]
    write(coco, TRAIN, coco_file(1, images=images))
    refused(said, "lacks 4 of 5 train images (first: 000002.jpg, 000003.jpg, 000004.jpg, ...)")
    (root / "train2017/000001.jpg").unlink()
    refused(said, "has none of the 5 images that", "(first: 000001.jpg,", "with `images_folder`")
    refused(said | {"images_folder": "pictures"}, "pictures is missing (", "`images_folder`")
    (root / "pictures").mkdir()
    refused(said | {"images_folder": "pictures"}, "pictures has none of the 5 images that")


def test_an_image_in_both_splits_is_refused(coco):
    write(coco, VAL, coco_file(1))
    root = Path(coco["root"])
    write(coco, "images/000001.jpg", "x")
    (root / "train2017/000001.jpg").unlink()
    refused(coco, "1 images are in more than one split (first: images/000001)")


def test_categories_differ_unless_classes_are_named(coco):
    write(coco, VAL, coco_file(2, categories=[*COCO_CATEGORIES, {"id": 1, "name": "cat"}]))
    refused(coco, "have different categories (cat are only in one", "with `classes`")
    assert list_dataset(coco | {"classes": ["dog", "cat"]}).classes == ("cat", "dog")
    refused(
        coco | {"classes": ["dgo"]}, "lacks 1 of the classes that the config names (first: dgo)"
    )


def test_ids_of_categories_may_differ(coco):
    renamed = [{"id": "d", "name": "dog"}, {"id": 18, "name": "hair drier"}]
    write(coco, VAL, coco_file(2, categories=renamed))
    assert list_dataset(coco).objects["class"].tolist() == ["dog", "hair drier"]


def test_bad_boxes_are_left_out_if_the_config_says_so(coco, capfd):
    boxes = [[9, 4, 0, 11], [1, 1, 2, 2], [9, 4, 33, 11]]
    objects = [coco_object(number, 1, bbox=box) for number, box in enumerate(boxes)]
    write(coco, TRAIN, coco_file(1, annotations=objects))
    refused(
        coco,
        f"{TRAIN}: 2 of 3 annotations are wrong (first: annotation 0: its bbox is [9, 4, 0, 11], "
        "which is empty; annotation 2: its bbox is [9, 4, 33, 11], outside the image of 40×30 "
        "pixels): correct them, leave out bad boxes with `bad_boxes: skip` in the config, or",
    )
    rows = list_dataset(coco | {"bad_boxes": "skip"}).objects
    assert rows[rows.image == "train2017/000001"][CORNERS].to_numpy().tolist() == [[2, 2, 3, 3]]
    assert "2 bad boxes are left out (first: annotation 0: its bbox" in capfd.readouterr().err


def test_pictures_of_another_size_are_not_packed(coco, tmp_path):
    root = Path(coco["root"])
    for path, size in (("train2017/000001.jpg", (40, 30)), ("val2017/000002.jpg", (20, 15))):
        write_file(root / path, image_bytes(Image.new("RGB", size)))
    spec = {"codec": "original"}
    with pytest.raises(UserError, match="val2017/000002: 20×15 pixels, its annotation says 40×30"):
        build_store(list_dataset(coco), root, tmp_path / "store", spec, 1, progress=False)
    write(coco, VAL, coco_file(2, images=[coco_image(2, width=20.0, height=15)]))
    objects = [coco_object(1, 2, bbox=[0, 0, 20, 15])]
    content = json.loads((root / VAL).read_text()) | {"annotations": objects}
    write(coco, VAL, json.dumps(content))
    build_store(list_dataset(coco), root, tmp_path / "store", spec, 1, progress=False)
    assert (tmp_path / "store/meta.json").is_file()
