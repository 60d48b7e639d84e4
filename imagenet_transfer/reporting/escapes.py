"""Text of users (names, titles, captions) in other formats, where no sign of it means more."""

import re
import unicodedata

LATEX = {  # what TeX reads otherwise, and signs beyond Latin letters
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    **{sign: f"{{{sign}}}" for sign in "[]*"},  # options of the end of a row
    "×": r"$\times$",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "…": r"\dots{}",
    "′": r"$'$",
    "″": r"$''$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "→": r"$\rightarrow$",
    "·": r"$\cdot$",
    "°": r"\textdegree{}",
    "µ": r"$\mu$",
}
# Latin-1 and Latin Extended-A, as far as T1 and TS1 fonts have them (LaTeX's t1enc.dfu, ts1enc.dfu)
LETTERS = {*range(0xA1, 0x17F)} - {
    0xAD,
    0xB8,
    0x126,
    0x127,
    0x138,
    0x13F,
    0x140,
    0x149,
    0x166,
    0x167,
}
LIGATURES = "-',"  # signs of which two would become another


def rst_text(text: str) -> str:
    """Return text as one line of reStructuredText that shows exactly it, runs of spaces as one."""
    return re.sub(r"[^\w\s]|_", r"\\\g<0>", " ".join(text.split()))


def latex_text(text: str) -> str:
    """Return text as one line of LaTeX (T1 fonts), with words between `backticks` as typewriter.

    A character that these fonts lack becomes its code point in brackets, [U+4E2D]: pdfTeX would
    stop at it.
    """
    plain = unicodedata.normalize("NFC", " ".join(text.split()))
    parts = re.split(r"`([^`]+)`", plain)
    escaped = [re.sub(".", _latex_sign, part) for part in parts]
    escaped[1::2] = [rf"\texttt{{{part}}}" for part in escaped[1::2]]
    return "".join(escaped)


def _latex_sign(match: re.Match[str]) -> str:
    sign = match[0]
    if sign in LIGATURES and match.string[: match.start()].endswith(sign):
        return "{}" + sign
    if sign in LATEX:
        return LATEX[sign]
    known = " " <= sign <= "~" or ord(sign) in LETTERS
    return sign if known else f"{{[}}U+{ord(sign):04X}{{]}}"
