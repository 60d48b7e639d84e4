"""Writers of the layouts of ILSVRC2012, VOC2007, SUN397, Places365.

Each layout names its pictures, yields the files of one picture, and lists all of them.
"""

import hashlib
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import read_pascal_roots
from miniature_world.scenes import SCENES, Box, detection_picture, object_picture, scene_picture
from miniature_world.world import Files, Pictures, World, encode


def ilsvrc_pictures(world: World) -> Pictures:
    """Return (split, wnid, number) of every picture."""
    train = world.spec["train_per_class"]
    val = world.spec["val_per_class"]
    pictures: Pictures = [("train", wnid, n) for wnid in world.wnids for n in range(1, train + 1)]
    for k, wnid in enumerate(world.wnids):
        pictures += [("val", wnid, k * val + n) for n in range(1, val + 1)]
    return pictures


def ilsvrc_files(world: World, split: str, wnid: str, number: int) -> Files:
    """Yield one picture of a synset."""
    name = f"{wnid}_{number}" if split == "train" else f"ILSVRC2012_val_{number:08d}"
    rng = world.rng(split, wnid, number)
    picture = object_picture(rng, wnid, world.taxonomy, world.spec["image_size"])
    yield f"{split}/{wnid}/{name}.JPEG", encode(picture)


def voc_pictures(world: World) -> Pictures:
    """Return (split, number) of every scene."""
    split_of = ["trainval"] * world.spec["voc"]["trainval"] + ["test"] * world.spec["voc"]["test"]
    return [(split, number) for number, split in enumerate(split_of, 1)]


def voc_files(world: World, split: str, number: int) -> Files:
    """Yield one scene and its annotation."""
    size = tuple(world.spec["voc"]["size"])
    rng = world.rng("voc2007", split, number)
    picture, boxes = detection_picture(rng, world.choices, world.distractors, world.taxonomy, size)
    yield f"VOC2007/JPEGImages/{number:06d}.jpg", encode(picture)
    yield f"VOC2007/Annotations/{number:06d}.xml", _annotation(number, size, boxes).encode()


def _annotation(number: int, size: tuple[int, int], boxes: Sequence[Box]) -> str:
    objects = "".join(
        f"\t<object>\n\t\t<name>{box.name}</name>\n\t\t<pose>Unspecified</pose>\n"
        f"\t\t<truncated>{box.truncated:d}</truncated>\n"
        f"\t\t<difficult>{box.difficult:d}</difficult>\n"
        f"\t\t<bndbox>\n\t\t\t<xmin>{box.xmin}</xmin>\n\t\t\t<ymin>{box.ymin}</ymin>\n"
        f"\t\t\t<xmax>{box.xmax}</xmax>\n\t\t\t<ymax>{box.ymax}</ymax>\n"
        "\t\t</bndbox>\n\t</object>\n"
        for box in boxes
    )
    return (
        f"<annotation>\n\t<folder>VOC2007</folder>\n\t<filename>{number:06d}.jpg</filename>\n"
        f"\t<size>\n\t\t<width>{size[0]}</width>\n\t\t<height>{size[1]}</height>\n"
        f"\t\t<depth>3</depth>\n\t</size>\n\t<segmented>0</segmented>\n{objects}</annotation>\n"
    )


def voc_lists(world: World, folder: Path) -> dict[str, str]:
    """Return the lists of VOC2007/ImageSets/Main: 1 present, 0 only difficult ones, -1 absent."""
    lists = {}
    pictures = voc_pictures(world)
    annotations = folder / "VOC2007/Annotations"
    found = {number: _presence(annotations / f"{number:06d}.xml") for _, number in pictures}
    for split in ("trainval", "test"):
        numbers = [number for part, number in pictures if part == split]
        lists[f"{split}.txt"] = "".join(f"{number:06d}\n" for number in numbers)
        for name in sorted(read_pascal_roots()):
            rows = [f"{number:06d} {found[number].get(name, -1):2d}\n" for number in numbers]
            lists[f"{name}_{split}.txt"] = "".join(rows)
    return {f"VOC2007/ImageSets/Main/{name}": text for name, text in lists.items()}


