"""Stores that a study reaches through links: others may use them too, so it packs none again."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagenet_transfer.errors import UserError

UNKNOWN = "nothing"  # what one of two settings has where the other has a value


def lies_elsewhere(folder: Path | str) -> bool:
    """Return whether a relative path leads out of the present folder, through a link."""
    return Path(folder).resolve() != Path.cwd().resolve() / folder


def is_shared(folder: Path | str) -> bool:
    """Return whether a folder holds a whole store that other studies may use too."""
    return lies_elsewhere(folder) and (Path(folder) / "meta.json").is_file()


def check_shared(stores: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UserError if a shared store was packed from other settings than the study's.

    `stores`: folder -> all settings that its store depends on. Stores of version 0.5 do not say
    what they were made from: of them codec and size count.
    """
    for folder in filter(is_shared, stores):
        _check_shared(folder, stores[folder])


def _check_shared(folder: str, made_from: Mapping[str, Any]) -> None:
    known = _made_from(Path(folder))
    wanted = made_from
    if known is None:
        known = _codec_of(_read(Path(folder) / "meta.json"))
        wanted = _codec_of(made_from["store"]["entry"]["store"])
    for key, there, here in _differences(known, wanted):
        raise UserError(
            f"{folder} leads to {Path(folder).resolve()}, a store that was packed from other "
            f"settings ({key}: {there} there, {here} here): replace the link by a folder, in which "
            "this study packs its own; or, if no other study uses that store, delete it."
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
