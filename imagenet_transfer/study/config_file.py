"""The config as a file: read strictly, checked against the schema, answered in sentences."""

import difflib
import functools
import math
import os
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

from imagenet_transfer.errors import UserError
from imagenet_transfer.labels.taxonomy import class_lists
from imagenet_transfer.study.config_schema import config_schema
from imagenet_transfer.study.strict_yaml import load_yaml

MOST_NAMED = 30  # names in a sentence


def canonical(value: Any) -> Any:
    """Return nested plain dictionaries with sorted keys: equal content gives equal text."""
    if isinstance(value, Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """Return nested plain dictionaries in their order; Snakemake reads JSON into its own kind."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def nearest_name(name: Any, known: Iterable[str]) -> str:
    """Return a half-sentence with the known name most like `name`, or all of them."""
    spelling = {key.lower(): key for key in sorted(known)}
    close = difflib.get_close_matches(str(name).lower()[:100], spelling, n=1)
    if close:
        return f" Did you mean '{spelling[close[0]]}'?"
    names = list(spelling.values())
    more = ", ..." if len(names) > MOST_NAMED else ""
    return f" It has: {', '.join(names[:MOST_NAMED]) or 'nothing'}{more}."


def unknown_name(
    config: Mapping[str, Any], where: str, name: str, section: str, *reserved: str
) -> Iterator[str]:
    """Yield that the section lacks the name that is given at `where`; nothing if it has it."""
    if name not in config[section] and name not in reserved:
        known = nearest_name(name, config[section])
        yield f"{where} names '{name}', which is not in {section}.{known}"


def check_schema(config: Mapping[str, Any], schema_path: Path | str) -> None:
    """Raise UserError, one line per problem, if the config is not as the schema describes."""
    errors = sorted(
        _validator(schema_path).iter_errors(config), key=lambda e: list(map(str, e.absolute_path))
    )
    errors = [
        error
        for error in errors
        if error.validator != "oneOf" or isinstance(error.instance, Mapping)
    ]
    if errors:
        raise UserError("\n".join(dict.fromkeys(f"config: {_sentence(error)}" for error in errors)))


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(checker: Any, value: Any) -> bool:
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


# In JSON's schema 3.0 is an integer, and no comparison refuses NaN or infinity.
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_finite}
    ),
)


@functools.cache
def _validator(schema_path: Path | str) -> Any:
    return _Validator(config_schema(schema_path))


def _sentence(error: jsonschema.ValidationError) -> str:
    where = ".".join(shown(part) for part in error.absolute_path) or "the top level"
    if "propertyNames" in error.relative_schema_path:
        return f"{where} has the name {shown(error.instance, quoted=True)}, {_expectation(error)}"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {})
        unknown = [key for key in error.instance if key not in known]
        return (
            f"{where} has the unknown key '{shown(unknown[0])}'.{nearest_name(unknown[0], known)}"
        )
    if error.validator == "required":
        missing = next(key for key in error.validator_value if error.message.startswith(repr(key)))
        about = error.schema.get("properties", {}).get(missing, {}).get("description", "")
        return f"{where} lacks the key '{missing}'. {about}".rstrip()
    if error.validator == "oneOf":
        keys = " or ".join(f"`{option['required'][0]}`" for option in error.validator_value)
        return f"{where} needs either {keys}, and not both."
    if error.validator == "uniqueItems":
        twice = next(
            item for index, item in enumerate(error.instance) if item in error.instance[:index]
        )
        return f"{where} has {shown(twice, quoted=True)} twice; remove one."
    return f"{where} is {shown(error.instance, quoted=True)}, {_expectation(error)}"


def _expectation(error: jsonschema.ValidationError) -> str:
    about = error.schema.get("description", "")
    wanted = error.validator_value
    match error.validator:
        case "type":
            text = f"but should be {TYPES[wanted]}{_yaml_trap(error.instance, wanted)}. {about}"
        case "enum":
            text = f"but should be one of {', '.join(map(str, wanted))}. {about}"
        case "pattern":
            text = f"but {about or 'names are lower-case letters, digits and single hyphens'}"
        case "anyOf":
            text = f"which is none of what is allowed there. {about}"
        case name if name in LIMITS:
            text = f"but should {LIMITS[name].format(wanted)}. {about}"
        case _:
            text = f"but should not be: {shortened(error.message)}. {about}"
    text = text.rstrip()
    return text if text.endswith((".", ")")) else f"{text}."


TYPES = {
    "object": "keys with values",
    "array": "a list, as in [a, b]",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
LIMITS = {
    "minimum": "be {} or more",
    "exclusiveMinimum": "be more than {}",
    "maximum": "be {} or less",
    "exclusiveMaximum": "be less than {}",
    "minItems": "have {} or more entries",
    "maxItems": "have {} entries or fewer",
    "minLength": "have {} or more characters",
    "maxLength": "have {} characters or fewer",
    "minProperties": "have {} or more keys",
}


def _yaml_trap(value: Any, wanted: str) -> str:
    """Return advice where YAML reads another type than it looks."""
    if wanted in ("number", "integer") and isinstance(value, str) and _is_number(value):
        return " (YAML reads 1e-3 as text, write 0.001 or 1.0e-3; and no quotes)"
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return f" (write {value:.0f})"
    if wanted == "string" and isinstance(value, (bool, int, float)):
        return " (put it in quotes)"
    return ""


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def shortened(text: str, most: int = 80) -> str:
    """Return the text on one line, without its middle where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 4 :]}"


