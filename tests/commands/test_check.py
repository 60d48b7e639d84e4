"""`python -m imagenet_transfer check`: what is printed of a folder is right and can be used."""

from pathlib import Path

import own_sets
import pytest
import small_sets
import yaml
from conftest import ROOT
from helpers import image_bytes, smooth_picture, write_file
from own_sets import SMALL_SETS

from imagenet_transfer.commands.commands import main
from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.proposed import slug
from imagenet_transfer.labels.taxonomy import read_classes
from imagenet_transfer.study.config_file import read_config
from imagenet_transfer.study.study import Study

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
STUDY = "study: mine\narchitectures:\n  small: {model: resnet18, image_size: 64, input_size: 56}\n"


def check(capsys, *words, status: int = 0) -> tuple[str, str]:
    """Return what the command prints before the entry (or as errors), and the entry's lines."""
    assert main(["check", *map(str, words)]) == status
    said = capsys.readouterr()
    before, _, entry = said.out.partition("\nIn a config:\n\n")
    return before + said.err, entry


def use(entry: str, folder: Path) -> dict[str, tuple[int, int]]:
    """Paste an entry into a study; return its data sets' numbers of images and classes."""
    path = write_file(folder / "mine.yaml", STUDY + entry)
    config = read_config(path)
    study = Study.of(config, SCHEMA)
    wnids = read_classes(config["classes"]) if "classes" in config else ()
    listed = {name: list_dataset(of, wnids) for name, of in study.datasets.items()}
    return {name: (len(found.images), len(found.classes)) for name, found in listed.items()}


def make_sound(layout: str, root: Path) -> dict:
    """Make a data set of this layout whose pictures can be read."""
    entry = SMALL_SETS[layout](root)
    for seed, path in enumerate(sorted(root.rglob("*.[jJ][pP]*"))):
        path.write_bytes(image_bytes(smooth_picture(seed, 30, 40)))
    return entry


@pytest.mark.parametrize("layout", SMALL_SETS)
def test_the_entry_works_as_it_is(layout, tmp_path, capsys):
    made = make_sound(layout, tmp_path / "Some Set")
    extra = ["--wnids", tmp_path / "w.txt"] if layout in ("ilsvrc", "tiny-imagenet") else []
    said, lines = check(capsys, tmp_path / "Some Set", *extra)
    assert f"some-set: {tmp_path}/Some Set looks like layout {layout}." in said
    (entry,) = yaml.safe_load(lines)["datasets"].values()
    assert entry["layout"] == layout and entry["root"] == str(tmp_path / "Some Set")
    wnids = read_classes(str(tmp_path / "w.txt")) if extra else ()
    found = list_dataset({**entry, **made}, wnids)
    assert entry["num_classes"] == len(found.classes)
    assert entry["images"] == found.images["split"].value_counts().to_dict()
    assert use(lines, tmp_path) == {"some-set": (len(found.images), len(found.classes))}


def test_snakemake_packs_what_is_printed(tmp_path, capsys):
    """As a user does it: the lines go into a config, which is dry-run and checked."""
    from pages import snakemake

    own_sets.make_flat_folder(tmp_path / "pets")
    _, lines = check(capsys, tmp_path / "pets")
    write_file(tmp_path / "mine.yaml", STUDY + lines)
    where = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(tmp_path / "mine.yaml")]
    listed = snakemake(tmp_path, "-n", "stores", *where)
    assert "pack_store" in listed and "stores/pets/meta.json" in listed


def test_folders_without_splits_hold_out_a_share(tmp_path, capsys):
    own_sets.make_flat_folder(tmp_path / "pets")
    said, lines = check(capsys, tmp_path / "pets", "--name", "My Pets!")
    entry = yaml.safe_load(lines)["datasets"]["my-pets"]
    assert entry["held_out"] == 0.2 and entry["images"] == {"train": 7, "test": 3}
    assert "its classes are cat, dog." in said and "nothing is wrong" in said
    assert use(lines, tmp_path) == {"my-pets": (10, 2)}


