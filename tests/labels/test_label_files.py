"""A user's own labels: what a file may look like, what it says, and what is wrong with others."""

import pytest
from helpers import refusal, write_file
from hypothesis import given
from hypothesis import strategies as st

from imagenet_transfer.files import csv_bytes, write_csv
from imagenet_transfer.labels.label_files import LONGEST, digest_of_labels, read_labels
from imagenet_transfer.labels.label_sets import label_set_of, labels_frame, read_label_set

GOOD = "class,label\nrose,plant\ndaisy,plant\ncat,animal\n"
LABELS = {"cat": "animal", "daisy": "plant", "rose": "plant"}
SETTINGS = {"spec": {"method": "file"}, "labels": digest_of_labels(LABELS)}


@pytest.fixture
def mine(tmp_path):
    """Return a function that writes a label file and returns its path."""
    return lambda content: write_file(tmp_path / "mine.csv", content)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,  # as Excel's "CSV UTF-8" begins
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n") + " , \n",
        GOOD.replace(",", " , "),
        GOOD.replace("plant", '"plant"'),
        "class,label\ncat,animal\nrose,plant\ndaisy,plant",
    ],
)
def test_spellings_of_one_table_say_the_same(mine, text):
    labels = read_labels(mine(text))
    assert labels == LABELS
    assert list(labels) == sorted(labels)
    assert digest_of_labels(labels) == SETTINGS["labels"]


@pytest.mark.parametrize("labels", [LABELS | {"cat": "pet"}, {**LABELS, "dog": "animal"}])
def test_what_the_file_says_counts(labels):
    assert digest_of_labels(labels) != SETTINGS["labels"]


@pytest.mark.parametrize(
    "content, words",
    [
        ("", ["mine.csv lists no classes", "header class,label"]),
        ("class,label\n", ["mine.csv lists no classes"]),
        (GOOD.replace(",", ";"), ["is separated by semicolons", "save it with commas"]),
        (GOOD.replace(",", "\t"), ["is separated by tabs", "save it with commas"]),
        ("rose,plant\ncat,animal\n", ["has the header 'rose,plant'", "header class,label"]),
        ("label,class\nplant,rose\n", ["has the header 'label,class'"]),
        ("class,label,notes\nrose,plant,red\n", ["has the header 'class,label,notes'"]),
        (GOOD + "rose,plant\n", ["line 5, lists the class 'rose' again"]),
        (GOOD + "rose,animal\n", ["line 5, lists the class 'rose' again"]),
        (GOOD + "dog,\n", ["line 5, has no label"]),
        (GOOD + ",animal\n", ["line 5, has no class"]),
        (GOOD + "dog\n", ["line 5, has 1 field instead of 2"]),
        (GOOD + "dog,animal, large\n", ["line 5, has 3 fields", "in quotation marks"]),
        ("class,label\nrose,plant\ndaisy,plant\n", ["has only the label 'plant'", "at least two"]),
        (GOOD + "dog,an|imal\n", ["line 5, has the label 'an|imal' with |"]),
        (GOOD + 'dog,"an\nimal"\n', ["line 6, has the label 'an\\nimal'", "cannot be printed"]),
        (GOOD + "do\x07g,animal\n", ["has the class 'do\\x07g'", "cannot be printed"]),
        (GOOD + "dog,\u202eanimal\n", ["cannot be printed"]),  # turns the text around
        (GOOD + f"dog,{'x' * (LONGEST + 1)}\n", ["has a label of 201 characters"]),
        (GOOD + 'dog,"animal\n', ["is not CSV", "quotation mark"]),
        (GOOD.encode("utf-16"), ["is not UTF-8 text", "CSV UTF-8"]),
        (GOOD.replace("plant", "gewächs").encode("latin-1"), ["is not UTF-8 text"]),
        (b"class,label\nrose\0,plant\n", ["is not a text file"]),
        (b"\xef\xbb\xbf", ["lists no classes"]),
        (b"x" * (2**22 + 1), ["more than 4,194,304 bytes"]),
    ],
)
def test_a_bad_file_is_named(mine, content, words):
    path = mine(content)
    refusal(lambda: read_labels(path), path, *words)


def test_a_file_that_is_not_there_or_not_a_file_is_named(tmp_path):
    refusal(lambda: read_labels(tmp_path / "none.csv"), "none.csv cannot be read (No such file")
    refusal(lambda: read_labels(tmp_path), f"{tmp_path} cannot be read", "not a regular file")


def test_the_label_set_keeps_what_is_listed(mine, tmp_path):
    frame = label_set_of(SETTINGS, "mine", path=mine(GOOD))
    assert frame["wnid"].tolist() == ["cat", "daisy", "rose"]
    assert frame["label"].tolist() == [0, 1, 1]
    assert frame["class_wnid"].tolist() == frame["class_name"].tolist()
    assert frame["class_name"].tolist() == ["animal", "plant", "plant"]
    write_csv(tmp_path / "set.csv", frame)
    assert read_label_set(tmp_path / "set.csv").equals(frame)


def test_classes_that_the_data_set_lacks_are_named(mine):
    path = mine(GOOD)
    known = ["cat", "dog", "daisy", "rose"]
    assert len(label_set_of(SETTINGS, "mine", known, path)) == 3
    said = refusal(lambda: label_set_of(SETTINGS, "mine", ["cat", "dog"], path))
    assert said.startswith(f"label_sets.mine: {path} has 2 classes that its data set does not have")
    assert "(daisy, rose)" in said


def test_a_file_that_is_changed_while_the_workflow_runs_is_not_read(mine):
    path = mine(GOOD.replace("plant", "herb"))
    refusal(lambda: label_set_of(SETTINGS, "mine", path=path), path, "run the same command again")


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9)
texts = names.filter(lambda text: "|" not in text)


@given(st.dictionaries(names, texts, min_size=2).filter(lambda found: len({*found.values()}) > 1))
def test_any_names_come_back(tmp_path_factory, labels):
    folder = tmp_path_factory.mktemp("labels")
    rows = [
        f'"{name.replace(chr(34), 2 * chr(34))}","{label.replace(chr(34), 2 * chr(34))}"'
        for name, label in labels.items()
    ]
    path = write_file(folder / "mine.csv", "\n".join(["class,label", *rows]))
    assert read_labels(path) == labels
    frame = labels_frame(labels)
    (folder / "set.csv").write_bytes(csv_bytes(frame))
    assert read_label_set(folder / "set.csv").equals(frame)
