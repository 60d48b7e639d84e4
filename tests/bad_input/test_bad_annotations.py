"""Bad annotations of VOC: each gets a sentence that names the file and the object."""

from pathlib import Path

import pytest
from damages import pipe
from helpers import write_file
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import FUZZED, SIZE, an_object, annotation, box, make_action, make_voc, said_of

from imagenet_transfer.data.layouts import list_dataset
from imagenet_transfer.errors import UserError


@pytest.fixture
def voc(tmp_path) -> dict:
    return make_voc(tmp_path)


def annotate(voc: dict, data: bytes | str) -> Path:
    return write_file(Path(voc["root"]) / "VOC2007/Annotations/000005.xml", data)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
BAD_XML = {
    "empty file": (b"", "it is not XML (no element found"),
    "blanks": (b" \n\n", "it is not XML"),
    "not XML": (b"not a word of XML", "it is not XML (syntax error"),
    "web page": (b"<html><body>404</body></html>", "its outermost tag is <html>, not <annotation>"),
    "zero bytes": (bytes(500), "it is not XML"),
    "an image": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "it is not XML"),
    "gzip": (b"\x1f\x8b\x08\x00", "it is not XML"),
    "cut off": (annotation(an_object())[:-20], "it is not XML"),
    "two roots": (annotation() * 2, "it is not XML (junk after document element"),
    "unclosed tag": ("<annotation><object></annotation>", "it is not XML (mismatched tag"),
    "control character": (annotation("\x01"), "it is not XML (not well-formed"),
    "wrong encoding": (
        b'<?xml version="1.0" encoding="utf-8"?><annotation>\xff\xfe</annotation>',
        "it is not XML",
    ),
    "unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "it is not XML"),
    "codec that is not an encoding": (
        b'<?xml version="1.0" encoding="base64"?><annotation/>',
        "it is not XML",
    ),
    "UTF-16 by its mark only": (b'\xff\xfe<?xml version="1.0"?><annotation/>', "it is not XML"),
    "entity": (f'<!DOCTYPE a [<!ENTITY b "c">]>{annotation("&b;")}', "it declares a document type"),
    "billion laughs": (
        f"<!DOCTYPE a [{LAUGHS}]>{annotation('&l9;')}",
        "it declares a document type",
    ),
    "quadratic blow-up": (
        f'<!DOCTYPE a [<!ENTITY b "{"c" * 50_000}">]>{annotation("&b;" * 50_000)}',
        "it declares a document type",
    ),
    "external entity": (
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
        + annotation(an_object(name="<name>&b;</name>")),
        "it declares a document type",
    ),
    "parameter entity": (
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://x/y">%b;]><annotation/>',
        "it declares a document",
    ),
    "external DTD": (
        f'<!DOCTYPE annotation SYSTEM "http://x/y.dtd">{annotation()}',
        "it declares a document type",
    ),
    "undeclared entity": (annotation("&nbsp;"), "it is not XML (undefined entity"),
    "deep nesting": (f"{'<annotation>' * 50_000}{'</annotation>' * 50_000}", "it has no <size>"),
    "deep and cut off": ("<annotation>" * 50_000, "it is not XML"),
    "huge file": (annotation(" " * 2**22), "bytes, which is far too many"),
    "no size": (annotation(an_object(), size=""), "it has no <size>"),
    "two sizes": (annotation(size=SIZE * 2), "it has 2 <size>"),
    "size without width": (
        annotation(size="<size><height>3</height></size>"),
        "its <size> has no <width>",
    ),
    "size of zero": (annotation(size=SIZE.replace("40", "0")), "its image has 0×30 pixels"),
    "size of words": (
        annotation(size=SIZE.replace("40", "wide")),
        "its <size> has 'wide' for a number in <width>",
    ),
    "no name": (annotation(an_object(name="")), "object 1 has no <name>"),
    "empty name": (annotation(an_object(name="<name> </name>")), "object 1 has an empty <name>"),
    "two names": (
        annotation(an_object(name="<name>dog</name><name>cat</name>")),
        "object 1 has 2 <name>",
    ),
    "unknown class": (
        annotation(an_object(name="<name>unicorn</name>")),
        "object 1 is a 'unicorn', which is not a class",
    ),
    "class in capitals": (
        annotation(an_object(name="<name>Dog</name>")),
        "object 1 is a 'Dog', which is not a class",
    ),
    "endless class": (
        annotation(an_object(name=f"<name>{'x' * 9999}</name>")),
        "x...', which is not a class",
    ),
    "class of two lines": (
        annotation(an_object(name="<name>do\ng</name>")),
        r"a 'do\ng', which is not a class",
    ),
    "no box": (annotation(an_object(), an_object("")), "object 2 has no <bndbox>"),
    "two boxes": (annotation(an_object(box() * 2)), "object 1 has 2 <bndbox>"),
    "box in a part": (annotation(an_object(f"<part>{box()}</part>")), "object 1 has no <bndbox>"),
    "no corner": (
        annotation(an_object(box().replace("<xmax>20</xmax>", ""))),
        "object 1 has no <xmax>",
    ),
    "corner twice": (annotation(an_object(box(xmax="2</xmax><xmax>9"))), "object 1 has 2 <xmax>"),
    "empty corner": (annotation(an_object(box(ymin=""))), "object 1 has an empty <ymin>"),
    "word": (annotation(an_object(box(xmin="left"))), "object 1 has 'left' for a number in <xmin>"),
    "nan": (annotation(an_object(box(xmin="nan"))), "'nan' for a number"),
    "infinite": (annotation(an_object(box(xmax="inf"))), "'inf' for a number"),
    "minus infinite": (annotation(an_object(box(xmin="-Infinity"))), "'-Infinity' for a number"),
    "exponent": (annotation(an_object(box(xmax="1e400"))), "'1e400' for a number"),
    "endless number": (annotation(an_object(box(xmax="9" * 6000))), "99...' for a number"),
    "underscore": (annotation(an_object(box(xmax="2_0"))), "'2_0' for a number"),
    "comma": (annotation(an_object(box(xmax="20,5"))), "'20,5' for a number"),
    "hexadecimal": (annotation(an_object(box(xmax="0x14"))), "'0x14' for a number"),
    "Arabic digits": (annotation(an_object(box(xmax="٢٠"))), "'٢٠' for a number"),
    "two numbers": (annotation(an_object(box(xmax="20 21"))), "'20 21' for a number"),
    "inverted": (
        annotation(an_object(box(xmin="20", xmax="10"))),
        "a box from (20, 5) to (10, 15), which is empty",
    ),
    "upside down": (annotation(an_object(box(ymin="15", ymax="5"))), "to (20, 5), which is empty"),
    "no width": (
        annotation(an_object(box(xmax="10"))),
        "a box from (10, 5) to (10, 15), which is empty",
    ),
    "no height": (annotation(an_object(box(ymax="5"))), "to (20, 5), which is empty"),
    "negative": (
        annotation(an_object(box(xmin="-3"))),
        "a box from (-3, 5) to (20, 15), outside the image of 40×30",
    ),
    "too far right": (
        annotation(an_object(box(xmax="42"))),
        "to (42, 15), outside the image of 40×30 pixels",
    ),
    "too far down": (annotation(an_object(box(ymax="31.5"))), "to (20, 31.5), outside the image"),
    "far outside": (annotation(an_object(box("100", "100", "200", "200"))), "outside the image"),
    "huge": (annotation(an_object(box(xmax="999999999"))), "outside the image"),
    "difficult of 2": (
        annotation(an_object(box() + "<difficult>2</difficult>")),
        "<difficult> '2', neither 0 nor 1",
    ),
    "difficult of words": (
        annotation(an_object(box() + "<difficult>yes</difficult>")),
        "<difficult> 'yes', neither",
    ),
    "difficult of nan": (
        annotation(an_object(box() + "<difficult>nan</difficult>")),
        "<difficult> 'nan', neither",
    ),
}


