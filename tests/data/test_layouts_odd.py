"""Layouts as users have them: odd images, line endings, byte-order marks, links, stray files."""

import functools
import io
import os
from pathlib import Path

import numpy as np
import pytest
from helpers import image_bytes, write_file
from PIL import Image
from small_sets import val_name

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.data.store import Store, build_store
from imagenet_transfer.errors import UserError

WNIDS = ["n01440764", "n01443537"]
RED = (230, 20, 20)
BLUE = (20, 20, 230)
BOM = b"\xef\xbb\xbf"


def red_and_blue(width: int = 32, height: int = 32) -> Image.Image:
    """Return a picture that is red on the left and blue on the right."""
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    pixels[:, : width // 2] = RED
    pixels[:, width // 2 :] = BLUE
    return Image.fromarray(pixels)


def rotated_by_exif(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    return image_bytes(image, quality=95, exif=exif)


def ilsvrc(root: Path, **images: bytes) -> dict:
    """Write a data set with the given images in its first class."""
    images = images or {"a": image_bytes(red_and_blue())}
    for number, data in enumerate(images.values()):
        write_file(root / "train" / WNIDS[0] / f"{WNIDS[0]}_{number}.JPEG", data)
    write_file(root / "train" / WNIDS[1] / f"{WNIDS[1]}_0.JPEG", image_bytes(red_and_blue()))
    for number, wnid in enumerate(WNIDS, start=1):
        write_file(
            root / "val" / wnid / f"ILSVRC2012_val_{number:08d}.JPEG", image_bytes(red_and_blue())
        )
    return {"layout": "ilsvrc", "root": str(root)}


def packed(entry: dict, folder: Path, codec: str = "raw") -> Store:
    spec = {"codec": codec, "max_unreadable": 0} | ({"size": 32} if codec != "original" else {})
    build_store(list_dataset(entry), Path(entry["root"]), folder, spec, workers=1, progress=False)
    return Store(folder)


def colours(pixels: np.ndarray) -> list[tuple[str, str]]:
    """Return the colour of the left and of the right half of each picture."""

    def name(colour: np.ndarray) -> str:
        near = {"red": RED, "blue": BLUE, "dark grey": (83, 83, 83), "darker grey": (44, 44, 44)}
        return min(near, key=lambda key: np.abs(colour - near[key]).sum())

    half = pixels.shape[2] // 2
    return [
        (
            name(image[4:-4, 4 : half - 4].mean((0, 1))),
            name(image[4:-4, half + 4 : -4].mean((0, 1))),
        )
        for image in pixels
    ]


def test_odd_image_files_keep_their_pixels(tmp_path):
    """ILSVRC2012 has CMYK and PNG files named JPEG; the others are in SUN397 and users' sets."""
    plain = red_and_blue()
    grey = plain.convert("L")
    images = {
        "plain": image_bytes(plain),
        "cmyk": image_bytes(plain.convert("CMYK"), quality=95),
        "png": image_bytes(plain, "PNG"),
        "png with alpha": image_bytes(plain.convert("RGBA"), "PNG"),
        "palette": image_bytes(plain.quantize(8), "PNG"),
        "gif": image_bytes(plain, "GIF"),
        "bmp": image_bytes(plain, "BMP"),
        "webp": image_bytes(plain, "WEBP", lossless=True),
        "progressive": image_bytes(plain, progressive=True),
        "turned": rotated_by_exif(plain),
        "wide": image_bytes(red_and_blue(90, 40)),
        "grey": image_bytes(grey),
    }
    store = packed(ilsvrc(tmp_path / "data", **images), tmp_path / "store")
    names = [f"{WNIDS[0]}_{number}" for number in range(len(images))]
    found = dict(zip(images, colours(store.batch(store.rows(names))), strict=True))
    assert found.pop("grey") == ("dark grey", "darker grey")
    assert len(found) == 11
    assert found == {name: ("red", "blue") for name in found}  # left is left: no file was turned


def voc_tree(root: Path, annotation: bytes, image: bytes, line_end: str = "\n") -> dict:
    data = root / "VOC2007"
    for split, name in (("trainval", "000005"), ("test", "000001")):
        write_file(data / "ImageSets/Main" / f"{split}.txt", f"{name}{line_end}")
        write_file(data / "JPEGImages" / f"{name}.jpg", image)
        write_file(data / "Annotations" / f"{name}.xml", annotation)
    return {"layout": "voc", "year": 2007, "root": str(root)}


# As in VOC2012's action files: xmax first, fractions of pixels, parts and points in the object.
ANNOTATION = """<annotation>
\t<filename>000005.jpg</filename>
\t<folder>VOC2012</folder>
\t<object>
\t\t<name>person</name>
\t\t<actions>
\t\t\t<jumping>0</jumping>
\t\t\t<other>1</other>
\t\t</actions>
\t\t<bndbox>
\t\t\t<xmax>45.70000076293945</xmax>
\t\t\t<xmin>1</xmin>
\t\t\t<ymax>40</ymax>
\t\t\t<ymin>7</ymin>
\t\t</bndbox>
\t\t<difficult>0</difficult>
\t\t<pose>Unspecified</pose>
\t\t<point><x>9</x><y>9</y></point>
\t\t<part><name>head</name>
\t\t\t<bndbox><xmin>3</xmin><ymin>8</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>
\t</object>
\t<segmented>0</segmented>
\t<size>
\t\t<depth>3</depth>
\t\t<height>40</height>
\t\t<width>90</width>
\t</size>
\t<source><database>The VOC2012 Database</database></source>
</annotation>
"""


@pytest.mark.parametrize(
    "form",
    [
        lambda text: text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: BOM + text.encode(),
        lambda text: b'<?xml version="1.0" encoding="utf-8"?>\r\n' + text.encode(),
        lambda text: ('<?xml version="1.0" encoding="UTF-16"?>' + text).encode("utf-16"),
        lambda text: b'<?xml version="1.0" encoding="latin-1"?><!-- \xe9 -->' + text.encode(),
        lambda text: (text + "\n\n").encode(),
        lambda text: text.replace("\t", "").replace("\n", "").encode(),
    ],
)
def test_annotations_in_any_dress(tmp_path, form):
    entry = voc_tree(tmp_path, form(ANNOTATION), image_bytes(red_and_blue(90, 40)), "\r\n\r\n \r\n")
    objects = list_dataset(entry).objects
    assert objects.to_numpy().tolist() == [
        ["000001", 1, "person", 1, 7, 45.70000076293945, 40, 0],
        ["000005", 1, "person", 1, 7, 45.70000076293945, 40, 0],
    ]


def test_boxes_stay_on_their_pixels_whatever_exif_says(tmp_path):
    entry = voc_tree(tmp_path / "data", ANNOTATION.encode(), rotated_by_exif(red_and_blue(90, 40)))
    store = packed(entry, tmp_path / "store", "original")
    pixels = store.image(0)
    assert pixels.shape == (40, 90, 3)
    assert colours(pixels[None]) == [("red", "blue")]


def flat(root: Path) -> dict:
    """Write a data set with a flat val of three images, to be of the classes EXPECTED."""
    for wnid in WNIDS:
        write_file(root / "train" / wnid / f"{wnid}_1.JPEG")
    for number in (1, 2, 3):
        write_file(root / "val" / f"{val_name(number)}.JPEG")
    return {"layout": "ilsvrc", "root": str(root)}


EXPECTED = [WNIDS[1], WNIDS[0], WNIDS[1]]
CAFFE = "".join(f"{val_name(n)}.JPEG {label}\n" for n, label in ((3, 1), (1, 1), (2, 0)))
KAGGLE = f"""ImageId,PredictionString
{val_name(2)},{WNIDS[0]} 85 1 499 272\x20
{val_name(3)},{WNIDS[1]} 8 1 9 2 {WNIDS[1]} 15 63 493 335\x20
{val_name(1)},{WNIDS[1]} 0 0 499 332\x20
"""


@pytest.mark.parametrize(
    "dress", [lambda text: text, lambda text: text.replace("\n", "\r\n") + "\r\n \r\n"]
)
@pytest.mark.parametrize("bom", [b"", BOM])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("val.txt", CAFFE),
        ("caffe_ilsvrc12/val.txt", CAFFE.replace("ILSVRC", "val/ILSVRC")),
        ("LOC_val_solution.csv", KAGGLE),
        ("LOC_val_solution.csv", KAGGLE.partition("\n")[2]),
    ],
)
def test_label_files_in_any_dress(tmp_path, name, text, bom, dress):
    entry = flat(tmp_path)
    write_file(tmp_path / name, bom + dress(text).encode())
    images = list_dataset(entry, WNIDS).images
    assert images["class"][images.split == "val"].tolist() == EXPECTED


def test_caffes_lists_with_synsets(tmp_path):
    """caffe_ilsvrc12.tar.gz lists all classes, of which a small val.txt may lack the last."""
    entry = flat(tmp_path)
    write_file(tmp_path / "caffe_ilsvrc12/val.txt", CAFFE)
    write_file(
        tmp_path / "caffe_ilsvrc12/synsets.txt",
        "".join(f"{wnid}\n" for wnid in [*WNIDS, "n02084071", "n15075141"]),
    )
    images = list_dataset(entry, WNIDS).images
    assert images["class"][images.split == "val"].tolist() == EXPECTED


@functools.cache  # it takes seconds
def meta_mat() -> bytes:
    """Return a meta.mat of the real shape: 1860 synsets with all fields, inner nodes last."""
    from scipy.io import savemat

    fields = [
        "ILSVRC2012_ID",
        "WNID",
        "words",
        "gloss",
        "num_children",
        "children",
        "wordnet_height",
    ]
    synsets = np.zeros((1860, 1), dtype=[(name, object) for name in [*fields, "num_train_images"]])
    for number in range(1860):
        wnid = {489: WNIDS[1], 999: WNIDS[0]}.get(number, f"n9{number:07d}")
        children = np.arange(number % 3, dtype=np.uint16)
        synsets[number, 0] = (
            number + 1,
            wnid,
            "words, of it",
            "gloss",
            len(children),
            children,
            0,
            1300,
        )
    buffer = io.BytesIO()
    savemat(buffer, {"synsets": synsets})
    return buffer.getvalue()


def devkit(root: Path, truth: str) -> None:
    folder = root / "ILSVRC2012_devkit_t12" / "data"
    write_file(folder / "meta.mat", meta_mat())
    write_file(folder / "ILSVRC2012_validation_ground_truth.txt", truth)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_devkits_meta_with_its_1860_synsets(tmp_path, line_end):
    entry = flat(tmp_path)
    devkit(tmp_path, line_end.join(["490", "1000", "490", "", ""]))
    images = list_dataset(entry, WNIDS).images
    assert images["class"][images.split == "val"].tolist() == EXPECTED


def test_an_inner_node_is_not_a_label(tmp_path):
    entry = flat(tmp_path)
    devkit(tmp_path, "490\n1001\n490\n")
    with pytest.raises(UserError, match=r"ids that are not classes of .*meta.mat \(1001\)"):
        list_dataset(entry, WNIDS)


def test_links_and_spaces(tmp_path):
    """The root, a class folder and a file may be links, and any name may have spaces."""
    real = tmp_path / "a disk" / "ILSVRC 2012"
    ilsvrc(real, first=image_bytes(red_and_blue()), second=image_bytes(red_and_blue()))
    class_folder = real / "train" / WNIDS[1]
    class_folder.rename(tmp_path / "fish, gold")
    class_folder.symlink_to(tmp_path / "fish, gold")
    image = real / "train" / WNIDS[0] / f"{WNIDS[0]}_1.JPEG"
    image.rename(tmp_path / "some where.bin")
    image.symlink_to(tmp_path / "some where.bin")
    (tmp_path / "link to it").symlink_to(real)
    entry = {
        "layout": "ilsvrc",
        "root": str(tmp_path / "link to it"),
        "images": {"train": 3, "val": 2},
    }
    store = packed(entry, tmp_path / "store")
    assert colours(store.batch(np.arange(5))) == [("red", "blue")] * 5


def test_a_dangling_link_is_named_when_it_is_packed(tmp_path):
    entry = ilsvrc(tmp_path / "data")
    (tmp_path / "data/train" / WNIDS[0] / "gone.JPEG").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"gone.JPEG: No such file"):
        packed(entry, tmp_path / "store")


