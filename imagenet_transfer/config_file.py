"""The config as a file: read strictly, checked against the schema, answered in sentences."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from imagenet_transfer.errors import UserError


def canonical(value: Any) -> Any:
    """Return nested plain dictionaries with sorted keys: equal content, equal text, in whatever order written."""
    if isinstance(value, Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return value


def nearest_name(name: Any, known: Iterable[str]) -> str:
    """Return a half-sentence with the known name most like `name`, or all of them."""
    spelling = {key.lower(): key for key in sorted(known)}
    close = difflib.get_close_matches(str(name).lower(), spelling, n=1)
    return f" Did you mean '{spelling[close[0]]}'?" if close else f" It has: {', '.join(spelling.values())}."


def check_schema(config: Mapping[str, Any], schema_path: Path | str) -> None:
    """Raise UserError, with one line a problem, if the config does not have the shape that the schema describes."""
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(config), key=lambda e: list(map(str, e.path)))
    if errors:
        raise UserError("\n".join(f"config: {_sentence(error)}" for error in errors))


def _sentence(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "the top level"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema.get("properties", {})
        unknown = [key for key in error.instance if key not in known]
        return f"{where} has the unknown key '{unknown[0]}'.{nearest_name(unknown[0], known)}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        about = error.schema.get("properties", {}).get(missing[0], {}).get("description", "")
        return f"{where} lacks the key '{missing[0]}'. {about}".rstrip()
    if error.validator == "oneOf":
        keys = " or ".join(f"`{option['required'][0]}`" for option in error.validator_value)
        return f"{where} needs either {keys}, and not both."
    return f"{where} is {error.instance!r}, {_expectation(error)}"


def _expectation(error: jsonschema.ValidationError) -> str:
    about = error.schema.get("description", "")
    if error.validator in ("type", "minimum", "exclusiveMinimum") and _is_number(error.instance):
        wanted = f"but should be a number ({error.message})"
        return f"{wanted}; YAML reads 1e-3 as text, write 0.001 or 1.0e-3. {about}".rstrip()
    if error.validator == "enum":
        return f"but should be one of {', '.join(map(str, error.validator_value))}. {about}".rstrip()
    if error.validator == "pattern":
        return f"but {about or 'names are lower-case letters, digits and single hyphens'}."
    return f"but should not be: {error.message}. {about}".rstrip()


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses the later of two equal keys, which would silently win."""


def _strict_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, str) and key in seen:
            line = key_node.start_mark.line + 1
            raise UserError(f"{node.start_mark.name}, line {line}: the key '{key}' stands there twice; remove one.")
        seen.add(str(key))
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _strict_mapping)


def read_config(path: Path | str) -> dict[str, Any]:
    """Return a YAML file's content; raise UserError for what YAML cannot read or would read as something else."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            config = yaml.load(file, Loader=_StrictLoader)  # a SafeLoader
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} should hold the keys of a study, but holds {type(config).__name__}; see config.yaml.")
    return config


def check_owner(path: Path | str, name: str) -> None:
    """Raise UserError if the results beside `path` (a saved config) are those of another study than `name`."""
    path = Path(path)
    if not path.exists():
        return
    owner = read_config(path).get("study")
    if owner != name:
        raise UserError(
            f"{path.parent}/ holds the results of the study '{owner}', not of '{name}': run this study in a folder "
            f"of its own, with `snakemake --directory runs/{name} ...`."
        )
