"""Damages to files: each is a function of a path, or returns one."""

import json
import os


def raw(data: bytes):
    """Return a writer of these bytes."""
    return lambda path: path.write_bytes(data)


def edited(**changes):
    """Return a writer of JSON with other values; `...` removes a key."""

    def write(path):
        content = {**json.loads(path.read_text()), **changes}
        kept = {key: value for key, value in content.items() if value is not ...}
        path.write_text(json.dumps(kept))

    return write


def cut(path):
    """Cut off the last 20 bytes."""
    path.write_bytes(path.read_bytes()[:-20])


def folder_instead(path):
    """Put a folder in the file's place."""
    path.unlink()
    path.mkdir()


def pipe(path):
    """Put a pipe, which would be waited for, in the file's place."""
    path.unlink()
    os.mkfifo(path)
