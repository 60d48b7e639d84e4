"""Readers of real layouts, on small trees with the oddities that users' disks have."""

from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
from helpers import refusal, write_file
from small_sets import val_name

from imagenet_transfer.data.layouts import list_dataset

WNIDS = ["n01440764", "n01443537", "n02084071"]
LABELS = [2, 0, 1, 1]  # of four validation images, by sorted wnid


def make_train(base: Path) -> None:
    for wnid in WNIDS:
        for number, suffix in enumerate(("JPEG", "jpeg", "JPG")):
            write_file(base / "train" / wnid / f"{wnid}_{number}.{suffix}")
        write_file(base / "train" / wnid / f"._{wnid}_0.JPEG")  # macOS leaves these
    write_file(base / "train" / "notes" / "readme.txt")


def make_flat_val(base: Path) -> None:
    for number in range(1, len(LABELS) + 1):
        write_file(base / "val" / f"{val_name(number)}.JPEG")


def ilsvrc(root: Path, **more) -> dict:
    return {"layout": "ilsvrc", "root": str(root), **more}


def folders_form(root: Path) -> None:
    make_train(root)
    for number, label in enumerate(LABELS, start=1):
        write_file(root / "val" / WNIDS[label] / f"{val_name(number)}.JPEG")


def caffe_form(root: Path) -> None:
    make_train(root)
    make_flat_val(root)
    write_file(
        root / "val.txt",
        "".join(f"{val_name(n)}.JPEG {label}\r\n" for n, label in enumerate(LABELS, start=1)),
    )


def devkit_form(root: Path) -> None:
    from scipy.io import savemat

    make_train(root)
    make_flat_val(root)
    ids = {0: 7, 1: 3, 2: 5}  # by rank of the wnid: not in its order
    synsets = np.zeros(4, dtype=[("ILSVRC2012_ID", object), ("WNID", object), ("words", object)])
    for row, (rank, number) in zip(synsets, [*ids.items(), (None, 1001)], strict=True):
        row["ILSVRC2012_ID"] = number
        row["WNID"] = "n00001740" if rank is None else WNIDS[rank]
        row["words"] = "w"
    folder = root / "ILSVRC2012_devkit_t12" / "data"
    truth = "".join(f"{ids[label]}\n" for label in LABELS)
    write_file(folder / "ILSVRC2012_validation_ground_truth.txt", truth)
    savemat(folder / "meta.mat", {"synsets": synsets})


def kaggle_form(root: Path) -> None:
    base = root / "ILSVRC" / "Data" / "CLS-LOC"
    make_train(base)
    make_flat_val(base)
    lines = [
        f"{val_name(n)},{WNIDS[label]} 85 1 499 272 " for n, label in enumerate(LABELS, start=1)
    ]
    write_file(
        root / "LOC_val_solution.csv", "\n".join(["ImageId,PredictionString", *lines]) + "\n"
    )


@pytest.mark.parametrize("form", [folders_form, caffe_form, devkit_form, kaggle_form])
def test_every_form_of_ilsvrc_gives_the_same_labels(tmp_path, form):
    form(tmp_path)
    listing = list_dataset(ilsvrc(tmp_path, images={"train": 9, "val": 4}), WNIDS)
    val = listing.images[listing.images.split == "val"]
    assert listing.classes == tuple(WNIDS)
    assert list(val.image) == [val_name(number) for number in (1, 2, 3, 4)]
    assert list(val["class"]) == [WNIDS[label] for label in LABELS]
    assert all((tmp_path / path).is_file() for path in listing.images.path)
    assert list(listing.images.image[:3]) == ["n01440764_0", "n01440764_1", "n01440764_2"]
    assert listing.objects.empty


@pytest.mark.parametrize("inner", [".", "ILSVRC", "ILSVRC/Data/CLS-LOC"])
def test_any_folder_of_kaggles_may_be_the_root(tmp_path, inner):
    kaggle_form(tmp_path)
    if inner.endswith("CLS-LOC"):
        (tmp_path / "LOC_val_solution.csv").rename(tmp_path / inner / "LOC_val_solution.csv")
    assert len(list_dataset(ilsvrc(tmp_path / inner), WNIDS).images) == 13


