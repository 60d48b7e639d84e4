"""Files between the stages, and users' own boxes: damaged or edited, they get a sentence."""

import gzip
import os
import pickle
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from damages import cut, edited, folder_instead, pipe, raw
from helpers import image_bytes, refusal, smooth_picture
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.data import packing
from imagenet_transfer.data.layouts.listing import make_listing
from imagenet_transfer.data.proposals import propose, read_proposals
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.label_sets import build_label_set, read_label_set
from imagenet_transfer.labels.manifests import draw_manifest, read_manifest, write_manifest
from imagenet_transfer.labels.taxonomy import read_classes, taxonomy_for
from imagenet_transfer.reporting.tables import subset_sizes
from imagenet_transfer.running.provenance import fingerprint_of
from imagenet_transfer.training.stages import manifest_digest


class Executed:
    """Something that a pickle would execute, if it could: it makes the file PWNED."""

    def __reduce__(self):
        return os.system, ("touch PWNED",)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a folder with a store of six images, `out`, packed from `in`."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "in").mkdir()
    for seed in range(6):
        (folder / f"in/p{seed}.jpg").write_bytes(image_bytes(smooth_picture(seed)))
    listing = make_listing([("train", f"p{seed}", "c", f"p{seed}.jpg") for seed in range(6)], ["c"])
    build_store(
        listing, folder / "in", folder / "out", {"codec": "raw", "size": 8}, 1, progress=False
    )
    return folder


