"""Users' own data sets: folders, lists, Parquet and shards give the same images, splits, classes."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from helpers import folder_contents, write_file
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
    samples,
    table,
    tar_bytes,
)

from imagenet_transfer.data import packing
from imagenet_transfer.data.integrity import damaged_images, mend_store
from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.layouts.own import hold_out
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.labels.taxonomy import read_classes

SPEC = {"codec": "raw", "size": 12}
BOM = b"\xef\xbb\xbf"


def packed(entry: dict, folder: Path, workers: int = 1) -> Store:
    root = Path(entry["root"])
    build_store(list_dataset(entry), root, folder, SPEC, workers, progress=False)
    return Store(folder)


def images_of(entry: dict) -> list[tuple[str, str, bytes]]:
    """Return (split, class, file) of each image, ascending."""
    listing = list_dataset(entry)
    source = listing.reader(Path(entry["root"]))
    found = zip(listing.images["split"], listing.images["class"], listing.images.path, strict=True)
    return sorted((split, name, source.read(path)) for split, name, path in found)


def ids_of(entry: dict) -> list[str]:
    return list_dataset(entry).images["image"].tolist()


def classes_of(entry: dict, split: str = "train") -> list[str]:
    images = list_dataset(entry).images
    return images["class"][images["split"] == split].tolist()


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
def test_each_layout_gives_the_same_images(tmp_path, make):
    entry = make(tmp_path)
    declared = {"num_classes": 2, "images": {"train": 6, "val": 4}}
    assert images_of(entry | declared) == sorted(
        (split, name, data) for split, name, _, data in samples()
    )
    assert list_dataset(entry).classes == CLASSES


@pytest.mark.parametrize("make", MAKERS)
def test_a_store_has_the_images_whatever_the_number_of_workers(tmp_path, make, monkeypatch):
    monkeypatch.setattr(packing, "SHARD_ROWS", (3, 3))  # so that threads begin inside row groups
    entry = make(tmp_path / "set", splits={"train": 10, "val": 4})
    store = packed(entry, tmp_path / "one")
    packed(entry, tmp_path / "four", workers=4)
    assert folder_contents(tmp_path / "one") == folder_contents(tmp_path / "four")
    found = zip(store.images["split"], store.images["class"], store.batch(range(28)), strict=True)
    expected = [
        (split, name, np.asarray(pixels_of(data)).tobytes())
        for split, name, _, data in samples(splits={"train": 10, "val": 4})
    ]
    assert sorted((*of, pixels.tobytes()) for *of, pixels in found) == sorted(expected)


def pixels_of(data: bytes) -> np.ndarray:
    import cv2

    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("make", MAKERS)
def test_a_damaged_store_is_mended_from_any_source(tmp_path, make):
    entry = make(tmp_path / "set")
    folder = tmp_path / "store"
    packed(entry, folder)
    whole = folder_contents(folder)
    shard = folder / "shard-00000.bin"
    shard.write_bytes(whole[shard.name][:1000] + bytes(len(whole[shard.name]) - 1000))
    assert len(damaged_images(folder, 1)) == 8
    mend_store(folder, list_dataset(entry), tmp_path / "set", SPEC, 2)
    assert folder_contents(folder) == whole


@pytest.mark.parametrize("make", [make_parquet, make_webdataset])
def test_containers_are_read_in_any_order(tmp_path, make):
    entry = make(tmp_path, splits={"train": 40, "val": 2})
    listing = list_dataset(entry)
    expected = {name: data for *_, name, data in samples(splits={"train": 40, "val": 2})}
    rows = list(zip(listing.images["image"], listing.images["path"], strict=True))
    random.Random(1).shuffle(rows)
    source = listing.reader(tmp_path)
    assert all(source.read(path) == expected[image] for image, path in rows * 2)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "names",
    [("NA", "null"), ("1", "01"), ("a dog", 'the "cat"'), ("Äpfel", "苹果"), ("a,b", "nan")],
)
def test_any_names_of_classes(tmp_path, make, names):
    if make is make_list or (make is make_webdataset and "1" in names):
        pytest.skip("quotes in lists, and numbers as labels, have tests of their own")
    store = packed(make(tmp_path / "set", classes=names), tmp_path / "store")
    assert sorted(store.classes) == sorted(names)
    assert set(store.images["class"]) == set(names)


# --- held out -------------------------------------------------------------------------------------

NAMES = st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, min_size=2, max_size=40)


def held_out_of(names, share: float) -> set[str]:
    rows = hold_out([("", name, "c", f"{name}.png") for name in names], share)
    assert sorted(row[1] for row in rows) == sorted(names)
    return {name for split, name, *_ in rows if split == "test"}


@settings(deadline=None, derandomize=True)
@given(NAMES, st.floats(0.01, 0.99), st.randoms())
def test_what_is_held_out_does_not_depend_on_the_order(names, share, shuffled):
    found = held_out_of(names, share)
    assert 1 <= len(found) < len(names)
    shuffled.shuffle(names)
    assert held_out_of(names, share) == found


@settings(deadline=None, derandomize=True)
@given(NAMES, st.floats(0.01, 0.99))
def test_another_image_moves_no_other(names, share):
    """Except where all images would be on one side."""
    before = held_out_of(names, share)
    after = held_out_of([*names, "another"], share) - {"another"}
    least = min(len(before), len(names) - len(before))
    assert before == after or (least == 1 and len(before ^ after) <= 2)


def test_about_the_share_is_held_out_and_more_of_a_larger_share():
    names = [f"image-{number}" for number in range(2000)]
    assert 360 < len(held_out_of(names, 0.2)) < 440
    assert held_out_of(names, 0.2) < held_out_of(names, 0.5)
    assert held_out_of(names[:1] + names[:0], 0.5) == set()


def test_each_class_is_trained_and_tested(tmp_path):
    images = list_dataset(make_flat_folder(tmp_path) | {"held_out": 0.01}).images
    assert images.groupby(["split", "class"]).size().to_dict() == {
        ("test", "cat"): 1,
        ("test", "dog"): 1,
        ("train", "cat"): 4,
        ("train", "dog"): 4,
    }


@pytest.mark.parametrize("make", [make_list, make_parquet, make_webdataset])
def test_a_share_of_any_source_is_held_out(tmp_path, make):
    entry = make(tmp_path, splits={"train": 20}) | {"held_out": 0.25}
    if make is make_list:
        path = tmp_path / "list.csv"
        path.write_text("\n".join(line.rpartition(",")[0] for line in path.read_text().split()))
    images = list_dataset(entry).images
    shares = (images["split"] == "test").groupby(images["class"]).mean()
    assert shares.between(0.05, 0.5).all() and len(images) == 40


# --- folders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "VAL"])
def test_names_of_split_folders(tmp_path, name):
    entry = make_folder(tmp_path)
    (tmp_path / "val").rename(tmp_path / name)
    images = list_dataset(entry).images
    assert images.split.value_counts().to_dict() == {"train": 6, "val": 4}
    assert images.image[9] == "dog/dog-val-1"


def test_images_of_one_name_in_two_classes_and_in_two_splits(tmp_path):
    """As in CIFAR-10, whose images are numbered."""
    for seed, (split, name) in enumerate((s, c) for s in ("train", "test") for c in CLASSES):
        write_file(tmp_path / split / name / "0001.png", picture(seed))
    entry = {"layout": "folder", "root": str(tmp_path)}
    assert ids_of(entry) == ["test/cat/0001", "test/dog/0001", "train/cat/0001", "train/dog/0001"]
    (tmp_path / "test/cat/0001.png").rename(tmp_path / "test/cat/0002.png")
    (tmp_path / "test/dog/0001.png").rename(tmp_path / "test/dog/0002.png")
    assert ids_of(entry) == ["cat/0002", "dog/0002", "cat/0001", "dog/0001"]


def test_folders_in_class_folders_links_and_stray_files(tmp_path):
    entry = make_folder(tmp_path / "set")
    inner = tmp_path / "set/train/cat/more/and more"
    write_file(inner / "cat.v2.PNG", picture(100))
    (tmp_path / "set/val/dog").rename(tmp_path / "dogs")
    (tmp_path / "set/val/dog").symlink_to(tmp_path / "dogs")
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "._x.png", ".hidden/x.png", "x"):
        write_file(tmp_path / "set/train/dog" / name)
    write_file(tmp_path / "set/train/.ipynb_checkpoints/x.png")
    write_file(tmp_path / "set/train/__MACOSX/._x.png")
    write_file(tmp_path / "set/README.md")
    images = list_dataset(entry | {"images": {"train": 7, "val": 4}}).images
    assert images.image[3] == "cat/more/and more/cat.v2"
    assert images.path[3] == "train/cat/more/and more/cat.v2.PNG"


def test_a_class_may_be_called_like_a_split(tmp_path):
    entry = make_flat_folder(tmp_path, classes=("bus", "train"))
    assert list_dataset(entry).classes == ("bus", "train")


# --- lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", BOM])
def test_lists_in_any_dress(tmp_path, line_end, bom):
    lines = [
        "label, split ,note,image",
        '"a, dog",train,"said ""no""",./x/1.png',
        "",
        "NA,train,, x/2.PNG ",
        'NA,Validation,2,"x/3, or so"',
        '"a, dog",val,,4.png',
    ]
    write_file(tmp_path / "lists/mine.csv", bom + line_end.join(lines).encode())
    for name in ("x/1.png", "x/2.PNG", "x/3, or so", "4.png"):
        write_file(tmp_path / name)
    entry = {"layout": "list", "root": str(tmp_path), "list": "lists/mine.csv"}
    assert list_dataset(entry).images.to_numpy().tolist() == [
        ["x/1", "train", "a, dog", "x/1.png"],
        ["x/2", "train", "NA", "x/2.PNG"],
        ["4", "val", "a, dog", "4.png"],
        ["x/3, or so", "val", "NA", "x/3, or so"],
    ]


