"""Unpacking ILSVRC2012's archives: what comes out, what survives a kill, and what bad archives are answered with."""

import gzip
import io
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import CLASSES, Project

from imagenet_transfer.data import archives
from imagenet_transfer.data.archives import unpack_datasets, unpack_ilsvrc
from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError
from imagenet_transfer.study.study import Study

WNIDS = ["n01440764", "n01443537", "n02084071"]
LABELS = [3, 1, 2, 3]  # ids of meta.mat
DEVKIT = "ILSVRC2012_devkit_t12"


def tar_of(files: dict, **more) -> bytes:
    """Return a tar with files of the given bytes; a TarInfo as value stands as it is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **more) as tar:
        for name, content in files.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else b""
            member.size = member.size or len(data)
            tar.addfile(member, io.BytesIO(data) if data else None)
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def class_tar(wnid: str, number: int = 3) -> bytes:
    return tar_of({f"{wnid}_{n}.JPEG": f"{wnid} {n}".encode() for n in range(1, number + 1)})


def train_tar(wnids=WNIDS) -> bytes:
    return tar_of({f"{wnid}.tar": class_tar(wnid) for wnid in wnids})


def val_tar(number: int = 4) -> bytes:
    return tar_of({f"ILSVRC2012_val_{n:08d}.JPEG": b"val %d" % n for n in range(1, number + 1)})


def devkit_tar() -> bytes:
    from scipy.io import savemat

    synsets = np.zeros(4, dtype=[("ILSVRC2012_ID", object), ("WNID", object)])
    for row, pair in zip(
        synsets, [(1, WNIDS[1]), (2, WNIDS[2]), (3, WNIDS[0]), (1860, "n00001740")], strict=True
    ):
        row["ILSVRC2012_ID"], row["WNID"] = pair
    meta = io.BytesIO()
    savemat(meta, {"synsets": synsets})
    truth = "".join(f"{label}\n" for label in LABELS).encode()
    return tar_of(
        {
            f"{DEVKIT}/": special(f"{DEVKIT}/", tarfile.DIRTYPE),
            f"{DEVKIT}/readme.txt": b"read me",
            f"{DEVKIT}/data/meta.mat": meta.getvalue(),
            f"{DEVKIT}/data/ILSVRC2012_validation_ground_truth.txt": truth,
        }
    )


@pytest.fixture
def given_archives(tmp_path) -> dict[str, Path]:
    contents = {"train": train_tar(), "val": val_tar(), "devkit": gzip.compress(devkit_tar())}
    paths = {part: tmp_path / "archives of mine" / archives.OFFICIAL[part] for part in contents}
    for part, path in paths.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(contents[part])
    return paths


def unpack(paths: dict, root: Path, wnids=WNIDS, **images) -> None:
    unpack_ilsvrc(paths, root, wnids, images)


def tree(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


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


def test_the_studys_classes_alone_are_unpacked(given_archives, tmp_path):
    unpack({"train": given_archives["train"]}, tmp_path / "root", WNIDS[:1], train=3)
    assert sorted(path.name for path in (tmp_path / "root/train").iterdir()) == WNIDS[:1]


def test_what_is_there_is_kept_and_the_rest_added(given_archives, tmp_path, capsys):
    root = tmp_path / "root"
    unpack(given_archives, root)
    before = {name: (root / name).stat().st_mtime_ns for name in tree(root)}
    for name in ("n01443537_1", "n01443537_2", "n01443537_3"):
        (root / f"train/n01443537/{name}.JPEG").unlink()  # an empty folder is no class
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
def test_a_killed_one_leaves_no_half_class_and_continues(
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


def test_a_class_that_was_half_before_is_named(given_archives, tmp_path):
    half = tmp_path / "root/train/n01443537/n01443537_1.JPEG"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"x")
    with pytest.raises(UserError, match=r"holds 7 images .* says 9: .*differing: n01443537\)"):
        unpack({"train": given_archives["train"]}, tmp_path / "root", train=9)


# --- bad archives: (part, its bytes, what is said) --------------------------------------------------------------------


def nested(files: dict) -> bytes:
    """Return a training archive whose second class is an archive of `files`."""
    classes = {wnid: class_tar(wnid) for wnid in WNIDS} | {WNIDS[1]: tar_of(files)}
    return tar_of({f"{wnid}.tar": data for wnid, data in classes.items()})


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + b"\xff" * 40 + data[at + 40 :]


GOOD = "n01443537_1.JPEG"
OUT = "on a path that leads out of the folder"
BAD = {
    "absolute path": (
        "train",
        nested({GOOD: b"x", "/etc/n01443537_2.JPEG": b"x"}),
        rf"n01443537.tar holds '/.*{OUT}",
    ),
    "parent folder": (
        "train",
        nested({"../n01443537_2.JPEG": b"x"}),
        rf"holds '\.\./n01443537_2.JPEG' .*{OUT}",
    ),
    "sub-folder": (
        "train",
        nested({"a/n01443537_2.JPEG": b"x"}),
        "'a/n01443537_2.JPEG' .a file., which the official",
    ),
    "symbolic link": (
        "train",
        nested({GOOD: special(GOOD, tarfile.SYMTYPE, "/etc/passwd")}),
        r"1.JPEG' \(a link\)",
    ),
    "hard link": (
        "train",
        nested({"a": b"x", GOOD: special(GOOD, tarfile.LNKTYPE, "/etc/passwd")}),
        r"holds 'a'",
    ),
    "hard link out": (
        "train",
        nested({GOOD: special(GOOD, tarfile.LNKTYPE, "../../x")}),
        r"1.JPEG' \(a link\)",
    ),
    "device": (
        "train",
        nested({GOOD: special(GOOD, tarfile.CHRTYPE)}),
        r"1.JPEG' \(neither file nor folder\)",
    ),
    "pipe": (
        "train",
        nested({GOOD: special(GOOD, tarfile.FIFOTYPE)}),
        r"1.JPEG' \(neither file nor folder\)",
    ),
    "folder outside": (
        "train",
        nested({"../up": special("../up", tarfile.DIRTYPE)}),
        rf"holds '../up' .*{OUT}",
    ),
    "newline": ("train", nested({"n01443537_1\n.JPEG": b"x"}), r"holds 'n01443537_1\\n.JPEG'"),
    "terminal codes": ("train", nested({"\x1b[2Jn01443537_1.JPEG": b"x"}), r"holds '\\x1b\[2J"),
    "endless name": ("train", nested({"n" * 5000: b"x"}), r"holds 'n{77}\.\.\.'"),
    "another class's image": (
        "train",
        nested({"n01440764_1.JPEG": b"x"}),
        "holds 'n01440764_1.JPEG' .a file., which",
    ),
    "no class archive": (
        "train",
        tar_of({"readme.txt": b"x"}),
        "holds 'readme.txt' .a file., which",
    ),
    "class missing": (
        "train",
        train_tar(WNIDS[:2]),
        "lacks 1 of the study's 3 classes .first: n02084071.* has 1,000",
    ),
    "class empty": ("train", nested({}), "n01443537.tar holds no files"),
    "class no tar": (
        "train",
        tar_of({f"{wnid}.tar": b"x" * 2000 for wnid in WNIDS}),
        "tar is not a whole archive",
    ),
    "class of no bytes": (
        "train",
        tar_of({f"{wnid}.tar": b"" for wnid in WNIDS}),
        "tar is not a whole archive",
    ),
    "image twice": ("train", nested({GOOD: b"x", f"./{GOOD}": b"y"}), rf"holds './{GOOD}' twice"),
    "cut off in an image": (
        "train",
        train_tar()[:9000],
        "is not a whole archive .unexpected end of data",
    ),
    "cut off between": (
        "train",
        train_tar()[: len(class_tar("n01440764")) + 512],
        "is not a whole archive .it is cut",
    ),
    "broken header": (
        "train",
        damaged(train_tar(), 10240 + 512 + 140),
        "is not a whole archive .it is cut off or dam",
    ),
    "not a tar": ("train", b"\x89PNG" * 1000, "is not a whole archive"),
    "web page": ("train", b"<html>404 not found</html>", "is not a whole archive"),
    "empty": ("train", b"", "is not a whole archive .empty file"),
    "gzipped": ("train", gzip.compress(train_tar()), "is not a whole archive"),
    "val as train": (
        "train",
        val_tar(),
        r"it is the archive `val` \(ILSVRC2012_img_val.tar\) and not `train`",
    ),
    "train as val": (
        "val",
        train_tar(),
        "it is the archive `train` .ILSVRC2012_img_train.tar. and not `val`",
    ),
    "devkit as val": ("val", devkit_tar(), "it is the archive `devkit`"),
    "test as val": (
        "val",
        tar_of({"ILSVRC2012_test_00000001.JPEG": b"x"}),
        "holds 'ILSVRC2012_test_00000001.JPEG'",
    ),
    "val link": (
        "val",
        tar_of({"a": special("ILSVRC2012_val_00000001.JPEG", tarfile.SYMTYPE, "/etc")}),
        "a link",
    ),
    "val cut off": ("val", val_tar()[:2500], "is not a whole archive"),
    "val cut off between": ("val", val_tar()[:2048], "is not a whole archive .it is cut off"),
    "val short": ("val", val_tar(3), "holds 3 images where there should be 4"),
    "val gap": (
        "val",
        tar_of({f"ILSVRC2012_val_{n:08d}.JPEG": b"x" for n in (1, 2, 3, 5)}),
        "4 images .* should be 5",
    ),
    "val of nothing": ("val", tar_of({}), "holds no files"),
    "devkit without truth": (
        "devkit",
        tar_of({f"{DEVKIT}/data/meta.mat": b"x"}),
        "lacks data/ILSVRC2012_validation_g",
    ),
    "devkit outside": (
        "devkit",
        tar_of({f"{DEVKIT}/../../x": b"x"}),
        rf"holds '{DEVKIT}/../../x' .*{OUT}",
    ),
    "devkit link": (
        "devkit",
        tar_of({"a": special(f"{DEVKIT}/data", tarfile.SYMTYPE, "/etc")}),
        "data' .a link",
    ),
    "devkit file over folder": (
        "devkit",
        tar_of({f"{DEVKIT}/data": b"x", f"{DEVKIT}/data/x": b"x"}),
        "cannot be read",
    ),
    "devkit cut off": (
        "devkit",
        gzip.compress(devkit_tar())[:-40],
        "is not a whole archive .Compressed file ended",
    ),
    "devkit damaged": (
        "devkit",
        damaged(gzip.compress(devkit_tar()), 30),
        "is not a whole archive",
    ),
    "devkit no tar": ("devkit", gzip.compress(b"x" * 10_000), "is not a whole archive"),
    "bomb": ("devkit", gzip.compress(bytes(2**20 + 1)), "unpacks to more than 1,048,576 bytes"),
    "bomb of a name": (
        "devkit",
        gzip.compress(tar_of({"x" * 2**20: b""}, format=tarfile.PAX_FORMAT)),
        "unpacks to more than",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_archives_get_a_sentence_and_leave_nothing(tmp_path, monkeypatch, case):
    monkeypatch.setattr(archives, "MAX_DEVKIT", 2**20)
    part, data, said = BAD[case]
    path, root = tmp_path / "archive", tmp_path / "a" / "root"
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"(?s){said}") as caught:
        unpack({part: path}, root, train=9, val=4)
    assert str(path) in str(caught.value) or str(root) in str(caught.value)
    assert all(
        name.startswith("train/n01440764/") for name in tree(root)
    )  # the first class was whole
    assert {item.name for item in tmp_path.iterdir()} <= {"archive", "a"}
    assert not [item for item in tmp_path.rglob("*") if "unpacking" in item.name]


def test_files_with_holes_are_refused(tmp_path):
    """A few bytes of archive may stand for a file of a million million."""
    sparse = tmp_path / "n01443537_1.JPEG"
    with sparse.open("wb") as file:
        file.truncate(2**33)
    subprocess.run(
        ["tar", "--sparse", "-cf", "n01443537.tar", sparse.name], cwd=tmp_path, check=True
    )
    path = tmp_path / "train.tar"
    path.write_bytes(tar_of({"n01443537.tar": (tmp_path / "n01443537.tar").read_bytes()}))
    with pytest.raises(UserError, match="a file with holes"):
        unpack({"train": path}, tmp_path / "root", ["n01443537"])
    assert tree(tmp_path / "root") == []


@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cut=st.integers(0, 40_000),
    changes=st.lists(
        st.tuples(st.integers(0, 2200), st.binary(min_size=1, max_size=12)), max_size=4
    ),
)
def test_no_damage_leads_to_another_error(tmp_path, cut, changes):
    """Bytes that are changed or cut off: the archive is refused, or the changed ones were in an image."""
    data = bytearray(train_tar()[: 40_960 - cut])
    for at, change in changes:
        data[at : at + len(change)] = change
    path = tmp_path / "archive"
    path.write_bytes(bytes(data))
    root = tmp_path / f"root-{len(list(tmp_path.iterdir()))}"
    try:
        unpack({"train": path}, root)
    except UserError as error:
        assert str(path) in str(error)
    else:
        assert len(tree(root)) == 9
    assert all(len(list(folder.iterdir())) == 3 for folder in root.glob("train/*"))


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


def test_a_full_disk_is_said_before_anything_is_unpacked(given_archives, tmp_path, monkeypatch):
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
            "datasets.voc has `archives`, and another layout: give",
        ),
    ],
)
def test_a_study_without_archives_is_told_where_to_name_them(datasets, said):
    with pytest.raises(UserError, match=said):
        unpack_datasets(datasets, WNIDS)


def test_the_target(given_archives, tmp_path, monkeypatch):
    """`snakemake unpack_ilsvrc` with the archives in the config; they change no parameter of a store."""
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
