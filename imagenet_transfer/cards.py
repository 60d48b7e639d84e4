"""One GPU for each job: the workflow counts cards but does not name them, so concurrent jobs agree by file locks."""

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

WAIT_SECONDS = 5.0
_held: list[TextIO] = []  # a lock lasts until its process ends, however it ends


def visible_cards(number: int) -> list[str]:
    """Return the cards that this process may use: those that CUDA_VISIBLE_DEVICES names, else all of the machine's."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(card) for card in range(number)]
    return [card.strip() for card in named.split(",") if card.strip() not in ("", "-1")]


def claim_card(number: int) -> str | None:
    """Make one card the only one that this process sees, and return it; None without any of `number` cards.

    Waits, with a sentence, while other jobs of this machine hold all of them. To be called before CUDA starts. A job of
    SLURM's claims nothing: its cards are its own, and may be called 0 in several jobs at once.
    """
    cards = visible_cards(number) if number and "SLURM_JOB_ID" not in os.environ else []
    if not cards:
        return None
    card = _first_free(cards)
    if card is None:
        print("Waits for a card: other jobs hold all of them (lower --resources gpu).", file=sys.stderr)
    while card is None:
        time.sleep(WAIT_SECONDS)
        card = _first_free(cards)
    os.environ["CUDA_VISIBLE_DEVICES"] = card
    return card


def _first_free(cards: Sequence[str]) -> str | None:
    return next((card for card in cards if _lock(card)), None)


def _lock(card: str) -> bool:
    """Take a card's lock, if no other process has it; the lock files belong to the machine, not to a study."""
    folder = Path(tempfile.gettempdir()) / f"imagenet-transfer-cards-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = (folder / card.replace("/", "_")).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _held.append(file)
    return True
