import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from defusedxml import ElementTree

from imagenet_transfer.datasets.miniature import render_part
from imagenet_transfer.datasets.miniature.drawing import Pose, draw_object
from imagenet_transfer.datasets.miniature.looks import genome_of, look_of
from imagenet_transfer.datasets.miniature.render import World
from imagenet_transfer.datasets.miniature.scenes import detection_picture
from imagenet_transfer.errors import UserError
from imagenet_transfer.taxonomy import RESOURCES, read_pascal_roots, read_wnids, taxonomy_for

CLASSES = read_wnids(RESOURCES / "classes" / "miniature.txt")
ALL_CLASSES = read_wnids(RESOURCES / "classes" / "ilsvrc2012.txt")
TAXONOMY = taxonomy_for(ALL_CLASSES)
SPEC = {
    "image_size": 64,
    "train_per_class": 2,
    "val_per_class": 1,
    "voc": {"objects": ["bird", "car", "cow", "dog"], "trainval": 5, "test": 4, "size": [128, 96]},
    "sun": {"classes": 3, "train": 2, "test": 3, "size": 64},
}


def render(part: str, root: Path, seed: int = 1, workers: int = 1, classes=CLASSES[::8]) -> dict:
    return render_part(part, root, SPEC, classes, TAXONOMY, seed, workers)


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("part", ["ilsvrc", "voc2007", "sun397"])
def test_same_seed_gives_same_bytes_and_another_seed_does_not(part, tmp_path):
    first, again, other = (render(part, tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first == again
    assert first["digest"] != other["digest"]
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_workers_do_not_matter(tmp_path):
    one = render("ilsvrc", tmp_path / "one", classes=CLASSES[:30])
    two = render("ilsvrc", tmp_path / "two", workers=2, classes=CLASSES[:30])
    assert one == two
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_ilsvrc_layout(tmp_path):
    summary = render("ilsvrc", tmp_path / "ilsvrc")
    names = list(files_of(tmp_path / "ilsvrc"))
    assert summary["images"] == len(names) == 8 * 3
    assert f"train/{CLASSES[0]}/{CLASSES[0]}_1.JPEG" in names
    assert f"val/{CLASSES[8]}/ILSVRC2012_val_00000002.JPEG" in names
    shapes = {cv2.imread(str(tmp_path / "ilsvrc" / name)).shape for name in names}
    assert len(shapes) > 1


def test_voc_layout(tmp_path):
    render("voc2007", tmp_path / "VOCdevkit")
    root = tmp_path / "VOCdevkit" / "VOC2007"
    assert len(list((root / "JPEGImages").glob("*.jpg"))) == len(list((root / "Annotations").glob("*.xml"))) == 9
    assert (root / "ImageSets/Main/trainval.txt").read_text().split() == [f"{n:06d}" for n in range(1, 6)]
    assert len((root / "ImageSets/Main/dog_test.txt").read_text().splitlines()) == 4
    for path in (root / "Annotations").glob("*.xml"):
        for thing in ElementTree.parse(path).iter("object"):
            assert thing.findtext("name") in SPEC["voc"]["objects"]
            xmin, ymin, xmax, ymax = (int(thing.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax"))
            assert 1 <= xmin <= xmax <= 128
            assert 1 <= ymin <= ymax <= 96


def test_sun_layout(tmp_path):
    render("sun397", tmp_path / "SUN397")
    lists = {
        name: (tmp_path / f"SUN397/Partitions/{name}.txt").read_text().split() for name in ("Training_01", "Testing_01")
    }
    assert (len(lists["Training_01"]), len(lists["Testing_01"])) == (3 * 2, 3 * 3)
    assert all((tmp_path / "SUN397" / line[1:]).is_file() for lines in lists.values() for line in lines)
    classes = (tmp_path / "SUN397/Partitions/ClassName.txt").read_text().split()
    assert classes == ["/b/beach", "/k/kitchen", "/s/street"]


def test_rendering_replaces_what_was_there(tmp_path):
    (tmp_path / "ilsvrc" / "train" / "old").mkdir(parents=True)
    render("ilsvrc", tmp_path / "ilsvrc")
    assert not (tmp_path / "ilsvrc" / "train" / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["ilsvrc"]


def test_unwritable_folder_is_told_to_the_user(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        render("ilsvrc", tmp_path / "file" / "ilsvrc")


def test_boxes_are_tight_around_what_is_drawn(monkeypatch):
    """On a flat ground without clutter, the boxes hold just the pixels that differ from it."""
    from imagenet_transfer.datasets.miniature import scenes

    flat = lambda rng, name, height, width, mood: (np.full((height, width, 3), 255, np.float32), 0.9)  # noqa: E731
    monkeypatch.setattr(scenes, "backdrop", flat)
    monkeypatch.setattr(scenes, "_clutter", lambda *args, **kwargs: None)
    monkeypatch.setattr(scenes, "lay_shadow", lambda *args: None)
    monkeypatch.setattr(scenes, "lit", lambda picture, rng: picture)
    world = World(SPEC, CLASSES, TAXONOMY, 1)
    for number in range(12):
        picture, boxes = detection_picture(world.rng("boxes", number), world.choices, (), TAXONOMY, (128, 96))
        drawn = np.abs(picture - 255).max(2) > 128
        covered = np.zeros_like(drawn)
        for box in boxes:
            inside = (slice(box.ymin - 1, box.ymax), slice(box.xmin - 1, box.xmax))
            covered[inside] = True
        assert boxes
        assert not (drawn & ~cv2.dilate(covered.astype(np.uint8), np.ones((3, 3))).astype(bool)).any()


def test_every_ilsvrc_class_can_be_drawn():
    start = time.monotonic()
    for wnid in ALL_CLASSES:
        sprite = draw_object(look_of(wnid, TAXONOMY), Pose(32), np.random.default_rng(0))
        assert sprite.alpha.max() == 1
        assert np.isfinite(sprite.rgb).all()
    assert time.monotonic() - start < 30


def test_siblings_look_closer_than_strangers():
    looks = [look_of(wnid, TAXONOMY) for wnid in CLASSES]
    siblings, strangers = [], []
    for k, one in enumerate(looks):
        for other in looks[:k]:
            near = set(one.lineage) & set(other.lineage)
            (siblings if len(near) >= 4 else strangers).append(np.linalg.norm(genome_of(one) - genome_of(other)))
    assert len(siblings) > 10
    assert np.mean(siblings) < 0.8 * np.mean(strangers)


def test_looks_do_not_depend_on_the_other_classes():
    alone = taxonomy_for(["n02099712"])
    assert np.array_equal(genome_of(look_of("n02099712", alone)), genome_of(look_of("n02099712", TAXONOMY)))


def test_class_list():
    assert len(CLASSES) == 64
    assert set(CLASSES) <= set(ALL_CLASSES)
    covered = {
        name for name, root in read_pascal_roots().items() if any(root in TAXONOMY.ancestors(w) for w in CLASSES)
    }
    assert len(covered) >= 15
    siblings = [sum(TAXONOMY.parent(wnid) == TAXONOMY.parent(other) for other in CLASSES) for wnid in CLASSES]
    assert sum(count > 1 for count in siblings) >= 20
