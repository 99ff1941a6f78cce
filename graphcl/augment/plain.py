"""What every augmenter's plain function does with its arguments: graphs of other libraries, and values out of range."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable
from functools import cache, wraps
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from graphcl.core.errors import UserError
from graphcl.graph import as_graph

P = ParamSpec("P")
R = TypeVar("R")

_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "ge": (">=", lambda value, bound: value >= bound),
    "gt": (">", lambda value, bound: value > bound),
    "le": ("<=", lambda value, bound: value <= bound),
    "lt": ("<", lambda value, bound: value < bound),
}


def plain(function: Callable[P, R]) -> Callable[P, R]:
    """A function of one graph that also takes networkx and DGL graphs, and refuses what its types exclude.

    Parameters of the types of :mod:`graphcl.core.options` and of ``Literal`` are checked at each call. That costs a
    few comparisons: a part, whose options were checked when it was built, calls the same function at each step.

    Raises:
        UserError: what is given is no graph, or a value is not one that the parameter may have.
    """
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # whose own error names it
        given.arguments[first] = as_graph(given.arguments[first])
        for name, expected in _rules(function).items():
            if name in given.arguments:
                _require(expected, given.arguments[name], f"{function.__name__}: {name}")
        return function(*given.args, **given.kwargs)

    return checked


@cache
def _rules(function: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(function, include_extras=True)
    return {name: hint for name, hint in hints.items() if name != "return" and _is_rule(hint)}


def _is_rule(hint: Any) -> bool:
    return get_origin(hint) in (Annotated, Literal) or any(_is_rule(member) for member in get_args(hint))


def _require(expected: Any, value: Any, what: str) -> None:
    if get_origin(expected) is Literal:
        if value not in get_args(expected):
            raise UserError(f"{what} must be one of {', '.join(map(repr, get_args(expected)))}, got {value!r}")
    elif get_origin(expected) is not Annotated:  # an optional value
        if value is not None:
            _require(next(member for member in get_args(expected) if _is_rule(member)), value, what)
    else:
        base, field = get_args(expected)[:2]
        whole = base is int
        bounds = _bounds(field)
        number = isinstance(value, numbers.Integral if whole else numbers.Real) and not isinstance(value, bool)
        # NaN is in no range: each comparison with it is false.
        if not number or not all(_BOUNDS[key][1](value, bound) for key, bound in bounds.items()):
            text = " and ".join(f"{_BOUNDS[key][0]} {bound:g}" for key, bound in bounds.items())
            raise UserError(f"{what} must be a {'whole ' * whole}number {text}, got {value!r}")


def _bounds(field: FieldInfo) -> dict[str, float]:
    found: dict[str, float] = {}
    for constraint in field.metadata:
        found |= {key: getattr(constraint, key) for key in _BOUNDS if hasattr(constraint, key)}
    return cast("dict[str, float]", found)
