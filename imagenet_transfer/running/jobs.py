"""Around a job of the workflow: its environment, its log, and sentences for users' errors."""

import contextlib
import errno
import glob
import os
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import is_alive
from imagenet_transfer.running.progress import job_named, name_of

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# A file where a folder belongs, a folder where a file does, links in a circle
IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP)
FAILING = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EREMOTEIO)
WORKFLOW = "IMAGENET_TRANSFER_WORKFLOW"  # environment variable: the process that starts the jobs
FORKS = "IMAGENET_TRANSFER_FORKS"  # set where jobs may be forked: the workflow's secret
# pandas loads pyarrow where it is installed; a process with its thread should not be forked.
WITHOUT_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}


def count_gpus() -> int:
    """Return the number of NVIDIA GPUs of this machine, without importing torch (seconds)."""
    return len(glob.glob("/dev/nvidia[0-9]*"))  # noqa: PTH207 - one pattern, not a tree


def open_streams() -> None:
    """Give this process the standard streams that it was started without (`2>&-`): to nowhere.

    Otherwise the first files that it opens get their numbers, and what libraries write to standard
    error ends up in them.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            os.set_inheritable(number, True)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - streams, not files
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def prepare_environment(forks: bool = False) -> None:
    """Let the jobs' processes import this package, in any environment, and keep freed memory.

    They also get standard streams, if this process was started without.

    `forks`: this process starts the jobs itself, so that they may be forks of one process.

    By default glibc gives large blocks back to the system at once, and training takes the same
    ones again at every step: keeping them saves about a tenth of a small network's step on a CPU.
    """
    open_streams()
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**30))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**32))
    os.environ.update(WITHOUT_THREADS)
    here = str(Path(__file__).resolve().parents[2])  # what holds the package
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    os.environ[WORKFLOW] = str(os.getpid())
    os.environ.pop(FORKS, None)  # set by a workflow that submitted this one
    if forks and _sees_ends():
        os.environ[FORKS] = os.urandom(16).hex()


def _sees_ends() -> bool:
    """Return whether the system reports the end of any process, as Linux does since 5.3."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def check_writable(folder: Path | str) -> None:
    """Raise UserError if a folder is read-only, not the user's, or lacks room for a megabyte.

    With less, Snakemake itself fails to write its locks and scripts, with tracebacks.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(2**20))
    except OSError as error:
        place = Path(folder).resolve()
        if error.errno in FULL:
            raise UserError(
                f"The disk of {place} is full: free some space and run the same command again."
            ) from error
        raise UserError(
            f"{place} cannot be written ({error.strerror}): have its permissions changed, or run "
            "the study in a folder of yours (--directory)."
        ) from error


def check_folder(folder: Path | str) -> None:
    """Raise UserError if a folder's name belongs to a file or to a link that leads nowhere."""
    path = Path(folder)
    if path.is_symlink() and not path.exists():
        raise UserError(
            f"{path.absolute()} is a link to {path.readlink()}, which is not there: mount or make "
            "that folder, or remove the link."
        )
    if path.exists() and not path.is_dir():
        raise UserError(
            f"{path.absolute()} is a file, but a study has a folder of that name: move the file, or "
            "run the study in another folder (--directory)."
        )


def end_with(process: int) -> None:
    """Let this process end when another one has ended, in whatever way.

    Otherwise a killed workflow would leave jobs behind, which write while its successor runs them.
    """
    threading.Thread(target=_outlive, args=(process,), daemon=True).start()


def _outlive(process: int) -> None:
    """End this process at once after `process`, or within half a second on older systems."""
    try:
        ended = select.poll()
        ended.register(os.pidfd_open(process), select.POLLIN)
        ended.poll()
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):
        while is_alive(process):
            time.sleep(0.5)
    os._exit(1)


def workflow_process() -> int:
    """Return the process of this job's workflow, which may not be its parent; else the parent."""
    process = named = int(os.environ.get(WORKFLOW, os.getppid()))
    with contextlib.suppress(OSError, ValueError):
        process = os.getpid()
        while process not in (named, 0):
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return named if process == named else os.getppid()