def shown(value: Any, quoted: bool = False) -> str:
    """Return a value of a config as text for a sentence, short whatever it holds."""
    if value is None:
        return "empty"
    if isinstance(value, str) and not quoted and value.isprintable():
        return shortened(value)
    return shortened(_BRIEFLY.repr(value))


_BRIEFLY = reprlib.Repr()
_BRIEFLY.maxlevel = 2
_BRIEFLY.maxdict = 2
_BRIEFLY.maxlist = 4
_BRIEFLY.maxstring = 70
_BRIEFLY.maxother = 70


def read_config(path: Path | str) -> dict[str, Any]:
    """Return a YAML file's content; raise UserError for what YAML cannot read or would misread."""
    config = load_yaml(path)
    if not isinstance(config, dict):
        found = "nothing" if config is None else type(config).__name__
        raise UserError(
            f"{path} should hold the keys of a study, but holds {found}; see config.yaml."
        )
    return config


def place_of_classes(classes: Any, configs: Iterable[Path | str]) -> Any:
    """Return a config's `classes` as what can be read from the folder where the study runs.

    A file is looked up in that folder and then next to the configs, in this order; the names of the
    workflow's own lists come first. Raises UserError, with these places, if it is nowhere.
    """
    if isinstance(classes, str) and classes in class_lists():
        return classes
    kind = f"neither a list of the workflow ({', '.join(class_lists())}) nor a file"
    return _place_of(classes, configs, "classes", kind, "with one wnid per line")


def place_of_labels(config: Mapping[str, Any], configs: Iterable[Path | str]) -> Any:
    """Return a config's `label_sets`, whose files are looked up as those of `place_of_classes`."""
    label_sets = config.get("label_sets")
    if not isinstance(label_sets, Mapping):
        return label_sets
    files = {
        name: entry
        for name, entry in label_sets.items()
        if isinstance(entry, Mapping) and "path" in entry
    }
    placed = {
        name: {
            **entry,
            "path": _place_of(
                entry["path"],
                configs,
                f"label_sets.{shown(name)}.path",
                "not a file",
                "with the header class,label",
            ),
        }
        for name, entry in files.items()
    }
    return {**label_sets, **placed}


def _place_of(path: Any, configs: Iterable[Path | str], where: str, kind: str, content: str) -> Any:
    """Return a relative path as seen from the present folder: a file there or next to a config.

    What is not a relative path is returned as it is. Raises UserError if the file is nowhere:
    `where` is its key, `kind` what it is not, `content` what it should hold.
    """
    if not isinstance(path, str) or Path(path).is_absolute():
        return path
    places = [Path.cwd(), *(Path(config).resolve().parent for config in configs)]
    for place in places:
        if os.path.lexists(place / path):
            return path if place == places[0] else os.path.relpath(place / path)
    listed = " and ".join(dict.fromkeys(map(str, places)))
    raise UserError(
        f"config: {where} is {shown(path, quoted=True)}, which is {kind} in {listed}: correct the "
        f"name, or put the file there, {content}."
    )


def check_owner(path: Path | str, name: str) -> None:
    """Raise UserError if the results next to `path`, a saved config, are not those of `name`."""
    path = Path(path)
    if not path.exists():
        return
    owner = read_config(path).get("study")
    if owner != name:
        raise UserError(
            f"{path.parent}/ holds the results of the study '{owner}', not of '{name}': run this "
            f"study in a folder of its own, with `snakemake --directory runs/{name} ...`."
        )
