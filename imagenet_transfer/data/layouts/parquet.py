"""Parquet files with images in them, as data sets of Hugging Face have.

The files hold an image's bytes, its file's name and its label in each row. Rows are read in order,
a few at a time, so that memory does not grow with the files.
"""

import bisect
import contextlib
import itertools
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from imagenet_transfer.data.codecs import UnreadableImage
from imagenet_transfer.data.layouts.containers import files_of_splits
from imagenet_transfer.data.layouts.labels import Labels, class_names_of, named, without_secret
from imagenet_transfer.data.layouts.listing import Listing, first_names, printable
from imagenet_transfer.data.layouts.own import own_listing, without_suffix
from imagenet_transfer.data.sources import check_size
from imagenet_transfer.errors import UserError
from imagenet_transfer.files import check_regular

IMAGE = "image"
LABEL = "label"
BATCH = 32  # rows decoded at once
BUFFER = 2**20  # bytes read at once, instead of a whole column of a row group
METADATA = b"huggingface"


@dataclass(frozen=True)
class Part:
    """What a file holds besides its images, row by row."""

    labels: Labels
    paths: Sequence[str | None]
    column: str  # of the images' bytes
    names: tuple[str, ...]  # of classes; none if the file does not say
    doubt: str = ""  # half a sentence about why it does not say

    @property
    def has_numbers(self) -> bool:
        """Whether labels are numbers instead of text."""
        return any(isinstance(label, int) for label in self.labels[:1])


def read(root: Path, entry: Mapping[str, Any], wnids: Sequence[str]) -> Listing:
    """Return the listing of a config's entry.

    An image's id is the name of its file, if the data set has one for each image and no two are the
    same; else the Parquet file's and the row: 'train-00000-of-00002/17'.
    """
    _pyarrow()
    files = files_of_splits(root, ".parquet", entry)
    parts = {
        file: _read_part(root / file, entry) for of_split in files.values() for file in of_split
    }
    labels = {split: [parts[file].labels for file in of_split] for split, of_split in files.items()}
    kept = {split: files[split] for split in without_secret(root, labels)}
    used = {file: parts[file] for of_split in kept.values() for file in of_split}
    classes = _classes(root, entry, used)
    found = {file: part.labels for file, part in used.items()}
    doubt = next((part.doubt for part in used.values() if part.doubt), "")
    label_names = named(found, classes, root, doubt)
    images = _ids(used)
    rows = [
        (split, image, label, f"{file}/{row}")
        for split, of_split in kept.items()
        for file in of_split
        for row, (image, label) in enumerate(zip(images[file], label_names[file], strict=True))
    ]
    source = ParquetImages(root, {file: part.column for file, part in used.items()})
    return own_listing(root, entry, rows, classes, source)


def _pyarrow() -> Any:
    """Return pyarrow's module for Parquet; UserError if it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UserError(
            "The layout parquet needs pyarrow, which is not installed: install it with `pip "
            "install 'imagenet-transfer[parquet]'` or `pip install pyarrow`."
        ) from error
    return pyarrow


# --- the listing ----------------------------------------------------------------------------------


def _read_part(path: Path, entry: Mapping[str, Any]) -> Part:
    image = entry.get("image_column", IMAGE)
    label = entry.get("label_column", LABEL)
    with _named_errors(path), _opened(path) as file:
        schema = file.schema_arrow
        _check_columns(path, schema, {"image_column": image, "label_column": label})
        column, has_paths = _bytes_column(path, schema.field(image))
        labels = _labels(path, file, label)
        paths = [None] * len(labels)
        if has_paths:
            chunks = file.read([f"{image}.path"]).column(0).chunks
            paths = [path for chunk in chunks for path in chunk.field(0).to_pylist()]
        names, doubt = _names_in(schema.metadata or {}, label)
    return Part(labels, paths, column, names, doubt)


@contextlib.contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turn pyarrow's errors of reading a file into UserErrors."""
    try:
        yield
    except MemoryError:
        raise
    except (*_arrow_errors(), KeyError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read as Parquet ({_reason(error)}): fetch it again."
        ) from error


def _arrow_errors() -> tuple[type[Exception], ...]:
    """Return the errors that pyarrow raises for damaged files."""
    return (OSError, ValueError, NotImplementedError, _pyarrow().ArrowException)


def _reason(error: Exception) -> str:
    """Return an error's text on one line."""
    return printable(" ".join(str(error).split()) or type(error).__name__, 150)


def _opened(path: Path) -> Any:
    """Return a Parquet file that is read piece by piece; by default, pyarrow reads all ahead."""
    return _pyarrow().parquet.ParquetFile(check_regular(path), buffer_size=BUFFER, pre_buffer=False)


def _check_columns(path: Path, schema: Any, keys: Mapping[str, str]) -> None:
    """Raise UserError unless the file has each of the columns once."""
    for key, name in keys.items():
        if schema.names.count(name) != 1:
            raise UserError(
                f"{path} has no column '{name}', or more than one; it has "
                f"{first_names(schema.names, 8)}: name the column with the key `{key}`."
            )


