"""PASCAL VOC's detection sets: `VOCdevkit/VOC20xx/{Annotations,JPEGImages,ImageSets/Main}`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from imagenet_transfer.datasets.listing import (
    Listing,
    check_folder,
    check_present,
    first_names,
    image_files,
    make_listing,
    read_lines,
)
from imagenet_transfer.errors import UserError

# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)
# fmt: on
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(root: Path, year: int, classes: Sequence[str] = VOC_CLASSES) -> Listing:
    """Return the images of `root/VOC<year>` with the objects of `classes`, alphabetical.

    Splits: trainval and test for 2007, whose test annotations are public; train and val for the later years.
    """
    data = check_folder(root / f"VOC{year}")
    files = dict(image_files(check_folder(data / "JPEGImages")))
    rows = []
    for split in ("trainval", "test") if year == 2007 else ("train", "val"):
        names = [line.split()[0] for line in read_lines(data / "ImageSets" / "Main" / f"{split}.txt")]
        rows += image_rows(data / "JPEGImages", files, names, split)
    images = sorted(image for _, image, _, _ in rows)
    return make_listing(rows, sorted(classes), _objects(data / "Annotations", images, frozenset(classes)))


def image_rows(folder: Path, files: Mapping[str, str], names: Sequence[str], split: str) -> list[tuple]:
    """Return the (split, image, class, path) rows of the named images in `VOC20xx/JPEGImages`, whose files are given.

    Raises UserError if an image has no file.
    """
    check_present([name for name in names if name not in files], len(names), folder, f"{split} images")
    prefix = f"{folder.parent.name}/{folder.name}"
    return [(split, name, "", f"{prefix}/{files[name]}") for name in names]


def read_annotations(folder: Path, images: Sequence[str]) -> list[tuple]:
    """Return one row of OBJECT_COLUMNS for every object of the images, in their order.

    Raises UserError if a file is missing in the folder `Annotations` or is no annotation.
    """
    present = {path.stem for path in check_folder(folder).iterdir() if path.suffix.lower() == ".xml"}
    check_present([image for image in images if image not in present], len(images), folder, "annotations")
    return [row for image in images for row in _read_annotation(folder / f"{image}.xml")]


def _objects(folder: Path, images: Sequence[str], classes: frozenset[str]) -> list[tuple]:
    rows = read_annotations(folder, images)
    unknown = sorted({row[2] for row in rows}.difference(VOC_CLASSES, classes))
    if unknown:
        raise UserError(f"{folder} names classes that VOC does not have ({first_names(unknown)}): correct its files.")
    return [row for row in rows if row[2] in classes]


def _read_annotation(path: Path) -> list[tuple]:
    """Return one row of OBJECT_COLUMNS for each object, numbered from 1 as in VOC's action lists."""
    try:
        elements = ElementTree.parse(path).getroot().findall("object")
        return [(path.stem, number, *_read_object(element)) for number, element in enumerate(elements, start=1)]
    except (ParseError, DefusedXmlException, ValueError, AttributeError) as error:
        raise UserError(f"{path} is not a VOC annotation ({error}): unpack the annotations again.") from error


def _read_object(element: Element) -> tuple:
    """Return class, corners and difficulty; some files have fractions of pixels, and corners in any order of tags."""
    box = element.find("bndbox")
    xmin, ymin, xmax, ymax = (float(box.find(corner).text) for corner in CORNERS)
    if not (xmin <= xmax and ymin <= ymax):
        raise ValueError(f"a box from ({xmin:g}, {ymin:g}) to ({xmax:g}, {ymax:g})")
    difficult = int((element.findtext("difficult") or "0").strip() or 0)
    return element.find("name").text.strip(), xmin, ymin, xmax, ymax, difficult
