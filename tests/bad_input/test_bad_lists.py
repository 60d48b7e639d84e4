"""Bad lists and label files of data sets: each gets a sentence that names the file and the line."""

from pathlib import Path

import pytest
from helpers import write_file
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import (
    ACTION,
    FUZZED,
    LISTS205,
    META,
    TRUTH,
    make_action,
    make_caffe,
    make_devkit,
    make_kaggle,
    make_places205,
    make_places365,
    make_sun,
    make_tiny,
    make_voc,
    meta,
    said_of,
    val_name,
)

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError

BIG = "9" * 5000  # more digits than Python converts
TRAIN365 = "places365_train_standard.txt"
VAL365 = "places365_val.txt"
CATEGORIES = "categories_places365.txt"
ANNOTATIONS = "val/val_annotations.txt"
MAIN = "VOC2007/ImageSets/Main/trainval.txt"
BAD_LISTS = {  # by maker and list: (content, what is said)
    (make_caffe, "val.txt"): [
        (f"{val_name(1)}.JPEG\n", "line 1: 'ILSVRC2012_val_00000001.JPEG' is not `file label`"),
        (f"\n\n{val_name(1)}.JPEG -1\n", "line 3: 'ILSVRC2012_val_00000001.JPEG -1' is not"),
        (f"{val_name(1)}.JPEG 1.0\n", "is not `file label`"),
        (f"{val_name(1)}.JPEG 1 1\n", "is not `file label`"),
        (f"{val_name(1)}.JPEG ²\n", "is not `file label`"),
        (f"{val_name(1)}.JPEG {BIG}\n", "...' is not `file label`"),
        (f"{val_name(1)}.JPEG 999999999\n", "has labels 0 to 999999999, but there is no list of"),
        (f"{val_name(1)}.JPEG 0\n{val_name(1)}.JPEG 1\n", "names 1 images more than once"),
        (f"{val_name(1)}.JPEG 1\n", "1 images in "),
        (f"{val_name(1)}.JPEG 0\n{val_name(2)}.JPEG 0\n", "there is no list of 1 classes"),
    ],
    (make_caffe, "synsets.txt"): [
        ("n01440764 tench\n", "line 1: 'n01440764 tench' is not `wnid`"),
        ("n01440764\n", "lists 1 wnids for the labels 0 to 1"),
        ("n01440764\nn01440764\n", "names 1 wnids more than once (first: n01440764)"),
    ],
    (make_kaggle, "LOC_val_solution.csv"): [
        ("Id,Label\n", "line 1: 'Id,Label' is not `ImageId,wnid xmin"),
        (f"{val_name(1)},tench 1 2 3 4\n", "is not `ImageId,wnid xmin"),
        (f"{val_name(1)},n01440764 1 2 3\n", "is not `ImageId,wnid xmin"),
        (f"{val_name(1)};n01440764 1 2 3 4\n", "is not `ImageId,wnid xmin"),
        ("ImageId,PredictionString\n", "2 images in "),
        (f"{val_name(1)},n01440764 1 2 3 4\n" * 2, "names 1 images more than once"),
        (f"{val_name(1)},n00000007 1 2 3 4\n", "does not have (first: n00000007)"),
    ],
    (make_devkit, TRUTH): [
        ("1\n-2\n", "line 2: '-2' is not `an id from 1 to 1000`"),
        ("1\n0\n", "has ids that are not classes of "),
        (f"1\n{BIG}\n", "is not `an id from 1 to 1000`"),
        ("1 2\n", "line 1: '1 2' is not `an id"),
        ("1\n", "1 images in "),
        ("1\n2\n1\n", "lacks 1 of 3 labelled images (first: ILSVRC2012_val_00000003)"),
        ("1\n1\n", "lacks 1 of 2 classes (first: n01443537)"),
    ],
    (make_devkit, META): [
        (b"not matlab at all", "is not the devkit's meta.mat"),
        (meta()[:300], "is not the devkit's meta.mat"),
        (meta(name="other"), "is not the devkit's meta.mat"),
        (meta(field="wnid"), "is not the devkit's meta.mat"),
        (meta(ids=("one", "two")), "is not the devkit's meta.mat"),
        (meta(wnids=("tench", "goldfish")), "has classes that are not wnids (tench, goldfish)"),
        (meta(ids=(1, 1001)), "has ids that are not classes of "),
    ],
    (make_tiny, "wnids.txt"): [
        ("tench\n", "line 1: 'tench' is not `wnid`"),
        ("n01440764\nn01440764\n", "names 1 wnids more than once"),
        ("n01440764\n", "name 1 classes that the data set does not have (first: n01443537)"),
    ],
    (make_tiny, ANNOTATIONS): [
        ("val_0.JPEG\n", "line 1: 'val_0.JPEG' is not `file wnid"),
        ("val_0.JPEG\tn01440764\t0\t32\t44\n", "is not `file wnid xmin ymin xmax ymax`"),
        ("val_0.JPEG\tn01440764\t0\t32\t-4\t62\n", "is not `file wnid xmin ymin xmax ymax`"),
        ("val_0.JPEG\tfish\t0\t32\t44\t62\n", r"'val_0.JPEG\tfish\t0\t32\t44\t62' is not"),
        ("val_0.JPEG\tn01440764\t0\t32\t44\t62\n" * 2, "names 1 images more than once"),
        ("val_0.JPEG\tn01440764\t0\t32\t44\t62\n", "1 images in "),
    ],
    (make_sun, "Partitions/ClassName.txt"): [
        ("/a/abbey\n/a/abbey\n", "names 1 classes more than once (first: a/abbey)"),
        ("/a/abbey\n/../..\n", "has class names that are not folders (../..)"),
        ("/a//abbey\n", "has class names that are not folders (a//abbey)"),
        ("\\a\\abbey\n", "has class names that are not folders"),
        (f"/a/{'x' * 5000}\n", "cannot be read (File name too long)"),
        ("/a/abbey\n/b/barn\n", "lacks 1 of 2 class folders (first: b/barn)"),
    ],
    (make_sun, "Partitions/Training_01.txt"): [
        ("/a/abbey/sun_a.jpg\n" * 2, "names 1 images more than once"),
        ("/a/abbey/sun_b.jpg\n", "1 images are in more than one split"),
        ("/a/abbey/../sun_a.jpg\n", "names classes that ClassName.txt does not"),
        ("sun_a.jpg\n", "names classes that ClassName.txt does not"),
        ("/a/abbey/sun_a.jpg 0\n", "lacks 1 of 1 train images"),
    ],
    (make_sun, "Partitions/Testing_01.txt"): [
        ("/a/abbey/gone.jpg\n", "lacks 1 of 1 test images (first: a/abbey/gone.jpg)"),
    ],
    (make_places365, CATEGORIES): [
        ("/a/abbey 0\n/b/bar 0\n", "should number its 2 classes from 0 without gaps"),
        ("/a/abbey -1\n", "line 1: '/a/abbey -1' is not `path label`"),
        (f"/a/abbey {BIG}\n", "is not `path label`"),
        ("/a/abbey 0\n/a/abbey 1\n", "names 1 classes more than once"),
        ("/a/abbey 0\n/a/../.. 1\n", "has class names that are not folders"),
    ],
    (make_places365, TRAIN365): [
        ("/a/abbey/00000001.jpg\n", "is not `path label`"),
        ("/a/abbey/00000001.jpg,0\n", "is not `path label`"),
        ("/a/abbey/00000001.jpg 2\n", "has labels beyond the 2 categories (first: a/abbey/0"),
        ("/a/abbey/00000001.jpg 1\n", "1 images a label that is not their folder's"),
        ("/a/abbey/00000001.jpg 0\n" * 2, "names 1 images more than once"),
        ("/a/abbey/00000007.jpg 0\n", "lacks 1 of 1 train images (first: a/abbey/00000007)"),
    ],
    (make_places365, VAL365): [
        (f"Places365_val_00000001.jpg {BIG}\n", "is not `path label`"),
        ("Places365_val_00000001.jpg 1 1 1\n", "is not `path label`"),
    ],
    (make_places205, f"{LISTS205}/train_places205.csv"): [
        ("a/abbey/gsun_a.jpg 1\n", "should number its 1 classes"),
        ("a/abbey/gsun_a.jpg, 0\n", "is not `path label`"),
    ],
    (make_places205, f"{LISTS205}/val_places205.csv"): [
        ("b/bar/gsun_c.jpg 0\n", "1 images a label that is not their"),
        ("a/abbey/gsun_a.jpg 0\n", "1 images are in more than one split"),
    ],
    (make_voc, MAIN): [
        ("000005  1\n", "line 1: '000005  1' is not `image id`"),
        ("000005\n000005\n", "names 1 images more than once (first: 000005)"),
        ("000001\n", "1 images are in more than one split (first: 000001)"),
        ("000005\n000009\n", "lacks 1 of 2 trainval images (first: 000009)"),
        ("../../../etc/passwd\n", "lacks 1 of 1 trainval images (first: ../../../etc/passwd)"),
    ],
    (make_voc, "VOC2007/JPEGImages/000005.png"): [
        (b"x", "names 1 images (apart from the suffix) more than once"),
    ],
    (make_action, f"{ACTION}/train.txt"): [
        ("2011_000001 1 1\n", "is not `image, or image object-number`"),
        ("2011_000001\n2011_000001\n", "names 1 lines more than once"),
        ("2011_000001\n2011_000009\n", "disagree about 1 images or people"),
        (f"2011_000001 {BIG}\n", "is not `image, or image object-number`"),
    ],
    (make_action, f"{ACTION}/reading_train.txt"): [
        ("2011_000001 1 2\n", "is not `image object-number label (-1, 0 or 1)`"),
        ("2011_000001 -1 1\n", "is not `image object-number label"),
        (f"2011_000001 {BIG} 1\n", "is not `image object-number label"),
        ("2011_000001 1\n", "is not `image object-number label"),
        ("2011_000001 1 1\n2011_000001 1 -1\n", "names 1 people more than once"),
        ("2011_000001 2 1\n", "are not annotated as people (first: object 2 of"),
        ("2011_000001 0 1\n", "are not annotated as people (first: object 0 of"),
        ("2011_000002 1 1\n", "1 images that train.txt does not list"),
    ],
}


