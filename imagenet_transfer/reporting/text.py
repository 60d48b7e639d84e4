"""Numbers and words as people read them."""

import math

PAPER = (
    "Huh, Agrawal & Efros: What makes ImageNet good for transfer learning? (2016, arXiv 1608.08614)"
)
NO_COMPARISON = (
    "The numbers of this study are not about the paper's images: compare its rows with each other, "
    "not with the paper."
)


def sign_text(value: float, digits: int = 1) -> str:
    """Return a rounded number with a true minus sign; "" for NaN, no "−0.0"."""
    if math.isnan(value):
        return ""
    return f"{round(value, digits) + 0.0:,.{digits}f}".replace("-", "−")


def sentence(words: str) -> str:
    """Return words as a sentence: a capital letter first and a full stop last."""
    words = words.strip()
    start = words[:1].upper() + words[1:]
    return start if start.endswith((".", "?", "!")) else f"{start}."