def _bytes_column(path: Path, field: Any) -> tuple[str, bool]:
    """Return the column of an image's bytes, and whether the names of the files are next to it."""
    kind = field.type
    types = _pyarrow().types
    if types.is_binary(kind) or types.is_large_binary(kind):
        return field.name, False
    inner = {part.name: part.type for part in kind} if types.is_struct(kind) else {}
    of_bytes = inner.get("bytes")
    if of_bytes is None or not (types.is_binary(of_bytes) or types.is_large_binary(of_bytes)):
        raise UserError(
            f"{path}: the column '{field.name}' is {printable(str(kind))}, but should hold the "
            "bytes of image files, as binary or as struct<bytes: binary, path: string>: save the "
            "data set with its images embedded, or name another column with the key "
            "`image_column`."
        )
    of_path = inner.get("path")
    has_paths = of_path is not None and (types.is_string(of_path) or types.is_large_string(of_path))
    return f"{field.name}.bytes", has_paths


def _labels(path: Path, file: Any, name: str) -> Labels:
    """Return the labels, all numbers or all text; UserError for others, or if some are missing."""
    arrow = _pyarrow()
    kind = file.schema_arrow.field(name).type
    if arrow.types.is_dictionary(kind):
        kind = kind.value_type
    texts = (arrow.types.is_string(kind), arrow.types.is_large_string(kind))
    if not (arrow.types.is_integer(kind) or any(texts)):
        raise UserError(
            f"{path}: the column '{name}' is {printable(str(kind))}, but labels are whole numbers "
            "or text: name another column with the key `label_column`."
        )
    column = file.read([name]).column(name)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise UserError(
            f"{path} has {column.null_count:,} rows without a label in the column '{name}' (first: "
            f"row {row:,}): complete or remove them."
        )
    return column.to_pylist()


def _names_in(metadata: Mapping[bytes, bytes], label: str) -> tuple[tuple[str, ...], str]:
    """Return the names of classes in Hugging Face's metadata; none, and why, if it has none."""
    if METADATA not in metadata:
        return (), ""
    try:
        feature = json.loads(metadata[METADATA])["info"]["features"][label]
        names = feature.get("names", [])
        if all(isinstance(name, str) for name in names):
            return tuple(names), ""
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        pass
    return (), " (its metadata `huggingface` cannot be read)"


def _classes(root: Path, entry: Mapping[str, Any], parts: Mapping[str, Part]) -> tuple[str, ...]:
    """Return the names of classes in label order; none if labels are text, or nobody names them.

    Raises UserError if files differ in them.
    """
    numbers = {file: part for file, part in parts.items() if part.has_numbers}
    names = class_names_of(root, entry, bool(numbers))
    for file, other in () if names else itertools.pairwise(numbers):
        if numbers[file].names != numbers[other].names:
            raise UserError(
                f"{root}: {file} and {other} name other classes: fetch files of one version, or "
                "name the classes with the key `class_names`."
            )
    return names or next((part.names for part in numbers.values()), ())


def _ids(parts: Mapping[str, Part]) -> dict[str, list[str]]:
    """Return the ids of the images of each file."""
    given = {
        file: [without_suffix(PurePosixPath(path or "").name) for path in part.paths]
        for file, part in parts.items()
    }
    names = [name for of_file in given.values() for name in of_file]
    if all(names) and len(set(names)) == len(names):
        return given
    stems = {file: PurePosixPath(file).stem for file in parts}
    unique = len(set(stems.values())) == len(stems)
    return {
        file: [f"{stems[file] if unique else file}/{row}" for row in range(len(part.labels))]
        for file, part in parts.items()
    }


# --- the images -----------------------------------------------------------------------------------


class ParquetImages:
    """Gives images by paths such as 'data/train-00000-of-00002.parquet/17': file and row from 0.

    Each thread has a place of its own from which it reads on.
    """

    together = BATCH

    def __init__(self, root: Path, columns: Mapping[str, str]):
        self.root = root
        self.columns = columns
        self._places = threading.local()

    def read(self, path: str) -> bytes:
        """Return an image's file; raise UnreadableImage with the reason if there is none."""
        file, _, number = path.rpartition("/")
        try:
            data = self._place(file, int(number)).read(int(number))
        except MemoryError:
            raise
        except (*_arrow_errors(), StopIteration) as error:
            self._places.place = None
            raise UnreadableImage(f"the Parquet file is damaged: {_reason(error)}") from error
        if data is None:
            raise UnreadableImage("the row has no bytes")
        check_size(len(data))
        return data

    def _place(self, file: str, row: int) -> "_Place":
        place = getattr(self._places, "place", None)
        if place is None or place.file != file or not place.is_near(row):
            place = _Place(self.root, file, self.columns[file], row)
            self._places.place = place
        return place


class _Place:
    """A place in a file from which rows are read in order."""

    def __init__(self, root: Path, file: str, column: str, row: int):
        self.file = file
        self.parquet = _opened(root / file)
        metadata = self.parquet.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self.starts = [0, *itertools.accumulate(sizes)]  # of the row groups, and the end
        group = self._group(row)
        self.first = self.starts[group]  # of the rows in hand
        self.rows: Any = ()
        self.batches = self.parquet.iter_batches(
            BATCH, row_groups=range(group, len(sizes)), columns=[column], use_threads=False
        )

    def _group(self, row: int) -> int:
        return bisect.bisect_right(self.starts, row) - 1

    def is_near(self, row: int) -> bool:
        """Return whether the row lies ahead, in the row group that is read or right after it."""
        return self.first <= row and self.starts[self._group(row)] <= self.first + len(self.rows)

    def read(self, row: int) -> bytes | None:
        """Return the bytes of a row that lies ahead; raise StopIteration behind the last one."""
        while row >= self.first + len(self.rows):
            self.first += len(self.rows)
            self.rows = ()
            column = next(self.batches).column(0)
            self.rows = column.field(0) if column.type.num_fields else column
        return self.rows[row - self.first].as_py()
