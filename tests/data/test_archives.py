"""Unpacking ILSVRC2012's archives: what comes out, and what survives a kill."""

import gzip
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from projects import CLASSES, Project
from small_archives import DEVKIT, LABELS, WNIDS, devkit_tar, train_tar, tree, unpack, val_tar

from imagenet_transfer.data import archives
from imagenet_transfer.data.archives import unpack_datasets
from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError
from imagenet_transfer.study.study import Study


@pytest.fixture
def given_archives(tmp_path) -> dict[str, Path]:
    contents = {"train": train_tar(), "val": val_tar(), "devkit": gzip.compress(devkit_tar())}
    paths = {part: tmp_path / "archives of mine" / archives.OFFICIAL[part] for part in contents}
    for part, path in paths.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(contents[part])
    return paths


def test_what_is_unpacked_is_read(given_archives, tmp_path):
    root = tmp_path / "ILSVRC2012"
    unpack(given_archives, root, train=9, val=4)
    entry = {
        "layout": "ilsvrc",
        "root": str(root),
        "images": {"train": 9, "val": 4},
        "num_classes": 3,
    }
    images = list_dataset(entry, WNIDS).images
    ids = {1: WNIDS[1], 2: WNIDS[2], 3: WNIDS[0]}
    assert images["class"][images.split == "val"].tolist() == [ids[label] for label in LABELS]
    assert (root / "train/n01440764/n01440764_2.JPEG").read_bytes() == b"n01440764 2"
    assert (root / "val/ILSVRC2012_val_00000003.JPEG").read_bytes() == b"val 3"
    assert len(tree(root)) == 9 + 4 + 3


def test_only_the_studys_classes_are_unpacked(given_archives, tmp_path):
    unpack({"train": given_archives["train"]}, tmp_path / "root", WNIDS[:1], train=3)
    assert sorted(path.name for path in (tmp_path / "root/train").iterdir()) == WNIDS[:1]


def test_what_is_there_is_kept_and_the_rest_added(given_archives, tmp_path, capsys):
    root = tmp_path / "root"
    unpack(given_archives, root)
    before = {name: (root / name).stat().st_mtime_ns for name in tree(root)}
    for name in ("n01443537_1", "n01443537_2", "n01443537_3"):
        (root / f"train/n01443537/{name}.JPEG").unlink()  # an empty folder does not count
    unpack(given_archives, root, train=9, val=4)
    after = {name: (root / name).stat().st_mtime_ns for name in tree(root)}
    assert set(after) == set(before)
    assert all(before[name] == after[name] for name in before if "n01443537" not in name)
    assert "2 classes are there, 1 to unpack" in capsys.readouterr().err


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from imagenet_transfer.data import archives
copy, calls = shutil.copyfileobj, []
def dying(source, target, length):
    calls.append(0)
    if len(calls) == int(sys.argv[3]):
        target.write(source.read(2))
        target.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    copy(source, target, length)
shutil.copyfileobj = dying
archives.unpack_ilsvrc({sys.argv[4]: sys.argv[1]}, Path(sys.argv[2]), sys.argv[5:], {})
"""


@pytest.mark.parametrize(("part", "call", "kept"), [("train", 5, 3), ("val", 3, 0)])
def test_a_killed_unpacking_leaves_no_half_class_and_continues(
    given_archives, tmp_path, part, call, kept
):
    root = tmp_path / "root"
    command = [sys.executable, "-c", KILLED, given_archives[part], root, str(call), part, *WNIDS]
    assert subprocess.run(command, capture_output=True).returncode == -signal.SIGKILL
    visible = [name for name in tree(root) if "unpacking" not in name]
    assert len(visible) == kept < len(tree(root))
    unpack({part: given_archives[part]}, root, train=9, val=4)
    whole = tmp_path / "whole"
    unpack({part: given_archives[part]}, whole)
    assert [(name, (root / name).read_bytes()) for name in tree(root)] == [
        (name, (whole / name).read_bytes()) for name in tree(whole)
    ]


def test_a_class_that_was_incomplete_before_is_named(given_archives, tmp_path):
    half = tmp_path / "root/train/n01443537/n01443537_1.JPEG"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"x")
    with pytest.raises(UserError, match=r"has 7 images .* says 9: .*differing: n01443537\)"):
        unpack({"train": given_archives["train"]}, tmp_path / "root", train=9)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (
            lambda paths, root: paths["val"].unlink(),
            r"img_val.tar is missing, which the config names as `arch",
        ),
        (lambda paths, root: (root / "val").write_text("x"), "val is in the way"),
        (
            lambda paths, root: (root / DEVKIT).mkdir() or (root / DEVKIT / "x").write_text("x"),
            "is in the way",
        ),
        (lambda paths, root: (root / "train").write_text("x"), "cannot be read or written"),
    ],
)
def test_what_is_in_the_way_is_named(given_archives, tmp_path, prepare, said):
    root = tmp_path / "root"
    root.mkdir()
    prepare(given_archives, root)
    with pytest.raises(UserError, match=said):
        unpack(given_archives, root)


def test_a_full_disk_is_reported_before_anything_is_unpacked(given_archives, tmp_path, monkeypatch):
    usage = archives.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: usage._replace(free=5000))
    with pytest.raises(UserError, match=r"needs 0.0 GB more .* make room"):
        unpack(given_archives, tmp_path / "root")
    assert tree(tmp_path / "root") == []


@pytest.mark.parametrize(
    ("datasets", "said"),
    [
        (
            {"imagenet": {"layout": "ilsvrc", "root": "x"}},
            "No data set has `archives`: give a data set of",
        ),
        (
            {"voc": {"layout": "voc", "root": "x", "archives": {}}},
            "datasets.voc has `archives`, but is not of layout ilsvrc: give",
        ),
    ],
)
def test_a_study_without_archives_is_told_where_to_name_them(datasets, said):
    with pytest.raises(UserError, match=said):
        unpack_datasets(datasets, WNIDS)


def test_the_target_unpack_ilsvrc(given_archives, tmp_path, monkeypatch):
    """`snakemake unpack_ilsvrc` unpacks a config's archives, which are no parameters of stores."""
    project = Project(tmp_path / "study").create()
    given_archives["train"].write_bytes(train_tar(CLASSES.split()))
    monkeypatch.chdir(project.folder)

    def store_params() -> dict:
        config = yaml.safe_load(Path("study.yaml").read_text())
        return Study.of(
            config, project.code / "workflow/schemas/config.schema.yaml"
        ).store_settings("imagenet")

    before = store_params()
    named = {part: str(path) for part, path in given_archives.items()}
    facts = {
        "root": "ILSVRC 2012",
        "archives": named,
        "images": {"train": 18, "val": 4},
        "num_classes": 6,
    }
    project.edit(lambda config: config["datasets"]["imagenet"].update(facts))
    assert store_params() == before
    project.run("unpack_ilsvrc")
    assert len(tree(project.folder / "ILSVRC 2012")) == 18 + 4 + 3
