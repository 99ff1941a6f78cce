"""The schema of a part is its constructor: options from the signature, their text from the docstring.

``python -m graphcl.core.schema`` writes ``graphcl/parts.json``, which lets ``list``, ``show``, ``check``
and ``--help`` work without importing torch; ``--check`` fails when that file is out of date.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from graphcl.core import registry

PARTS_FILE = Path(__file__).resolve().parents[1] / "parts.json"


def describe(cls: type, *, example: Mapping[str, Any] | None = None, meta: Mapping[str, Any] | None = None) -> dict:
    """What a user may set on ``cls``, as plain JSON.

    Returns:
        ``module``, ``class``, ``doc`` (the class docstring), ``options`` (name -> ``schema``, ``doc``, and
        ``default`` unless required), ``supplied`` (what the engine passes), ``example`` and ``meta``, which also has
        the ``metrics`` that the class names, what a probe ``needs``, what a task has (``can_judge``),
        and ``ships``, the data sets that a data part reads without a card, beside the default of its ``name``.
    """
    options: dict[str, dict[str, Any]] = {}
    supplied: list[str] = []
    said = {key: getattr(cls, key, None) for key in ("metrics", "needs", "can_judge", "ships")}
    known = {**(meta or {}), **{key: value for key, value in said.items() if isinstance(value, (str, tuple))}}
    _collect(cls, cls.__mro__, options, supplied)
    return {
        "module": cls.__module__,
        "class": cls.__qualname__,
        "doc": inspect.cleandoc(cls.__doc__ or ""),
        "options": options,
        "supplied": supplied,
        "example": dict(example) if example is not None else None,
        "meta": {key: list(value) if isinstance(value, tuple) else value for key, value in known.items()},
    }


def _collect(cls: type, mro: tuple[type, ...], options: dict[str, dict[str, Any]], supplied: list[str]) -> None:
    """Options of the first constructor in ``mro``; a ``**common`` parameter goes on to the next one."""
    owner = next((c for c in mro if "__init__" in vars(c)), object)
    if owner is object:
        return
    constructor = vars(owner)["__init__"]
    hints = get_type_hints(constructor, include_extras=True)
    docs = option_docs(constructor.__doc__ or "") or option_docs(owner.__doc__ or "")
    parameters = list(inspect.signature(constructor).parameters.values())[1:]
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY:
            if parameter.name not in supplied:
                supplied.append(parameter.name)
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name not in options:
            default = _default(owner, parameter)
            options[parameter.name] = _option(hints.get(parameter.name, Any), docs.get(parameter.name, ""), default)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        _collect(cls, mro[mro.index(owner) + 1 :], options, supplied)


def _default(owner: type, parameter: inspect.Parameter) -> Any:
    """The default of a constructor's parameter; of a dataclass's factory, whose signature only shows a marker."""
    field = getattr(owner, "__dataclass_fields__", {}).get(parameter.name)
    if field is not None and field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return parameter.default


def _option(hint: Any, doc: str, default: Any) -> dict[str, Any]:
    adapter = TypeAdapter(hint)
    option = {"schema": adapter.json_schema(), "doc": doc}
    if default is not inspect.Parameter.empty:
        option["default"] = adapter.dump_python(default, mode="json")
    return option


def option_docs(docstring: str) -> dict[str, str]:
    """Option -> text, from the ``Args:`` section of a Google-style docstring.

    >>> option_docs("Does.\\n\\nArgs:\\n    p: Share of edges\\n        dropped.\\n    q: Other.")
    {'p': 'Share of edges dropped.', 'q': 'Other.'}
    """
    match = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", inspect.cleandoc(docstring), flags=re.MULTILINE)
    if match is None:
        return {}
    docs: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(match.group(1)).splitlines():
        head = re.match(r"(\w+)(?: \([^)]*\))?: (.*)", line)
        if head and not line.startswith(" "):
            name = head.group(1)
            docs[name] = head.group(2)
        elif line.startswith("*"):  # what goes on to another constructor, which says it itself
            name = ""
        elif name and line.strip():
            docs[name] += " " + line.strip()
    return docs


def build() -> dict[str, dict[str, dict[str, Any]]]:
    """kind -> name -> description of every built-in part (imports them all)."""
    registry.load_all()
    table: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in registry.KINDS}
    for part in registry.registered():
        if part.cls.__module__.startswith("graphcl."):
            table[part.kind][part.name] = describe(part.cls, example=part.example, meta=part.meta)
    return table


def part_schema(kind: str, name: str) -> dict[str, Any]:
    """The description of one part: from the packed index, or live for a plugin.

    Raises:
        UserError: no such part; names the nearest.
    """
    entry = registry.index().get(kind, {}).get(name)
    if entry is not None:
        return entry
    part = registry.resolve(kind, name)
    return describe(part.cls, example=part.example, meta=part.meta)


def main(arguments: list[str] | None = None) -> int:
    """Write ``parts.json``; with ``--check`` only compare."""
    arguments = sys.argv[1:] if arguments is None else arguments
    text = json.dumps(build(), indent=1, ensure_ascii=False) + "\n"
    if "--check" in arguments:
        if not PARTS_FILE.is_file() or PARTS_FILE.read_text(encoding="utf-8") != text:
            print("graphcl/parts.json is out of date; run: python -m graphcl.core.schema", file=sys.stderr)
            return 1
        return 0
    temporary = PARTS_FILE.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(PARTS_FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