def test_lists_with_boxes(tmp_path, capsys):
    lines = ["image,label,xmin,ymin,xmax,ymax"]
    for number in range(10):
        write_file(tmp_path / f"set/{number}.png", own_sets.picture(number))
        lines.append(f"{number}.png,{'cat' if number % 2 else 'dog'},2,2,9,9")
    write_file(tmp_path / "set/list.csv", "\n".join([*lines, ""]))
    _, lines = check(capsys, tmp_path / "set")
    entry = yaml.safe_load(lines)["datasets"]["set"]
    assert entry["boxes"] is True and entry["held_out"] == 0.2
    assert use(lines, tmp_path) == {"set": (10, 2)}


def test_a_folder_of_several_data_sets_gets_an_entry_for_each(tmp_path, capsys):
    for layout in ("voc", "voc-action"):
        make_sound(layout, tmp_path / "VOCdevkit")
    _, lines = check(capsys, tmp_path / "VOCdevkit")
    found = use(lines, tmp_path)
    assert found.keys() == {"vocdevkit-voc2007", "vocdevkit-voc-action"}


def test_unreadable_images_are_named_and_left_out(tmp_path, capsys):
    root = tmp_path / "pets"
    own_sets.make_folder(root)
    write_file(root / "train/cat/bad.png", b"no picture")
    twin = (root / "train/cat/cat-train-0.png").read_bytes()
    write_file(root / "val/dog/twin.png", twin)
    said, lines = check(capsys, root)
    assert "Warning: pets: 1 image cannot be read (train/cat/bad.png: cannot identify" in said
    assert "1 images of val are also in train, byte for byte (first: dog/twin" in said
    assert yaml.safe_load(lines)["datasets"]["pets"]["store"] == {"max_unreadable": 1}
    assert use(lines, tmp_path) == {"pets": (12, 2)}


def test_classes_of_a_list_of_the_workflow_need_no_file(tmp_path, capsys):
    for number, wnid in enumerate(read_classes("miniature")):
        for split in ("train", "val"):
            name = f"{wnid}_{number}" if split == "train" else f"v{number}"
            write_file(tmp_path / f"set/{split}/{wnid}/{name}.JPEG", own_sets.picture(number))
    said, lines = check(capsys, tmp_path / "set")
    assert yaml.safe_load(lines)["classes"] == "miniature"
    assert "64 images of val are also in train" in said


def test_files_of_wnids_are_written_when_asked(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_sound("ilsvrc", tmp_path / "set")
    said, lines = check(capsys, "set")
    assert "--wnids wnids.txt writes the file" in said and not Path("wnids.txt").exists()
    _, again = check(capsys, "set", "--wnids", "wnids.txt")
    assert again == lines
    assert Path("wnids.txt").read_text().split() == small_sets.WNIDS


WRONG = {
    "none": "none is not a folder",
    "empty": "does not look like a known layout (",
    "above": "above/pets looks like folder: name that folder.",
    "trained": "trained/train looks like folder: name that folder.",
    "secret": "name them with the key `class_names`",
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_gets_a_sentence(case, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_file(tmp_path / "empty/notes.txt")
    own_sets.make_folder(tmp_path / "above/pets")
    for label in own_sets.CLASSES:
        write_file(tmp_path / f"trained/train/{label}/1.png", own_sets.picture(1))
    table = own_sets.table([("a", b"x"), ("b", b"y")], [0, 1])
    write_file(tmp_path / "secret/train-0.parquet", own_sets.parquet_bytes(table))
    said, lines = check(capsys, case, status=1)
    assert WRONG[case] in said
    assert said.rpartition("Error: ")[2].count("\n") == 1 and lines == ""


def test_wrong_sizes_are_errors_without_an_entry(tmp_path, capsys):
    make_sound("voc", tmp_path / "set")
    for path in tmp_path.rglob("*.jpg"):
        path.write_bytes(image_bytes(smooth_picture(0, 31, 40)))
    said, lines = check(capsys, tmp_path / "set", status=1)
    assert "do not have the width and height in their annotations" in said and lines == ""


@pytest.mark.parametrize(
    "name, expected",
    [("Some Set_v2", "some-set-v2"), ("--", "mine"), ("ÄÖ", "mine"), ("x" * 90, "x" * 64)],
)
def test_names_of_folders_become_names_of_data_sets(name, expected):
    assert slug(name) == expected
