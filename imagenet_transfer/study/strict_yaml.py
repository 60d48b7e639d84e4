"""YAML without its traps: what it would misread is refused, with file and line."""

import re
import unicodedata
from pathlib import Path
from typing import Any

import yaml

from imagenet_transfer.errors import UserError
from imagenet_transfer.files import read_small_text

MAX_BYTES = 2**20  # the paper's study takes 13 KB
MAX_DEPTH = 40  # a study has 7 levels
MAX_NODES = 100_000  # with every alias written out; a thousand subsets make some 10,000
MERGE = "tag:yaml.org,2002:merge"  # of the key <<
PLAIN_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)")


SPACES = dict.fromkeys(map(ord, "\n\t"))  # control characters that texts may have


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses repeated keys, the last of which would win, and odd numbers."""


def load_yaml(path: Path | str) -> Any:
    """Return a YAML file's content; raise UserError, with the line, for what would be misread.

    Tags of Python objects are not known, and aliases are counted before they are followed: nothing
    is executed, and a small file does not grow into a large one ("billion laughs").
    """
    loader = _open(path)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _measure(str(path), node)
        return loader.construct_document(node)
    except RecursionError:
        raise UserError(
            f"{path} cannot be read as YAML: its brackets are nested too deeply; remove some."
        ) from None
    except yaml.MarkedYAMLError as error:
        raise UserError(
            f"{path}{_line(error)} cannot be read as YAML: {_reason(error)}."
        ) from error
    # ValueError and LookupError come from values that their tag cannot hold.
    except (yaml.YAMLError, ValueError, LookupError) as error:
        raise UserError(
            f"{path} cannot be read as YAML: {' '.join(str(error).split())}."
        ) from error
    finally:
        loader.dispose()


def _open(path: Path | str) -> _StrictLoader:
    try:
        loader = _StrictLoader(read_small_text(path, MAX_BYTES))
    except UnicodeDecodeError:
        raise UserError(f"{path} cannot be read: it is not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except yaml.YAMLError as error:  # characters that YAML does not allow
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read as YAML: {reason}; is it a text file?") from None
    loader.name = str(path)
    return loader


def _line(error: yaml.MarkedYAMLError) -> str:
    return f", line {error.problem_mark.line + 1}," if error.problem_mark else ""


def _reason(error: yaml.MarkedYAMLError) -> str:
    """Return what PyYAML says, with advice where its words help nobody."""
    said = ", ".join(filter(None, [error.context, error.problem]))
    if "\\t" in said:
        return f"{said}: indent with spaces, not with tabs"
    if "another document" in said:
        return f"{said}: keep one and remove the line ---"
    return said


def _measure(path: str, root: yaml.Node) -> None:
    """Raise UserError if the document, with its aliases written out, is larger than any study."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size_of(node: yaml.Node, depth: int) -> int:
        line = node.start_mark.line + 1
        if id(node) in open_nodes:
            raise UserError(
                f"{path}, line {line}: the anchor there contains itself; write out what you mean."
            )
        if depth > MAX_DEPTH:
            raise UserError(
                f"{path}, line {line}: more than {MAX_DEPTH} levels are nested; remove some."
            )
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(size_of(child, depth + 1) for child in _children(node))
            open_nodes.remove(id(node))
        if sizes[id(node)] > MAX_NODES:
            raise UserError(
                f"{path}, line {line}: its aliases (*name) stand for over {MAX_NODES:,} values."
            )
        return sizes[id(node)]

    size_of(root, 0)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        if key_node.tag == MERGE:
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, str) and key in seen:
            line = key_node.start_mark.line + 1
            raise UserError(
                f"{loader.name}, line {line}: the key '{key}' appears twice; remove one."
            )
        seen.add(str(key))
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


def _integer(loader: _StrictLoader, node: yaml.ScalarNode) -> int:
    if not PLAIN_INTEGER.fullmatch(node.value):
        number = f"the number {loader.construct_yaml_int(node)}"
        raise _misread(loader, node, number, "write it as a plain decimal")
    return loader.construct_yaml_int(node)


def _float(loader: _StrictLoader, node: yaml.ScalarNode) -> float:
    if ":" in node.value:
        number = f"the number {loader.construct_yaml_float(node)}"
        raise _misread(loader, node, number, "write it as a plain decimal")
    return loader.construct_yaml_float(node)


def _date(loader: _StrictLoader, node: yaml.ScalarNode) -> Any:
    raise _misread(loader, node, "a date", "put it in quotes")


def _text(loader: _StrictLoader, node: yaml.ScalarNode) -> str:
    """Return a text; UserError for halves of letters, which no file holds, and control characters."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in node.value.translate(SPACES)):
        raise UserError(
            f"{loader.name}, line {node.start_mark.line + 1}: the text {ascii(node.value)[:80]} has "
            "control characters or halves of letters (\\ud800), which tables and pictures cannot "
            "show; remove them."
        )
    return node.value


def _misread(loader: _StrictLoader, node: yaml.ScalarNode, what: str, remedy: str) -> UserError:
    line = node.start_mark.line + 1
    return UserError(f"{loader.name}, line {line}: YAML reads {node.value} as {what}; {remedy}.")


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG, _text)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _integer)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _float)
_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _date)
