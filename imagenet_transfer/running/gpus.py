"""One GPU for each job.

The workflow counts GPUs but does not name them, so concurrent jobs agree by file locks.
"""

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from imagenet_transfer.errors import UserError

WAIT_SECONDS = 5.0
# Each allocation of a scheduler may have a GPU of its own that it calls 0
ALLOCATION = ("SLURM_JOB_ID", "SLURM_STEP_ID", "PBS_JOBID", "LSB_JOBID")
_held: dict[str, int] = {}  # descriptors: a lock lasts until its process ends, however it ends


def visible_gpus(number: int) -> list[str]:
    """Return the GPUs that this process may use, of a machine that has `number`.

    They are those that CUDA_VISIBLE_DEVICES names, else all: numbers, or names of GPUs and their
    parts (GPU-..., MIG-...). CUDA ignores what follows an empty name or -1.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(gpu) for gpu in range(number)]
    names = (name.strip() for name in named.split(","))
    return list(takewhile(lambda name: name not in ("", "-1"), names))


def claim_gpu(number: int) -> str | None:
    """Make one of `number` GPUs the only one that this process sees, and return it; None without.

    Waits, and says so, while other jobs of any user of this machine hold all of them. Call it
    before CUDA starts; later calls return the same GPU. Raises UserError if locks cannot be made.
    """
    if _held:
        return next(iter(_held))
    gpus = visible_gpus(number) if number else []
    if not gpus:
        return None
    gpu = _first_free(gpus)
    if gpu is None:
        waits = "Waits for a GPU: other jobs hold all of them (lower --resources gpu)."
        print(waits, file=sys.stderr)
    while gpu is None:
        time.sleep(WAIT_SECONDS)
        gpu = _first_free(gpus)
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    return gpu


def _first_free(gpus: Sequence[str]) -> str | None:
    try:
        folder = _lock_folder()
        return next((gpu for gpu in gpus if _lock(folder, gpu)), None)
    except OSError as error:
        raise UserError(
            "The locks that keep jobs from sharing a GPU cannot be made "
            f"({error.filename or 'TMPDIR'}: {error.strerror or error}): set TMPDIR to a folder of "
            "this machine that you may write in."
        ) from error


def _lock_folder() -> Path:
    """Return the folder of the machine's locks, which all users may write."""
    folder = Path(tempfile.gettempdir()) / "imagenet-transfer-gpus"
    try:
        folder.mkdir()
        folder.chmod(0o1777)  # the umask cuts mkdir's own mode
    except FileExistsError:
        pass
    return folder


def _lock(folder: Path, gpu: str) -> bool:
    """Take a GPU's lock; return False if another process has it."""
    allocation = [os.environ[key] for key in ALLOCATION if key in os.environ]
    descriptor = _opened(folder / "-".join([*allocation, gpu]).replace("/", "_"))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held[gpu] = descriptor
    return True


def _opened(path: Path) -> int:
    """Open a lock file for reading: enough for a lock, and allowed for another user's file."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        os.fchmod(descriptor, 0o644)
        return descriptor
