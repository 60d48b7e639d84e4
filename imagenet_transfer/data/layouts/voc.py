"""Detection sets in PASCAL VOC's layout: `Annotations`, `JPEGImages` and `ImageSets/Main`.

PASCAL's own are in `VOCdevkit/VOC20xx`, others in the root or in a folder of any name.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from imagenet_transfer.data.layouts.flaws import BadBox, Flaw, Flaws, check_inside
from imagenet_transfer.data.layouts.listing import (
    CORNERS,
    LayoutError,
    Listing,
    check_folder,
    check_named,
    check_present,
    check_unique,
    files_by_stem,
    first_names,
    found_in,
    is_class_name,
    make_listing,
    printable,
    read_columns,
    subfolders,
)
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import check_regular

# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)
# fmt: on
PARTS = ("Annotations", "JPEGImages", "ImageSets")
# Training and test split: those of PASCAL's years (2007 has annotations of its test images), and of
# any other set, whose first pair of lists counts.
SPLITS_OF_YEAR = {2007: ("trainval", "test"), 2012: ("train", "val")}
SPLITS = (("trainval", "test"), ("train", "test"), ("train", "val"))
DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]+)?")
MAX_BYTES = 2**22  # of an annotation; VOC's have a few thousand


class Annotation(NamedTuple):
    """An image's width and height in pixels, and its objects as rows of OBJECT_COLUMNS."""

    image: str
    size: tuple[float, float]
    objects: list[tuple]


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the images of a config's entry with the objects, if any, of its classes.

    With a `year`, these are those of `root/VOC<year>`, and the classes VOC's twenty unless the
    entry has `classes`; else all that the annotations name. Raises UserError for anything missing
    or wrong.
    """
    year = entry.get("year")
    data = check_folder(root / f"VOC{year}") if year else _data_folder(root)
    lists = data / "ImageSets" / "Main"
    rows = _image_rows(root, data, SPLITS_OF_YEAR[year] if year else _splits(lists))
    images = sorted(image for _, image, _, _ in rows)
    flaws = Flaws.of(entry)
    annotations = read_annotations(data / "Annotations", images, flaws)
    objects = [row for annotation in annotations for row in annotation.objects]
    known = {*VOC_CLASSES, *entry.get("classes", ())} if year else None
    _check_classes(objects, known, flaws)
    flaws.settle(data / "Annotations", len(images))
    classes = _classes(data / "Annotations", objects, bool(year), entry.get("classes"))
    chosen = [row for row in objects if row[2] in classes]
    return make_listing(rows, sorted(classes), chosen, sizes=sizes_of(annotations))


def _data_folder(root: Path) -> Path:
    """Return the folder that holds the parts: the root, or the only one in it that does."""
    if any((root / part).is_dir() for part in PARTS):
        return root
    inner = [name for name in subfolders(root) if (root / name / "Annotations").is_dir()]
    if len(inner) == 1:
        return root / inner[0]
    if inner:
        raise LayoutError(
            f"{root} holds several data sets ({first_names(inner)}): make the folder of one of "
            "them the `root`, or name one of PASCAL's with `year`."
        )
    raise LayoutError(
        f"{root} lacks the folders {', '.join(PARTS)}, and so does each folder in it"
        f"{found_in(root)}: unpack the data set there or correct its `root` in the config."
    )


def _splits(lists: Path) -> tuple[str, str]:
    """Return the names of the training and the test split of a set that is not PASCAL's."""
    present = {path.stem for path in check_folder(lists).glob("*.txt")}
    for pair in SPLITS:
        if present.issuperset(pair):
            return pair
    wanted = ", ".join(f"{train}.txt and {test}.txt" for train, test in SPLITS)
    raise LayoutError(
        f"{lists} lacks the lists of a training and a test split, one of the pairs {wanted}"
        f"{found_in(lists)}: add the lists, with one image id per line, or correct `root` in the "
        "config."
    )


def _image_rows(root: Path, data: Path, splits: Sequence[str]) -> list[tuple]:
    """Return the rows of the images that the lists of these splits name."""
    folder = check_folder(data / "JPEGImages")
    files = files_by_stem(folder)
    lists = data / "ImageSets" / "Main"
    return [
        row
        for split in splits
        for row in image_rows(root, folder, files, read_image_list(lists / f"{split}.txt"), split)
    ]


def _check_classes(objects: Sequence[tuple], known: Collection[str] | None, flaws: Flaws) -> None:
    """Collect the objects whose names are not among `known`; None: those that are not names."""
    wanted = "a class of VOC" if known else "the name of a class: 1 to 100 characters, no slash"
    for image, number, name, *_ in objects:
        if not (name in known if known else is_class_name(name)):
            with flaws.of_annotation(f"{image}.xml"):
                raise Flaw(f"object {number} is a '{printable(name)}', which is not {wanted}")