# --- Parquet --------------------------------------------------------------------------------------


def write_parquet(root: Path, labels, name="train.parquet", names=None, **options) -> dict:
    rows = [(f"{name}-{number}", picture(number)) for number in range(len(labels))]
    content = table(rows, labels, hugging_face(names) if names else None)
    write_file(root / name, parquet_bytes(content, **options))
    return {"layout": "parquet", "root": str(root)}


def test_names_of_classes_are_in_the_order_of_labels(tmp_path):
    write_parquet(tmp_path, [1, 0, 2, 0], names=["zebra", "ape", "bee"])
    entry = write_parquet(tmp_path, [0, 1, 2], "test.parquet", names=["zebra", "ape", "bee"])
    assert list_dataset(entry).classes == ("zebra", "ape", "bee")
    assert classes_of(entry) == ["ape", "zebra", "bee", "zebra"]


def test_text_labels_are_names(tmp_path):
    write_parquet(tmp_path, ["dog", "Äpfel"], "validation.parquet")
    entry = write_parquet(tmp_path, ["dog", "Äpfel", "dog"])
    assert list_dataset(entry).classes == ("dog", "Äpfel")
    assert classes_of(entry) == ["dog", "Äpfel", "dog"]


def test_names_from_a_file_and_from_a_list_of_the_workflow(tmp_path):
    write_parquet(tmp_path, [0, 999], "val.parquet", names=["is", "not", "asked"])
    entry = write_parquet(tmp_path, [999, 0], names=["is", "not", "asked"])
    wnids = read_classes("ilsvrc2012")
    assert classes_of(entry | {"class_names": "ilsvrc2012"}) == [wnids[999], wnids[0]]
    write_file(tmp_path / "names.txt", "".join(f"class {n}\n" for n in range(1000)))
    assert classes_of(entry | {"class_names": "names.txt"}) == ["class 999", "class 0"]


