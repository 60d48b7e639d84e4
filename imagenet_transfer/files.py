"""Reading and writing files that are either whole or absent."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import gzip
import hashlib
import io
import json
import os
import socket
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_transfer.errors import UserError

if TYPE_CHECKING:
    import pandas as pd  # a quarter of a second, which processes that only start a job save

KINDS = {  # of what is neither a file nor missing, by its type
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@contextlib.contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path next to `path`: renamed to `path` if the block succeeds, else deleted.

    Raises OSError if the file cannot be written, which names `path` whichever library failed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    temporary = path.with_name(f".{path.name}.{machine()}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        cause = _cause(error)
        if not isinstance(cause, OSError) or cause.filename not in (None, str(temporary)):
            raise
        number = cause.errno or errno.ENOSPC  # NumPy counts short writes without an error number
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        with contextlib.suppress(OSError):  # a folder that has become read-only
            temporary.unlink()


def remove_leftovers(path: Path) -> None:
    """Delete the temporary files of `path` that killed processes of this machine left behind."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{machine()}.*.tmp"):
        process = leftover.name.split(".")[-2]
        if process.isdecimal() and not is_alive(int(process)):
            leftover.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def machine() -> str:
    """Return a name of this machine or container, within which process numbers are unique."""
    try:
        numbers = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        numbers = 0
    return hashlib.sha256(f"{socket.gethostname()}/{numbers}".encode()).hexdigest()[:12]


def is_alive(process: int) -> bool:
    """Return whether a process of this machine is running; a zombie is not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:  # someone else's, or a system without /proc
        return True


def _cause(error: BaseException) -> BaseException:
    """Return the error behind a RuntimeError, such as torch.save's when the disk is full."""
    while isinstance(error, RuntimeError) and error.__context__ is not None:
        error = error.__context__
    return error


@contextlib.contextmanager
def exclusive(folder: Path | str, work: str) -> Iterator[None]:
    """Hold a folder for this process; raise UserError if another one holds it.

    `work` is a verb for the error's text: what the other process does with the folder.
    The lock ends with its process, however that ends. It is a hidden file next to the folder, as
    network file systems lock files for all machines, but folders for one machine or not at all.
    Where a file system has no locks, Snakemake's lock of the study's folder has to do.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = _lock_file(folder)
    descriptor = _lock(path)
    if descriptor is None:
        raise UserError(
            f"Another process {work} {folder} at this moment: wait for it, or stop it, "
            "and run the same command again."
        )
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # before the lock ends: whoever holds the file holds this name's file
        os.close(descriptor)


def _lock_file(folder: Path) -> Path:
    """Return the file that locks a folder: one for all links to it, if it can be written there."""
    place = folder.resolve()
    place = place if os.access(place.parent, os.W_OK) else folder
    return place.with_name(f".{place.name}.lock")


def _lock(path: Path) -> int | None:
    """Return the open file `path`, locked for this process; None if another process holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            return descriptor
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)  # its last holder has just removed it


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text with LF line endings."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path | str, content: Any) -> None:
    """Write JSON with sorted keys, so that equal content means equal bytes."""
    write_text(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return the frame as UTF-8 CSV without its index and with LF line endings."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def write_csv(path: Path | str, frame: pd.DataFrame) -> None:
    """Write a frame as CSV; `.gz` has no name and no time in it: equal content, equal bytes."""
    data = csv_bytes(frame)
    if Path(path).suffix == ".gz":
        buffer = io.BytesIO()
        with gzip.GzipFile(
            filename="", mode="wb", fileobj=buffer, compresslevel=4, mtime=0
        ) as file:
            file.write(data)
        data = buffer.getvalue()
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def sha256_of(path: Path | str) -> str:
    """Return the SHA-256 of a regular file in hexadecimal."""
    with check_regular(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path | str) -> Any:
    """Return a JSON file's content; ValueError also for halves of letters (\\ud800), as in no text."""
    text = Path(path).read_text(encoding="utf-8")
    content = json.loads(text)
    if "\\ud" in text.lower():
        json.dumps(content, ensure_ascii=False).encode()
    return content


def check_regular(path: Path | str) -> Path:
    """Return the path; raise OSError unless it is a regular file that may be read.

    Opening a pipe would wait, and a device may never end. Names that no file can have are errors of
    the same kind here, whatever Python raises for them.
    """
    path = Path(path)
    if what := KINDS.get(stat.S_IFMT(_stat(path).st_mode)):
        raise OSError(errno.EINVAL, f"it is not a regular file but {what}", str(path))
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return path


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except ValueError as error:  # NUL, or half of a surrogate pair
        reason = "its name has characters that no file's can have"
        raise OSError(errno.EINVAL, reason, str(path)) from error


def why_not_a_file(path: Path | str) -> str | None:
    """Return why what a path names can never be read as a file; None if it can, or is not there."""
    return _why_not(check_regular, path)


def why_not_a_folder(path: Path | str) -> str | None:
    """Return why what a path names can never be a folder; None if it is one, or is not there."""
    return _why_not(_check_folder, path)


def _check_folder(path: Path | str) -> None:
    mode = _stat(Path(path)).st_mode
    if not stat.S_ISDIR(mode):
        what = KINDS.get(stat.S_IFMT(mode), "a file")
        raise OSError(errno.ENOTDIR, f"it is not a folder but {what}", str(path))


def _why_not(check: Callable[[Path | str], Any], path: Path | str) -> str | None:
    try:
        check(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror
    return None


def read_small_text(path: Path | str, most: int) -> str:
    """Return a text file's content; raise OSError unless it is regular, of at most `most` bytes."""
    path = check_regular(path)
    size = path.stat().st_size
    if size > most:
        raise OSError(
            errno.EFBIG, f"it has more than {most:,} bytes, too many for such a file", str(path)
        )
    # Files of the system claim 0 bytes, and reading some of them never ends.
    return path.read_text(encoding="utf-8") if size else ""


def read_facts(path: Path | str, *keys: str) -> dict[str, Any]:
    """Return a stage's JSON file; raise UserError if it is damaged or lacks one of the keys."""
    try:
        content = read_json(check_regular(path))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise _damaged(path, f"it lacks {', '.join(missing)}")
    return content


def read_table(path: Path | str, columns: Iterable[str] = (), **options: Any) -> pd.DataFrame:
    """Return a stage's CSV file; raise UserError if it is damaged or lacks one of the columns.

    `options` are those of pandas.read_csv.
    """
    import pandas as pd

    try:
        frame = pd.read_csv(check_regular(path), **options)
    except (OSError, EOFError, ValueError, OverflowError, zlib.error) as error:
        raise _damaged(path, error) from error
    if missing := [column for column in columns if column not in frame.columns]:
        raise _damaged(path, f"it lacks the columns {', '.join(missing)}")
    return frame


def _damaged(path: Path | str, reason: Any) -> UserError:
    said = " ".join(str(getattr(reason, "strerror", None) or reason).split())[:150]
    return UserError(f"{path} cannot be read ({said}): delete it and run the same command again.")
