"""A user's own labels: a CSV with the columns class and label."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_small_text

COLUMNS = ["class", "label"]
MOST_BYTES = 2**22  # as for a list of classes
LONGEST = 200  # characters of a name or label
NEEDS = (
    "It needs the header class,label and one row per class, separated by commas, such as "
    "n02084071,animal."
)
Labels = Mapping[str, str]  # class -> label


def read_labels(path: Path | str) -> dict[str, str]:
    """Return the label of each class that a user's CSV lists, by ascending name of the class.

    Spaces around names and labels do not count, nor does the byte-order mark that spreadsheets
    write. Raises UserError with the line for what is not such a table, for a class that is listed
    twice, an empty or unprintable field, a label with |, which tables are drawn with, and for fewer
    than two labels.
    """
    labels: dict[str, str] = {}
    for place, name, label in _rows(path):
        if name in labels:
            raise UserError(
                f"{place} lists the class {_brief(name)} again: remove one of its rows."
            )
        labels[name] = label
    if not labels:
        raise UserError(f"{path} lists no classes. {NEEDS}")
    if len(set(labels.values())) == 1:
        raise UserError(
            f"{path} has only the label {_brief(next(iter(labels.values())))}: a network needs at "
            "least two to learn."
        )
    return dict(sorted(labels.items()))


def digest_of_labels(labels: Labels) -> str:
    """Return a checksum of what labels say: neither order nor spelling of the file counts."""
    text = json.dumps(sorted(labels.items()), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _rows(path: Path | str) -> Iterator[tuple[str, str, str]]:
    """Yield place ("mine.csv, line 2,"), class and label of each row below the header."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    header: list[str] = []
    try:
        for fields in reader:
            row = [field.strip() for field in fields]
            place = f"{path}, line {reader.line_num},"
            if not any(row):
                continue
            if header:
                _check(row, place)
                yield place, *row
            else:
                header = row
                _check_header(row, path)
    except csv.Error as error:
        raise UserError(
            f"{path}, line {reader.line_num}, is not CSV ({error}): write a quotation mark inside "
            "quoted text twice."
        ) from None


def _text(path: Path | str) -> str:
    try:
        text = read_small_text(path, MOST_BYTES)
    except UnicodeDecodeError:
        raise UserError(
            f"{path} is not UTF-8 text: save it as CSV UTF-8, with commas. {NEEDS}"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}). {NEEDS}") from None
    if "\0" in text:
        raise UserError(f"{path} is not a text file. {NEEDS}")
    return text.removeprefix("\ufeff")


def _check_header(row: list[str], path: Path | str) -> None:
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(row) == 1 and separator in row[0]:
            raise UserError(
                f"{path} is separated by {name}, not by commas: save it with commas. {NEEDS}"
            )
    if row != COLUMNS:
        raise UserError(f"{path} has the header {_brief(','.join(row))}. {NEEDS}")


def _check(row: list[str], place: str) -> None:
    """Raise UserError unless a row is a class and a label that files and pictures can show."""
    if len(row) != len(COLUMNS):
        raise UserError(
            f"{place} has {len(row)} field{'s' * (len(row) != 1)} instead of 2: put text that has a "
            "comma in quotation marks."
        )
    for column, text in zip(COLUMNS, row, strict=True):
        if not text:
            raise UserError(f"{place} has no {column}: fill it in, or remove the row.")
        if not text.isprintable():
            raise UserError(
                f"{place} has the {column} {_brief(text)}, with characters that cannot be printed: "
                "remove them."
            )
        if len(text) > LONGEST:
            raise UserError(
                f"{place} has a {column} of {len(text):,} characters: shorten it to {LONGEST}."
            )
    if "|" in row[1]:
        raise UserError(
            f"{place} has the label {_brief(row[1])} with |, which tables are drawn with: write "
            "something else."
        )


def _brief(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