@pytest.mark.parametrize("form", [folders_form, devkit_form, kaggle_form])
def test_only_the_given_classes_are_read(tmp_path, form):
    form(tmp_path)
    listing = list_dataset(ilsvrc(tmp_path), WNIDS[:2])
    assert set(listing.images["class"]) == set(WNIDS[:2])
    assert listing.images.split.value_counts().to_dict() == {"train": 6, "val": 3}


def test_class_folders_may_be_links(tmp_path):
    folders_form(tmp_path)
    (tmp_path / "train" / WNIDS[0]).rename(tmp_path / "elsewhere")
    (tmp_path / "train" / WNIDS[0]).symlink_to(tmp_path / "elsewhere")
    assert len(list_dataset(ilsvrc(tmp_path), WNIDS).images) == 13


def refused(entry: dict, *words: str) -> None:
    refusal(lambda: list_dataset(entry, WNIDS), *words, longest=900)


def test_what_is_missing_is_named(tmp_path):
    folders_form(tmp_path)
    refused(ilsvrc(tmp_path / "nowhere"), "nowhere is missing")
    refused(ilsvrc(tmp_path, images={"train": 10}), "9 train images", "10", "half unpacked")
    refused(ilsvrc(tmp_path, images={"val": 3}), "4 val images", "added")
    refused(ilsvrc(tmp_path, images={"test": 3}), "no split test", "train and val")
    loose = write_file(tmp_path / "val" / "ILSVRC2012_val_00000009.JPEG")
    refused(ilsvrc(tmp_path), "interrupted", loose.name)
    loose.unlink()
    for path in (tmp_path / "train" / WNIDS[2]).iterdir():
        path.unlink()
    refused(ilsvrc(tmp_path), "no images", WNIDS[2])
    (tmp_path / "train" / WNIDS[2]).rmdir()
    write_file(tmp_path / "train" / f"{WNIDS[2]}.tar")
    refused(
        ilsvrc(tmp_path), "lacks 1 of 3 class folders", WNIDS[2], f"{WNIDS[2]}.tar", "still packed"
    )


def test_flat_validation_needs_labels_that_fit(tmp_path):
    caffe_form(tmp_path)
    (tmp_path / "val" / f"{val_name(3)}.JPEG").unlink()
    refused(ilsvrc(tmp_path), "lacks 1 of 4 labelled images", val_name(3))
    write_file(tmp_path / "val" / "stranger.JPEG")
    refused(ilsvrc(tmp_path), "no label", "stranger.JPEG")
    write_file(tmp_path / "val.txt", "a b c\n")
    refused(ilsvrc(tmp_path), "line 1: 'a b c' is not `file label`")
    write_file(tmp_path / "val.txt", "a.JPEG 17\n")
    refused(ilsvrc(tmp_path), "labels 0 to 17", "synsets.txt")
    (tmp_path / "val.txt").unlink()
    refused(ilsvrc(tmp_path), "has no labels")
    write_file(tmp_path / "ILSVRC2012_validation_ground_truth.txt", "1\n")
    refused(ilsvrc(tmp_path), "meta.mat")
    write_file(tmp_path / "meta.mat", "not matlab")
    refused(ilsvrc(tmp_path), "is not the devkit's meta.mat")


def test_two_files_of_one_name_are_refused(tmp_path):
    folders_form(tmp_path)
    write_file(tmp_path / "train" / WNIDS[0] / f"{WNIDS[0]}_0.png")
    refused(ilsvrc(tmp_path), "share their name", f"{WNIDS[0]}_0.png")


def make_tiny(base: Path) -> None:
    write_file(base / "wnids.txt", "".join(f"{wnid}\n" for wnid in reversed(WNIDS)))
    for wnid in WNIDS:
        write_file(base / "train" / wnid / f"{wnid}_boxes.txt")
        write_file(base / "train" / wnid / "images" / f"{wnid}_0.JPEG")
    for number, label in enumerate(LABELS):
        write_file(base / "val" / "images" / f"val_{number}.JPEG")
        with (base / "val" / "val_annotations.txt").open("a") as file:
            file.write(f"val_{number}.JPEG\t{WNIDS[label]}\t0\t32\t44\t62\n")