def _presence(path: Path) -> dict[str, int]:
    """Return the names in an annotation of ours: 1 if any of its objects is easy, else 0."""
    found: dict[str, int] = {}
    for part in path.read_text(encoding="utf-8").split("<name>")[1:]:
        name = part.split("<")[0]
        easy = int("<difficult>0<" in part)
        found[name] = max(found.get(name, 0), easy)
    return found


def _scene_spec(world: World, part: str) -> Mapping[str, Any]:
    """Return a part's section of the spec; UserError if it asks for more classes than scenes."""
    spec = world.spec[part]
    if spec["classes"] > len(SCENES):
        raise UserError(
            f"miniature.{part}.classes: {spec['classes']} is more than there are scenes: "
            f"give at most {len(SCENES)}."
        )
    return spec


def sun_pictures(world: World) -> Pictures:
    """Return (class, number) of every picture."""
    spec = _scene_spec(world, "sun")
    numbers = range(spec["train"] + spec["test"])
    return [(name, number) for name in world.scenes for number in numbers]


def _sun_path(name: str, number: int) -> str:
    letters = string.ascii_lowercase
    code = "".join(letters[number // 26**power % 26] for power in (3, 2, 1, 0))
    return f"{name[0]}/{name}/sun_{code}{hashlib.sha256(name.encode()).hexdigest()[:8]}.jpg"


def sun_files(world: World, name: str, number: int) -> Files:
    """Yield one picture of a place."""
    rng = world.rng("sun397", name, number)
    picture = scene_picture(
        rng, name, world.scenes[name], world.taxonomy, world.spec["sun"]["size"], world.fresh
    )
    yield _sun_path(name, number), encode(picture)


def sun_lists(world: World, folder: Path) -> dict[str, str]:
    """Return the list of classes and the first partition."""
    train = world.spec["sun"]["train"]
    names = sorted(world.scenes)
    lines: dict[str, list[str]] = {name: [] for name in names}
    for name, number in sun_pictures(world):
        lines[name].append(f"/{_sun_path(name, number)}\n")
    return {
        "Partitions/ClassName.txt": "".join(f"/{name[0]}/{name}\n" for name in names),
        "Partitions/Training_01.txt": "".join("".join(lines[name][:train]) for name in names),
        "Partitions/Testing_01.txt": "".join("".join(lines[name][train:]) for name in names),
    }


def places_pictures(world: World) -> Pictures:
    """Return (split, class, number) of every picture.

    The classes of the validation pictures are shuffled, as in Places.
    """
    spec = _scene_spec(world, "places")
    names = list(world.places)
    numbers = range(1, spec["train"] + 1)
    train: Pictures = [("train", name, number) for name in names for number in numbers]
    shuffled = world.rng("places365", "val").permutation(len(names) * spec["val"]).tolist()
    return train + [("val", names[k % len(names)], number) for number, k in enumerate(shuffled, 1)]


def _place_file(split: str, name: str, number: int) -> str:
    """Return the file as Places' lists name it."""
    if split == "val":
        return f"Places365_val_{number:08d}.jpg"
    return f"/{name[0]}/{name}/{number:08d}.jpg"


def places_files(world: World, split: str, name: str, number: int) -> Files:
    """Yield one picture of a place."""
    rng = world.rng("places365", split, name, number)
    picture = scene_picture(
        rng, name, world.places[name], world.taxonomy, world.spec["places"]["size"], world.stocked
    )
    folder = {"train": "data_256_standard", "val": "val_256"}[split]
    yield f"{folder}/{_place_file(split, name, number).lstrip('/')}", encode(picture)


def places_lists(world: World, folder: Path) -> dict[str, str]:
    """Return the categories and the two lists of Places365."""
    labels = {name: label for label, name in enumerate(world.places)}
    categories = [f"/{name[0]}/{name} {label}\n" for name, label in labels.items()]
    lines = {"train": [], "val": []}
    for split, name, number in places_pictures(world):
        lines[split].append(f"{_place_file(split, name, number)} {labels[name]}\n")
    return {
        "categories_places365.txt": "".join(categories),
        "places365_train_standard.txt": "".join(lines["train"]),
        "places365_val.txt": "".join(lines["val"]),
    }
