"""Write docs/config.md, a page with every key of a config, from the schema that checks configs.

Run `python docs/make_config_page.py` after a change of a key.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagenet_transfer.study.config_schema import config_schema

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
PAGE = ROOT / "docs/config.md"
HEAD = """\
# Every key of a config

<!-- made by docs/make_config_page.py; do not edit -->

A study is a YAML file with these keys. A key with a star is required; another may be left out.
Unknown keys are errors, and so are names that are not declared.
`<name>` is a name of your choice: lower-case letters, digits and single hyphens.
"""
TABLE = "| key | value | meaning |\n| --- | --- | --- |\n"
NAMED = {  # what definitions of the schema are called here
    "class_names": "list of names of classes",
    "name": "name",
    "names": "list of names",
    "objects": "list of PASCAL's objects",
    "pairs": "pairs of names",
    "wnid": "wnid",
}

Schema = Mapping[str, Any]


def read_schema() -> Schema:
    """Return the schema that configs are checked against."""
    return config_schema(SCHEMA)


def page(schema: Schema) -> str:
    """Return the page as Markdown."""
    sections = [section(schema, name, entry) for name, entry in schema["properties"].items()]
    return "\n".join([HEAD, *sections])


def section(schema: Schema, name: str, entry: Schema) -> str:
    """Return a top-level key's heading, description and table of keys."""
    star = "*" if name in schema["required"] else ""
    lines = [f"## `{name}`{star}\n", entry.get("description", "") + "\n"]
    rows = list(rows_of(schema, entry, ""))
    if rows:
        lines += [TABLE + "\n".join(rows) + "\n", *one_of(entry.get("additionalProperties"))]
    else:
        lines.append(f"Value: {value_of(schema, entry)}.\n")
    inner = entry.get("additionalProperties")
    for case in inner.get("allOf", []) if isinstance(inner, Mapping) else []:
        lines += case_section(schema, case["if"]["properties"], resolve(schema, case["then"]))
    return "\n".join(lines)


def one_of(entry: Schema | bool | None) -> list[str]:
    """Return a line about keys of which an entry has exactly one, if there are any."""
    choices = entry.get("oneOf", []) if isinstance(entry, Mapping) else []
    keys = [f"`{key}`" for choice in choices for key in choice["required"]]
    return [f"Exactly one of {' and '.join(keys)} is required.\n"] if keys else []


def case_section(schema: Schema, condition: Schema, entry: Schema) -> list[str]:
    """Return the lines about the keys that go with one value of another key, such as a builder.

    Keys without a description of their own stand in the table of all values; none may be left.
    """
    ((chosen, value),) = condition.items()
    keys = {key: about for key, about in entry["properties"].items() if about and key != chosen}
    if not keys:
        return []
    rows = rows_of(schema, {**entry, "properties": keys}, "<name>.")
    title = f"### {chosen.capitalize()} `{value['const']}`\n"
    about = [entry["description"] + "\n"] if "description" in entry else []
    return [title, *about, TABLE + "\n".join(rows) + "\n"]


def rows_of(schema: Schema, entry: Schema, path: str) -> Iterator[str]:
    """Yield a table row for each key below an entry, however deep; `path` is that of the entry."""
    inner = entry.get("additionalProperties")
    if isinstance(inner, Mapping) and "properties" in inner:
        yield from rows_of(schema, inner, f"{path}<name>.")
    for key, value in entry.get("properties", {}).items():
        star = "*" if key in entry.get("required", []) else ""
        resolved = resolve(schema, value)
        text = " ".join(value.get("description", resolved.get("description", "")).split())
        yield row(f"`{path}{key}`{star}", value_of(schema, value), text)
        yield from rows_of(schema, resolved, f"{path}{key}.")
        if resolved.get("items", {}).get("properties"):
            yield from rows_of(schema, resolved["items"], f"{path}{key}[].")


def row(*cells: str) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def resolve(schema: Schema, entry: Schema) -> Schema:
    """Return an entry with what it refers to filled in."""
    if "$ref" not in entry:
        return entry
    return {**schema["$defs"][entry["$ref"].rpartition("/")[2]], **entry}


def value_of(schema: Schema, entry: Schema) -> str:
    """Return in words what a key's value may be."""
    reference = entry.get("$ref", "").rpartition("/")[2]
    if reference in NAMED:
        return NAMED[reference]
    entry = resolve(schema, entry)
    if "anyOf" in entry:
        return " or ".join(value_of(schema, option) for option in entry["anyOf"])
    if "enum" in entry:
        return ", ".join(f"`{choice}`" for choice in entry["enum"])
    if "const" in entry:
        return f"`{entry['const']}`"
    match entry.get("type"):
        case "array":
            return f"list of {items_of(entry)}{value_of(schema, entry.get('items', {}))}"
        case "object":
            return "mapping"
        case "boolean":
            return "`true`, `false`"
        case "integer" | "number" as kind:
            return ("whole number" if kind == "integer" else "number") + limits(entry)
        case "string":
            return "`AP/class`" if "AP/" in entry.get("pattern", "") else "text"
    return "mapping"


def items_of(entry: Schema) -> str:
    """Return how many items a list has, if it is a fixed number."""
    least = entry.get("minItems")
    return f"{least}: " if least is not None and least == entry.get("maxItems") else ""


def limits(entry: Schema) -> str:
    """Return the limits of a number that say something: not the ceilings that only catch slips."""
    words = []
    if "minimum" in entry:
        words.append(f"≥ {entry['minimum']}")
    if "exclusiveMinimum" in entry:
        words.append(f"> {entry['exclusiveMinimum']}")
    if entry.get("maximum", 1e9) <= 1000:
        words.append(f"≤ {entry['maximum']}")
    if "exclusiveMaximum" in entry:
        words.append(f"< {entry['exclusiveMaximum']}")
    return " " + ", ".join(words) if words else ""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(read_schema()), encoding="utf-8")
    print(f"{PAGE} is up to date.")


if __name__ == "__main__":
    main()