def test_a_circle_of_links_is_named(tmp_path):
    entry = ilsvrc(tmp_path)
    (tmp_path / "val" / "round").symlink_to(tmp_path / "val" / "round")
    with pytest.raises(UserError, match=r"val/round cannot be read \(Too many levels"):
        list_dataset(entry)


def test_suffixes_and_stray_files(tmp_path):
    """Suffixes count in any case; thumbnails, notes and macOS's hidden files do not count."""
    entry = ilsvrc(tmp_path / "data")
    folder = tmp_path / "data/train" / WNIDS[1]
    for name in (
        "b.JPG",
        "c.jpeg",
        "d.Png",
        "null.JPEG",
        "NA.JPEG",
        "1e5.JPEG",
        'q,"uote.JPEG',
        "two.dots.jpg",
    ):
        write_file(folder / name, image_bytes(red_and_blue()))
    for name in ("Thumbs.db", ".DS_Store", "._b.JPG", "notes.txt", "README", ".JPEG"):
        write_file(folder / name)
    store = packed(entry, tmp_path / "store")
    rows = store.images[store.images["class"] == WNIDS[1]]
    names = ["1e5", "NA", "b", "c", "d", f"{WNIDS[1]}_0", "null", 'q,"uote', "two.dots"]
    assert rows.image[rows.split == "train"].tolist() == names
    assert store.rows(["null"]).tolist() == [store.images.image.tolist().index("null")]


