"""Options of a part or a block against their schema: unknown keys, wrong types and values, what is missing."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from graphcl.core import schema
from graphcl.core.config import blocks
from graphcl.core.config.tree import part_name
from graphcl.core.errors import UserError, nearest

Problem = tuple[str, str]  # dotted path, message
#: Format of an option that is a mapping of parts -> their kind.
NESTED = {"augmenters": "augmenter", "towers": "tower"}


@cache
def block_schema(name: str) -> dict[str, Any]:
    """The schema of a block of :mod:`graphcl.core.config.blocks`."""
    return schema.describe(getattr(blocks, name))


def check_part(kind: str, name: str, options: Any, path: str, ignore: Collection[str] = ()) -> Iterator[Problem]:
    """Whether there is such a part, and its options."""
    try:
        description = schema.part_schema(kind, name)
    except UserError as error:
        yield path, str(error)
        return
    unread = set(ignore) - set(description["options"])
    yield from check_options(description, options, path, ignore=unread)
    yield from _multiples(description, options, path)


def _multiples(description: Mapping[str, Any], given: Any, path: str) -> Iterator[Problem]:
    """Options that must be multiples of others (``heads`` that share a width)."""
    for option, by in description["meta"].get("multiples", {}).items():
        known = description["options"]
        whole, part = ((given or {}).get(name, known[name].get("default")) for name in (option, by))
        if isinstance(whole, int) and isinstance(part, int) and part > 0 and whole % part:
            here = option if option in given else by
            yield f"{path}.{here}", f"'{path}.{option}' must be a multiple of '{path}.{by}' ({part}), got {whole}"


def check_options(
    description: Mapping[str, Any], given: Any, path: str, *, ignore: Collection[str] = ()
) -> Iterator[Problem]:
    """Unknown keys (with the nearest), wrong types and values, and missing required options."""
    options = description["options"]
    if not isinstance(given, dict):
        yield path, f"'{path}' is a mapping of options, got {given!r}"
        return
    for key, value in given.items():
        here = f"{path}.{key}"
        if key in ignore:
            continue
        if key not in options:
            yield here, unknown_key(here, [f"{path}.{known}" for known in options])
        else:
            yield from _value(options[key]["schema"], options[key]["schema"].get("$defs", {}), value, here)
            inner_kind = NESTED.get(options[key]["schema"].get("format", ""))
            if inner_kind is not None and isinstance(value, dict):
                for label, inner in value.items():
                    yield from check_part(inner_kind, part_name(label), inner, f"{here}.{label}")
    for key, option in options.items():
        if "default" not in option and key not in given and key not in ignore:
            yield path, f"'{path}' needs the option '{key}' ({option['doc'] or 'required'})"


def _value(option_schema: Mapping[str, Any], defs: Mapping[str, Any], value: Any, path: str) -> Iterator[Problem]:
    from jsonschema import Draft202012Validator

    nested = _object_schema(option_schema, defs)
    if nested is not None and isinstance(value, dict):
        known = nested["properties"]
        for key, item in value.items():
            here = f"{path}.{key}"
            if key not in known:
                yield here, unknown_key(here, [f"{path}.{k}" for k in known])
            else:
                yield from _value(known[key], defs, item, here)
        for key in nested.get("required", []):
            if key not in value:
                yield path, f"'{path}' needs '{key}'"
        return
    errors = list(Draft202012Validator({**option_schema, "$defs": defs}).iter_errors(value))
    if errors and not _is_non_finite(value):
        hint = "" if nested is None else _inner_hint(nested, defs, value, path)
        yield path, f"'{path}' {_expectation(option_schema, defs)}, got {value!r}{hint}"


def _inner_hint(nested: Mapping[str, Any], defs: Mapping[str, Any], value: Any, path: str) -> str:
    """Which option of a mapping was meant by a value in the place of it, or which there are."""
    for key, inner in nested["properties"].items():
        choices = defs[inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
        if value in choices.get("enum", []):
            return f"; set {path}.{key}={value}"
    return f"; it has {', '.join(nested['properties'])}"


def _is_non_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _object_schema(option_schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for candidate in (option_schema, *option_schema.get("anyOf", [])):
        if "$ref" in candidate:
            candidate = defs[candidate["$ref"].rpartition("/")[2]]
        if candidate.get("type") == "object" and "properties" in candidate:
            return candidate
    return None


_TYPES = {
    "integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "null",
}


def _expectation(option_schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """``must be a number >= 0 and <= 1`` for a person."""
    return "must be " + _expected(option_schema, defs)


def _expected(option: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    if "$ref" in option:
        return _expected(defs[option["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in option:
        return " or ".join(dict.fromkeys(_expected(o, defs) for o in option["anyOf"]))
    if "enum" in option:
        return "one of " + ", ".join(repr(v) for v in option["enum"])
    if "const" in option:
        return repr(option["const"])
    text = _TYPES.get(option.get("type", ""), "a valid value")
    bounds = [
        f"{sign} {_number(option[key])}"
        for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))
        if key in option
    ]
    if option.get("type") == "array" and "items" in option:
        count = option.get("minItems") if option.get("minItems") == option.get("maxItems") else None
        at_least = option.get("minItems", 0) if count is None else 0
        text += f" of {count}" * (count is not None) + f" of at least {at_least}" * (at_least > 0)
        text += f" ({_expected(option['items'], defs)})" + ", none of them twice" * option.get("uniqueItems", False)
    return f"{text} {' and '.join(bounds)}" if bounds else text


def _number(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() else f"{bound:g}"


def non_finite(value: Any, path: str) -> Iterator[Problem]:
    """Numbers that are NaN or infinite, wherever they stand."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, f"'{path}' must be a finite number, got {value}"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from non_finite(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from non_finite(item, path)


def unknown_key(key: str, known: Collection[str]) -> str:
    """What to say of an unknown key; those that are known differ from it in the last piece."""
    parent, _, last = key.rpartition(".")
    beside = {name.rpartition(".")[2]: name for name in known}
    match = nearest(last, beside)
    if match:
        return f"unknown key '{key}'; nearest: '{beside[match]}'"
    return f"unknown key '{key}'; known{' in ' * bool(parent)}{parent}: {', '.join(sorted(beside))}"