def test_a_split_without_labels_is_left_out_and_so_are_classes_without_images(tmp_path, capsys):
    names = ["cat", "unicorn", "dog"]
    write_parquet(tmp_path, [-1, -1, -1], "test-0.parquet", names=names)
    write_parquet(tmp_path, [2, 0], "validation-0.parquet", names=names)
    write_parquet(tmp_path, [2], "unsupervised-0.parquet")
    entry = write_parquet(tmp_path, [0, 2, 2], "train-0.parquet", names=names)
    listing = list_dataset(entry)
    assert listing.images["split"].value_counts().to_dict() == {"train": 3, "val": 2}
    assert listing.classes == ("cat", "dog")
    said = capsys.readouterr().err
    assert "the split test is left out, as all of its labels are -1." in said
    assert "unsupervised-0.parquet left out" in said
    assert "1 of 3 classes have no image and are left out (first: unicorn)." in said


@pytest.mark.parametrize(
    "kind",
    [pa.int8(), pa.uint16(), pa.dictionary(pa.int8(), pa.string()), pa.large_string()],
)
def test_kinds_of_columns(tmp_path, kind):
    numbers = pa.types.is_integer(kind)
    labels = [0, 1] if numbers else ["cat", "dog"]
    images = pa.array([picture(1), picture(2)], pa.large_binary())
    content = pa.table({"img": images, "fine": pa.array(labels).cast(kind)})
    content = content.replace_schema_metadata(hugging_face(CLASSES, "fine") if numbers else None)
    for name in ("train-a", "test-a"):
        write_file(tmp_path / f"{name}.parquet", parquet_bytes(content))
    keys = {"image_column": "img", "label_column": "fine"}
    entry = {"layout": "parquet", "root": str(tmp_path), **keys}
    assert images_of(entry)[2:] == [("train", "cat", picture(1)), ("train", "dog", picture(2))]
    assert ids_of(entry)[2:] == ["train-a/0", "train-a/1"]