def test_names_that_are_not_utf8_are_refused(tmp_path):
    entry = ilsvrc(tmp_path)
    path = os.fsencode(tmp_path / "train" / WNIDS[0]) + b"/\xff\xfe.JPEG"
    with open(path, "wb"):  # noqa: PTH123 - pathlib takes no bytes
        pass
    with pytest.raises(
        UserError, match=r"1 file names are not UTF-8 .*udcff.*rename the files"
    ) as caught:
        list_dataset(entry)
    assert str(caught.value).encode()


def sun_tree(root: Path, classes: list[str], line_end: str = "\n", bom: bytes = b"") -> dict:
    """Write SUN397 with the lists of Partitions.zip in a folder of that name."""
    lists = {"ClassName": "", "Training_01": "sun_aaa.jpg", "Testing_01": "sun_bbb.jpg"}
    for title, file in lists.items():
        lines = [f"/{name}/{file}".rstrip("/") for name in classes]
        write_file(
            root / "Partitions" / f"{title}.txt", bom + line_end.join([*lines, "", ""]).encode()
        )
    for name in classes:
        write_file(root / name / "sun_aaa.jpg", image_bytes(red_and_blue(), "PNG"))
        write_file(root / name / "sun_bbb.JPG", image_bytes(red_and_blue(), "GIF"))
        write_file(root / name / "sun_never listed.jpg")
    return {"layout": "sun397", "partition": 1, "root": str(root)}