@pytest.mark.parametrize("case", BAD_XML)
def test_a_bad_annotation_is_named(voc, case):
    data, words = BAD_XML[case]
    annotate(voc, data)
    said = said_of(voc)
    assert "000005.xml" in said
    assert words in said


def many(voc: dict, *data: str) -> None:
    """Give the training split an image and an annotation for each of the texts."""
    folder = Path(voc["root"]) / "VOC2007"
    names = [f"{number:06}" for number in range(10, 10 + len(data))]
    write_file(folder / "ImageSets/Main/trainval.txt", "\n".join(names))
    for name, text in zip(names, data, strict=True):
        write_file(folder / f"JPEGImages/{name}.jpg")
        write_file(folder / f"Annotations/{name}.xml", text)


EMPTY = box(xmax="10")
OUTSIDE = box(xmax="42")


def test_all_wrong_annotations_are_counted_and_the_first_are_shown(voc):
    twice = annotation(an_object(EMPTY), an_object(), an_object(OUTSIDE))
    unknown = annotation(an_object(name="<name>yak</name>"), an_object(EMPTY))
    many(voc, twice, annotation(an_object()), "<cut", unknown, annotation(size=""))
    said = said_of(voc)
    assert said.startswith(
        f"{voc['root']}/VOC2007/Annotations: 4 of 6 annotations are wrong (first: "
        "000010.xml: object 1 has a box from (10, 5) to (10, 15), which is empty; "
        "000010.xml: object 3 has a box from (10, 5) to (42, 15), outside the image of 40×30 "
        "pixels; 000012.xml: it is not XML (unclosed token: line 1, column 0); ...): correct them, "
        "leave out bad boxes with `bad_boxes: skip` in the config, or unpack all again."
    )
    assert said_of(voc | {"bad_boxes": "refuse"}) == said
    skipping = said_of(voc | {"bad_boxes": "skip"})
    assert "3 of 6 annotations are wrong (first: 000012.xml: it is not XML" in skipping
    assert "000013.xml: object 1 is a 'yak', which is not a class of VOC)" in skipping
    assert "bad_boxes" not in skipping


