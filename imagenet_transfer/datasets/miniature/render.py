"""Writers of the miniature world: the layouts of ILSVRC2012, VOC2007 and SUN397, in parallel, by seed alone."""

import errno
import functools
import hashlib
import multiprocessing
import shutil
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from imagenet_transfer.datasets.miniature.looks import look_of
from imagenet_transfer.datasets.miniature.scenes import (
    SCENES,
    Box,
    classes_below,
    detection_picture,
    object_picture,
    scene_classes,
    scene_picture,
)
from imagenet_transfer.errors import UserError
from imagenet_transfer.seeds import seed_of
from imagenet_transfer.taxonomy import Taxonomy, read_pascal_roots

JPEG_OPTIONS = [
    cv2.IMWRITE_JPEG_QUALITY,
    92,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]
CHUNK = 64

Jobs = list[tuple[Any, ...]]
Files = Iterator[tuple[str, bytes]]


def render_part(
    part: str, root: Path, spec: Mapping[str, Any], wnids: Sequence[str], taxonomy: Taxonomy, seed: int, workers: int
) -> dict[str, Any]:
    """Render one part of the miniature world below `root` and return its counts and a digest of all its files.

    `part` is "ilsvrc" (root/train, root/val), "voc2007" (root/VOC2007) or "sun397" (root/<letter>, root/Partitions);
    `spec` is the config's section `miniature`. What is written depends on the spec, the classes and the seed, not on
    `workers`. The folder is whole or absent: it is rendered beside `root` and takes its name at the end.
    Raises UserError if the disk is full or cannot be written, or if the spec asks for more than there is.
    """
    world = World(spec, tuple(sorted(wnids)), taxonomy, seed)
    root = Path(root)
    temporary = root.with_name(f".{root.name}.{part}.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        summary = _render(PARTS[part], world, temporary, workers)
        shutil.rmtree(root, ignore_errors=True)
        temporary.replace(root)
    except OSError as error:
        raise _disk_error(error, root) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {"part": part, "seed": seed, "classes": len(world.wnids), **summary}


def _disk_error(error: OSError, root: Path) -> UserError:
    reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
    return UserError(f"{root}: the miniature world cannot be written ({reason}). Make room or choose another folder.")


class World:
    """What every picture depends on: the spec, the classes, their taxonomy, the seed."""

    def __init__(self, spec: Mapping[str, Any], wnids: tuple[str, ...], taxonomy: Taxonomy, seed: int):
        self.spec, self.wnids, self.taxonomy, self.seed = spec, wnids, taxonomy, seed

    def rng(self, *parts: str | int) -> np.random.Generator:
        """Return the generator of one picture, named by its place in the world."""
        return np.random.default_rng(seed_of(self.seed, "miniature", *parts))

    @functools.cached_property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """The synsets that each detected object may be drawn as: the study's below its root, else the root itself."""
        roots = read_pascal_roots()
        named = {name: roots[name] for name in self.spec["voc"]["objects"]}
        return {name: classes_below(root, self.wnids, self.taxonomy) or (root,) for name, root in named.items()}

    @functools.cached_property
    def distractors(self) -> tuple[str, ...]:
        """The study's synsets below none of PASCAL's twenty roots and with the body plan of no detected object."""
        roots = set(read_pascal_roots().values())
        others = [wnid for wnid in self.wnids if not roots & self.taxonomy.ancestors(wnid)]
        taken = {look_of(wnid, self.taxonomy).plan for wnids in self.choices.values() for wnid in wnids}
        return tuple(wnid for wnid in others if look_of(wnid, self.taxonomy).plan not in taken)

    @functools.cached_property
    def scenes(self) -> dict[str, tuple[str, ...]]:
        """The scene classes with their characteristic synsets."""
        return scene_classes(self.spec["sun"]["classes"], self.wnids)


def encode(picture: np.ndarray) -> bytes:
    """Return an RGB picture as JPEG bytes, quality 92, chroma unreduced."""
    return cv2.imencode(".jpg", picture[..., ::-1], JPEG_OPTIONS)[1].tobytes()


def _ilsvrc_jobs(world: World) -> Jobs:
    train, val = world.spec["train_per_class"], world.spec["val_per_class"]
    jobs: Jobs = [("train", wnid, n) for wnid in world.wnids for n in range(1, train + 1)]
    return jobs + [("val", wnid, k * val + n) for k, wnid in enumerate(world.wnids) for n in range(1, val + 1)]


def _ilsvrc_files(world: World, split: str, wnid: str, number: int) -> Files:
    name = f"{wnid}_{number}" if split == "train" else f"ILSVRC2012_val_{number:08d}"
    picture = object_picture(world.rng(split, wnid, number), wnid, world.taxonomy, world.spec["image_size"])
    yield f"{split}/{wnid}/{name}.JPEG", encode(picture)


def _voc_jobs(world: World) -> Jobs:
    split_of = ["trainval"] * world.spec["voc"]["trainval"] + ["test"] * world.spec["voc"]["test"]
    return [(split, number) for number, split in enumerate(split_of, 1)]


def _voc_files(world: World, split: str, number: int) -> Files:
    size = tuple(world.spec["voc"]["size"])
    rng = world.rng("voc2007", split, number)
    picture, boxes = detection_picture(rng, world.choices, world.distractors, world.taxonomy, size)
    yield f"VOC2007/JPEGImages/{number:06d}.jpg", encode(picture)
    yield f"VOC2007/Annotations/{number:06d}.xml", _annotation(number, size, boxes).encode()


def _annotation(number: int, size: tuple[int, int], boxes: Sequence[Box]) -> str:
    objects = "".join(
        f"\t<object>\n\t\t<name>{box.name}</name>\n\t\t<pose>Unspecified</pose>\n"
        f"\t\t<truncated>{box.truncated:d}</truncated>\n\t\t<difficult>{box.difficult:d}</difficult>\n"
        f"\t\t<bndbox>\n\t\t\t<xmin>{box.xmin}</xmin>\n\t\t\t<ymin>{box.ymin}</ymin>\n"
        f"\t\t\t<xmax>{box.xmax}</xmax>\n\t\t\t<ymax>{box.ymax}</ymax>\n\t\t</bndbox>\n\t</object>\n"
        for box in boxes
    )
    return (
        f"<annotation>\n\t<folder>VOC2007</folder>\n\t<filename>{number:06d}.jpg</filename>\n"
        f"\t<size>\n\t\t<width>{size[0]}</width>\n\t\t<height>{size[1]}</height>\n\t\t<depth>3</depth>\n\t</size>\n"
        f"\t<segmented>0</segmented>\n{objects}</annotation>\n"
    )


def _voc_lists(world: World, folder: Path) -> dict[str, str]:
    """Return the lists of VOC2007/ImageSets/Main: 1 there, 0 difficult ones only, -1 absent."""
    lists = {}
    jobs = _voc_jobs(world)
    found = {number: _presence(folder / f"VOC2007/Annotations/{number:06d}.xml") for _, number in jobs}
    for split in ("trainval", "test"):
        numbers = [number for part, number in jobs if part == split]
        lists[f"{split}.txt"] = "".join(f"{number:06d}\n" for number in numbers)
        for name in sorted(read_pascal_roots()):
            rows = [f"{number:06d} {found[number].get(name, -1):2d}\n" for number in numbers]
            lists[f"{name}_{split}.txt"] = "".join(rows)
    return {f"VOC2007/ImageSets/Main/{name}": text for name, text in lists.items()}


def _presence(path: Path) -> dict[str, int]:
    """Return the names in one of our own annotations: 1 if any object of the name is not difficult, else 0."""
    found: dict[str, int] = {}
    for part in path.read_text(encoding="utf-8").split("<name>")[1:]:
        name, easy = part.split("<")[0], int("<difficult>0<" in part)
        found[name] = max(found.get(name, 0), easy)
    return found


def _sun_jobs(world: World) -> Jobs:
    spec = world.spec["sun"]
    if spec["classes"] > len(SCENES):
        raise UserError(f"miniature.sun.classes: {spec['classes']} is more than the {len(SCENES)} scenes there are.")
    numbers = range(spec["train"] + spec["test"])
    return [(name, number) for name in world.scenes for number in numbers]


def _sun_path(name: str, number: int) -> str:
    letters = string.ascii_lowercase
    code = "".join(letters[number // 26**power % 26] for power in (3, 2, 1, 0))
    return f"{name[0]}/{name}/sun_{code}{hashlib.sha256(name.encode()).hexdigest()[:8]}.jpg"


def _sun_files(world: World, name: str, number: int) -> Files:
    rng = world.rng("sun397", name, number)
    picture = scene_picture(rng, name, world.scenes[name], world.taxonomy, world.spec["sun"]["size"])
    yield _sun_path(name, number), encode(picture)


def _sun_lists(world: World, folder: Path) -> dict[str, str]:
    train = world.spec["sun"]["train"]
    names = sorted(world.scenes)
    paths = {name: [f"/{_sun_path(name, number)}\n" for _, number in _sun_jobs(world) if _ == name] for name in names}
    return {
        "Partitions/ClassName.txt": "".join(f"/{name[0]}/{name}\n" for name in names),
        "Partitions/Training_01.txt": "".join(line for name in names for line in paths[name][:train]),
        "Partitions/Testing_01.txt": "".join(line for name in names for line in paths[name][train:]),
    }


Part = tuple[Callable[[World], Jobs], Callable[..., Files], Callable[[World, Path], dict[str, str]]]
PARTS: dict[str, Part] = {
    "ilsvrc": (_ilsvrc_jobs, _ilsvrc_files, lambda world, folder: {}),
    "voc2007": (_voc_jobs, _voc_files, _voc_lists),
    "sun397": (_sun_jobs, _sun_files, _sun_lists),
}


def _render(part: Part, world: World, folder: Path, workers: int) -> dict[str, Any]:
    jobs_of, files_of, lists_of = part
    jobs = jobs_of(world)
    chunks = [jobs[k : k + CHUNK] for k in range(0, len(jobs), CHUNK)]
    digest = hashlib.sha256()
    for written in _mapped(functools.partial(_write_chunk, files_of, world, folder), chunks, workers):
        digest.update(written.encode())
    for name, text in lists_of(world, folder).items():
        digest.update(_write(folder, name, text.encode()).encode())
    return {"images": len(jobs), "digest": digest.hexdigest()}


def _mapped(function: Callable[[Jobs], str], chunks: list[Jobs], workers: int) -> Iterator[str]:
    if workers <= 1 or len(chunks) <= 1:
        yield from map(function, chunks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(chunks)), context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from pool.map(function, chunks)


def _write_chunk(files_of: Callable[..., Files], world: World, folder: Path, jobs: Jobs) -> str:
    """Write the files of some jobs; return their names and digests as one text."""
    return "".join(_write(folder, name, data) for job in jobs for name, data in files_of(world, *job))


def _write(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f"{name} {hashlib.sha256(data).hexdigest()}\n"
