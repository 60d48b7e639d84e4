"""Text of users (names, titles, captions) as reStructuredText, where no sign of it means more."""

import re


def rst_text(text: str) -> str:
    """Return text as one line of reStructuredText that shows exactly it, runs of spaces as one."""
    return re.sub(r"[^\w\s]|_", r"\\\g<0>", " ".join(text.split()))
