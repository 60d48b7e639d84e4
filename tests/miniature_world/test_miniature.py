"""What is rendered: layouts, contact sheet, folders and processes."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
from conftest import ROOT
from defusedxml import ElementTree
from matplotlib.figure import Figure
from small_world import CLASSES, SPEC, TAXONOMY, files_of, render

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import is_alive
from imagenet_transfer.labels.taxonomy import read_pascal_roots
from miniature_world import contact_sheet, render_part
from miniature_world.acts import ACTIONS
from miniature_world.scenes import SCENES
from miniature_world.world import World


@pytest.mark.parametrize("part", ["ilsvrc", "voc2007", "sun397", "voc2012", "places365"])
def test_same_seed_gives_same_bytes_and_another_seed_does_not(part, tmp_path):
    first, again, other = (
        render(part, tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first["digest"] != other["digest"]
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_workers_do_not_matter(tmp_path):
    """Of Places, whose pictures share what their process has drawn before."""
    spec = SPEC | {"places": {"classes": 3, "train": 40, "val": 2, "size": 32}}
    one = render_part("places365", tmp_path / "one", spec, CLASSES[:8], TAXONOMY, 1, 1)
    two = render_part("places365", tmp_path / "two", spec, CLASSES[:8], TAXONOMY, 1, 2)
    assert one["images"] > 64  # more than one chunk
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
    spec = SPEC | {"voc": SPEC["voc"] | {"test": 60}}
    render_part("voc2007", tmp_path / "VOCdevkit", spec, CLASSES[::8], TAXONOMY, 1, 1)
    root = tmp_path / "VOCdevkit" / "VOC2007"
    assert len(list((root / "JPEGImages").glob("*.jpg"))) == 65
    assert len(list((root / "Annotations").glob("*.xml"))) == 65
    assert (root / "ImageSets/Main/trainval.txt").read_text().split() == [
        f"{n:06d}" for n in range(1, 6)
    ]
    labels = {path.stem: [] for path in (root / "ImageSets/Main").glob("*_test.txt")}
    assert set(labels) == {f"{name}_test" for name in read_pascal_roots()}
    for path in sorted((root / "Annotations").glob("*.xml")):
        things = list(ElementTree.parse(path).iter("object"))
        assert things
        for name, lines in labels.items():
            own = [thing for thing in things if f"{thing.findtext('name')}_test" == name]
            easy = any(thing.findtext("difficult") == "0" for thing in own)
            lines.append(f"{path.stem} {int(easy) if own else -1:2d}")
        for thing in things:
            assert thing.findtext("name") in SPEC["voc"]["objects"]
            xmin, ymin, xmax, ymax = (
                int(thing.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")
            )
            assert 1 <= xmin <= xmax <= 128
            assert 1 <= ymin <= ymax <= 96
    for name, lines in labels.items():
        listed = (root / f"ImageSets/Main/{name}.txt").read_text().splitlines()
        assert listed == lines[5:]  # the first five are trainval
    assert {line.split()[1] for lines in labels.values() for line in lines} == {"-1", "0", "1"}


def test_sun_layout(tmp_path):
    render("sun397", tmp_path / "SUN397")
    lists = {
        name: (tmp_path / f"SUN397/Partitions/{name}.txt").read_text().split()
        for name in ("Training_01", "Testing_01")
    }
    assert (len(lists["Training_01"]), len(lists["Testing_01"])) == (3 * 2, 3 * 3)
    assert all(
        (tmp_path / "SUN397" / line[1:]).is_file() for lines in lists.values() for line in lines
    )
    classes = (tmp_path / "SUN397/Partitions/ClassName.txt").read_text().split()
    assert classes == ["/b/beach", "/k/kitchen", "/s/street"]


def test_places_layout(tmp_path):
    """The reader finds what was rendered: other scenes than SUN's first three, labels by name."""
    render("places365", tmp_path / "Places365")
    listing = list_dataset(
        {"layout": "places365", "root": tmp_path / "Places365", "images": {"train": 6, "val": 4}}
    )
    assert listing.classes == ("f/forest/path", "p/pasture")
    assert listing.images["class"].value_counts().to_dict() == {"f/forest/path": 5, "p/pasture": 5}
    assert "p/pasture/00000003" in set(listing.images.image)
    assert (tmp_path / "Places365" / listing.images.path[0]).is_file()


def test_places_take_the_scenes_of_sun_last():
    first, *_, last = SCENES
    wanted = {"sun": {"classes": len(SCENES) - 1}, "places": {"classes": 2}}
    world = World(wanted, CLASSES, TAXONOMY, 1)
    assert set(world.places) == {first, last}
    assert world.places[first] != world.scenes[first]


@pytest.mark.parametrize(("part", "section"), [("sun397", "sun"), ("places365", "places")])
def test_more_scenes_than_there_are(part, section, tmp_path):
    spec = SPEC | {section: SPEC[section] | {"classes": len(SCENES) + 1}}
    with pytest.raises(
        UserError, match=rf"miniature.{section}.classes: {len(SCENES) + 1} is more than"
    ):
        render_part(part, tmp_path / "root", spec, CLASSES, TAXONOMY, 1, 1)


