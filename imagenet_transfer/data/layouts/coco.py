"""Detection sets in COCO's layout: a JSON of instances per split, and folders of images.

A COCO box [x, y, width, height] counts from 0, and pixel 0 reaches from 0 to 1. In VOC's corners,
which count pixels from 1 and include the last one, it is xmin = x + 1, ymin = y + 1, xmax = x +
width, ymax = y + height: [0, 0, 10, 10], the first ten pixels each way, is 1, 1, 10, 10.
"""

import json
import os
import reprlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from imagenet_transfer.data.layouts.flaws import BadBox, Flaw, Flaws, check_inside
from imagenet_transfer.data.layouts.listing import (
    LayoutError,
    Listing,
    check_folder,
    check_named,
    check_present,
    first_names,
    found_in,
    is_class_name,
    make_listing,
    printable,
)
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import check_regular

MAX_BYTES = 2**31  # of a file of annotations; COCO's largest has 450 million
PREFIX = "instances_"
MOST = 1e9  # pixels of a number in a box

Id = int | str


class Picture(NamedTuple):
    """An image of a split."""

    file: str  # as the annotations name it
    size: tuple[float, float]  # width and height in pixels


@dataclass(frozen=True)
class Instances:
    """What a file of annotations says of a split.

    `objects` are (image id, number in the image from 1, class, xmin, ymin, xmax, ymax, difficult).
    """

    path: Path
    pictures: Mapping[Id, Picture]
    classes: frozenset[str]
    objects: Sequence[tuple]


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the images of a config's entry with the objects, if any, of its classes.

    The splits are `train` and `val`, or `test` if the entry names its file. Crowds are difficult
    objects: neither learnt nor counted. Raises UserError for anything missing or wrong.
    """
    files = _annotation_files(root, entry)
    splits = {split: _read_instances(path, Flaws.of(entry)) for split, path in files.items()}
    classes = _classes(root, list(splits.values()), entry.get("classes"))
    rows: list[tuple] = []
    objects: list[tuple] = []
    sizes: dict[str, tuple[float, float]] = {}
    for split, instances in splits.items():
        base = _named(root, entry, "images_folder") if "images_folder" in entry else root
        folder = _image_folder(root, base, split, instances)
        paths = {key: (folder / one.file).as_posix() for key, one in instances.pictures.items()}
        names = {key: path.removesuffix(PurePosixPath(path).suffix) for key, path in paths.items()}
        rows += [(split, names[key], "", path) for key, path in paths.items()]
        sizes |= {names[key]: one.size for key, one in instances.pictures.items()}
        objects += [(names[one[0]], *one[1:]) for one in instances.objects if one[2] in classes]
    return make_listing(rows, classes, sorted(objects), sizes=sizes)


def _annotation_files(root: Path, entry: Mapping[str, Any]) -> dict[str, Path]:
    """Return the file of annotations of the training split and of the tested one."""
    tested = "test" if "test_annotations" in entry else "val"
    return {
        "train": _annotation_file(root, entry, "train_annotations", f"{PREFIX}train*.json"),
        tested: _annotation_file(root, entry, "test_annotations", f"{PREFIX}val*.json"),
    }


def _annotation_file(root: Path, entry: Mapping[str, Any], key: str, pattern: str) -> Path:
    """Return the file that the entry's key names, or else the only one of this pattern."""
    if key in entry:
        return _named(root, entry, key)
    folder = check_folder(root / "annotations")
    found = sorted(folder.glob(pattern))
    if len(found) == 1:
        return found[0]
    if found:
        names = first_names(path.name for path in found)
        raise LayoutError(f"{folder} has several {pattern} ({names}): name one with `{key}`.")
    raise LayoutError(
        f"{folder} has no {pattern}{found_in(folder)}: unpack it there, or name the file, with its "
        f"folder in `root`, with `{key}`."
    )


def _named(root: Path, entry: Mapping[str, Any], key: str) -> Path:
    """Return what the entry's key names; LayoutError if it does not exist."""
    path = root / entry[key]
    if path.exists():
        return path
    raise LayoutError(
        f"{printable(str(path), 300)} is missing{found_in(path.parent)}: correct `{key}` in the "
        "config."
    )


