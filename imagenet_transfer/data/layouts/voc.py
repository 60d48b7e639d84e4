"""PASCAL VOC's detection sets: `VOCdevkit/VOC20xx/{Annotations,JPEGImages,ImageSets/Main}`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from imagenet_transfer.data.layouts.listing import (
    CORNERS,
    Listing,
    check_folder,
    check_present,
    check_unique,
    files_by_stem,
    make_listing,
    printable,
    read_columns,
)
from imagenet_transfer.errors import UserError

# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)
# fmt: on
DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]+)?")
MAX_BYTES = 2**22  # of an annotation; VOC's have a few thousand
TOLERANCE = 1  # pixels beyond the image, as in boxes that count from 0 or have open ends


class Annotation(NamedTuple):
    """An image's width and height in pixels, and its objects as rows of OBJECT_COLUMNS."""

    image: str
    size: tuple[float, float]
    objects: list[tuple]


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry."""
    return read_voc(root, int(entry["year"]), tuple(entry.get("classes", VOC_CLASSES)))


def read_voc(root: Path, year: int, classes: Sequence[str] = VOC_CLASSES) -> Listing:
    """Return the images of `root/VOC<year>` with the objects, if any, of `classes` (then sorted).

    Splits: trainval and test for 2007, whose test annotations are public; train and val for later
    years. Raises UserError for anything missing or wrong.
    """
    data = check_folder(root / f"VOC{year}")
    files = files_by_stem(check_folder(data / "JPEGImages"))
    rows = []
    for split in ("trainval", "test") if year == 2007 else ("train", "val"):
        names = read_image_list(data / "ImageSets" / "Main" / f"{split}.txt")
        rows += image_rows(data / "JPEGImages", files, names, split)
    images = sorted(image for _, image, _, _ in rows)
    annotations = read_annotations(data / "Annotations", images)
    objects = _objects(data / "Annotations", annotations, frozenset(classes))
    return make_listing(rows, sorted(classes), objects, sizes=sizes_of(annotations))


def read_image_list(path: Path) -> list[str]:
    """Return the image ids in a list with one per line."""
    names = [name for (name,) in read_columns(path, r"(\S+)", "image id")]
    check_unique(names, path, "images")
    return names


def image_rows(
    folder: Path, files: Mapping[str, str], names: Sequence[str], split: str
) -> list[tuple]:
    """Return the (split, image, class, path) rows of the named images in `VOC20xx/JPEGImages`.

    `files`: the files there by image. Raises UserError if an image has no file.
    """
    check_present(
        [name for name in names if name not in files], len(names), folder, f"{split} images"
    )
    prefix = f"{folder.parent.name}/{folder.name}"
    return [(split, name, "", f"{prefix}/{files[name]}") for name in names]


def read_annotations(folder: Path, images: Sequence[str]) -> list[Annotation]:
    """Return the images' annotations, in the order of `images`.

    Raises UserError if a file in the folder `Annotations` is missing or is not an annotation.
    """
    files = {
        path.stem: path
        for path in sorted(check_folder(folder).iterdir())
        if path.suffix.lower() == ".xml"
    }
    check_present(
        [image for image in images if image not in files], len(images), folder, "annotations"
    )
    return [_read_annotation(files[image]) for image in images]


def sizes_of(annotations: Sequence[Annotation]) -> dict[str, tuple[float, float]]:
    """Return the width and height that annotations state, by image."""
    return {annotation.image: annotation.size for annotation in annotations}


def _objects(
    folder: Path, annotations: Sequence[Annotation], classes: frozenset[str]
) -> list[tuple]:
    rows = [row for annotation in annotations for row in annotation.objects]
    for image, number, name, *_ in rows:
        if name not in classes and name not in VOC_CLASSES:
            raise UserError(
                f"{folder / image}.xml: object {number} is a '{printable(name)}', which is not a "
                "class of VOC: correct it, or unpack the annotations again."
            )
    return [row for row in rows if row[2] in classes]


class _Flaw(Exception):
    """What is wrong with an annotation, without its file's name."""


def _read_annotation(path: Path) -> Annotation:
    """Return a file's annotation; its objects are numbered from 1 as in VOC's action lists."""
    try:
        root = _parse(path)
        size = _image_size(root)
        objects = [
            (path.stem, number, *_read_object(element, f"object {number}", size))
            for number, element in enumerate(root.findall("object"), start=1)
        ]
        return Annotation(path.stem, size, objects)
    except _Flaw as flaw:
        raise UserError(
            f"{path} is not a VOC annotation: {flaw}. Correct it, or unpack all again."
        ) from flaw


def _parse(path: Path) -> Element:
    """Return the root of the file's XML, which may not declare entities or refer to other files."""
    if path.stat().st_size > MAX_BYTES:
        raise _Flaw(f"it has {path.stat().st_size:,} bytes, which is far too many")
    try:
        root = ElementTree.fromstring(path.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise _Flaw("it declares a document type, as attacks with entities do") from error
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise _Flaw(f"it is not XML ({printable(str(error))})") from error
    if root.tag != "annotation":
        raise _Flaw(f"its outermost tag is <{printable(root.tag)}>, not <annotation>")
    return root


def _image_size(root: Element) -> tuple[float, float]:
    size = _child(root, "size", "it")
    width, height = (_number(size, tag, "its <size>") for tag in ("width", "height"))
    if width < 1 or height < 1:
        raise _Flaw(f"its image has {width:g}×{height:g} pixels")
    return width, height


def _read_object(element: Element, name: str, size: tuple[float, float]) -> tuple:
    """Return class, corners (perhaps fractions) and difficulty (0 by default) of an object."""
    box = _child(element, "bndbox", name)
    xmin, ymin, xmax, ymax = (_number(box, corner, name) for corner in CORNERS)
    where = f"{name} has a box from ({xmin:g}, {ymin:g}) to ({xmax:g}, {ymax:g})"
    if not (xmin < xmax and ymin < ymax):
        raise _Flaw(f"{where}, which is empty")
    if min(xmin, ymin) < 1 - TOLERANCE or xmax > size[0] + TOLERANCE or ymax > size[1] + TOLERANCE:
        raise _Flaw(f"{where}, outside the image of {size[0]:g}×{size[1]:g} pixels")
    difficult = (element.findtext("difficult") or "").strip() or "0"
    if difficult not in ("0", "1"):
        raise _Flaw(f"{name} has <difficult> '{printable(difficult)}', neither 0 nor 1")
    return _text(element, "name", name), xmin, ymin, xmax, ymax, int(difficult)


def _child(element: Element, tag: str, name: str) -> Element:
    """Return the only child with this tag; `name` is what the element is called in a complaint."""
    found = element.findall(tag)
    if len(found) != 1:
        raise _Flaw(f"{name} has {len(found) or 'no'} <{tag}>")
    return found[0]


def _text(element: Element, tag: str, name: str) -> str:
    text = (_child(element, tag, name).text or "").strip()
    if not text:
        raise _Flaw(f"{name} has an empty <{tag}>")
    return text


def _number(element: Element, tag: str, name: str) -> float:
    text = _text(element, tag, name)
    if not DECIMAL.fullmatch(text):
        raise _Flaw(f"{name} has '{printable(text)}' for a number in <{tag}>")
    return float(text)