def test_action_layout(tmp_path):
    render("voc2012", tmp_path / "VOCdevkit")
    root = tmp_path / "VOCdevkit" / "VOC2012"
    lists = {
        path.stem: path.read_text().splitlines()
        for path in (root / "ImageSets" / "Action").iterdir()
    }
    assert set(lists) == {
        "_".join(filter(None, (action, split)))
        for action in ("", *ACTIONS, "other")
        for split in ("train", "val", "trainval")
    }
    assert lists["trainval"] == lists["train"] + lists["val"]
    assert (root / "ImageSets/Main/val.txt").read_text().split() == [
        f"2012_{n:06d}" for n in range(8, 13)
    ]
    assert lists["train"] == [
        f"2012_{n:06d}" for n in range(1, 8)
    ]  # images alone, as in PASCAL's own
    assert {line.split()[0] for line in lists["walking_train"]} == set(lists["train"])
    for line in lists["walking_trainval"]:
        name, index, _ = line.split()
        thing = ElementTree.parse(root / f"Annotations/{name}.xml").findall("object")[
            int(index) - 1
        ]
        assert thing.findtext("name") == "person"
        assert [corner.tag for corner in thing.find("bndbox")] == ["xmax", "xmin", "ymax", "ymin"]
        xmin, ymin, xmax, ymax = (
            int(thing.findtext(f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")
        )
        assert 1 <= xmin < xmax <= 128
        assert 1 <= ymin < ymax <= 96
        for action in (*ACTIONS, "other"):
            (label,) = (
                row.split()[2]
                for row in lists[f"{action}_trainval"]
                if row.split()[:2] == [name, index]
            )
            assert thing.findtext(f"actions/{action}") == ("1" if label == "1" else "0")


@pytest.mark.parametrize(
    "parts", [("ilsvrc", "voc2007", "sun397", "voc2012", "places365"), ("voc2012",)]
)
def test_contact_sheet_of_the_parts_there_are(parts, tmp_path, monkeypatch):
    roots = {part: tmp_path / part for part in parts}
    for part, root in roots.items():
        render(part, root)
    drawn = []
    save = Figure.savefig

    def count(figure, path, **options):
        panels = figure.axes
        drawn.append([(len(panel.images), len(panel.patches)) for panel in panels])
        save(figure, path, **options)

    monkeypatch.setattr(Figure, "savefig", count)
    contact_sheet.contact_sheet(roots, TAXONOMY, CLASSES[::8], tmp_path / "sheet.png")
    height, width, _ = cv2.imread(str(tmp_path / "sheet.png")).shape
    assert (height > width) == (len(parts) > 1)
    objects = objects_in(tmp_path / "voc2007/VOC2007")
    people = [thing for thing in objects_in(tmp_path / "voc2012/VOC2012") if "<actions>" in thing]
    counts = {
        "ilsvrc": (8 * 2, 0),  # pictures, boxes
        "voc2007": (9, len(objects)),
        "voc2012": (12, len(people)),
        "sun397": (3 * 3, 0),
        "places365": (2 * 3, 0),
    }
    assert drawn == [[counts[part] for part in contact_sheet.DRAWN if part in parts]]


def objects_in(root):
    """Return the text of each object in the annotations of a VOC folder."""
    texts = [path.read_text() for path in (root / "Annotations").glob("*.xml")]
    return [part for text in texts for part in text.split("<object>")[1:]]


def test_contact_sheet_names_what_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"categories_places365.txt cannot be read"):
        contact_sheet.contact_sheet(
            {"places365": tmp_path}, TAXONOMY, CLASSES, tmp_path / "sheet.png"
        )


RENDERING = """
import sys
from multiprocessing import active_children
from pathlib import Path
from threading import Thread
from time import sleep
sys.path[:0] = sys.argv[2:]
from small_world import CLASSES, SPEC, TAXONOMY
from miniature_world import render_part

def tell():
    while len(active_children()) < 2:
        sleep(0.01)
    sleep(1)  # the workers start
    print(*(child.pid for child in active_children()), flush=True)

if __name__ == "__main__":
    Thread(target=tell, daemon=True).start()
    spec = SPEC | {"train_per_class": 100_000}
    render_part("ilsvrc", Path(sys.argv[1]), spec, CLASSES[:4], TAXONOMY, 1, 2)
"""


def test_workers_end_with_a_killed_process(tmp_path):
    (tmp_path / "rendering.py").write_text(RENDERING)
    folders = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]
    command = [sys.executable, tmp_path / "rendering.py", tmp_path / "root", *folders]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    workers = [int(number) for number in running.stdout.readline().split()]
    assert len(workers) == 2
    assert all(map(is_alive, workers))
    running.kill()
    running.wait()
    limit = time.monotonic() + 10
    while any(map(is_alive, workers)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not any(map(is_alive, workers))


def test_rendering_replaces_what_was_there(tmp_path):
    (tmp_path / "ilsvrc" / "train" / "old").mkdir(parents=True)
    render("ilsvrc", tmp_path / "ilsvrc")
    assert not (tmp_path / "ilsvrc" / "train" / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["ilsvrc"]


def test_unwritable_folder_is_told_to_the_user(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        render("ilsvrc", tmp_path / "file" / "ilsvrc")


def imported_by(path):
    """Return the modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return names


def test_the_world_and_the_package_stay_apart():
    """The world imports labels, seeds, files, errors and lines of progress; nothing imports it."""
    rooms = set()
    for path in (ROOT / "miniature_world").rglob("*.py"):
        names = [name.split(".") for name in imported_by(path)]
        rooms |= {name[1] for name in names if name[0] == "imagenet_transfer" and len(name) > 1}
    assert rooms == {"labels", "seeds", "files", "errors", "running"}
    for path in (ROOT / "imagenet_transfer").rglob("*.py"):
        assert not any(name.startswith("miniature_world") for name in imported_by(path)), path