def fork_of(process: int) -> int | None:
    """Return the fork that computes for a job's process, if any; the process is named after it."""
    with contextlib.suppress(OSError, ValueError):  # it has just ended, or the system has no /proc
        name = Path(f"/proc/{process}/comm").read_text()
        return int(name.removeprefix("runs as ")) if name.startswith("runs as ") else None
    return None


class _Tee:
    """Standard error that also goes to a log file, line by line."""

    def __init__(self, terminal: TextIO, log: TextIO):
        self.terminal = terminal
        self.log = log

    def write(self, text: str) -> int:
        for stream in (self.log, self.terminal):
            with contextlib.suppress(OSError):  # a full disk, or nobody who reads
                stream.write(text)
        return len(text)

    def flush(self) -> None:
        for stream in (self.log, self.terminal):
            with contextlib.suppress(OSError):
                stream.flush()

    def isatty(self) -> bool:
        return False  # jobs share the terminal: nothing may be redrawn

    def fileno(self) -> int:
        return self.terminal.fileno()


@contextlib.contextmanager
def job_log(path: Path | str, inputs: Iterable[str] = ()) -> Iterator[None]:
    """Copy standard error to `path`; end with a sentence, not a traceback, at users' errors.

    The process also ends when its workflow does, and treats SIGTERM as Ctrl-C. At the end, `inputs`
    with a time in the future get the present time, as Snakemake would discard the outputs.
    """
    open_streams()
    end_with(workflow_process())
    signal.signal(signal.SIGTERM, _interrupt)
    terminal = sys.stderr
    log = _opened(path, terminal)
    sys.stderr = _Tee(terminal, log)
    try:
        with job_named(name_of(path), log):
            yield
        _bring_to_present(inputs)
    except (UserError, KeyboardInterrupt, OSError, MemoryError) as error:
        sentence = sentence_of(error)
        if sentence is None:
            traceback.print_exc(file=log)
            raise
        print(f"Error: {sentence}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        traceback.print_exc(file=log)  # the interpreter prints it only to the terminal
        raise
    finally:
        sys.stderr = terminal
        with contextlib.suppress(OSError):  # a full disk refuses the rest of the log
            log.close()


def _interrupt(*_: Any) -> None:
    """Treat SIGTERM as Ctrl-C, once: a group of processes receives it and passes it on."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _bring_to_present(paths: Iterable[str]) -> None:
    """Give files from the future the present time: outputs must not be older than inputs."""
    for path in map(Path, paths):
        if path.stat().st_mtime > time.time():
            with contextlib.suppress(PermissionError):
                os.utime(path)


def _opened(path: Path | str, terminal: TextIO) -> TextIO:
    """Return the log, opened for writing, or end the process with a sentence."""
    try:
        return Path(path).open("w", buffering=1, encoding="utf-8")
    except OSError as error:
        print(f"Error: {sentence_of(error) or error}", file=terminal)
        sys.exit(1)


def sentence_of(error: BaseException) -> str | None:
    """Return what the user should read about an error, or None if the program is at fault."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted. Finished files are kept; run the same command again to continue."
    if isinstance(error, MemoryError):
        return (
            "The memory is used up: run fewer jobs at once (--cores) or lower `batch_size` in the "
            "recipe."
        )
    if isinstance(error, BrokenPipeError):
        return "Nobody reads any more what this prints, as after `| head`: run it without that."
    if isinstance(error, OSError) and error.errno in FULL:
        where = f" writing {error.filename}" if error.filename else ""
        return (
            f"The disk is full{where}. Finished files are kept; free some space and run the same "
            "command again."
        )
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return (
            f"{error.filename} may not be written or read ({error.strerror}): check the folder's "
            "permissions."
        )
    if isinstance(error, OSError) and error.errno in IN_THE_WAY and error.filename:
        return (
            f"{error.filename} is in the way or of the wrong kind ({error.strerror}): move it away, "
            "and run the same command again."
        )
    if isinstance(error, OSError) and error.errno in FAILING:
        where = f" at {error.filename}" if error.filename else ""
        return (
            f"The disk or the network failed{where} ({error.strerror}): check it, and run the same "
            "command again."
        )
    return None
