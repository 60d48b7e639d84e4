"""The data of the rehearsal: small pictures in the real layouts, as many as the paper has.

The miniature's renderer draws each of the 1,000 ILSVRC classes, as looks are inherited down
WordNet. At about 3 ms per picture 1.35 million would take over an hour, so a class has DISTINCT
training pictures and copies of them: separate files whose bytes differ by a JPEG comment. Scenes
beyond the renderer's sixty look like one of these. See rehearsal.py.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from imagenet_transfer.labels.taxonomy import (
    Taxonomy,
    read_classes,
    read_pascal_roots,
    taxonomy_for,
)
from imagenet_transfer.running.progress import Progress
from imagenet_transfer.seeds import seed_of
from miniature_world import render_part, synsets_drawn
from miniature_world.scenes import (
    SCENES,
    object_picture,
    place_object,
    scene_classes,
    scene_picture,
)
from miniature_world.world import encode

SEED = 2016
SIZE = 32  # pixels
DISTINCT = 100  # training pictures per class; more are copies
VALIDATION = 50  # validation pictures per class, all distinct
SUN_CLASSES = 397
SUN_IMAGES = {"train": 4, "test": 4}  # per class
PLACES_CLASSES = 365
PLACES_IMAGES = {"train": 12, "val": 2}  # per class
VOC = {"trainval": 60, "test": 40, "size": [128, 96]}
ACTION = {"train": 60, "val": 40, "size": [128, 96]}

Files = Iterable[tuple[str, bytes | Path]]  # name and content, or a file to link to


def validation_images(images: int) -> int:
    """Return the validation images that go with a class's training images: 50 with 1,300."""
    return max(1, round(images / 26))


def write_folder(folder: Path, files: Files) -> None:
    """Write a folder that is whole or absent; an existing one stays as it is."""
    if folder.is_dir():
        return
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, content in files:
        path = temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(content) if isinstance(content, Path) else path.write_bytes(content)
    temporary.rename(folder)


def render_pool(pool: Path, wnids: list[str]) -> None:
    """Render the distinct pictures of all classes as pool/<wnid>/<number>.JPEG, training first."""
    cv2.setNumThreads(1)
    taxonomy = taxonomy_for([*wnids, *synsets_drawn()])
    progress = Progress(len(wnids), {"classes": 1})
    for wnid in wnids:
        write_folder(pool / wnid, _pictures(wnid, taxonomy))
        progress.advance()


def _pictures(wnid: str, taxonomy: Taxonomy) -> Files:
    for number in range(1, DISTINCT + VALIDATION + 1):
        rng = np.random.default_rng(seed_of(SEED, "rehearsal", wnid, number))
        yield f"{number}.JPEG", encode(object_picture(rng, wnid, taxonomy, SIZE))


def lay_out_ilsvrc(pool: Path, root: Path, wnids: list[str], images: int) -> None:
    """Write root/train, with `images` per class, and root/val: hard links, and copies."""
    held_out = validation_images(images)
    progress = Progress(len(wnids), {"classes": 1})
    for index, wnid in enumerate(wnids):
        write_folder(root / "train" / wnid, _training_files(pool / wnid, wnid, images))
        numbers = range(index * held_out + 1, (index + 1) * held_out + 1)
        names = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in numbers]
        pictures = [pool / wnid / f"{DISTINCT + k}.JPEG" for k in range(1, held_out + 1)]
        write_folder(root / "val" / wnid, zip(names, pictures, strict=True))
        progress.advance()


def _training_files(pictures: Path, wnid: str, images: int) -> Files:
    for number in range(1, min(images, DISTINCT) + 1):
        yield f"{wnid}_{number}.JPEG", pictures / f"{number}.JPEG"
    originals = [(pictures / f"{number}.JPEG").read_bytes() for number in range(1, DISTINCT + 1)]
    for number in range(DISTINCT + 1, images + 1):
        original = originals[(number - 1) % DISTINCT]
        yield f"{wnid}_{number}.JPEG", commented(original, f"copy {number}")


