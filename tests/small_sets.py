"""Data sets of two images per split in every layout, and what they are refused with."""

import io
import json
from pathlib import Path

import numpy as np
from helpers import refusal, write_file
from hypothesis import HealthCheck

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.layouts.voc_action import ACTIONS

WNIDS = ["n01440764", "n01443537"]
FUZZED = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


def said_of(entry: dict, wnids=()) -> str:
    """Return the sentence that a data set is refused with."""
    return refusal(lambda: list_dataset(entry, wnids), entry["root"], longest=900)


SIZE = "<size><width>40</width><height>30</height><depth>3</depth></size>"


def box(xmin="10", ymin="5", xmax="20", ymax="15") -> str:
    corners = f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
    return f"<bndbox>{corners}</bndbox>"


def an_object(inner: str = box(), name: str = "<name>dog</name>") -> str:
    return f"<object>{name}{inner}</object>"


def annotation(*objects: str, size: str = SIZE) -> str:
    return f"<annotation>{size}{''.join(objects)}</annotation>"


def val_name(number: int) -> str:
    return f"ILSVRC2012_val_{number:08d}"


def make_ilsvrc(root: Path) -> dict:
    for wnid in WNIDS:
        write_file(root / "train" / wnid / f"{wnid}_1.JPEG")
    for number in (1, 2):
        write_file(root / "val" / f"{val_name(number)}.JPEG")
    return {"layout": "ilsvrc", "root": str(root)}


def make_kaggle(root: Path) -> dict:
    boxes = [f"{val_name(number)},{wnid} 1 2 3 4 \n" for number, wnid in enumerate(WNIDS, start=1)]
    write_file(root / "LOC_val_solution.csv", "ImageId,PredictionString\n" + "".join(boxes))
    return make_ilsvrc(root)


def make_caffe(root: Path) -> dict:
    write_file(root / "val.txt", f"{val_name(1)}.JPEG 0\n{val_name(2)}.JPEG 1\n")
    return make_ilsvrc(root)


def meta(ids=(1, 2), wnids=WNIDS, name: str = "synsets", field: str = "WNID") -> bytes:
    from scipy.io import savemat

    synsets = np.zeros(2, dtype=[("ILSVRC2012_ID", object), (field, object)])
    for row, pair in zip(synsets, zip(ids, wnids, strict=True), strict=True):
        row["ILSVRC2012_ID"], row[field] = pair
    buffer = io.BytesIO()
    savemat(buffer, {name: synsets})
    return buffer.getvalue()


TRUTH = "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"
META = "ILSVRC2012_devkit_t12/data/meta.mat"


def make_devkit(root: Path) -> dict:
    write_file(root / TRUTH, "1\n2\n")
    write_file(root / META, meta())
    return make_ilsvrc(root)


def make_tiny(root: Path) -> dict:
    write_file(root / "wnids.txt", "".join(f"{wnid}\n" for wnid in WNIDS))
    for wnid in WNIDS:
        write_file(root / "train" / wnid / "images" / f"{wnid}_0.JPEG")
    lines = [f"val_{number}.JPEG\t{wnid}\t0\t32\t44\t62\n" for number, wnid in enumerate(WNIDS)]
    write_file(root / "val/val_annotations.txt", "".join(lines))
    for number in (0, 1):
        write_file(root / "val/images" / f"val_{number}.JPEG")
    return {"layout": "tiny-imagenet", "root": str(root)}


def make_sun(root: Path) -> dict:
    write_file(root / "Partitions/ClassName.txt", "/a/abbey\n/b/bar\n")
    write_file(root / "Partitions/Training_01.txt", "/a/abbey/sun_a.jpg\n/b/bar/sun_a.jpg\n")
    write_file(root / "Partitions/Testing_01.txt", "/a/abbey/sun_b.jpg\n/b/bar/sun_b.jpg\n")
    for name in ("a/abbey/sun_a", "a/abbey/sun_b", "b/bar/sun_a", "b/bar/sun_b"):
        write_file(root / f"{name}.jpg")
    return {"layout": "sun397", "partition": 1, "root": str(root)}


def make_places365(root: Path) -> dict:
    write_file(root / "categories_places365.txt", "/a/abbey 0\n/b/bar 1\n")
    write_file(
        root / "places365_train_standard.txt", "/a/abbey/00000001.jpg 0\n/b/bar/00000001.jpg 1\n"
    )
    write_file(root / "places365_val.txt", "Places365_val_00000001.jpg 1\n")
    for name in ("data_256_standard/a/abbey/00000001", "data_256_standard/b/bar/00000001"):
        write_file(root / f"{name}.jpg")
    write_file(root / "val_256/Places365_val_00000001.jpg")
    return {"layout": "places365", "root": str(root)}


LISTS205 = "trainvalsplit_places205"


def make_places205(root: Path) -> dict:
    write_file(
        root / LISTS205 / "train_places205.csv", "a/abbey/gsun_a.jpg 0\nb/bar/gsun_b.jpg 1\n"
    )
    write_file(root / LISTS205 / "val_places205.csv", "a/abbey/gsun_c.jpg 0\n")
    for name in ("a/abbey/gsun_a", "b/bar/gsun_b", "a/abbey/gsun_c"):
        write_file(root / f"images256/{name}.jpg")
    return {"layout": "places205", "root": str(root)}


def make_voc(root: Path) -> dict:
    data = root / "VOC2007"
    for split, name in (("trainval", "000005"), ("test", "000001")):
        write_file(data / "ImageSets/Main" / f"{split}.txt", f"{name}\n")
        write_file(data / "JPEGImages" / f"{name}.jpg")
        write_file(data / "Annotations" / f"{name}.xml", annotation(an_object()))
    return {"layout": "voc", "year": 2007, "root": str(root)}


def coco_image(number: int, **changes) -> dict:
    return {"id": number, "file_name": f"{number:06}.jpg", "width": 40, "height": 30} | changes


def coco_object(number: int, image: int, **changes) -> dict:
    box = {
        "bbox": [9, 4, 11, 11],
        "iscrowd": 0,
        "area": 121,
        "segmentation": [[9, 4, 20, 4, 20, 15]],
    }
    return {"id": number, "image_id": image, "category_id": 18, **box} | changes


COCO_CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 3, "name": "hair drier"}]


def coco_file(image: int, **changes) -> str:
    """Return a file of one image with a dog; changes replace what is in its lists."""
    content = {
        "info": {},
        "images": [coco_image(image)],
        "annotations": [coco_object(1, image)],
        "categories": COCO_CATEGORIES,
    }
    return json.dumps(content | changes)


def make_coco(root: Path) -> dict:
    for split, image in (("train2017", 1), ("val2017", 2)):
        write_file(root / f"annotations/instances_{split}.json", coco_file(image))
        write_file(root / split / f"{image:06}.jpg")
    return {"layout": "coco", "root": str(root)}


ACTION = "VOC2012/ImageSets/Action"


def make_action(root: Path) -> dict:
    for split, name in (("train", "2011_000001"), ("val", "2011_000002")):
        write_file(root / ACTION / f"{split}.txt", f"{name}\n")
        for action in ACTIONS:
            write_file(root / ACTION / f"{action}_{split}.txt", f"{name}  1 -1\n")
        write_file(root / "VOC2012/JPEGImages" / f"{name}.jpg")
        person = an_object(name="<name>person</name>")
        write_file(root / "VOC2012/Annotations" / f"{name}.xml", annotation(person))
    return {"layout": "voc-action", "root": str(root)}
