"""Stores and proposals behind links: other studies use them too, so this one makes none again."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError

UNKNOWN = "nothing"  # what one of two settings has where the other has a value
STORE = "meta.json"  # written last
PROPOSALS = "boxes.json"


def lies_elsewhere(folder: Path | str) -> bool:
    """Return whether a relative path leads out of the present folder, through a link."""
    return Path(folder).resolve() != Path.cwd().resolve() / folder


def is_shared(folder: Path | str, whole: str = STORE) -> bool:
    """Return whether a folder is whole, as the file `whole` tells, and other studies may use it."""
    return lies_elsewhere(folder) and (Path(folder) / whole).is_file()


def check_shared(stores: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UserError if a shared store was packed from other settings than the study's.

    `stores`: folder -> all settings that its store depends on. Stores of version 0.5 do not say
    what they were made from: of them codec and size count.
    """
    for folder in filter(is_shared, stores):
        _check_shared(folder, stores[folder])


def check_shared_proposals(proposals: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UserError if shared region proposals were made with other settings than the study's.

    `proposals`: folder -> version and spec. That they are of the study's images, their readers see.
    """
    for folder, wanted in proposals.items():
        if is_shared(folder, PROPOSALS):
            found = _read(Path(folder) / PROPOSALS)
            _refuse(folder, {key: found.get(key, UNKNOWN) for key in wanted}, wanted)


def _check_shared(folder: str, made_from: Mapping[str, Any]) -> None:
    known = _made_from(Path(folder))
    wanted = made_from
    if known is None:
        known = _codec_of(_read(Path(folder) / STORE))
        wanted = _codec_of(made_from["store"]["entry"]["store"])
    _refuse(folder, known, wanted)


def _refuse(folder: str, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise UserError with the first setting in which what lies elsewhere differs."""
    for key, there, here in _differences(known, wanted):
        raise UserError(
            f"{folder} leads to {Path(folder).resolve()}, which was made from other settings "
            f"({key}: {there} there, {here} here): replace the link by a folder, which this study "
            "fills itself; or, if no other study uses that one, delete it."
        )


def _made_from(folder: Path) -> Mapping[str, Any] | None:
    return _read(folder / "packed.json").get("made_from")


def _codec_of(store: Mapping[str, Any]) -> dict[str, Any]:
    return {key: store.get(key) for key in ("codec", "size")}


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file, nothing if it is damaged, which readers of stores say."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _differences(there: Any, here: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield where two nested settings differ, as keys with dots and both values."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for name in sorted({*there, *here}):
            pair = (there.get(name, UNKNOWN), here.get(name, UNKNOWN))
            yield from _differences(*pair, f"{key}.{name}".lstrip("."))
    elif there != here:
        yield key, there, here