@pytest.fixture
def folder(whole, tmp_path, monkeypatch):
    """Return a copy of the store in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(whole / "out", tmp_path / "store")
    return tmp_path / "store"


# Stores


def pickled(path):
    np.save(path.open("wb"), np.array([Executed()], dtype=object), allow_pickle=True)


def claims_billions(path):
    data = path.read_bytes()
    path.write_bytes(data.replace(b"(6,), }        ", b"(6" + b"0" * 8 + b",), }"))


STORES = [
    ("meta.json", raw(b""), "no longer the record of a store"),
    ("meta.json", raw(b"{"), "no longer the record of a store"),
    ("meta.json", raw(b"[1]"), "no longer the record of a store"),
    ("meta.json", raw(b"\xff\xfe"), "no longer the record of a store"),
    ("meta.json", raw(b"[" * 100_000), "no longer the record of a store"),
    ("meta.json", raw(pickle.dumps(Executed())), "no longer the record of a store"),
    ("meta.json", edited(digest=...), "no longer the record of a store"),
    ("meta.json", edited(num_images=6), "no longer the record of a store"),
    ("meta.json", edited(classes=None), "no longer the record of a store"),
    ("meta.json", edited(version=99), "was packed by version 99"),
    ("meta.json", edited(num_images={"train": 7}), "not a list of 7 records"),
    ("meta.json", edited(shard_bytes=[5]), "is missing or does not have its 5 bytes"),
    ("meta.json", folder_instead, "has no finished store"),
    ("meta.json", pipe, "has no finished store"),
    ("index.npy", raw(b""), "cannot be read"),
    ("index.npy", raw(b"index\n"), "cannot be read"),
    ("index.npy", cut, "cannot be read"),
    ("index.npy", pickled, "cannot be read"),
    ("index.npy", raw(pickle.dumps(Executed())), "cannot be read"),
    ("index.npy", lambda path: np.save(path, np.zeros(6)), "not a list of 6 records"),
    ("index.npy", lambda path: np.save(path, np.load(path)[:5]), "not a list of 6 records"),
    ("index.npy", lambda path: np.savez(path.open("wb"), a=np.zeros(6)), "not a list of 6 records"),
    ("index.npy", claims_billions, "cannot be read"),
    ("index.npy", lambda path: path.unlink(), "cannot be read"),
    ("images.csv.gz", raw(b""), "no longer a table of"),
    ("images.csv.gz", raw(b"image,split,class\n"), "no longer a table of"),
    ("images.csv.gz", cut, "no longer a table of"),
    ("images.csv.gz", raw(gzip.compress(b"a,b\n1,2\n")), "no longer a table of"),
    ("images.csv.gz", raw(gzip.compress(b"\xff\xfe,\n")), "no longer a table of"),
    (
        "images.csv.gz",
        raw(gzip.compress(b"image,split,class\np0,train,c\n")),
        "not have as many rows as the index",
    ),
    ("images.csv.gz", lambda path: path.unlink(), "no longer a table of"),
    ("objects.csv.gz", raw(gzip.compress(b"a\n")), "no longer a table of"),
    ("shard-00000.bin", cut, "is missing or does not have its 1,152 bytes"),
    ("shard-00000.bin", lambda path: path.write_bytes(bytes(path.stat().st_size)), "is damaged in"),
]


@pytest.mark.parametrize("name, damage, sentence", STORES, ids=range(len(STORES)))
def test_stores(folder, name, damage, sentence):
    damage(folder / name)

    def use():
        store = Store(folder)
        assert len(store.images) + len(store.objects) == 6
        store.batch(range(6))

    refusal(use, folder, sentence)
    assert not (folder.parent / "PWNED").exists()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(["meta.json", "index.npy", "images.csv.gz", "shard-00000.bin"]), st.data())
def test_a_store_with_flipped_bits_is_read_or_refused(tmp_path_factory, whole, name, data):
    """If it is read, it has the same number of images and the same pixels."""
    folder = tmp_path_factory.getbasetemp() / "flipped"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole / "out", folder)
    content = bytearray((folder / name).read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[at] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(content)
    try:
        store = Store(folder)
        pixels = store.batch(range(len(store)))
        assert len(store.images) == len(store)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert len(store) == 6 or name == "meta.json"
        assert np.array_equal(pixels, Store(whole / "out").batch(range(6)))


def test_a_build_continues_despite_damaged_parts_of_an_earlier_one(whole, tmp_path):
    listing = make_listing([("train", f"p{seed}", "c", f"p{seed}.jpg") for seed in range(6)], ["c"])
    plan = packing._plan(listing, whole / "in", tmp_path / "out", {"codec": "raw", "size": 8})
    (tmp_path / "out").mkdir()
    (tmp_path / "out/building.txt").write_text(plan.fingerprint)
    (tmp_path / "out/shard-00000.bin").write_bytes(b"half")
    for notes in (b"", b"{", b"[]", b'{"bytes": 4}', b"\xff"):
        (tmp_path / "out/part-00000.json").write_bytes(notes)
        assert packing._finished_part(plan, 0) is None
        assert packing._space_needed(tmp_path / "out") == ""
    build_store(
        listing, whole / "in", tmp_path / "out", {"codec": "raw", "size": 8}, 1, progress=False
    )
    assert Store(tmp_path / "out").meta == Store(whole / "out").meta


# Label sets and manifests

CLASSES = read_classes("miniature")[:6]


def label_set():
    return build_label_set({"method": "identity"}, CLASSES, taxonomy_for(CLASSES), {}, 1, "all")


def changed(column, row, value):
    def change(frame):
        frame = frame.astype({column: object})
        frame.loc[row, column] = value
        return frame

    return change


LABEL_SETS = [
    (lambda frame: frame.assign(mine=1), "has the columns wnid, label, class_wnid, class_name"),
    (
        lambda frame: frame.drop(columns="label"),
        "has the columns wnid, label, class_wnid, class_name",
    ),
    (
        lambda frame: frame[["label", "wnid", "class_wnid", "class_name"]],
        "has the columns wnid, label",
    ),
    (lambda frame: frame.iloc[:0], "has no classes"),
    (lambda frame: frame.iloc[1:], "the labels are not the ranks"),
    (lambda frame: frame.drop(index=3), "the labels are not the ranks"),
    (lambda frame: pd.concat([frame, frame.iloc[:1]]), f"{CLASSES[0]} appears twice"),
    (lambda frame: frame.assign(label=frame["label"] + 1), "the labels are not the ranks"),
    (lambda frame: frame.assign(label=-1), "the labels are not the ranks"),
    (
        lambda frame: frame.assign(label=frame["label"][::-1].tolist()),
        "the labels are not the ranks",
    ),
    (changed("label", 2, "two"), "cannot be read"),
    (changed("label", 2, ""), "cannot be read"),
    (changed("label", 2, 2.5), "cannot be read"),
    (changed("label", 2, 10**30), "cannot be read"),
    (changed("class_wnid", 0, "n99999999"), "the labels are not the ranks"),
]


@pytest.mark.parametrize("change, sentence", LABEL_SETS, ids=range(len(LABEL_SETS)))
def test_label_sets_that_were_edited(tmp_path, change, sentence):
    path = tmp_path / "set.csv"
    change(label_set()).to_csv(path, index=False)
    refusal(lambda: read_label_set(path), path, sentence)


@pytest.mark.parametrize(
    "damage", [raw(b""), raw(b"\xff\xfe\x00"), raw(b'"' * 99), folder_instead, pipe, os.unlink]
)
def test_label_sets_that_are_damaged(tmp_path, damage):
    path = tmp_path / "set.csv"
    path.write_text(label_set().to_csv(index=False))
    assert len(read_label_set(path)) == 6
    damage(path)
    refusal(lambda: read_label_set(path), path)


@pytest.fixture
def manifest(tmp_path):
    images = pd.DataFrame(
        [(f"{wnid}_{i}", wnid) for wnid in CLASSES for i in range(3)], columns=["image", "class"]
    )
    paths = tmp_path / "all.csv.gz", tmp_path / "all.json"
    write_manifest(draw_manifest(images, label_set(), {}, 1), *paths)
    return paths


def rewritten(old, new):
    return lambda path: path.write_bytes(
        gzip.compress(gzip.decompress(path.read_bytes()).replace(old, new))
    )


MANIFESTS = [
    (0, raw(b""), "cannot be read"),
    (0, raw(b"image,label\n"), "cannot be read"),
    (0, cut, "cannot be read"),
    (0, raw(gzip.compress(b"")), "cannot be read"),
    (0, raw(gzip.compress(b"image,label\nx,one\n")), "cannot be read"),
    (0, raw(gzip.compress(b"image,label\nx,0\n")), "is not the manifest that its .json describes"),
    (0, rewritten(b",5\n", b",99\n"), "is not the manifest that its .json describes"),
    (0, pipe, "it is not a regular file"),
    (0, os.unlink, "No such file"),
    (1, raw(b"{}"), "it lacks digest, classes, short"),
    (1, raw(b"3"), "it lacks digest, classes, short"),
    (1, raw(b""), "cannot be read"),
    (1, edited(digest="0"), "is not the manifest that its .json describes"),
    (1, os.unlink, "No such file"),
]


@pytest.mark.parametrize("which, damage, sentence", MANIFESTS, ids=range(len(MANIFESTS)))
def test_manifests(manifest, which, damage, sentence):
    assert len(read_manifest(manifest[0]).rows) == 18
    damage(manifest[which])
    refusal(lambda: read_manifest(manifest[0]), manifest[0], sentence)
    if which == 1 and "is not the manifest" not in sentence:
        refusal(lambda: manifest_digest(manifest[0]), manifest[1])
        refusal(lambda: subset_sizes([manifest[1]]), manifest[1])


# Region proposals

GOOD = "".join(f"p{i},1,1,8,8\n" for i in range(6))
HEADER = "image,xmin,ymin,xmax,ymax\n"
BOXES = [
    (b"", "is not a table of boxes"),
    (b"\x93NUMPY\x01\x00" + bytes(99), "is not a table of boxes"),
    (b"PK\x03\x04" + bytes(99), "is not a table of boxes"),
    (b"MATLAB 5.0 MAT-file" + bytes(200), "is not a table of boxes"),
    (pickle.dumps(Executed()), "is not a table of boxes"),
    (b"\xff\xfe" + HEADER.encode("utf-16"), "is not a table of boxes"),
    (GOOD.encode(), "is not a table of boxes"),
    (b"image,x1,y1,x2,y2\n" + GOOD.encode(), "is not a table of boxes"),
    (
        HEADER.replace(",", ";").encode() + GOOD.replace(",", ";").encode(),
        "is not a table of boxes",
    ),
    (HEADER.encode(), "has no box for 6 of 6 images (first: p0)"),
    (
        (HEADER + GOOD.replace("p3,1,1,8,8\n", "")).encode(),
        "has no box for 1 of 6 images (first: p3)",
    ),
    (
        (HEADER + GOOD + "p9,1,1,8,8\n").encode(),
        "1 boxes of images that the data set does not have",
    ),
    ((HEADER + GOOD + "p0.jpg,1,1,8,8\n").encode(), "(first: of image p0.jpg)"),
    ((HEADER + GOOD + "p0,5,1,2,8\n").encode(), "1 boxes whose xmax or ymax is smaller"),
    ((HEADER + GOOD + "p0,nan,1,2,8\n").encode(), "1 boxes whose xmax or ymax is smaller"),
    ((HEADER + GOOD + "p0,1,1,inf,8\n").encode(), "1 boxes that reach beyond their image"),
    ((HEADER + GOOD + "p0,0,0,7,7\n").encode(), "1 boxes that reach beyond their image"),
    ((HEADER + GOOD + "p0,-inf,1,2,8\n").encode(), "1 boxes that reach beyond their image"),
    ((HEADER + GOOD + "p0,one,1,2,8\n").encode(), "is not a table of boxes"),
    ((HEADER + GOOD + "p0,1,1,8\n").encode(), "is not a table of boxes"),
    ((HEADER + GOOD + "p0,1,1,8,8,9,9\n").encode(), "is not a table of boxes"),
    ((HEADER + GOOD + "p0,,1,8,8\n").encode(), "is not a table of boxes"),
]


@pytest.mark.parametrize("content, sentence", BOXES, ids=range(len(BOXES)))
def test_boxes_of_the_user(folder, content, sentence):
    path = folder.parent / "boxes.csv"
    path.write_bytes(content)
    spec = {"method": "file", "path": str(path)}
    refusal(
        lambda: propose(Store(folder), folder.parent / "proposals", spec, 1, progress=False),
        path,
        sentence,
    )
    assert not (folder.parent / "proposals").exists(), "nothing half-written"
    assert not (folder.parent / "PWNED").exists()


def test_boxes_in_files_of_other_kinds(folder):
    here = folder.parent
    os.mkfifo(here / "pipe.csv")
    (here / "folder.csv").mkdir()
    for name in ("x.gz", "x.bz2", "x.xz", "x.zst", "x.zip", "x.tar", "x.npz", "x.mat", "x.npy"):
        (here / name).write_bytes(b"\x01\x02garbage" * 20)
    (here / "cut.csv.gz").write_bytes(gzip.compress(bytes(999))[:-9])
    with zipfile.ZipFile(here / "two.csv.zip", "w") as archive:
        archive.writestr("a", "b")
        archive.writestr("c", "d")
    paths = sorted(path for path in here.iterdir() if path != folder)
    assert len(paths) == 13
    for path in paths:
        spec = {"method": "file", "path": str(path)}
        refusal(
            lambda spec=spec: propose(Store(folder), here / "proposals", spec, 1, progress=False),
            path,
        )
    spec = {"method": "file", "path": "none.csv"}
    refusal(
        lambda: propose(Store(folder), here / "proposals", spec, 1, progress=False),
        "none.csv is missing",
    )


@pytest.mark.parametrize(
    "name, damage",
    [
        ("boxes.json", raw(b"")),
        ("boxes.json", raw(b"{}")),
        ("boxes.json", raw(b"[]")),
        ("boxes.json", edited(digest="0")),
        ("boxes.json", os.unlink),
        ("boxes.npz", raw(b"")),
        ("boxes.npz", cut),
        ("boxes.npz", pickled),
        ("boxes.npz", os.unlink),
    ],
)
def test_proposals_that_are_damaged(folder, name, damage):
    path = folder.parent / "boxes.csv"
    here = folder.parent / "proposals"
    path.write_text(HEADER + GOOD)
    propose(Store(folder), here, {"method": "file", "path": str(path)}, 1, progress=False)
    assert len(read_proposals(here).boxes) == 6
    damage(here / name)
    refusal(lambda: read_proposals(here), here)
    assert not (folder.parent / "PWNED").exists()


def test_a_search_continues_despite_damaged_parts_of_an_earlier_one(folder):
    spec = {"method": "selective-search", "mode": "single", "min_side": 2}
    here = folder.parent / "proposals"
    store = Store(folder)
    propose(store, here, spec, 1, progress=False)
    facts = {key: read_proposals(here).facts[key] for key in ("spec", "store", "opencv", "version")}
    expected = read_proposals(here).boxes
    for damage in (b"", b"PK\3\4", pickle.dumps(Executed())):
        part = here / f"parts-{fingerprint_of(facts)}/0000000.npz"
        part.parent.mkdir(parents=True)
        part.write_bytes(damage)
        propose(store, here, spec, 1, progress=False)
        assert np.array_equal(read_proposals(here).boxes, expected)
        assert not part.parent.exists(), "the part lay where the search looks for it"
