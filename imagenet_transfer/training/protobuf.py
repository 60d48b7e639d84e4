"""Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), as far as weights need it.

A message is a sequence of fields, each a key (its number and kind) and a value. Nothing is copied
that the caller does not keep, and no value is believed to be longer than what holds it.
"""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # kinds of values
WIDTHS = {FIXED64: 8, FIXED32: 4}
LAST_NUMBER = 2**29 - 1  # of a field
LONGEST_VARINT = 10  # bytes
MOST_FIELDS = 1_000_000  # of one message; a run of numbers that are not packed counts as one

Value = int | memoryview


class Damaged(Exception):
    """Bytes that are not a message; the text is the reason."""


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield number and value of each field: an int, or the bytes of anything else.

    Numbers of 4 bytes that follow each other under one key are yielded together, as if they were
    packed. Raises Damaged.
    """
    at = 0
    for count in itertools.count(1):
        if at == len(message):
            return
        if count > MOST_FIELDS:
            raise Damaged(f"a message has more than {MOST_FIELDS:,} fields")
        start = at
        key, at = varint(message, at)
        kind = key & 7
        if not 0 < key >> 3 <= LAST_NUMBER:
            raise Damaged(f"no field begins at byte {start}")
        if kind == VARINT:
            value, at = varint(message, at)
        elif kind == FIXED32 and at - start == 1:
            value, at = _run(message, start)
        else:
            size, at = _size(message, at, kind)
            value, at = _taken(message, at, size)
        yield key >> 3, value


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the whole number that begins at a place, and the place after it."""
    value = 0
    for place, byte in enumerate(message[at : at + LONGEST_VARINT]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise Damaged("it ends within a number" if len(message) - at < LONGEST_VARINT else "no number")


def varints(message: memoryview) -> Iterator[int]:
    """Yield packed whole numbers."""
    at = 0
    while at < len(message):
        value, at = varint(message, at)
        yield value


def _size(message: memoryview, at: int, kind: int) -> tuple[int, int]:
    if kind == LENGTH:
        return varint(message, at)
    if kind not in WIDTHS:
        raise Damaged(f"no field begins before byte {at}")
    return WIDTHS[kind], at


def _taken(message: memoryview, at: int, size: int) -> tuple[memoryview, int]:
    if size > len(message) - at:
        raise Damaged(f"a field of {size:,} bytes has only {len(message) - at:,}")
    return message[at : at + size], at + size


def _run(message: memoryview, at: int) -> tuple[memoryview, int]:
    """Return the values of all fields of 5 bytes from a place that have its key, joined."""
    key = message[at]
    start = at
    looked_at = 1  # doubled as long as all have it, so that the work grows with the run
    while True:
        rows = _rows(message[at : at + 5 * looked_at])
        same = rows[:, 0] == key
        number = len(same) if same.all() else int(same.argmin())
        at += 5 * number
        if number < looked_at:
            break
        looked_at *= 2
    if at == start:
        raise Damaged("it ends within a number")
    return memoryview(_rows(message[start:at])[:, 1:].tobytes()), at


def _rows(message: memoryview) -> np.ndarray:
    return np.frombuffer(message[: len(message) // 5 * 5], np.uint8).reshape(-1, 5)


# Writing


def written(number: int, value: int | bytes) -> bytes:
    """Return a field: a whole number of 0 or more, or the bytes of a text or message."""
    if isinstance(value, int):
        return _number(number << 3 | VARINT) + _number(value)
    return _number(number << 3 | LENGTH) + _number(len(value)) + value


def packed(values: Iterable[int]) -> bytes:
    """Return packed whole numbers of 0 or more."""
    return b"".join(map(_number, values))


def _number(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
