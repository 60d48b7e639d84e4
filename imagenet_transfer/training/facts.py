"""What a config declares of a given network, next to what its files say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError

DECLARED = {"n_classes": "classes", "n_images": "images"}  # of a record: the key under `facts`


def with_facts(
    known: Mapping[str, Any], facts: Mapping[str, Any], subset: str, path: Path | str
) -> dict[str, Any]:
    """Return n_classes and n_images of a network, those that are empty from the config's `facts`.

    `known` is what its record or last layer says, which `path` holds. Raises UserError if the facts
    say something else.
    """
    found = dict(known)
    for key, declared in DECLARED.items():
        stated = facts.get(declared)
        if stated is None:
            continue
        if found[key] not in ("", stated):
            raise UserError(
                f"subsets.{subset}.facts.{declared} is {stated}, but {path} says {found[key]}: "
                "correct the fact, or give the file that it is about."
            )
        found[key] = stated
    return found