def test_bad_boxes_are_left_out_if_the_config_says_so(voc, capfd):
    good = an_object(box("1", "2", "3", "4"))
    many(voc, annotation(an_object(EMPTY), good), annotation(an_object(OUTSIDE)), annotation(good))
    listing = list_dataset(voc | {"bad_boxes": "skip"})
    rows = listing.objects[["image", "object", "xmin", "ymax"]].to_numpy().tolist()
    assert rows == [["000001", 1, 10, 15], ["000010", 2, 1, 4], ["000012", 1, 1, 4]]
    assert len(listing.images) == 4
    assert capfd.readouterr().err == (
        f"{voc['root']}/VOC2007/Annotations: 2 bad boxes are left out (first: 000010.xml: object 1 "
        "has a box from (10, 5) to (10, 15), which is empty; 000011.xml: object 1 has a box from "
        "(10, 5) to (42, 15), outside the image of 40×30 pixels).\n"
    )
    many(voc, annotation(good))
    list_dataset(voc | {"bad_boxes": "skip"})
    assert capfd.readouterr().err == ""


def test_long_texts_are_cut_short(voc):
    many(voc, *[annotation(an_object(name=f"<name>{'x' * 9999}</name>"))] * 9)
    assert "9 of 10 annotations are wrong" in said_of(voc)
    many(voc, *[f"<{'y' * 9999}/>"] * 9)
    assert "its outermost tag is <yyy" in said_of(voc)


def test_people_of_actions_are_not_left_out(tmp_path):
    entry = make_action(tmp_path)
    person = an_object(EMPTY, "<name>person</name>")
    write_file(tmp_path / "VOC2012/Annotations/2011_000001.xml", annotation(person))
    said = said_of(entry)
    assert "1 of 2 annotations are wrong (first: 2011_000001.xml: object 1 has a box" in said
    assert "bad_boxes" not in said


NO_YEAR = {  # names that are no class's in a set that is not PASCAL's
    "slash": (
        "a/b",
        "object 1 is a 'a/b', which is not the name of a class: 1 to 100 characters, no slash",
    ),
    "two lines": ("a\nb", r"a 'a\nb', which is not the name of a class"),
    "endless": ("x" * 101, "x...', which is not the name of a class"),
    "control character": ("a&#x85;b", r"a 'a\x85b', which is not the name of a class"),
    "right to left": ("a&#x202e;b", r"a 'a\u202eb', which is not the name of a class"),
}


@pytest.mark.parametrize("case", NO_YEAR)
def test_names_that_cannot_be_classes(voc, case):
    name, words = NO_YEAR[case]
    annotate(voc, annotation(an_object(name=f"<name>{name}</name>")))
    said = said_of({"layout": "voc", "root": voc["root"]})
    assert "1 of 2 annotations are wrong (first: 000005.xml: " in said
    assert words in said