@pytest.mark.parametrize("inner", [".", "tiny-imagenet-200"])
@pytest.mark.parametrize("wnids", [WNIDS, []])
def test_tiny_imagenet(tmp_path, inner, wnids):
    make_tiny(tmp_path / inner)
    listing = list_dataset({"layout": "tiny-imagenet", "root": str(tmp_path)}, wnids)
    assert listing.classes == tuple(WNIDS)
    assert list(listing.images["class"]) == WNIDS + [WNIDS[label] for label in LABELS]
    assert list(listing.images.image[3:]) == ["val_0", "val_1", "val_2", "val_3"]


OBJECT = """<object>{name}{difficult}<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>
<bndbox>{box}</bndbox></object>"""
BOX = "<xmax>50</xmax><xmin>10</xmin><ymax>40.5</ymax><ymin>1</ymin>"


def annotation(*objects: tuple[str, str], box: str = BOX) -> str:
    parts = [
        OBJECT.format(name=f"<name>{name}</name>", difficult=difficult, box=box)
        for name, difficult in objects
    ]
    size = "<size><width>50</width><height>41</height><depth>3</depth></size>"
    return f"<annotation><filename>x</filename>{size}{''.join(parts)}</annotation>".replace(
        "\n", "\r\n"
    )


def make_voc(root: Path) -> Path:
    data = root / "VOC2007"
    write_file(data / "ImageSets" / "Main" / "trainval.txt", "000005\r\n000007\r\n")
    write_file(data / "ImageSets" / "Main" / "test.txt", "000001\n")
    for name, suffix in (
        ("000005", "jpg"),
        ("000007", "JPG"),
        ("000001", "jpg"),
        ("000099", "jpg"),
    ):
        write_file(data / "JPEGImages" / f"{name}.{suffix}")
    write_file(
        data / "Annotations" / "000005.xml",
        annotation(("chair", ""), ("dog", "<difficult>1</difficult>")),
    )
    write_file(data / "Annotations" / "000007.xml", annotation(("car", "<difficult>0</difficult>")))
    write_file(data / "Annotations" / "000001.xml", annotation(("dog", "<truncated>1</truncated>")))
    return data


def voc(root: Path, **more) -> dict:
    return {"layout": "voc", "year": 2007, "root": str(root), **more}


def test_voc(tmp_path):
    make_voc(tmp_path)
    listing = list_dataset(voc(tmp_path, images={"trainval": 2, "test": 1}))
    assert len(listing.classes) == 20
    assert listing.images.values.tolist() == [
        ["000001", "test", "", "VOC2007/JPEGImages/000001.jpg"],
        ["000005", "trainval", "", "VOC2007/JPEGImages/000005.jpg"],
        ["000007", "trainval", "", "VOC2007/JPEGImages/000007.JPG"],
    ]
    assert listing.objects.values.tolist() == [
        ["000001", 1, "dog", 10, 1, 50, 40.5, 0],
        ["000005", 1, "chair", 10, 1, 50, 40.5, 0],
        ["000005", 2, "dog", 10, 1, 50, 40.5, 1],
        ["000007", 1, "car", 10, 1, 50, 40.5, 0],
    ]
    fewer = list_dataset(voc(tmp_path, classes=["dog", "car"]))
    assert fewer.classes == ("car", "dog")
    assert list(fewer.objects.object) == [1, 2, 1]


def test_later_years_of_voc_have_train_and_val(tmp_path):
    data = make_voc(tmp_path).rename(tmp_path / "VOC2012")
    write_file(data / "ImageSets" / "Main" / "train.txt", "000005\n")
    write_file(data / "ImageSets" / "Main" / "val.txt", "000007\n")
    assert list(list_dataset({**voc(tmp_path), "year": 2012}).images.split) == ["train", "val"]


NO_YEAR = {"layout": "voc"}


