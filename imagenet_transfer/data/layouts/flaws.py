"""What is wrong with the annotations of a data set, collected so that all of it is said at once."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from imagenet_transfer.data.layouts.listing import printable
from imagenet_transfer.errors import UserError

TOLERANCE = 1  # pixels beyond the image, as in boxes that count from 0 or have open ends
SHOWN = 3  # flaws in a sentence


class Flaw(Exception):
    """What is wrong with an annotation, without its name."""


class BadBox(Flaw):
    """A box that is empty or outside its image, which may be left out."""


class Found(NamedTuple):
    """A flaw that was found."""

    annotation: str  # its name
    flaw: str
    of_box: bool


@dataclass
class Flaws:
    """The flaws of a data set's annotations, in the order in which they were found.

    `skip`: whether bad boxes are left out; None where the config has no such choice.
    """

    skip: bool | None
    found: list[Found] = field(default_factory=list)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Flaws":
        """Return none yet, for a config's entry with the choice `bad_boxes` (refuse)."""
        return cls(entry.get("bad_boxes") == "skip")

    @contextlib.contextmanager
    def of_annotation(self, name: str) -> Iterator[None]:
        """Collect the flaw, if any, that ends the block about an annotation."""
        try:
            yield
        except Flaw as flaw:
            self.found.append(Found(name, str(flaw), isinstance(flaw, BadBox)))

    def settle(self, where: Path, total: int, what: str = "annotations") -> None:
        """Raise UserError if any of the `total` annotations, or other things, is wrong.

        Bad boxes that are left out get a printed line instead.
        """
        bad_boxes = [one for one in self.found if one.of_box]
        wrong = [one for one in self.found if not (one.of_box and self.skip)]
        if wrong:
            number = len({one.annotation for one in wrong})
            choice = " leave out bad boxes with `bad_boxes: skip` in the config,"
            raise UserError(
                f"{where}: {number:,} of {total:,} {what} are wrong (first: {_first(wrong)}): "
                f"correct them,{choice if bad_boxes and self.skip is False else ''} or unpack all "
                "again."
            )
        if bad_boxes:
            print(
                f"{where}: {len(bad_boxes):,} bad boxes are left out (first: {_first(bad_boxes)}).",
                file=sys.stderr,
            )


def _first(flaws: Sequence[Found]) -> str:
    """Return the first few flaws as text."""
    shown = [f"{printable(one.annotation)}: {printable(one.flaw, 200)}" for one in flaws[:SHOWN]]
    return "; ".join(shown) + ("; ..." if len(flaws) > SHOWN else "")


def check_inside(
    corners: tuple[float, float, float, float], size: tuple[float, float], words: str
) -> None:
    """Raise BadBox, which begins with `words`, for a box that leaves an image of this size.

    `corners` are xmin, ymin, xmax, ymax as VOC counts them: from 1, both ends included.
    """
    xmin, ymin, xmax, ymax = corners
    low, right, bottom = 1 - TOLERANCE, size[0] + TOLERANCE, size[1] + TOLERANCE
    if xmin < low or ymin < low or xmax > right or ymax > bottom:
        raise BadBox(f"{words}, outside the image of {size[0]:g}×{size[1]:g} pixels")