def test_a_pipe_is_not_waited_for(voc):
    path = Path(voc["root"]) / "VOC2007/Annotations/000005.xml"
    pipe(path)
    assert f"{path} cannot be read (it is not a regular file but a pipe)" in said_of(voc)


ACCEPTED = {
    "no objects": (annotation(), []),
    "unlisted tags": (
        annotation("<x><y/></x>", an_object(box() + "<pose/><part/><truncated>7</truncated>")),
        [0],
    ),
    "no difficult": (annotation(an_object()), [0]),
    "empty difficult": (annotation(an_object(box() + "<difficult/>")), [0]),
    "difficult": (annotation(an_object(box() + "<difficult> 1 </difficult>")), [1]),
    "the whole image, counted from 0": (annotation(an_object(box("0", "0", "40", "30"))), [0]),
    "the whole image, half open": (annotation(an_object(box("1", "1", "41", "31"))), [0]),
    "comments": (annotation("<!-- <object/> -->", an_object()), [0]),
    "character data": (annotation(an_object(name="<name><![CDATA[dog]]></name>")), [0]),
    "character reference": (annotation(an_object(name="<name>d&#111;g</name>")), [0]),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_unusual_and_harmless_is_read(voc, case):
    data, difficult = ACCEPTED[case]
    annotate(voc, data)
    objects = list_dataset(voc).objects
    assert objects[objects.image == "000005"].difficult.tolist() == difficult


VALUES = st.one_of(
    st.integers(-50, 50).map(str),
    st.floats().map(str),
    st.text(max_size=6),
    st.sampled_from(["", "nan", "1e9", "-0", "00012", " 7 ", "+7", "1.", ".5", "²"]),
)
TAGS = st.sampled_from(
    ["object", "bndbox", "name", "xmin", "ymax", "size", "width", "difficult", "part", "annotation"]
)


def escaped(text: str) -> str:
    return "".join(
        f"&#{ord(letter)};" if ord(letter) < 55000 and letter.isprintable() else ""
        for letter in text
    )


@settings(max_examples=100, **FUZZED)
@given(corners=st.tuples(VALUES, VALUES, VALUES, VALUES), difficult=VALUES, width=VALUES)
def test_any_numbers_are_boxes_of_the_image_or_refused(voc, corners, difficult, width):
    inner = box(*map(escaped, corners)) + f"<difficult>{escaped(difficult)}</difficult>"
    annotate(voc, annotation(an_object(inner), size=SIZE.replace("40", escaped(width))))
    try:
        objects = list_dataset(voc).objects
    except UserError as error:
        assert "000005.xml" in str(error)
        return
    row = objects[objects.image == "000005"].iloc[0]
    assert 0 <= row.xmin < row.xmax <= float(width) + 1
    assert 0 <= row.ymin < row.ymax <= 31
    assert row.difficult in (0, 1)


NODES = st.recursive(
    st.builds(lambda tag, text: f"<{tag}>{escaped(text)}</{tag}>", TAGS, VALUES),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", TAGS, st.lists(inner, max_size=5)
    ),
    max_leaves=12,
)


@settings(max_examples=60, **FUZZED)
@given(nodes=st.lists(NODES, max_size=4), whole=st.booleans())
def test_any_tree_of_tags_is_read_or_refused(voc, nodes, whole):
    annotate(voc, annotation(an_object(), *nodes) if whole else "".join(nodes))
    try:
        objects = list_dataset(voc).objects
    except UserError as error:
        assert "000005.xml" in str(error)
    else:
        assert (objects.image == "000005").sum() == 1 + sum(
            node.startswith("<object>") for node in nodes
        )


@settings(max_examples=150, **FUZZED)
@given(start=st.integers(0, 300), stop=st.integers(0, 300), data=st.binary(max_size=30))
def test_any_bytes_are_read_or_refused(voc, start, stop, data):
    text = (
        b'<?xml version="1.0" encoding="utf-8"?>'
        + annotation(an_object(), an_object(name="<name>cat</name>")).encode()
    )
    annotate(voc, text[:start] + data + text[stop:])
    try:
        list_dataset(voc)
    except UserError as error:
        assert "000005.xml" in str(error)