def _classes(
    root: Path, splits: Sequence[Instances], named: Sequence[str] | None
) -> tuple[str, ...]:
    """Return the classes in the order of their names: those `named`, or else all categories."""
    train, tested = splits
    if named:
        check_named(named, train.classes | tested.classes, root)
        return tuple(sorted(named))
    if train.classes != tested.classes:
        others = sorted(train.classes ^ tested.classes)
        raise UserError(
            f"{train.path} and {tested.path} have different categories ({first_names(others)} are "
            "only in one of them): name the classes to detect with `classes`, or correct one file."
        )
    return tuple(sorted(train.classes))


# --- images ---------------------------------------------------------------------------------------


def _image_folder(root: Path, base: Path, split: str, instances: Instances) -> Path:
    """Return the folder, relative to the root, of a split's images; UserError if any is missing.

    It is the one that has most of them: `base`, one in it that is called like the split or
    `images`, or that of the annotations.
    """
    files = [picture.file for picture in instances.pictures.values()]
    stem = instances.path.stem.removeprefix(PREFIX)  # train2017
    parts = (stem, split, f"images/{stem}", f"images/{split}", "images", "")
    folders = [*(base / part for part in parts), instances.path.parent]
    found = {folder: _present(folder, files) for folder in folders}
    best = max(found, key=lambda folder: len(found[folder]))
    if not found[best]:
        raise LayoutError(
            f"{base} has none of the {len(files):,} images that {instances.path} names (first: "
            f"{first_names(files)}), neither there nor in {', '.join(filter(None, parts))}"
            f"{found_in(base)}: unpack them, or name their folder with `images_folder`."
        )
    check_present(
        [file for file in files if file not in found[best]], len(files), best, f"{split} images"
    )
    return best.relative_to(root)


def _present(folder: Path, files: Collection[str]) -> set[str]:
    """Return which of the files are in a folder; a folder is listed once, as stores may be slow."""
    places = {file: PurePosixPath(file) for file in files}
    listed = {
        parent: _names_in(folder / parent) for parent in {path.parent for path in places.values()}
    }
    return {file for file, path in places.items() if path.name in listed[path.parent]}


def _names_in(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries}


# --- annotations ----------------------------------------------------------------------------------


def _read_instances(path: Path, flaws: Flaws) -> Instances:
    content = _parse(path)
    categories = _categories(path, _entries(path, content, "categories"))
    pictures = _pictures(path, _entries(path, content, "images"))
    objects = _objects(path, _entries(path, content, "annotations"), pictures, categories, flaws)
    return Instances(path, pictures, frozenset(categories.values()), objects)


def _parse(path: Path) -> Any:
    """Return a file's JSON without outlines, which are most of it; UserError if it is not JSON."""
    size = check_regular(path).stat().st_size
    if size > MAX_BYTES:
        raise _unusable(path, f"it has {size:,} bytes, and at most {MAX_BYTES:,} are read")
    try:
        return json.loads(path.read_bytes(), object_hook=_without_outline)
    except (ValueError, RecursionError) as error:
        raise _unusable(path, f"it is not JSON: {printable(str(error))}") from error


def _without_outline(entry: dict[str, Any]) -> dict[str, Any]:
    entry.pop("segmentation", None)
    return entry


def _unusable(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} does not hold instances as COCO has them ({reason}): unpack or fetch it again, or "
        "name another file with `train_annotations` or `test_annotations`."
    )


def _entries(path: Path, content: Any, section: str) -> list[Any]:
    """Return a list of the file; UserError if it is missing or empty."""
    if not isinstance(content, dict):
        raise _unusable(path, f"it is {_shown(content)}, not an object with keys")
    if section not in content:
        raise _unusable(path, f"it has no `{section}`")
    if not isinstance(content[section], list) or not content[section]:
        raise _unusable(
            path, f"its `{section}` is {_shown(content[section])}, not a list with entries"
        )
    return content[section]


def _categories(path: Path, entries: Sequence[Any]) -> dict[Id, str]:
    """Return the names of the categories by id."""
    flaws = Flaws(skip=None)
    categories: dict[Id, str] = {}
    names = set()
    for number, entry in enumerate(entries, start=1):
        with flaws.of_annotation(_title("category", entry, number)):
            key = _new_id(entry, categories)
            name = _value(entry, "name", str, "text")
            if not is_class_name(name):
                raise Flaw(f"its name is '{printable(name)}', not 1 to 100 characters, no slash")
            if name in names:
                raise Flaw(f"its name '{name}' is also that of another one")
            names.add(name)
            categories[key] = name
    flaws.settle(path, len(entries), "categories")
    return categories