def commented(jpeg: bytes, text: str) -> bytes:
    """Return a JPEG with a comment after its first marker: other bytes, the same pixels."""
    comment = text.encode()
    length = (len(comment) + 2).to_bytes(2, "big")  # two bytes, which it counts as well
    return jpeg[:2] + b"\xff\xfe" + length + comment + jpeg[2:]


def lay_out_voc(root: Path, part: str, spec: dict) -> None:
    """Render VOC2007, or VOC2012 with actions, below `root`."""
    if root.is_dir():
        return
    wnids = read_classes("miniature")
    render_part(part, root, spec, wnids, taxonomy_for([*wnids, *synsets_drawn()]), SEED, workers=1)


def voc_spec() -> dict:
    """Return the spec of scenes with all twenty objects."""
    return {"voc": {**VOC, "objects": sorted(read_pascal_roots())}}


def scene_names(number: int) -> list[str]:
    """Return names of scene classes, ascending: the renderer's, repeated with a number."""
    known = list(SCENES)
    again = (f"{known[k % len(known)]}_{k // len(known) + 1}" for k in range(len(known), number))
    return sorted([*known[:number], *again])


def scene_pictures(name: str, number: int) -> Iterator[bytes]:
    """Yield `number` pictures of a scene class, each drawn on its own."""
    scene = name if name in SCENES else name.rpartition("_")[0]
    wnids, taxonomy = _scene_world()
    synsets = scene_classes(list(SCENES), wnids, "scene")[scene]
    for index in range(number):
        rng = np.random.default_rng(seed_of(SEED, "rehearsal", name, index))
        fresh = partial(_object, taxonomy=taxonomy)
        yield encode(scene_picture(rng, scene, synsets, taxonomy, SIZE, fresh))


def _object(rng: np.random.Generator, wnid: str, taxonomy: Taxonomy) -> object:
    return place_object(rng, wnid, taxonomy, SIZE)


_WORLD: list[tuple[tuple[str, ...], Taxonomy]] = []


def _scene_world() -> tuple[tuple[str, ...], Taxonomy]:
    if not _WORLD:
        wnids = tuple(read_classes("miniature"))
        _WORLD.append((wnids, taxonomy_for([*wnids, *synsets_drawn()])))
    return _WORLD[0]


def lay_out_sun(root: Path) -> None:
    """Write SUN397 with all its 397 classes and its first partition."""
    write_folder(root, _sun_files())


def _sun_files() -> Files:
    lines: dict[str, list[str]] = {"Training": [], "Testing": []}
    names = scene_names(SUN_CLASSES)
    for name in names:
        code = hashlib.sha256(name.encode()).hexdigest()[:12]
        for index, picture in enumerate(scene_pictures(name, sum(SUN_IMAGES.values()))):
            path = f"{name[0]}/{name}/sun_{index}{code}.jpg"
            lines["Training" if index < SUN_IMAGES["train"] else "Testing"].append(f"/{path}\n")
            yield path, picture
    yield "Partitions/ClassName.txt", "".join(f"/{name[0]}/{name}\n" for name in names).encode()
    for title, paths in lines.items():
        yield f"Partitions/{title}_01.txt", "".join(paths).encode()


def lay_out_places(root: Path) -> None:
    """Write Places365 with all its 365 classes."""
    write_folder(root, _places_files())


def _places_files() -> Files:
    train = []
    val = []
    names = scene_names(PLACES_CLASSES)
    for label, name in enumerate(names):
        for index, picture in enumerate(scene_pictures(name, sum(PLACES_IMAGES.values()))):
            if index < PLACES_IMAGES["train"]:
                path = f"{name[0]}/{name}/{index + 1:08d}.jpg"
                train.append(f"/{path} {label}\n")
                yield f"data_256_standard/{path}", picture
            else:
                val.append(f"Places365_val_{len(val) + 1:08d}.jpg {label}\n")
                yield f"val_256/{val[-1].split()[0]}", picture
    categories = "".join(f"/{name[0]}/{name} {label}\n" for label, name in enumerate(names))
    yield "categories_places365.txt", categories.encode()
    yield "places365_train_standard.txt", "".join(train).encode()
    yield "places365_val.txt", "".join(val).encode()
