"""Detection of the same squares from sets in VOC's and in COCO's layout: the same numbers."""

import json
from pathlib import Path

import pytest
from helpers import image_bytes, write_file
from PIL import Image
from small_sets import an_object, annotation, box
from small_tasks import Squares, detection_task

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.layouts.listing import CORNERS
from imagenet_transfer.data.store import Store, build_store

pytestmark = pytest.mark.usefixtures("one_thread")

SPLITS = {"train": [0, 1], "val": [2]}
SQUARES = Squares()


def objects_of(number: int) -> list[tuple]:
    """Return class, xmin, ymin, xmax, ymax of the squares of an image."""
    own = SQUARES.objects[SQUARES.objects["image"] == f"{number:06}"]
    return list(own[["class", *CORNERS]].itertuples(index=False, name=None))


def picture(number: int) -> bytes:
    return image_bytes(Image.fromarray(SQUARES.pictures[number]), quality=95)


def make_voc(root: Path) -> dict:
    size = "<size><width>80</width><height>64</height></size>"
    for split, numbers in SPLITS.items():
        write_file(root / f"ImageSets/Main/{split}.txt", "\n".join(f"{i:06}" for i in numbers))
    for number in range(3):
        objects = [
            an_object(box(*map(str, corners)), f"<name>{name}</name>")
            for name, *corners in objects_of(number)
        ]
        write_file(root / f"Annotations/{number:06}.xml", annotation(*objects, size=size))
        write_file(root / f"JPEGImages/{number:06}.jpg", picture(number))
    return {"layout": "voc", "root": str(root)}


def make_coco(root: Path) -> dict:
    categories = [{"id": 7 - i, "name": name} for i, name in enumerate(Squares.classes)]
    ids = {entry["name"]: entry["id"] for entry in categories}
    for split, numbers in SPLITS.items():
        boxes = [(number, *one) for number in numbers for one in objects_of(number)]
        objects = [
            {
                "image_id": number,
                "category_id": ids[name],
                "bbox": [x - 1, y - 1, r - x + 1, b - y + 1],
            }
            for number, name, x, y, r, b in boxes
        ]
        content = {
            "images": [
                {"id": i, "file_name": f"{i:06}.jpg", "width": 80, "height": 64} for i in numbers
            ],
            "annotations": [{"id": i, **entry} for i, entry in enumerate(objects)],
            "categories": categories,
        }
        write_file(root / f"annotations/instances_{split}.json", json.dumps(content))
        for number in numbers:
            write_file(root / f"images/{number:06}.jpg", picture(number))
    return {"layout": "coco", "root": str(root)}


def losses_and_metrics(make, folder: Path) -> tuple:
    entry = make(folder / "set")
    build_store(
        list_dataset(entry), Path(entry["root"]), folder / "store", {"codec": "original"}, 1, False
    )
    task = detection_task(Store(folder / "store"), batch_size=1)
    boxes = [task.objects[row].boxes.tolist() for row in task.train_rows]
    return boxes, task.loss(task.load(0)).item(), task.evaluate()


def test_layouts_of_the_same_squares_give_the_same_numbers(tmp_path):
    of_voc = losses_and_metrics(make_voc, tmp_path / "voc")
    assert losses_and_metrics(make_coco, tmp_path / "coco") == of_voc
    assert of_voc[0] == [[[4, 6, 28, 30], [44, 30, 74, 60]], [[7, 6, 31, 30], [44, 32, 74, 62]]]
    assert set(of_voc[2]) == {"mAP", "AP/blue", "AP/red"}