def _pictures(path: Path, entries: Sequence[Any]) -> dict[Id, Picture]:
    """Return the images by id."""
    flaws = Flaws(skip=None)
    pictures: dict[Id, Picture] = {}
    files = set()
    for number, entry in enumerate(entries, start=1):
        with flaws.of_annotation(_title("image", entry, number)):
            key = _new_id(entry, pictures)
            file = _file_of(entry)
            if file in files:
                raise Flaw(f"its file_name '{printable(file)}' is also that of another one")
            files.add(file)
            pictures[key] = Picture(file, (_side(entry, "width"), _side(entry, "height")))
    flaws.settle(path, len(entries), "images")
    return pictures


def _file_of(entry: Any) -> str:
    """Return the path of an image below the folder of its split, without `.` in it."""
    text = _value(entry, "file_name", str, "text")
    path = PurePosixPath(text)
    inside = path.name and not path.is_absolute() and ".." not in path.parts
    if not (inside and text.isprintable() and "\\" not in text):
        raise Flaw(f"its file_name '{printable(text)}' is not a path in a folder, with slashes")
    return path.as_posix()


def _side(entry: Any, key: str) -> float:
    """Return an image's width or height."""
    value = _value(entry, key, (int, float), "a number of pixels")
    if not 1 <= value <= MOST:
        raise Flaw(f"its {key} is {_shown(value)}, not a number of pixels")
    return float(value)


def _objects(
    path: Path,
    entries: Sequence[Any],
    pictures: Mapping[Id, Picture],
    categories: Mapping[Id, str],
    flaws: Flaws,
) -> list[tuple]:
    """Return the annotated objects as `Instances` has them."""
    objects = []
    known: set[Id] = set()
    counts: Counter[Id] = Counter()
    for number, entry in enumerate(entries, start=1):
        with flaws.of_annotation(_title("annotation", entry, number)):
            known.add(_new_id(entry, known))
            image = _known_id(entry, "image_id", pictures)
            category = _known_id(entry, "category_id", categories)
            counts[image] += 1
            crowd = entry.get("iscrowd", 0)
            if type(crowd) is not int or crowd not in (0, 1):
                raise Flaw(f"its iscrowd is {_shown(crowd)}, neither 0 nor 1")
            corners = _corners(entry, pictures[image].size)
            objects.append((image, counts[image], categories[category], *corners, crowd))
    flaws.settle(path, len(entries))
    return objects


def _corners(entry: Any, size: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return a box as VOC's corners; BadBox if it is empty or leaves its image of this size."""
    box = _value(entry, "bbox", list, "a list of four numbers")
    if len(box) != 4 or not all(map(_is_number, box)):
        raise Flaw(f"its bbox is {_shown(box)}, not a list of four numbers")
    x, y, width, height = map(float, box)
    words = f"its bbox is {_shown(box)}"
    if width <= 0 or height <= 0:
        raise BadBox(f"{words}, which is empty")
    corners = (x + 1, y + 1, x + width, y + height)
    check_inside(corners, size, words)
    return corners


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and abs(value) <= MOST  # NaN is not


def _title(what: str, entry: Any, number: int) -> str:
    """Return what an entry of a list is called in a complaint: by its id, or else its place."""
    key = entry.get("id") if isinstance(entry, dict) else None
    return f"{what} {key}" if isinstance(key, (int, str)) else f"{what} at place {number:,}"


def _new_id(entry: Any, known: Collection[Id]) -> Id:
    """Return an entry's id, which no other entry may have."""
    key = _value(entry, "id", (int, str), "a number or text")
    if key in known:
        raise Flaw("its id is also that of another one")
    return key


def _known_id(entry: Any, name: str, known: Collection[Id]) -> Id:
    """Return what an annotation refers to."""
    key = _value(entry, name, (int, str), "a number or text")
    if key not in known:
        raise Flaw(f"its {name} is {_shown(key)}, which is not an id in the file")
    return key


def _value(entry: Any, key: str, kind: type | tuple[type, ...], wanted: str) -> Any:
    """Return an entry's value; Flaw if it is missing or of another kind."""
    if not isinstance(entry, dict):
        raise Flaw(f"it is {_shown(entry)}, not an object with keys")
    if key not in entry:
        raise Flaw(f"it has no {key}")
    if isinstance(entry[key], bool) or not isinstance(entry[key], kind):
        raise Flaw(f"its {key} is {_shown(entry[key])}, not {wanted}")
    return entry[key]


def _shown(value: Any) -> str:
    return printable(reprlib.repr(value))
