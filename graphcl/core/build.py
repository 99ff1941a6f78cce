"""Make a part from its options: constructor types are checked, and the engine's context is supplied."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from graphcl.core.errors import UserError
from graphcl.core.registry import resolve


def build(kind: str, name: str, options: Mapping[str, Any], **context: Any) -> Any:
    """An instance of a registered part.

    Args:
        kind: The part's kind.
        name: The part's registered name.
        options: Its options; nested mappings become the dataclasses the signature names.
        **context: What its keyword-only parameters may ask for; what it does not ask for is left out.

    Raises:
        UserError: an option of the wrong type or outside its range.
    """
    cls = resolve(kind, name).cls
    return cls(**_converted(cls, options, f"{kind} {name!r}"), **_asked(cls, context))


def build_named(kind: str, spec: Mapping[str, Any], **context: Any) -> Any:
    """:func:`build` of a canonical part, ``{"name": NAME, **options}``."""
    return build(kind, spec["name"], {key: value for key, value in spec.items() if key != "name"}, **context)


def _converted(cls: type, options: Mapping[str, Any], what: str) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base) and base is not object:
            hints.update(get_type_hints(vars(base)["__init__"], include_extras=True))
    values = {}
    for key, value in options.items():
        try:
            values[key] = TypeAdapter(hints[key]).validate_python(value) if key in hints else value
        except ValidationError as error:
            first = error.errors()[0]
            raise UserError(f"{what}: option '{key}': {first['msg']}, got {value!r}") from error
    return values


def _asked(cls: type, context: Mapping[str, Any]) -> dict[str, Any]:
    asked = {}
    for base in cls.__mro__:
        constructor = vars(base).get("__init__")
        if constructor is None or base is object:
            continue
        parameters = inspect.signature(constructor).parameters.values()
        for parameter in parameters:
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name in context:
                asked[parameter.name] = context[parameter.name]
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return asked