@pytest.mark.parametrize(("line_end", "bom"), [("\n", b""), ("\r\n", BOM)])
def test_sun_of_three_levels(tmp_path, line_end, bom):
    classes = ["a/abbey", "a/apartment_building/outdoor", "t/theater/indoor_procenium"]
    entry = sun_tree(tmp_path / "SUN 397", classes, line_end, bom)
    store = packed(
        entry | {"num_classes": 3, "images": {"train": 3, "test": 3}}, tmp_path / "store"
    )
    assert store.classes == tuple(classes)
    assert store.images.image[3:].tolist() == [f"{name}/sun_aaa" for name in classes]
    assert colours(store.batch(np.arange(6))) == [("red", "blue")] * 6


def test_files_that_differ_only_in_case_are_told_apart(tmp_path):
    entry = sun_tree(tmp_path, ["a/abbey", "b/bar"])
    write_file(tmp_path / "a/abbey/SUN_AAA.jpg")
    for name in ("sun_aaa", "SUN_AAA"):
        write_file(
            tmp_path / "Partitions/Training_01.txt", f"/a/abbey/{name}.jpg\n/b/bar/sun_aaa.jpg\n"
        )
        assert list_dataset(entry).images.path.tolist() == [
            *("a/abbey/sun_bbb.JPG", "b/bar/sun_bbb.JPG"),
            *(f"a/abbey/{name}.jpg", "b/bar/sun_aaa.jpg"),
        ]


def test_tiny_imagenet_as_it_is_published(tmp_path):
    base = tmp_path / "tiny-imagenet-200"
    write_file(base / "wnids.txt", "\r\n".join([*WNIDS, ""]))
    write_file(base / "words.txt", "n00001740\tentity\n")
    for wnid in WNIDS:
        write_file(base / "train" / wnid / "images" / f"{wnid}_0.JPEG")
        write_file(base / "train" / wnid / f"{wnid}_boxes.txt", f"{wnid}_0.JPEG\t0\t10\t63\t58\n")
    for number in range(len(WNIDS)):
        write_file(base / "val/images" / f"val_{number}.JPEG")
        write_file(base / "test/images" / f"test_{number}.JPEG")
    lines = [f"val_{number}.JPEG\t{wnid}\t0\t32\t44\t62" for number, wnid in enumerate(WNIDS)]
    write_file(base / "val/val_annotations.txt", BOM + "\r\n".join([*lines, ""]).encode())
    images = list_dataset(
        {"layout": "tiny-imagenet", "root": str(tmp_path), "images": {"train": 2, "val": 2}}
    ).images
    assert images["class"].tolist() == WNIDS + WNIDS