def test_ids_are_names_of_files_where_no_two_are_the_same(tmp_path):
    rows = [("n01440764/a.b", picture(1)), ("x/c", picture(2))]
    for split, found in {
        "train": rows,
        "val": [(f"v/{name}", data) for name, data in rows],
    }.items():
        content = table(found, [0, 1], hugging_face(CLASSES))
        write_file(tmp_path / "data" / f"{split}-0.parquet", parquet_bytes(content))
    entry = {"layout": "parquet", "root": str(tmp_path)}
    assert ids_of(entry) == ["train-0/0", "train-0/1", "val-0/0", "val-0/1"]
    content = table([("w", picture(1)), ("y", picture(2))], [0, 1], hugging_face(CLASSES))
    write_file(tmp_path / "data/val-0.parquet", parquet_bytes(content))
    assert ids_of(entry) == ["a.b", "c", "w", "y"]


def test_memory_does_not_grow_with_a_parquet_file(tmp_path):
    names = [f"{number}" for number in range(400)]
    noise = np.random.default_rng(0).bytes(100_000)
    rows = [(name, noise + name.encode()) for name in names]
    content = table(rows, [0, 1] * 200, hugging_face(CLASSES))
    write_file(tmp_path / "train.parquet", parquet_bytes(content, row_group_size=20))
    write_file(tmp_path / "val.parquet", parquet_bytes(content.slice(0, 2)))
    del content
    listing = list_dataset({"layout": "parquet", "root": str(tmp_path)})
    source = listing.reader(tmp_path)
    before = pa.total_allocated_bytes()
    most = 0
    for path, (_, data) in zip(listing.images["path"], rows, strict=False):
        assert source.read(path) == data
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 12_000_000, "of 40 million bytes"