def _classes(
    folder: Path, objects: Sequence[tuple], of_pascal: bool, named: Sequence[str] | None
) -> frozenset[str]:
    """Return the classes to detect: those `named` in the config, or else VOC's or all that are."""
    known = {*VOC_CLASSES} if of_pascal else {row[2] for row in objects}
    if not known:
        raise UserError(f"{folder} has no objects: unpack the annotations again.")
    if named:
        check_named(named, known.union(row[2] for row in objects), folder)
    return frozenset(named or known)


def read_image_list(path: Path) -> list[str]:
    """Return the image ids in a list with one per line."""
    names = [name for (name,) in read_columns(path, r"(\S+)", "image id")]
    check_unique(names, path, "images")
    return names


def image_rows(
    root: Path, folder: Path, files: Mapping[str, str], names: Sequence[str], split: str
) -> list[tuple]:
    """Return the (split, image, class, path) rows of the named images in a folder below `root`.

    `files`: the files there by image. Raises UserError if an image has no file.
    """
    check_present(
        [name for name in names if name not in files], len(names), folder, f"{split} images"
    )
    prefix = folder.relative_to(root).as_posix()
    return [(split, name, "", f"{prefix}/{files[name]}") for name in names]


def read_annotations(folder: Path, images: Sequence[str], flaws: Flaws) -> list[Annotation]:
    """Return the images' annotations, in the order of `images`, and collect their flaws.

    Raises UserError if a file in the folder `Annotations` is missing.
    """
    files = {
        path.stem: path
        for path in sorted(check_folder(folder).iterdir())
        if path.suffix.lower() == ".xml"
    }
    check_present(
        [image for image in images if image not in files], len(images), folder, "annotations"
    )
    annotations = []
    for image in images:
        with flaws.of_annotation(files[image].name):
            annotations.append(_read_annotation(files[image], flaws))
    return annotations


def sizes_of(annotations: Sequence[Annotation]) -> dict[str, tuple[float, float]]:
    """Return the width and height that annotations state, by image."""
    return {annotation.image: annotation.size for annotation in annotations}


def _read_annotation(path: Path, flaws: Flaws) -> Annotation:
    """Return a file's annotation; its objects are numbered from 1 as in VOC's action lists."""
    root = _parse(path)
    size = _image_size(root)
    objects: list[tuple] = []
    for number, element in enumerate(root.findall("object"), start=1):
        with flaws.of_annotation(path.name):
            objects.append((path.stem, number, *_read_object(element, f"object {number}", size)))
    return Annotation(path.stem, size, objects)


def _parse(path: Path) -> Element:
    """Return the root of the file's XML, which may not declare entities or refer to other files."""
    if check_regular(path).stat().st_size > MAX_BYTES:
        raise Flaw(f"it has {path.stat().st_size:,} bytes, which is far too many")
    try:
        root = ElementTree.fromstring(path.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise Flaw("it declares a document type, as attacks with entities do") from error
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise Flaw(f"it is not XML ({printable(str(error))})") from error
    if root.tag != "annotation":
        raise Flaw(f"its outermost tag is <{printable(root.tag)}>, not <annotation>")
    return root


def _image_size(root: Element) -> tuple[float, float]:
    size = _child(root, "size", "it")
    width, height = (_number(size, tag, "its <size>") for tag in ("width", "height"))
    if width < 1 or height < 1:
        raise Flaw(f"its image has {width:g}×{height:g} pixels")
    return width, height


def _read_object(element: Element, name: str, size: tuple[float, float]) -> tuple:
    """Return class, corners (perhaps fractions) and difficulty (0 by default) of an object."""
    box = _child(element, "bndbox", name)
    xmin, ymin, xmax, ymax = corners = tuple(_number(box, corner, name) for corner in CORNERS)
    difficult = (element.findtext("difficult") or "").strip() or "0"
    if difficult not in ("0", "1"):
        raise Flaw(f"{name} has <difficult> '{printable(difficult)}', neither 0 nor 1")
    label = _text(element, "name", name)
    words = f"{name} has a box from ({xmin:g}, {ymin:g}) to ({xmax:g}, {ymax:g})"
    if not (xmin < xmax and ymin < ymax):
        raise BadBox(f"{words}, which is empty")
    check_inside(corners, size, words)
    return label, *corners, int(difficult)


def _child(element: Element, tag: str, name: str) -> Element:
    """Return the only child with this tag; `name` is what the element is called in a complaint."""
    found = element.findall(tag)
    if len(found) != 1:
        raise Flaw(f"{name} has {len(found) or 'no'} <{tag}>")
    return found[0]


def _text(element: Element, tag: str, name: str) -> str:
    text = (_child(element, tag, name).text or "").strip()
    if not text:
        raise Flaw(f"{name} has an empty <{tag}>")
    return text


def _number(element: Element, tag: str, name: str) -> float:
    text = _text(element, tag, name)
    if not DECIMAL.fullmatch(text):
        raise Flaw(f"{name} has '{printable(text)}' for a number in <{tag}>")
    return float(text)
