"""The schema of a config: what workflow/schemas/config.schema.yaml says, and the builders.

Each builder's keys are a definition of its name in that file; here it becomes one of the values of
`builder`, whose choice makes those keys the allowed ones.
"""

from pathlib import Path
from typing import Any

import yaml

from imagenet_transfer.figures.builders import BUILDERS
from imagenet_transfer.study.training_checks import add_networks_and_recipes
from imagenet_transfer.training.kinds import KINDS


def config_schema(path: Path | str) -> dict[str, Any]:
    """Return the whole schema, whose base is the file at `path`."""
    schema = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    add_networks_and_recipes(schema)
    schema["properties"]["tasks"]["additionalProperties"]["properties"]["kind"]["enum"] = list(
        KINDS
    )
    outputs = schema["properties"]["outputs"]
    outputs["propertyNames"] |= _output_names()
    entry = outputs["additionalProperties"]
    entry["properties"]["builder"]["enum"] = list(BUILDERS)
    entry["allOf"] = [_keys_of(builder) for builder in BUILDERS]
    for builder in BUILDERS:
        schema["$defs"][builder]["properties"]["builder"] = {"description": builder}
    return schema


def _output_names() -> dict[str, str]:
    """Return the pattern of outputs' names, in symbols and in words."""
    own = [name for name, builder in BUILDERS.items() if builder.names_output]
    words = "(-[a-z0-9]+)+"
    pattern = rf"^(table([1-3]|{words})|figure([1-9]|{words})|{'|'.join(own)})$(?!\n)"
    kinds = (
        f"table1 to table3, figure1 to figure9, table-anything, figure-anything, {', '.join(own)}"
    )
    return {"pattern": pattern, "description": f"outputs are called {kinds}"}


def _keys_of(builder: str) -> dict[str, Any]:
    """Return the condition that a builder's outputs have the keys of its definition."""
    chosen = {"properties": {"builder": {"const": builder}}}
    return {"if": chosen, "then": {"$ref": f"#/$defs/{builder}"}}