@pytest.mark.parametrize("name", ["", "VOC2007", "blood cells"])
def test_any_folder_may_hold_vocs_parts(tmp_path, name):
    make_voc(tmp_path).rename(tmp_path / "set")
    (tmp_path / "set").rename(tmp_path / (name or "set"))
    write_file(tmp_path / "notes" / "Annotations.txt")
    root = tmp_path / ("" if name else "set")
    listing = list_dataset(NO_YEAR | {"root": str(root)})
    assert listing.classes == ("car", "chair", "dog")
    assert listing.images.split.tolist() == ["test", "trainval", "trainval"]
    assert all((root / path).is_file() for path in listing.images.path)
    assert len(listing.objects) == 4


def test_classes_of_any_name(tmp_path):
    data = make_voc(tmp_path)
    names = ("hair drier", "Süßkirsche, rot", 'a "b" <c>')
    objects = [(escape(name), "") for name in (*names, "dog")]
    write_file(data / "Annotations" / "000005.xml", annotation(*objects))
    entry = NO_YEAR | {"root": str(tmp_path)}
    assert list_dataset(entry).classes == tuple(sorted([*names, "car", "dog"]))
    chosen = list_dataset(entry | {"classes": list(names)})
    assert chosen.classes == tuple(sorted(names))
    assert chosen.objects["object"].tolist() == [1, 2, 3]
    assert len(chosen.images) == 3
    of_year = list_dataset(voc(tmp_path, classes=[*names, "dog", "sofa"]))
    assert "sofa" in of_year.classes and len(of_year.objects) == 5


@pytest.mark.parametrize(
    ("lists", "splits"),
    [
        ("train val trainval test", {"trainval", "test"}),
        ("train val test", {"train", "test"}),
        ("train val", {"train", "val"}),
        ("train val trainval dog_train", {"train", "val"}),
    ],
)
def test_the_first_pair_of_lists_counts(tmp_path, lists, splits):
    data = make_voc(tmp_path)
    for path in (data / "ImageSets" / "Main").iterdir():
        path.unlink()
    names = {"train": "000005", "val": "000007", "trainval": "000005\n000007", "test": "000001"}
    for name in lists.split():
        write_file(data / "ImageSets" / "Main" / f"{name}.txt", names.get(name, "000005 -1"))
    assert set(list_dataset(NO_YEAR | {"root": str(tmp_path)}).images.split) == splits


def test_what_a_set_of_vocs_layout_lacks_is_said(tmp_path):
    entry = NO_YEAR | {"root": str(tmp_path)}
    data = make_voc(tmp_path)
    refused(
        entry | {"classes": ["dog", "cat"]},
        "lacks 1 of the classes that the config names (first: cat); it has car, chair, dog: ",
    )
    (data / "ImageSets" / "Main" / "test.txt").unlink()
    refused(entry, "lacks the lists of", "train.txt and val.txt (", "Main holds trainval.txt")
    (data / "ImageSets").rename(data / "Lists")
    refused(entry, "ImageSets/Main is missing (", "holds Annotations/, JPEGImages/, Lists/")
    make_voc(tmp_path / "more").rename(tmp_path / "VOC2012")
    (tmp_path / "more").rmdir()
    refused(entry, "holds several data sets (VOC2007, VOC2012)", "with `year`")
    for name in ("VOC2007", "VOC2012"):
        (tmp_path / name / "Annotations").rename(tmp_path / name / "xml")
    refused(entry, "lacks the folders Annotations, JPEGImages, ImageSets", "holds VOC2007/")


def test_a_set_without_objects_is_refused(tmp_path):
    data = make_voc(tmp_path)
    for path in (data / "Annotations").iterdir():
        write_file(path, annotation())
    refused(NO_YEAR | {"root": str(tmp_path)}, "has no objects")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<annotation><object>", "1 of 3 annotations are wrong (first: 000005.xml: it is not XML"),
        (annotation(("unicorn", "")), "unicorn"),
        (
            annotation(("dog", ""), box=BOX.replace("50", "5")),
            "object 1 has a box from (10, 1) to (5, 40.5)",
        ),
        (annotation(("dog", ""), box=BOX.replace("50", "wide")), "'wide' for a number in <xmax>"),
        (annotation(("dog", ""), box=""), "object 1 has no <xmin>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "a document type"),
    ],
)
def test_broken_annotations_are_named(tmp_path, text, words):
    write_file(make_voc(tmp_path) / "Annotations" / "000005.xml", text)
    refused(voc(tmp_path), words)


