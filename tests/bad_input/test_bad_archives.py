"""Bad archives of ILSVRC2012: each is refused with a sentence, and nothing of it is unpacked."""

import gzip
import re
import subprocess
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_archives import (
    DEVKIT,
    WNIDS,
    class_tar,
    devkit_tar,
    special,
    tar_of,
    train_tar,
    tree,
    unpack,
    val_tar,
)
from small_sets import FUZZED

from imagenet_transfer.data import archives
from imagenet_transfer.errors import UserError


def nested(files: dict) -> bytes:
    """Return a training archive whose second class is an archive of `files`."""
    classes = {wnid: class_tar(wnid) for wnid in WNIDS} | {WNIDS[1]: tar_of(files)}
    return tar_of({f"{wnid}.tar": data for wnid, data in classes.items()})


def damaged(data: bytes, at: int) -> bytes:
    """Return the bytes with 40 of them overwritten."""
    return data[:at] + b"\xff" * 40 + data[at + 40 :]


FIRST_CLASS = [f"train/{WNIDS[0]}/{WNIDS[0]}_{n}.JPEG" for n in (1, 2, 3)]
GOOD = "n01443537_1.JPEG"
OUT = "on a path that leads out of the folder"
BAD = {  # (part, its bytes, what is said)
    "absolute path": (
        "train",
        nested({GOOD: b"x", "/etc/n01443537_2.JPEG": b"x"}),
        rf"n01443537.tar has '/.*{OUT}",
    ),
    "parent folder": (
        "train",
        nested({"../n01443537_2.JPEG": b"x"}),
        rf"has '\.\./n01443537_2.JPEG' .*{OUT}",
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
        r"has 'a'",
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
        rf"has '../up' .*{OUT}",
    ),
    "newline": ("train", nested({"n01443537_1\n.JPEG": b"x"}), r"has 'n01443537_1\\n.JPEG'"),
    "terminal codes": ("train", nested({"\x1b[2Jn01443537_1.JPEG": b"x"}), r"has '\\x1b\[2J"),
    "endless name": ("train", nested({"n" * 5000: b"x"}), r"has 'n{77}\.\.\.'"),
    "another class's image": (
        "train",
        nested({"n01440764_1.JPEG": b"x"}),
        "has 'n01440764_1.JPEG' .a file., which",
    ),
    "no class archive": (
        "train",
        tar_of({"readme.txt": b"x"}),
        "has 'readme.txt' .a file., which",
    ),
    "class missing": (
        "train",
        train_tar(WNIDS[:2]),
        "lacks 1 of the study's 3 classes .first: n02084071.* has 1,000",
    ),
    "class empty": ("train", nested({}), "n01443537.tar has no files"),
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
    "image twice": ("train", nested({GOOD: b"x", f"./{GOOD}": b"y"}), rf"has './{GOOD}' twice"),
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
        r"it is the archive `val` \(ILSVRC2012_img_val.tar\), not `train`",
    ),
    "train as val": (
        "val",
        train_tar(),
        "it is the archive `train` .ILSVRC2012_img_train.tar., not `val`",
    ),
    "devkit as val": ("val", devkit_tar(), "it is the archive `devkit`"),
    "test as val": (
        "val",
        tar_of({"ILSVRC2012_test_00000001.JPEG": b"x"}),
        "has 'ILSVRC2012_test_00000001.JPEG'",
    ),
    "val link": (
        "val",
        tar_of({"a": special("ILSVRC2012_val_00000001.JPEG", tarfile.SYMTYPE, "/etc")}),
        "a link",
    ),
    "val cut off": ("val", val_tar()[:2500], "is not a whole archive"),
    "val cut off between": ("val", val_tar()[:2048], "is not a whole archive .it is cut off"),
    "val short": ("val", val_tar(3), "has 3 images where there should be 4"),
    "val gap": (
        "val",
        tar_of({f"ILSVRC2012_val_{n:08d}.JPEG": b"x" for n in (1, 2, 3, 5)}),
        "4 images .* should be 5",
    ),
    "val of nothing": ("val", tar_of({}), "has no files"),
    "devkit without truth": (
        "devkit",
        tar_of({f"{DEVKIT}/data/meta.mat": b"x"}),
        "lacks data/ILSVRC2012_validation_g",
    ),
    "devkit outside": (
        "devkit",
        tar_of({f"{DEVKIT}/../../x": b"x"}),
        rf"has '{DEVKIT}/../../x' .*{OUT}",
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
    path = tmp_path / "archive"
    root = tmp_path / "a" / "root"
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"(?s){said}") as caught:
        unpack({part: path}, root, train=9, val=4)
    assert str(path) in str(caught.value) or str(root) in str(caught.value)
    assert tree(root) in ([], FIRST_CLASS)  # which is whole in some of them
    assert {item.name for item in tmp_path.iterdir()} <= {"archive", "a"}
    assert not [item for item in tmp_path.rglob("*") if "unpacking" in item.name]


def test_files_with_holes_are_refused(tmp_path):
    """A few bytes of archive may mean a file of terabytes."""
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


@settings(max_examples=40, **FUZZED)
@given(
    cut=st.integers(0, 40_000),
    changes=st.lists(
        st.tuples(st.integers(0, 2200), st.binary(min_size=1, max_size=12)), max_size=4
    ),
)
def test_no_damage_leads_to_another_error(tmp_path, cut, changes):
    """Whatever is changed or cut off: the archive is refused, or all its images are there."""
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


def test_a_member_of_negative_size_is_refused_here_and_not_only_by_tarfile():
    member = tarfile.TarInfo(GOOD)
    member.size = -5

    with pytest.raises(UserError, match=r"\(a file of -5 bytes\), which the official"):
        list(archives._named([member], "x.tar", re.compile(".*"), "x.tar"))
