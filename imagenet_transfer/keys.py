"""Keys of the config as fields of frozen dataclasses: one place for type, default, limits, meaning.

    @dataclass(frozen=True, kw_only=True)
    class Recipe:
        momentum: float = number("Momentum of SGD.", minimum=0, exclusiveMaximum=1)
        accumulate: int = whole("Batches averaged for one iteration.", 1)

`schema_of(Recipe)` is their JSON schema, `from_mapping(Recipe, {...})` an instance. A key without a
default is required.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, field, fields
from typing import Any, TypeVar

from imagenet_transfer.errors import UserError

T = TypeVar("T")


def key(about: str, default: Any = MISSING, training_only: bool = False, **schema: Any) -> Any:
    """Return a dataclass field for a key of the config.

    `about` describes it; `{default}` in it stands for the default. `training_only` marks a key that
    no longer matters once a network is trained. `schema` is the JSON schema of its values.
    """
    metadata = {"about": about, "schema": schema, "training_only": training_only}
    return field(default=default, metadata=metadata)


def whole(
    about: str, default: Any = MISSING, minimum: int = 1, maximum: int = 10**9, **more: Any
) -> Any:
    """Return a field for a whole number."""
    limits = {"type": "integer", "minimum": minimum, "maximum": maximum}
    return key(about, default, **limits, **more)


def side(about: str, default: Any = MISSING, minimum: int = 1) -> Any:
    """Return a field for a length in pixels."""
    return whole(about, default, minimum, 10_000)


def number(about: str, default: Any = MISSING, **more: Any) -> Any:
    """Return a field for a number; `more` holds its limits."""
    return key(about, default, type="number", **more)


def share(about: str, default: Any = MISSING) -> Any:
    """Return a field for a number from 0 to 1."""
    return number(about, default, minimum=0, maximum=1)


def flag(about: str, default: Any = MISSING) -> Any:
    """Return a field for true or false."""
    return key(about, default, type="boolean")


def choice(about: str, *names: str, default: Any = MISSING, **more: Any) -> Any:
    """Return a field for one of some names."""
    return key(about, default, enum=list(names), **more)


def listed(about: str, default: Any = MISSING, items: Mapping[str, Any] = {}, **more: Any) -> Any:
    """Return a field for a list whose items have the schema `items`; `more` holds its limits."""
    return key(about, default, type="array", items=dict(items), **more)


def pair_of_shares(about: str, default: Any = MISSING) -> Any:
    """Return a field for a list of two numbers from 0 to 1."""
    limits = {"type": "number", "minimum": 0, "maximum": 1}
    return listed(about, default, limits, minItems=2, maxItems=2)


def schema_of(cls: type) -> dict[str, Any]:
    """Return the JSON schema of a mapping whose keys are those of a dataclass."""
    keys = [item for item in fields(cls) if "schema" in item.metadata]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [item.name for item in keys if item.default is MISSING],
        "properties": {item.name: _property(item) for item in keys},
    }


def _property(item: Any) -> dict[str, Any]:
    about = item.metadata["about"].replace("{default}", _text(item.default))
    return {**item.metadata["schema"], "description": about}


def _text(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Sequence) and not isinstance(default, str):
        return ", ".join(f"{value:g}" for value in default) or "none"
    return str(default)


def from_mapping(cls: type[T], mapping: Mapping[str, Any], what: str) -> T:
    """Return an instance of a dataclass from a part of the config; lists become tuples.

    Raises UserError for an unknown or a missing key; its sentence names the part as `what`.
    """
    known = {item.name: item.default for item in fields(cls)}
    for name in mapping:
        if name not in known:
            raise UserError(
                f"{what} has the unknown key {name!r}; the known ones: {', '.join(known)}."
            )
    for name, default in known.items():
        if default is MISSING and name not in mapping:
            raise UserError(f"{what} lacks the key {name!r}: add it.")
    return cls(**{name: _frozen(value) for name, value in mapping.items()})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def training_only(cls: type) -> frozenset[str]:
    """Return the keys of a dataclass that do not matter once a network is trained."""
    return frozenset(item.name for item in fields(cls) if item.metadata.get("training_only"))
