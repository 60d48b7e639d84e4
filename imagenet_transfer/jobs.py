"""Around a job of the workflow: its log, sentences for the errors of users, and the GPUs of the machine."""

import contextlib
import errno
import glob
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from imagenet_transfer.errors import UserError


def count_gpus() -> int:
    """Return the number of NVIDIA cards of this machine, without importing torch, which takes seconds."""
    return len(glob.glob("/dev/nvidia[0-9]*"))  # noqa: PTH207 - one pattern, not a tree


def prepare_environment() -> None:
    """Let the jobs' processes import this package, in whatever environment, and keep the memory that they free.

    By default glibc gives large blocks back to the system at once, and training takes the same ones again at every
    step: keeping them saves about a tenth of a small network's step on a CPU.
    """
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**30))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**32))
    here = str(Path(__file__).resolve().parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))


class _Tee:
    """Standard error that also goes to a log file, line by line."""

    def __init__(self, terminal: TextIO, log: TextIO):
        self.terminal, self.log = terminal, log

    def write(self, text: str) -> int:
        self.log.write(text)
        return self.terminal.write(text)

    def flush(self) -> None:
        self.log.flush()
        self.terminal.flush()

    def isatty(self) -> bool:
        return False  # progress bars report now and then instead of redrawing: several jobs share the terminal

    def fileno(self) -> int:
        return self.terminal.fileno()


@contextlib.contextmanager
def job_log(path: Path | str) -> Iterator[None]:
    """Copy standard error to `path`, and end the process with a sentence, not a traceback, at errors of the user's."""
    terminal = sys.stderr
    with Path(path).open("w", buffering=1, encoding="utf-8") as log:
        sys.stderr = _Tee(terminal, log)
        try:
            yield
        except (UserError, KeyboardInterrupt, OSError, MemoryError) as error:
            sentence = sentence_of(error)
            if sentence is None:
                traceback.print_exc(file=log)
                raise
            print(f"Error: {sentence}", file=sys.stderr)
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=log)  # the interpreter prints it to the terminal alone
            raise
        finally:
            sys.stderr = terminal


def sentence_of(error: BaseException) -> str | None:
    """Return what the user should read about an error, or None if it is a fault of the program's."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted. Finished files are kept; run the same command again to continue."
    if isinstance(error, MemoryError):
        return "The memory is used up: run fewer jobs at once (--cores) or lower `batch_size` in the recipe."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" writing {error.filename}" if error.filename else ""
        return f"The disk is full{where}. Finished files are kept; free some space and run the same command again."
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return f"{error.filename} may not be written or read ({error.strerror}): check the folder's permissions."
    return None
