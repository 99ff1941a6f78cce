"""YAML by a safe loader with YAML 1.2 scalars, keeping the line of every key.

``1e-4`` is a number, ``on``/``no`` stay strings, nothing is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from graphcl.core.errors import UserError

Path = tuple[Hashable, ...]


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema, and no aliases (they can blow up or recurse)."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not supported", mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
     "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first) + (
        [""] if _tag == "null" else []))


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def load(text: str, source: str) -> tuple[Any, dict[Path, int]]:
    """Parse a document.

    Returns:
        The data, and the 1-based line of every key and list item by path.

    Raises:
        UserError: not YAML, a duplicate key, or a tag that would build an object; with file and line.
    """
    lines: dict[Path, int] = {}
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        data = None if root is None else _construct(loader, root, (), lines, source)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark is not None else source
        raise UserError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}") from error
    finally:
        loader.dispose()
    return data, lines


def _construct(loader: _Loader, node: yaml.Node, path: Path, lines: dict[Path, int], source: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if node.tag.removeprefix("tag:yaml.org,2002:") not in ("map", "seq", "str", "int", "float", "bool", "null"):
        where = f"{source}:{node.start_mark.line + 1}"
        raise UserError(f"{where}: tag {node.tag!r} is not supported; values are plain data")
    if isinstance(node, yaml.MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str | int | float | bool):
                raise UserError(f"{source}:{line}: a key must be a plain scalar")
            if key in result:
                raise UserError(f"{source}:{line}: key {key!r} occurs twice")
            lines[(*path, key)] = line
            result[key] = _construct(loader, value_node, (*path, key), lines, source)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, item, (*path, i), lines, source) for i, item in enumerate(node.value)]
    return loader.construct_object(node)


def scalar(text: str, source: str) -> Any:
    """One value as on the command line: ``1e-3``, ``[10, 20]``, ``true``, ``plain text``."""
    return load(text, source)[0]


def dump(data: Any) -> str:
    """The tree as YAML that :func:`load` reads back to the same value."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever our loader would not read back as the same string."""


_Dumper.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = repr(value)
    if value != value or value in (float("inf"), float("-inf")):
        text = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}[text]
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # These are line breaks in YAML 1.1's eyes, which any other style folds into a space.
    style = '"' if set(value) & set("\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(float, _float)
_Dumper.add_representer(str, _text)