def test_without_pyarrow_the_layout_says_what_to_install(tmp_path):
    """In a process of its own, as pandas has imported it here."""
    entry = make_parquet(tmp_path)
    program = (
        "import sys, json\n"
        "sys.modules['pyarrow'] = None\n"
        "from imagenet_transfer.data.layouts import list_dataset\n"
        "from imagenet_transfer.errors import UserError\n"
        "try: list_dataset(json.loads(sys.argv[1]))\n"
        "except UserError as error: print(error)"
    )
    words = [sys.executable, "-c", program, json.dumps(entry)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "needs pyarrow, which is not installed" in said and "[parquet]" in said


# --- WebDataset -----------------------------------------------------------------------------------


def write_shard(root: Path, labels: dict[str, dict[str, str]], name="train-0.tar") -> dict:
    """Write a shard; `labels` are the members next to each key's image, by suffix."""
    members = {}
    for seed, (key, of_key) in enumerate(labels.items()):
        members |= {f"{key}.{suffix}": text.encode() for suffix, text in of_key.items()}
        members[f"{key}.png"] = picture(seed)
    write_file(root / name, tar_bytes(members))
    return {"layout": "webdataset", "root": str(root)}


def test_labels_of_shards(tmp_path):
    with_json = {"a": {"json": '{"label": "dog", "id": 7}'}, "b/c": {"json": '{"label": "cat"}'}}
    write_shard(tmp_path, with_json)
    entry = write_shard(tmp_path, {"v": {"cls": " dog\n"}, "w": {"cls": "cat"}}, "val-0.tar")
    assert classes_of(entry) == ["dog", "cat"]
    assert ids_of(entry) == ["a", "b/c", "v", "w"]


def test_the_label_key_and_cls_beside_json(tmp_path):
    both = {"a": {"json": '{"fine": 1}', "cls": "0"}, "b": {"cls": "1", "json": '{"fine": 0}'}}
    write_file(tmp_path / "names.txt", "cat\ndog\n")
    write_shard(tmp_path, {"x": {"json": '{"fine": 0}', "cls": "0"}, "y": both["a"]}, "test-0.tar")
    entry = write_shard(tmp_path, both) | {"class_names": "names.txt"}
    assert classes_of(entry) == ["cat", "dog"]
    assert classes_of(entry | {"label_key": "fine"}) == ["dog", "cat"]


def test_members_that_do_not_count(tmp_path):
    members = {
        "./a.b.png": b"a mask, say",
        "./a.png": picture(1),
        "./a.cls": b"cat",
        "._a.png": b"macOS's",
        "__info__.json": b"{",
        "dir.d/b.JPG": picture(2),
        "dir.d/b.cls": b"dog",
        f"{'long' * 60}/c.png": picture(3),
        f"{'long' * 60}/c.cls": b"dog",
    }
    write_file(tmp_path / "train/0000.tar", tar_bytes(members))
    entry = write_shard(tmp_path, {"v": {"cls": "cat"}, "w": {"cls": "dog"}}, "validation/x.tar")
    assert ids_of(entry) == ["a", "dir.d/b", f"{'long' * 60}/c", "v", "w"]
    assert images_of(entry)[:3] == sorted(
        ("train", name, picture(seed)) for seed, name in ((1, "cat"), (2, "dog"), (3, "dog"))
    )


def test_keys_that_start_again_in_each_split(tmp_path):
    labels = {"000000": {"cls": "cat"}, "000001": {"cls": "dog"}}
    write_shard(tmp_path, labels, "test-0.tar")
    entry = write_shard(tmp_path, labels)
    expected = ["test-0/000000", "test-0/000001", "train-0/000000", "train-0/000001"]
    assert ids_of(entry) == expected


def test_one_file_is_open_for_each_thread(tmp_path):
    entry = write_shard(tmp_path, {"v": {"cls": "a"}, "w": {"cls": "b"}}, "val.tar")
    for number in range(30):
        write_shard(tmp_path, {f"{number}": {"cls": "ab"[number % 2]}}, f"train-{number:02}.tar")
    listing = list_dataset(entry)
    source = listing.reader(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert all(source.read(path) for path in listing.images["path"])
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
