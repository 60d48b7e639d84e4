"""The check of data sets on disk: what is there, what cannot be read, what is there twice."""

import io
import time

import numpy as np
import own_sets
import pytest
import small_sets
from helpers import image_bytes, smooth_picture, write_file
from PIL import Image

from imagenet_transfer.data import inspection
from imagenet_transfer.data.codecs import decode
from imagenet_transfer.data.copies import copies_within, exact_copies, look_of, near_copies
from imagenet_transfer.data.inspection import check_datasets
from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError

STORE = {"store": {"codec": "raw", "size": 8, "max_unreadable": 0}}


def check(capsys, wnids=(), markers=None, **datasets) -> tuple[str, str]:
    """Return what is printed of data sets, and the error at the end."""
    entries = {name: STORE | entry for name, entry in datasets.items()}
    error = ""
    try:
        check_datasets(entries, {name: wnids for name in entries}, markers or {}, threads=2)
    except UserError as caught:
        error = str(caught)
    return capsys.readouterr().out, error


def rows_of(said: str) -> list[list[str]]:
    """Return the cells of the table's rows."""
    table = said.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in table]


# --- copies ---------------------------------------------------------------------------------------


def look(data: bytes):
    return look_of(data, decode(data))


def photograph(seed: int) -> Image.Image:
    """Return a picture with soft shapes and some grain."""
    pixels = np.asarray(smooth_picture(seed, 90, 120)).astype(int)
    grain = np.random.default_rng(seed).integers(-9, 10, pixels.shape)
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def saved(image: Image.Image, quality: int = 90) -> bytes:
    return image_bytes(image, quality=quality)


SOUND = {f"{seed}": look(saved(photograph(seed))) for seed in range(30)}


@pytest.mark.parametrize(
    "change",
    [
        lambda image: saved(image, 60),
        lambda image: image_bytes(image, "PNG"),
        lambda image: saved(image.resize((60, 45))),
        lambda image: saved(image.resize((480, 360)), 75),
    ],
    ids=["quality", "another format", "smaller", "larger"],
)
def test_near_copies_are_found_and_no_others(change):
    changed = {f"copy of {seed}": look(change(photograph(seed))) for seed in range(10)}
    assert near_copies(changed, SOUND) == [(f"copy of {seed}", f"{seed}") for seed in range(10)]
    assert exact_copies(changed, SOUND) == []


def test_other_pictures_are_no_copies():
    others = {f"{seed}": look(saved(photograph(seed))) for seed in range(100, 140)}
    assert near_copies(others, SOUND) == exact_copies(others, SOUND) == []
    assert near_copies({}, SOUND) == near_copies(SOUND, {}) == []


def test_plain_pictures_of_other_colours_are_no_copies():
    """Their hashes are all equal."""
    plain = {
        name: look(image_bytes(Image.new("RGB", (20, 20), name), "PNG"))
        for name in ("red", "blue", "white", "black")
    }
    assert len({found.bits for found in plain.values()}) == 1
    assert near_copies(plain, plain) == []


def test_exact_copies_are_not_called_near():
    copies = {"a": SOUND["3"], "b": SOUND["7"], "c": SOUND["3"]}
    assert exact_copies(copies, SOUND) == [("a", "3"), ("b", "7"), ("c", "3")]
    assert near_copies(copies, SOUND) == []
    assert copies_within(copies) == [("c", "a")]


def test_many_pictures_are_compared_quickly():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (12, 12, 3), dtype=np.uint8) for _ in range(1500)]
    looks = {f"{n}": look_of(b"%d" % n, pixels) for n, pixels in enumerate(pictures)}
    started = time.process_time()
    assert near_copies(looks, looks) == []
    assert time.process_time() - started < 3


# --- the report -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [*own_sets.MAKERS, own_sets.make_flat_folder])
def test_a_sound_data_set(tmp_path, capsys, make):
    said, error = check(capsys, pets=make(tmp_path))
    assert not error and "Warning" not in said
    assert "pets: all 10 images decoded and compared; nothing is wrong." in said
    sizes = "12×12, 12×12, 12×12"
    other = "test" if make is own_sets.make_flat_folder else "val"
    for row in rows_of(said):
        assert row[0] == "pets" and row[1] in ("train", other)
        assert row[3] == "2" and row[5] == sizes and row[2] == row[6]


def test_sizes_and_images_per_class(tmp_path, capsys):
    entry = own_sets.make_folder(tmp_path)
    for number, (width, height) in enumerate([(5, 4), (40, 30), (200, 10)]):
        picture = image_bytes(Image.new("RGB", (width, height), (number, 0, 0)), "PNG")
        write_file(tmp_path / f"train/cat/{number}.png", picture)
    (row,) = [row for row in rows_of(check(capsys, pets=entry)[0]) if row[1] == "train"]
    assert row[2:] == ["9", "2", "3 to 6", "5×4, 12×12, 200×10", "9"]