def bad_lists() -> list:
    """Return a case for each content of each list: maker, list, content, what is said."""
    return [
        pytest.param(make, name, content, words, id=f"{make.__name__[5:]}-{Path(name).stem}")
        for (make, name), rows in BAD_LISTS.items()
        for content, words in rows
    ]


@pytest.mark.parametrize(("make", "name", "content", "words"), bad_lists())
def test_a_bad_list_is_named(tmp_path, make, name, content, words):
    entry = make(tmp_path)
    list_dataset(entry)
    write_file(tmp_path / name, content)
    assert words in said_of(entry)


def lists_in(root: Path) -> list[Path]:
    """Return the lists and label files of a data set."""
    return sorted(path for path in root.rglob("*") if path.suffix in (".txt", ".csv"))


MAKERS = {  # and how many lists each writes
    make_caffe: 1,
    make_kaggle: 1,
    make_devkit: 1,
    make_tiny: 2,
    make_sun: 3,
    make_places365: 3,
    make_places205: 2,
    make_voc: 2,
    make_action: 22,  # two splits of ten actions, and of all
}
GARBAGE = [
    b"",
    b"\n \r\n",
    b"\xff\xfe1\x00\n\x00",
    b"\x00" * 40,
    bytes(range(256)),
    b"\xef\xbb\xbf",
    b"a\x00b 0\n",
]


