"""The methods of label sets: which keys each takes, and what it needs.

Study, schema and checks read this table. It imports nothing, as a dry run reads it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """One way in which fine classes become classes.

    `needs` are the keys that an entry must have, `takes` those that it may have.
    """

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    in_wordnet: bool = True  # whether its classes have a place in WordNet
    drawn: bool = False  # whether it draws by the study's seed, anew for each replicate
    holds: str = ""  # what it holds, if not synsets


METHODS: Mapping[str, Method] = {
    "identity": Method(),
    "categories": Method(("dataset",), in_wordnet=False, holds="categories"),
    "bottom-up": Method(("depth",)),
    "top-down": Method(("round",)),
    "exclusion": Method(("roots",)),
    "minimal-split": Method(("depth", "half")),
    "random-split": Method(("size", "half"), drawn=True),
    "random-merge": Method(
        (), ("classes", "like", "dataset"), in_wordnet=False, drawn=True, holds="random groups"
    ),
    "file": Method(("path",), ("dataset",), in_wordnet=False, holds="labels of a file"),
    "visual": Method(
        ("subset", "architecture", "classes"),
        ("layer", "linkage", "dataset"),
        in_wordnet=False,
        holds="groups by features",
    ),
}
LIKE = ("bottom-up", "top-down")  # whose sizes a random merge may have: they need no images
MERGED = ("bottom-up", "top-down", "random-merge", "file", "visual")  # may merge classes
OTHERWISE = tuple(name for name in MERGED if not METHODS[name].in_wordnet)  # than in the paper
