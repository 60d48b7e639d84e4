"""The schema of a config: workflow/schemas/config.schema.yaml, and what tables of the code add.

The file describes what the study itself reads. Networks, recipes and measures describe their own
keys (`keys.schema_of`), kinds of tasks are those of `training.kinds`, and each figure builder's keys are
a definition of its name in the file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from imagenet_transfer.data.known_layouts import LAYOUTS
from imagenet_transfer.figures.builders import BUILDERS
from imagenet_transfer.keys import schema_of
from imagenet_transfer.labels.methods import METHODS
from imagenet_transfer.models import NETWORKS, network_class
from imagenet_transfer.training.kinds import FROZEN, KINDS
from imagenet_transfer.training.recipe import recipe_schema

Schema = dict[str, Any]
MODEL = "The kind of network."
SHARED = ("kind", "dataset", "subset", "replicates", "metric")  # keys of tasks of every kind


def config_schema(path: Path | str) -> Schema:
    """Return the whole schema, whose base is the file at `path`."""
    schema = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    sections = schema["properties"]
    sections["architectures"]["additionalProperties"] = _networks()
    sections["recipes"]["additionalProperties"] = recipe_schema()
    label_set = sections["label_sets"]["additionalProperties"]["properties"]
    label_set["method"]["enum"] = list(METHODS)
    dataset = sections["datasets"]["additionalProperties"]["properties"]
    dataset["layout"]["enum"] = list(LAYOUTS)
    _add_kinds(sections["tasks"]["additionalProperties"])
    _add_builders(sections["outputs"], schema["$defs"])
    return schema


def _networks() -> Schema:
    """Return the schema of an architecture: each model has keys of its own."""
    return {
        "type": "object",
        "required": ["model"],
        "properties": {"model": {"enum": list(NETWORKS), "description": MODEL}},
        "allOf": [_if("model", model, _keys_of_network(model)) for model in NETWORKS],
    }


def _keys_of_network(model: str) -> Schema:
    keys = schema_of(network_class(model))
    keys["properties"]["model"] = {"description": MODEL}
    keys["required"].append("model")
    return keys


def _add_kinds(task: Schema) -> None:
    """Let a task's keys be those of its kind: of training, or of measuring frozen features."""
    task["properties"]["kind"]["enum"] = list(KINDS)
    anything: Schema = {}  # where the section's own properties say what a key holds
    known = dict.fromkeys(task["properties"], anything)
    shared = dict.fromkeys(SHARED, anything)
    cases = {kind: {"properties": known, "additionalProperties": False} for kind in KINDS}
    for kind in FROZEN:
        own = schema_of(KINDS[kind].keys)
        own["properties"] = {**shared, **own["properties"]}
        cases[kind] = {**own, "description": KINDS[kind].keys.__doc__}
    task["allOf"] = [_if("kind", kind, case) for kind, case in cases.items()]


def _add_builders(outputs: Schema, definitions: Mapping[str, Schema]) -> None:
    """Let an output's keys be those of its builder's definition."""
    outputs["propertyNames"] |= _output_names()
    entry = outputs["additionalProperties"]
    entry["properties"]["builder"]["enum"] = list(BUILDERS)
    entry["allOf"] = [_if("builder", name, {"$ref": f"#/$defs/{name}"}) for name in BUILDERS]
    for name in BUILDERS:
        definitions[name]["properties"]["builder"] = {"description": name}


def _output_names() -> dict[str, str]:
    """Return the pattern of outputs' names, in symbols and in words."""
    own = [name for name, builder in BUILDERS.items() if builder.names_output]
    words = "(-[a-z0-9]+)+"
    pattern = rf"^(table([1-3]|{words})|figure([1-9]|{words})|({'|'.join(own)})({words})?)$(?!\n)"
    kinds = (
        "table1 to table3, figure1 to figure9, table-anything, figure-anything, or "
        f"{', '.join(own)}, alone or with -anything"
    )
    return {"pattern": pattern, "description": f"outputs are called {kinds}"}


def _if(key: str, value: str, then: Schema) -> Schema:
    """Return the condition that entries with this value of a key fit the schema `then`."""
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": then}