@pytest.mark.parametrize(("make", "number"), MAKERS.items())
def test_garbage_in_any_list_is_named(tmp_path, make, number):
    entry = make(tmp_path)
    lists = lists_in(tmp_path)
    assert len(lists) == number
    for path in lists:
        sound = path.read_bytes()
        for data in GARBAGE:
            path.write_bytes(data)
            said = said_of(entry)
            assert path.name in said
            assert "is empty" in said or "not a text file" in said
        path.write_bytes(sound)


WORDS = st.one_of(
    st.sampled_from([" ", "0", "1", "-1", "n01440764", "/", "..", "\t"]), st.text(max_size=4)
)


@st.composite
def changed(draw, text: str) -> bytes:
    """Return a list with one line lost, doubled, or with other words in it."""
    lines = text.splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(["drop", "double", "words"])):
        case "drop":
            del lines[at]
        case "double":
            lines.insert(at, lines[at])
        case "words":
            cut = draw(st.integers(0, len(lines[at])))
            words = "".join(draw(st.lists(WORDS, max_size=4)))
            lines[at] = lines[at][:cut] + words + lines[at][cut:]
    return "\n".join(lines).encode("utf-8", "replace")


@pytest.mark.parametrize("make", MAKERS)
def test_any_change_of_any_list_is_read_or_refused(tmp_path, make):
    entry = make(tmp_path)
    lists = lists_in(tmp_path)

    @settings(max_examples=40, **FUZZED)
    @given(st.data())
    def check(data) -> None:
        path = data.draw(st.sampled_from(lists))
        sound = path.read_text()
        path.write_bytes(data.draw(changed(sound)))
        try:
            listing = list_dataset(entry)
        except UserError as error:
            assert str(tmp_path) in str(error)
        else:
            assert listing.images.image.is_unique
            assert set(listing.images["class"]) <= {"", *listing.classes}
        finally:
            path.write_text(sound)

    check()


@pytest.mark.parametrize("make", MAKERS)
def test_a_list_without_permission_is_named(tmp_path, make, monkeypatch):
    entry = make(tmp_path)
    path = lists_in(tmp_path)[0]
    read = Path.read_text

    def denied(self, *more, **keys):
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *more, **keys)

    monkeypatch.setattr(Path, "read_text", denied)
    sentence = f"{path} cannot be read (Permission denied): check the disk and the permissions."
    assert sentence in said_of(entry)