def test_half_unpacked_voc_is_refused(tmp_path):
    data = make_voc(tmp_path)
    (data / "Annotations" / "000001.xml").unlink()
    refused(voc(tmp_path), "lacks 1 of 3 annotations", "000001")
    (data / "JPEGImages" / "000001.jpg").unlink()
    refused(voc(tmp_path), "lacks 1 of 1 test images", "000001")
    (data / "ImageSets" / "Main" / "test.txt").unlink()
    refused(voc(tmp_path), "test.txt is missing")
    write_file(tmp_path / "VOC2012.tar")
    refused({**voc(tmp_path), "year": 2012}, "VOC2012 is missing", "VOC2012.tar")


SUN_CLASSES = ("a/abbey", "a/apse/indoor")


def make_sun(root: Path, partitions: Path) -> None:
    for name in SUN_CLASSES:
        write_file(root / name / "sun_one.jpg")
        write_file(root / name / "sun_two.JPG")
        write_file(root / name / "sun_three.jpg")
    write_file(partitions / "ClassName.txt", "".join(f"/{name}\r\n" for name in SUN_CLASSES))
    write_file(
        partitions / "Training_01.txt", "".join(f"/{name}/sun_one.jpg\r\n" for name in SUN_CLASSES)
    )
    write_file(
        partitions / "Testing_01.txt", "".join(f"/{name}/sun_two.jpg\r\n" for name in SUN_CLASSES)
    )


def sun(root: Path, **more) -> dict:
    return {"layout": "sun397", "partition": 1, "root": str(root), **more}


@pytest.mark.parametrize("place", ["SUN397/Partitions", "Partitions", "SUN397", "."])
def test_sun(tmp_path, place):
    make_sun(tmp_path / "SUN397", tmp_path / place)
    listing = list_dataset(sun(tmp_path / "SUN397", num_classes=2, images={"train": 2, "test": 2}))
    assert listing.classes == SUN_CLASSES
    assert listing.images.values.tolist() == [
        ["a/abbey/sun_two", "test", "a/abbey", "a/abbey/sun_two.JPG"],
        ["a/apse/indoor/sun_two", "test", "a/apse/indoor", "a/apse/indoor/sun_two.JPG"],
        ["a/abbey/sun_one", "train", "a/abbey", "a/abbey/sun_one.jpg"],
        ["a/apse/indoor/sun_one", "train", "a/apse/indoor", "a/apse/indoor/sun_one.jpg"],
    ]


def test_broken_sun_is_refused(tmp_path):
    lists = tmp_path / "Partitions"
    make_sun(tmp_path, lists)
    refused(sun(tmp_path, num_classes=397), "has 2 classes", "`num_classes` says 397")
    refused(sun(tmp_path, classes=397), "no use for the key `classes`")
    refused(sun(tmp_path) | {"partition": 2}, "Training_02.txt is missing")
    (tmp_path / "a" / "abbey" / "sun_two.JPG").unlink()
    refused(sun(tmp_path), "lacks 1 of 2 test images", "a/abbey/sun_two.jpg")
    write_file(lists / "Testing_01.txt", "/b/barn/sun_one.jpg\n")
    refused(sun(tmp_path), "b/barn", "ClassName.txt")
    write_file(lists / "ClassName.txt", "/b/barn\n")
    refused(sun(tmp_path), "lacks 1 of 1 class folders")
    (lists / "ClassName.txt").write_bytes(b"\xff\xfe\xfa")
    refused(sun(tmp_path), "not a text file")
    lists.rename(tmp_path / "gone")
    write_file(tmp_path / "Partitions.zip")
    refused(sun(tmp_path), "Partitions is missing", "Partitions.zip")
