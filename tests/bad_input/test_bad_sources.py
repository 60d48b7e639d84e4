"""Bad data sets of users: each gets a sentence that names the file or key, never a traceback."""

import gzip
import os
import struct
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from helpers import write_file
from hypothesis import given, settings
from hypothesis import strategies as st
from own_sets import (
    CLASSES,
    MAKERS,
    hugging_face,
    make_flat_folder,
    make_folder,
    make_list,
    make_parquet,
    make_webdataset,
    parquet_bytes,
    picture,
    table,
    tar_bytes,
)
from small_sets import FUZZED, said_of

from imagenet_transfer.data.codecs import UnreadableImage
from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.store import build_store
from imagenet_transfer.errors import UserError

BIG = "9" * 5000  # more digits than Python converts
TRAIN = "data/train-00000-of-00001.parquet"
SHARD = "train-0000.tar"
LOOP = "val/cat/loop"


def check_refused(entry: dict, words: str) -> None:
    said = said_of(entry)
    assert words in said, said


# --- folders --------------------------------------------------------------------------------------


def remove(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        for inner in sorted(path.rglob("*"), reverse=True) if path.is_dir() else ():
            inner.rmdir() if inner.is_dir() and not inner.is_symlink() else inner.unlink()
        path.rmdir() if path.is_dir() else path.unlink()


def write_bytes_name(folder: Path, name: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with open(os.fsencode(folder) + b"/" + name, "wb"):  # noqa: PTH123 - pathlib takes no bytes
        pass


BAD_FOLDERS = {  # what is done to a sound data set, and what is said
    "empty": (lambda root: remove(root, "train", "val"), "has no folder train (", "is empty)"),
    "only val": (lambda root: remove(root, "train"), "has no folder train (", "holds val/)"),
    "only train": (
        lambda root: remove(root, "val"),
        "has train/, but neither val nor test",
        "held_out: 0.2",
    ),
    "train is a file": (
        lambda root: (remove(root, "train"), write_file(root / "train")),
        "train is a file where a folder is expected",
    ),
    "train is empty": (
        lambda root: remove(root, "train/cat", "train/dog"),
        "train has no class folders (",
    ),
    "a class folder is a file": (
        lambda root: (remove(root, "val/dog"), write_file(root / "val/dog")),
        "val lacks 1 of 2 class folders (first: dog)",
    ),
    "one class": (lambda root: remove(root, "train/dog", "val/dog"), "has only the class cat"),
    "an empty class": (
        lambda root: (root / "train/eel").mkdir(),
        "1 class folders in ",
        "have no pictures (first: eel)",
    ),
    "a class of hidden files": (
        lambda root: write_file(root / "train/eel/.x.png"),
        "have no pictures (first: eel)",
    ),
    "two cases": (
        lambda root: [write_file(root / split / f"Cat/{split}.png") for split in ("train", "val")],
        "differ only in upper and lower case",
        "Cat, cat",
    ),
    "two forms of a letter": (
        lambda root: [
            write_file(root / split / name / f"{split}.png")
            for split in ("train", "val")
            for name in ("caf\u00e9", "cafe\u0301")
        ],
        "differ only in upper and lower case, or not at all",
    ),
    "a class only in val": (
        lambda root: write_file(root / "val/eel/x.png"),
        "val has 1 classes that train does not have (first: eel)",
    ),
    "a class only in train": (
        lambda root: write_file(root / "train/eel/x.png"),
        "val lacks 1 of 3 class folders (first: eel)",
    ),
    "loose pictures": (
        lambda root: write_file(root / "train/x.png"),
        "1 pictures outside them (first: x.png)",
    ),
    "only loose pictures": (
        lambda root: (remove(root, "val/cat", "val/dog"), write_file(root / "val/x.png")),
        "val has no class folders (",
    ),
    "a link to itself": (
        lambda root: (root / LOOP).symlink_to(root / LOOP),
        "loop cannot be read (Too many levels of symbolic links)",
    ),
    "a link to a folder above": (
        lambda root: (root / LOOP).symlink_to(root),
        "is a link to a folder that it lies in",
    ),
    "two folders of a split": (
        lambda root: write_file(root / "Validation/cat/x.png"),
        "has two folders for val, Validation/ and val/",
    ),
    "an image in both": (
        lambda root: write_file(
            root / "val/cat/cat-train-0.png", (root / "train/cat/cat-train-0.png").read_bytes()
        ),
        "1 images are in more than one split (first: train/cat/cat-train-0.png, val/cat/",
    ),
    "two suffixes": (
        lambda root: write_file(root / "train/cat/cat-train-0.jpg"),
        "share their name with another one (first: train/cat/cat-train-0.jpg, ",
    ),
    "a name that is not UTF-8": (
        lambda root: write_bytes_name(root / "train/cat", b"\xff.png"),
        "1 file names are not UTF-8",
    ),
    "a class that is not UTF-8": (
        lambda root: [
            write_bytes_name(Path(os.fsdecode(os.fsencode(root / split) + b"/\xff")), b"x.png")
            for split in ("train", "val")
        ],
        "not printable (first: '\\udcff')",
    ),
    "a long class": (
        lambda root: [write_file(root / of / ("c" * 201) / f"{of}.png") for of in ("train", "val")],
        "longer than 200 characters",
    ),
    "a class with a line break": (
        lambda root: [write_file(root / of / "a\nb" / f"{of}.png") for of in ("train", "val")],
        r"not printable (first: 'a\nb')",
    ),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_a_bad_folder_is_named(tmp_path, name):
    entry = make_folder(tmp_path)
    change, *words = BAD_FOLDERS[name]
    change(tmp_path)
    for part in words:
        check_refused(entry, part)


BAD_FLAT_FOLDERS = {
    "held out with splits": (make_folder, lambda root: None, "but the config declares `held_out`"),
    "only train": (
        make_folder,
        lambda root: remove(root, "val"),
        "has train/, which are not classes",
    ),
    "one folder too high": (
        lambda root: make_folder(root / "pets"),
        lambda root: None,
        "set it to ",
    ),
    "no pictures": (
        make_flat_folder,
        lambda root: remove(root, "cat", "dog"),
        "has no class folders (",
    ),
    "one class": (
        make_flat_folder,
        lambda root: remove(root, "dog"),
        "has only the class cat: classification needs images of two classes",
    ),
    "one image in each class": (
        lambda root: [write_file(root / name / "1.png") for name in CLASSES],
        lambda root: None,
        "has no class with two images or more, so that none can be held out",
    ),
    "loose pictures": (
        make_flat_folder,
        lambda root: write_file(root / "x.png"),
        "1 pictures outside them (first: x.png)",
    ),
}


@pytest.mark.parametrize("name", BAD_FLAT_FOLDERS)
def test_a_bad_folder_of_which_a_share_is_held_out_is_named(tmp_path, name):
    make, change, words = BAD_FLAT_FOLDERS[name]
    make(tmp_path)
    change(tmp_path)
    check_refused({"layout": "folder", "root": str(tmp_path), "held_out": 0.5}, words)


# --- lists ----------------------------------------------------------------------------------------

HEAD = "image,label,split\n"
FIRST = "pictures/cat-train-0.png,cat,train\n"
OTHER = "pictures/dog-train-0.png,dog,train\n"
TEST = "pictures/cat-val-0.png,cat,val\n"
BAD_LISTS = {  # contents, and what is said
    "image,split\na.png,train\n": "lacks the columns label",
    "pictures/cat-train-0.png,cat,train\n": "lacks the columns image, label",
    "image;label;split\na.png;cat;train\n": "lacks the columns image, label: its first line, 'im",
    "image\tlabel\na.png\tcat\n": "lacks the columns image, label",
    "image,label,label\na.png,cat,dog\n": "names 1 columns more than once (first: label)",
    HEAD: "list.csv lists no images",
    HEAD + FIRST + "pictures/dog-train-0.png,,train\n": "line 3 has no label",
    HEAD + FIRST + ",dog,train\n": "line 3 has no image",
    HEAD + "pictures/cat-train-0.png,cat\n": "line 2: 'pictures/cat-train-0.png,cat' has 2 cells",
    HEAD + "a, b.png,cat,train\n": "line 2: 'a, b.png,cat,train' has 4 cells",
    HEAD + FIRST.replace("train\n", "training\n"): "line 2: the split is 'training', but should",
    HEAD + FIRST.replace("train\n", "\n"): "line 2: the split is '', but should be one of train",
    HEAD + FIRST + FIRST: "names 1 images more than once (first: pictures/cat-train-0.png)",
    HEAD + FIRST + "./" + FIRST.replace("train\n", "val\n"): "names 1 images more than once",
    HEAD + "../x.png,cat,train\n": "line 2: '../x.png' should be a path inside",
    HEAD + "pictures/../../x.png,cat,train\n": "should be a path inside the data set's `root`",
    HEAD + "/etc/passwd,cat,train\n": "line 2: '/etc/passwd' should be a path inside",
    HEAD + "pictures\\cat.png,cat,train\n": "should be a path inside the data set's `root`, with /",
    HEAD + FIRST + "gone/1.png,cat,val\nx.png,dog,val\n": "lacks 2 of 3 listed images (first: gone",
    HEAD + "pictures,cat,train\n" + TEST + f"{BIG}.png,dog,val\n": "lacks 1 of 3 listed images",
    HEAD + FIRST + OTHER: "has images of train, but a data set needs train, and val or test",
    HEAD + TEST + OTHER.replace("train\n", "val\n"): "has images of val, but a data set needs",
    HEAD + FIRST + TEST: "has only the class cat: classification needs images of two classes",
    HEAD + FIRST + OTHER + TEST.replace("cat,", "eel,"): "1 classes have images in val but none in",
    HEAD + FIRST + OTHER.replace("dog,", "Cat,") + TEST: "differ only in upper and lower case",
    HEAD + FIRST + OTHER.replace("dog,", f"{BIG},") + TEST: "longer than 200 characters",
    HEAD + FIRST + 'pictures/dog-train-0.png,"dog,train\n': "line 3: ",
    HEAD + FIRST + 'pictures/dog-train-0.png,"dog"s,train\n': "is not a line of a CSV (",
    HEAD + f"{'x' * 200_000},cat,train\n": "is not a line of a CSV (field larger than",
    "image,label\npictures/cat-train-0.png,cat\n": "has no column split: add it, with train",
    "": "list.csv is empty",
    HEAD + "a\0.png,cat,train\n": "list.csv is not a text file in UTF-8",
    b"\xff\xfei\0m\0": "list.csv is not a text file in UTF-8",
}


@pytest.mark.parametrize("number", range(len(BAD_LISTS)))
def test_a_bad_list_is_named(tmp_path, number):
    entry = make_list(tmp_path)
    content, words = list(BAD_LISTS.items())[number]
    write_file(tmp_path / "list.csv", content)
    check_refused(entry, words)


def test_lists_and_keys_that_do_not_fit(tmp_path):
    entry = make_list(tmp_path)
    check_refused(entry | {"held_out": 0.5}, "has the column split, but the config declares")
    check_refused(entry | {"list": "other.csv"}, "other.csv is missing (")
    write_file(tmp_path / "pictures/cat-train-0.jpg")
    with (tmp_path / "list.csv").open("a") as file:
        file.write("pictures/cat-train-0.jpg,cat,train\n")
    check_refused(entry, "2 image files share their name with another one")


# --- Parquet --------------------------------------------------------------------------------------

ROWS = [("a", picture(1)), ("b", picture(2))]


def of_rows(labels=(0, 1), metadata=None, kind=None, names=CLASSES) -> bytes:
    metadata = hugging_face(names) if metadata is None else metadata
    return parquet_bytes(table(ROWS, labels, metadata, kind))


def of_columns(**columns) -> bytes:
    return parquet_bytes(pa.table(columns).replace_schema_metadata(hugging_face(CLASSES)))


SOUND = of_rows()
BYTES = pa.array([data for _, data in ROWS])
DEEP = b"[" * 100_000
BAD_PARQUET = {  # contents of the training file, and what is said
    "empty": (b"", "cannot be read as Parquet ("),
    "text": (b"image,label\n" * 10, "cannot be read as Parquet (Parquet magic bytes not found"),
    "cut": (SOUND[:-20], "cannot be read as Parquet ("),
    "cut at the start": (SOUND[20:], "cannot be read as Parquet ("),
    "a footer that lies": (
        SOUND[:-8] + struct.pack("<I", 2**31) + b"PAR1",
        "cannot be read as Parquet (",
    ),
    "no image": (
        of_columns(picture=BYTES, label=[0, 1]),
        "has no column 'image', or more than one",
    ),
    "no label": (of_columns(image=BYTES, fine=[0, 1]), "it has image, fine: name the column with"),
    "two labels": (
        parquet_bytes(
            pa.Table.from_arrays([BYTES, *[pa.array([0, 1])] * 2], ["image", *["label"] * 2])
        ),
        "has no column 'label', or more than one",
    ),
    "paths": (
        of_columns(image=["a.png", "b.png"], label=[0, 1]),
        "the column 'image' is string, but should hold the bytes",
    ),
    "struct without bytes": (
        of_columns(image=[{"path": "a"}, {"path": "b"}], label=[0, 1]),
        "is struct<path: string>, but should hold the bytes",
    ),
    "pixels": (of_columns(image=[[1, 2], [3]], label=[0, 1]), "but should hold the bytes"),
    "float labels": (of_columns(image=BYTES, label=[0.5, 1]), "'label' is double, but labels are"),
    "boolean labels": (of_columns(image=BYTES, label=[True, False]), "'label' is bool, but labels"),
    "lists of labels": (of_columns(image=BYTES, label=[[0], [1]]), "but labels are whole numbers"),
    "null labels": (
        of_rows((0, None)),
        "has 1 rows without a label in the column 'label' (first: row 1)",
    ),
    "beyond": (
        of_rows((0, 2)),
        "has labels beyond the 2 classes, which are labelled 0 to 1 (first: 2)",
    ),
    "huge": (of_rows((0, 2**62)), "(first: 4611686018427387904)"),
    "negative": (of_rows((0, -1)), "has labels beyond the 2 classes"),
    "all secret": (of_rows((-1, -1)), "has images of val, but a data set needs train"),
    "no names": (
        of_rows(metadata={}),
        "has labels that are numbers, but no names of classes: name",
    ),
    "not JSON": (
        of_rows(metadata={b"huggingface": b"{not JSON"}),
        "no names of classes (its metadata `huggingface` cannot be read): name them with the key",
    ),
    "a deep bomb": (of_rows(metadata={b"huggingface": DEEP}), "(its metadata `huggingface` cannot"),
    "names that are numbers": (
        of_rows(names=[1, 2]),
        "(its metadata `huggingface` cannot be read)",
    ),
    "names twice": (
        of_rows(names=["cat", "cat"]),
        "differ only in upper and lower case, or not at",
    ),
    "empty names": (of_rows(names=["", "dog"]), "has classes whose names are empty"),
    "text and numbers": (of_rows(["cat", "dog"]), "has labels that are numbers (data/validation"),
    "empty text": (of_rows(["", "dog"]), "has labels that are numbers (data/validation"),
}
NAMED_ALIKE = (
    "no names",
    "not JSON",
    "a deep bomb",
    "names that are numbers",
    "names twice",
    "empty names",
)


@pytest.mark.parametrize("name", BAD_PARQUET)
def test_a_bad_parquet_file_is_named(tmp_path, name):
    entry = make_parquet(tmp_path)
    data, words = BAD_PARQUET[name]
    write_file(tmp_path / TRAIN, data)
    if name in NAMED_ALIKE:
        write_file(tmp_path / TRAIN.replace("train", "validation"), data)
    check_refused(entry, words)


def test_parquet_files_and_keys_that_do_not_fit(tmp_path):
    entry = make_parquet(tmp_path)
    check_refused(entry | {"held_out": 0.5}, "has files of train, val, but the config declares")
    check_refused(entry | {"image_column": "img"}, "has no column 'img'")
    check_refused(
        entry | {"class_names": "none.txt"}, "none.txt is missing, which the config names"
    )
    write_file(tmp_path / "names.txt", "cat\ncat\n")
    check_refused(entry | {"class_names": "names.txt"}, "names 1 classes more than once")
    write_file(tmp_path / "names.txt", b"\xff\xfe")
    check_refused(entry | {"class_names": "names.txt"}, "not a text file")
    write_file(tmp_path / "names.txt", "cat\n")
    check_refused(entry | {"class_names": "names.txt"}, "has labels beyond the 1 classes")
    write_file(tmp_path / TRAIN, of_rows(names=["cow", "dog"]))
    check_refused(entry, "name other classes: fetch files of one version")
    (tmp_path / TRAIN).rename(tmp_path / "data/first.parquet")
    (tmp_path / TRAIN.replace("train", "validation")).rename(tmp_path / "data/second.parquet")
    check_refused(entry, "has files whose names do not say of which split they are")


@pytest.mark.parametrize(
    "image, reason",
    [
        ({"bytes": None, "path": "a.png"}, "the row has no bytes"),
        (None, "the row has no bytes"),
        ({"bytes": b"", "path": "a.png"}, "empty file"),
        ({"bytes": b"no picture", "path": "a.png"}, "cannot identify the image format"),
    ],
)
def test_a_row_without_an_image_is_named_when_it_is_packed(tmp_path, image, reason):
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([image, {"bytes": picture(2), "path": "b.png"}], struct)
    entry = make_parquet(tmp_path / "set")
    write_file(tmp_path / "set" / TRAIN, of_columns(image=images, label=[0, 1]))
    check_not_packed(entry, tmp_path / "store", f"{TRAIN}/0: {reason}")


def check_not_packed(entry: dict, folder: Path, words: str) -> None:
    spec = {"codec": "raw", "size": 8}
    with pytest.raises(UserError) as caught:
        build_store(list_dataset(entry), Path(entry["root"]), folder, spec, 2, progress=False)
    said = str(caught.value)
    assert words in said and "cannot be read and `max_unreadable` is 0" in said, said


def test_damaged_pages_are_named_when_they_are_packed(tmp_path):
    entry = make_parquet(tmp_path / "set")
    path = tmp_path / "set" / TRAIN
    listing = list_dataset(entry)
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(600) + data[604:])
    with pytest.raises(UnreadableImage, match=r"the Parquet file is damaged: "):
        listing.reader(tmp_path / "set").read(f"{TRAIN}/0")
    path.write_bytes(SOUND)
    with pytest.raises(UnreadableImage, match=r"the Parquet file is damaged: "):
        listing.reader(tmp_path / "set").read(f"{TRAIN}/5")


# --- WebDataset -----------------------------------------------------------------------------------


def shard(**members: bytes) -> bytes:
    """Return a shard of two sound samples and other members; a key "a__b" stands for "a.b"."""
    sound = {"a.png": picture(1), "a.cls": b"cat", "b.png": picture(2), "b.cls": b"dog"}
    return tar_bytes(sound | {name.replace("__", "."): data for name, data in members.items()})


def with_member(name: str, **kind) -> bytes:
    member = tarfile.TarInfo(name)
    for key, value in kind.items():
        setattr(member, key, value)
    return tar_bytes([*{"a.png": picture(1), "a.cls": b"cat"}.items(), (member, b"")])


def with_size(size: bytes) -> bytes:
    """Return a shard whose first member claims another size, with a checksum that is right."""
    data = bytearray(shard())
    data[124:136] = size
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


WHOLE = shard()
BAD_SHARDS = {  # contents of the training shard, and what is said
    "empty": (b"", "is not a whole archive (empty file)"),
    "text": (b"not a tar" * 200, "is not a whole archive ("),
    "no members": (bytes(10240), "has no images with labels"),
    "cut in an image": (WHOLE[:700], "is not a whole archive ('a.png' goes beyond its end)"),
    "cut between members": (
        WHOLE[: WHOLE.index(b"b.png")],
        "is not a whole archive (it is cut off",
    ),
    "cut in a header": (WHOLE[: WHOLE.index(b"b.png") + 100], "is not a whole archive ("),
    "a damaged header": (
        WHOLE.replace(b"b.png", b"b.pnG", 1),
        "is not a whole archive (it is cut off or damaged)",
    ),
    "gzip": (gzip.compress(WHOLE), "is compressed with gzip"),
    "zstd": (b"\x28\xb5\x2f\xfd" + WHOLE, "is compressed with zstd"),
    "a huge size": (with_size(b"77777777777\0"), "is not a whole archive ('a.png' goes beyond"),
    "a size below 0": (with_size(b"\xff" * 11 + b"\x00"), "is not a whole archive ("),
    "a link": (
        with_member("b.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "has 'b.png' (a link): a shard has only files",
    ),
    "a hard link": (with_member("b.png", type=tarfile.LNKTYPE, linkname="a.png"), "(a link)"),
    "a device": (with_member("b.png", type=tarfile.CHRTYPE), "(neither file nor folder)"),
    "a pipe": (with_member("b.png", type=tarfile.FIFOTYPE), "(neither file nor folder)"),
    "a name that leads out": (
        with_member("../b.png"),
        "has '../b.png' (a file, on a path that leads out of the folder)",
    ),
    "an absolute name": (with_member("/b.png"), "on a path that leads out of the folder"),
    "a folder that leads out": (with_member("x/..", type=tarfile.DIRTYPE), "leads out of the"),
    "a key twice": (
        tar_bytes([*{"a.png": picture(1), "a.cls": b"x"}.items()] * 2),
        "has the sample a twice",
    ),
    "two images": (shard(a__jpg=picture(3)), "or with two members of the kind image"),
    "no label": (
        shard(c__png=picture(3)),
        "1 of 3 samples are incomplete (first: c, which has no label",
    ),
    "no image": (shard(c__cls=b"cat"), "(first: c, which has no image)"),
    "an empty label": (
        shard(c__png=picture(3), c__cls=b" \n"),
        "the sample c has a member .cls that",
    ),
    "a binary label": (shard(c__png=picture(3), c__cls=b"\xff\xfe"), "is empty or not UTF-8 text"),
    "a number": (shard(c__png=picture(3), c__cls=b"1"), "labels that are numbers and others that"),
    "a long label": (shard(c__png=picture(3), c__cls=BIG.encode()), "longer than 200 characters"),
    "a huge label": (shard(c__png=picture(3), c__cls=bytes(2**20 + 1)), "too many for a label"),
    "broken JSON": (
        shard(c__png=picture(3), c__json=b"{"),
        "sample c has a member .json that cannot",
    ),
    "a deep bomb": (
        shard(c__png=picture(3), c__json=DEEP),
        "has a member .json that cannot be read",
    ),
    "no key": (
        shard(c__png=picture(3), c__json=b'{"x": 1}'),
        "the key 'label' of its member .json",
    ),
    "a list": (shard(c__png=picture(3), c__json=b'["label"]'), "is not a whole number or text"),
    "a fraction": (shard(c__png=picture(3), c__json=b'{"label": 0.5}'), "is not a whole number or"),
    "a boolean": (shard(c__png=picture(3), c__json=b'{"label": true}'), "is not a whole number or"),
    "no text": (
        shard(c__png=picture(3), c__json=b'{"label": ""}'),
        "is not a whole number or text",
    ),
    "big digits": (
        shard(c__png=picture(3), c__json=b'{"label": %s}' % BIG.encode()),
        "has a member .json that cannot be read",
    ),
    "a name that is not UTF-8": (
        shard(**{os.fsdecode(b"\xff.png"): picture(1), os.fsdecode(b"\xff.cls"): b"cat"}),
        "1 file names are not UTF-8",
    ),
    "two cases": (shard(c__png=picture(3), c__cls=b"Cat"), "differ only in upper and lower case"),
    "a class of its own": (shard(), None),
}


@pytest.mark.parametrize("name", BAD_SHARDS)
def test_a_bad_shard_is_named(tmp_path, name):
    entry = make_webdataset(tmp_path)
    data, words = BAD_SHARDS[name]
    write_file(tmp_path / SHARD, data)
    if words is None:
        assert len(list_dataset(entry).images) == 6
    else:
        check_refused(entry, words)


def test_shards_and_keys_that_do_not_fit(tmp_path):
    entry = make_webdataset(tmp_path)
    check_refused(entry | {"held_out": 0.5}, "has files of train, val, but the config declares")
    check_refused(entry | {"label_key": "fine"}, "has no member .json, in which the config's")
    write_file(tmp_path / "train-0001.tar", (tmp_path / SHARD).read_bytes())
    check_refused(entry, "names 6 samples more than once (first: cat-train-0, ")
    write_file(tmp_path / "data/train-0001.tar.gz")
    check_refused(entry, "train-0001.tar.gz is compressed (")
    (tmp_path / "data/train-0001.tar.gz").unlink()
    (tmp_path / "train-0001.tar").unlink()
    check_refused(entry | {"class_names": "x.txt"}, "has labels that are text, which are the names")
    numbers = {"a.png": picture(1), "a.cls": b"0", "b.png": picture(2), "b.cls": b"7"}
    for name in ("train-0000", "val-0000"):
        write_file(tmp_path / f"{name}.tar", tar_bytes(numbers))
    check_refused(entry, "has labels that are numbers, but no names of classes: name them with")
    write_file(tmp_path / "names.txt", "cat\ndog\n")
    check_refused(entry | {"class_names": "names.txt"}, "has labels beyond the 2 classes")


def test_a_shard_that_shrinks_after_it_was_listed_is_named(tmp_path):
    entry = make_webdataset(tmp_path)
    listing = list_dataset(entry)
    source = listing.reader(tmp_path)
    path = listing.images["path"][0]
    os.truncate(tmp_path / SHARD, 700)
    with pytest.raises(UnreadableImage, match="the archive is shorter than when it was listed"):
        source.read(path)
    (tmp_path / "val-0000.tar").unlink()
    with pytest.raises(UnreadableImage, match="No such file"):
        source.read(listing.images["path"].iloc[-1])


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
def test_declared_numbers_are_checked(tmp_path, make):
    entry = make(tmp_path)
    check_refused(
        entry | {"num_classes": 3}, "has 2 classes, but the config's `num_classes` says 3"
    )
    check_refused(entry | {"images": {"train": 7}}, "has 6 train images, but the config's `images:")
    check_refused(entry | {"images": {"test": 4}}, "has no split test, which the config declares")


@pytest.mark.parametrize("make", [make_list, make_parquet, make_webdataset])
def test_any_damage_is_read_or_refused(tmp_path, make):
    entry = make(tmp_path)
    name = {make_list: "list.csv", make_parquet: TRAIN, make_webdataset: SHARD}[make]
    sound = (tmp_path / name).read_bytes()

    @settings(max_examples=80, **FUZZED)
    @given(
        st.lists(st.tuples(st.integers(0, len(sound) - 1), st.integers(1, 255)), max_size=4),
        st.integers(0, len(sound)),
    )
    def check(flips, end) -> None:
        data = bytearray(sound)
        for at, mask in flips:
            data[at] ^= mask
        (tmp_path / name).write_bytes(data[:end] if end % 3 == 0 else data)
        try:
            listing = list_dataset(entry)
        except UserError as error:
            assert str(tmp_path) in str(error) and "\n" not in str(error)
            return
        source = listing.reader(tmp_path)
        for path in listing.images["path"]:
            try:
                source.read(path)
            except UnreadableImage as error:
                assert "\n" not in str(error)

    check()


def test_containers_that_are_not_files_are_named(tmp_path):
    for make, name in ((make_parquet, TRAIN), (make_webdataset, SHARD)):
        entry = make(tmp_path / make.__name__)
        path = tmp_path / make.__name__ / name
        path.unlink()
        os.mkfifo(path)
        check_refused(entry, "not a regular file")
        path.unlink()
        path.symlink_to("nowhere")
        check_refused(entry, "No such file")
