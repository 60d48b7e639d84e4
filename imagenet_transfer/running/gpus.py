"""One GPU for each job: the workflow counts cards but does not name them, so concurrent jobs agree by file locks."""

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
ALLOCATION = (
    "SLURM_JOB_ID",
    "SLURM_STEP_ID",
    "PBS_JOBID",
    "LSB_JOBID",
)  # whose cards a job may call 0, each its own
_held: dict[str, int] = {}  # descriptors: a lock lasts until its process ends, however it ends


def visible_cards(number: int) -> list[str]:
    """Return the cards that this process may use: those that CUDA_VISIBLE_DEVICES names, else all of the machine's.

    Numbers, or names of cards and their parts (GPU-..., MIG-...). CUDA ignores what follows an empty name or -1.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(card) for card in range(number)]
    return list(
        takewhile(lambda card: card not in ("", "-1"), (card.strip() for card in named.split(",")))
    )


def claim_card(number: int) -> str | None:
    """Make one card the only one that this process sees, and return it; None without any of `number` cards.

    Waits, with a sentence, while other jobs of this machine, whoever's, hold all of them. To be called before CUDA
    starts; again, it returns the same card. Raises UserError if the locks cannot be made.
    """
    if _held:
        return next(iter(_held))
    cards = visible_cards(number) if number else []
    if not cards:
        return None
    card = _first_free(cards)
    if card is None:
        print(
            "Waits for a card: other jobs hold all of them (lower --resources gpu).",
            file=sys.stderr,
        )
    while card is None:
        time.sleep(WAIT_SECONDS)
        card = _first_free(cards)
    os.environ["CUDA_VISIBLE_DEVICES"] = card
    return card


def _first_free(cards: Sequence[str]) -> str | None:
    try:
        folder = _lock_folder()
        return next((card for card in cards if _lock(folder, card)), None)
    except OSError as error:
        raise UserError(
            f"The locks that keep jobs from sharing a card cannot be made ({error.filename or 'TMPDIR'}: "
            f"{error.strerror or error}): set TMPDIR to a folder of this machine that you may write."
        ) from error


def _lock_folder() -> Path:
    """Return the folder of the machine's locks, which all users may write."""
    folder = Path(tempfile.gettempdir()) / "imagenet-transfer-cards"
    try:
        folder.mkdir()
        folder.chmod(0o1777)  # mkdir's own mode is cut by the umask
    except FileExistsError:
        pass
    return folder


def _lock(folder: Path, card: str) -> bool:
    """Take a card's lock, if no other process has it."""
    allocation = [os.environ[key] for key in ALLOCATION if key in os.environ]
    descriptor = _opened(folder / "-".join([*allocation, card]).replace("/", "_"))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held[card] = descriptor
    return True


def _opened(path: Path) -> int:
    """Open a lock file for reading, which is enough for a lock and which another user's file allows."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        os.fchmod(descriptor, 0o644)
        return descriptor