@pytest.mark.parametrize(
    "make, split, counts",
    [(small_sets.make_voc, "test", "0 to 1"), (small_sets.make_action, "val", "0 to 1")],
)
def test_data_sets_with_boxes(tmp_path, capsys, make, split, counts):
    entry = make(tmp_path)
    for path in tmp_path.rglob("reading_val.txt"):
        path.write_text(path.read_text().replace("-1", "1"))
    for seed, path in enumerate(sorted(tmp_path.rglob("*.jpg"))):
        path.write_bytes(saved(smooth_picture(seed, 30, 40)))
    said, error = check(capsys, scenes=entry)
    assert not error and "nothing is wrong" in said
    assert [row[1:2] + row[4:5] for row in rows_of(said) if row[1] == split] == [[split, counts]]
    path.write_bytes(saved(smooth_picture(9, 31, 40)))
    assert "scenes: 1 images do not have the width and height" in check(capsys, scenes=entry)[1]


def test_unreadable_images(tmp_path, capsys):
    entry = own_sets.make_folder(tmp_path)
    write_file(tmp_path / "train/cat/bad.png", b"no picture")
    said, error = check(capsys, pets=entry)
    assert "pets: 1 image cannot be read (train/cat/bad.png: cannot identify" in error
    assert "`max_unreadable` is 0: fetch them again" in error and "nothing is wrong" not in said
    entry |= {"store": {"codec": "raw", "size": 8, "max_unreadable": 1}}
    said, error = check(capsys, pets=entry)
    assert not error and "; `max_unreadable` allows 1." in said


def test_copies_are_warnings(tmp_path, capsys):
    entry = own_sets.make_folder(tmp_path)
    sound = (tmp_path / "train/cat/cat-train-0.png").read_bytes()
    write_file(tmp_path / "val/dog/again.png", sound)
    write_file(tmp_path / "train/dog/twice.png", sound)
    near = Image.open(io.BytesIO((tmp_path / "train/dog/dog-train-0.png").read_bytes()))
    write_file(tmp_path / "val/dog/near.png", image_bytes(near.point(lambda v: v ^ 1), "PNG"))
    said, error = check(capsys, pets=entry)
    assert not error
    assert (
        "Warning: pets: 1 images of train are there twice, 1 of them in another class (first: "
        "dog/twice = cat/cat-train-0)." in said
    )
    assert "1 images of val are also in train, byte for byte (first: dog/again = " in said
    assert (
        "1 images of val are also in train, nearly the same (first: dog/near = dog/dog-tr" in said
    )


def test_other_data_sets_are_checked_after_an_error(tmp_path, capsys):
    wrong = own_sets.make_folder(tmp_path / "a") | {"images": {"train": 7}}
    gone = {"layout": "folder", "root": str(tmp_path / "none")}
    said, error = check(capsys, a=wrong, b=gone, c=own_sets.make_list(tmp_path / "c"))
    assert "a: " in error and "has 6 train images, but the config's `images: train`" in error
    assert "\nError: b: " in error and "none is missing" in error
    assert {row[0] for row in rows_of(said)} == {"c"}


def test_what_is_not_rendered_yet_is_said(tmp_path, capsys):
    entry = {"layout": "ilsvrc", "root": str(tmp_path / "none"), "render": "ilsvrc"}
    marker = tmp_path / "data/miniature/ilsvrc.json"
    said, error = check(capsys, markers={"world": marker}, world=entry)
    assert not error and f"world is not rendered yet: `snakemake {marker}`" in said


def test_classes_of_wordnet_are_those_of_the_study(tmp_path, capsys):
    entry = small_sets.make_caffe(tmp_path)
    for seed, path in enumerate(sorted(tmp_path.rglob("*.JPEG"))):
        path.write_bytes(saved(smooth_picture(seed)))
    said, error = check(capsys, small_sets.WNIDS[:1], imagenet=entry)
    assert not error and [row[2:4] for row in rows_of(said)] == [["1", "1"], ["1", "1"]]


@pytest.mark.parametrize("make", own_sets.MAKERS)
def test_large_sets_are_sampled(tmp_path, capsys, make, monkeypatch):
    """By names: both files of one name are in the sample, or none."""
    monkeypatch.setattr(inspection, "LEAST", 40)
    monkeypatch.setattr(inspection, "MOST", 80)
    entry = make(tmp_path, splits={"train": 60, "val": 60})
    said, _ = check(capsys, pets=entry)
    assert [row[6] for row in rows_of(said)] == ["80", "80"]
    assert "pets: a sample of 160 images decoded and compared; nothing is wrong." in said
    monkeypatch.setattr(inspection, "SECONDS", 0)
    assert "a sample of 80 images" in check(capsys, pets=entry)[0]
    first = [set(found.image) for found in inspection._batches(list_dataset(entry).images, 1)]
    assert [len(found) for found in first] == [80, 80] and first[0].isdisjoint(first[1])


def test_images_of_one_name_are_sampled_together(tmp_path, monkeypatch):
    monkeypatch.setattr(inspection, "LEAST", 30)
    for seed, (split, name) in enumerate((s, n) for s in ("train", "val") for n in range(100)):
        label = own_sets.CLASSES[name % 2]
        write_file(tmp_path / split / label / f"{name}.png", own_sets.picture(seed))
    images = list_dataset({"layout": "folder", "root": str(tmp_path)}).images
    sampled = next(inspection._batches(images, 1))
    names = sampled["image"].str.rpartition("/")[2]
    assert names[sampled["split"] == "train"].tolist() == names[sampled["split"] == "val"].tolist()
    assert len(set(names)) == 30
