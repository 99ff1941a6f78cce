"""Parts by kind and name. A part registers itself where it is defined; nothing else lists it.

``graphcl/parts.json`` (written by ``python -m graphcl.core.schema``) maps every built-in
name to its module and options, so that names resolve, and configurations are checked,
without importing torch.
"""

from __future__ import annotations

import functools
import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeVar

from graphcl.core.errors import UserError, suggestion

#: Kind -> what it is, for `graphcl list`.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "augmenter": "changes a graph, an operator or a latent into another view of it",
        "tower": "encodes a view into nodes, layers and graphs",
        "head": "maps a latent to another space (projector, predictor, decoder)",
        "state": "changed by a rule, not by gradient (EMA copy, queue, table, k-means)",
        "term": "one loss value per anchor",
        "regularizer": "a term that may also look at parameters, a tower or the graph",
        "source": "maps the ids of a batch to the ids of their partners",
        "data": "raw data -> graphs",
        "task": "how examples are batched and how what was learned is judged",
        "baseline": "a reference without gradient training, tuned on validation",
        "probe": "judges frozen embeddings",
    }
)

#: Packages whose modules may register parts. Strings: the registry imports them on demand.
PACKAGES = (
    "graphcl.graph",
    "graphcl.augment",
    "graphcl.encode",
    "graphcl.objective",
    "graphcl.data",
    "graphcl.tasks",
    "graphcl.methods",
)


@dataclass(frozen=True)
class Part:
    """A registered class.

    Attributes:
        example: Constructor options of the smallest instance; the contract tests use it.
        meta: What the kind needs to know without importing the class (an augmenter's ``level``,
            a task's ``rows`` and ``types``).
    """

    kind: str
    name: str
    cls: type
    example: Mapping[str, Any] | None
    meta: Mapping[str, Any] = field(default_factory=dict)


_PARTS: dict[tuple[str, str], Part] = {}
T = TypeVar("T", bound=type)


def register(kind: str, name: str, *, example: Mapping[str, Any] | None = None, **meta: Any) -> Callable[[T], T]:
    """Class decorator: make ``cls`` available to recipes as ``name``.

    Args:
        kind: One of :data:`KINDS`.
        name: snake_case, the same verb as the class and the function underneath.
        example: Options of the smallest instance, for the contract tests. Required of built-in parts.
        **meta: Facts about the part that must be known without importing it. Of any part: ``multiples``, option -> the
            option of which it must be a multiple.

    Raises:
        UserError: unknown kind, a bad name, or a name taken by another class.
    """
    if kind not in KINDS:
        raise UserError(f"cannot register {name!r}: unknown kind {kind!r}{suggestion(kind, KINDS)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"cannot register {kind} {name!r}: a part's name is snake_case")

    def add(cls: T) -> T:
        known = _PARTS.get((kind, name))
        if known is not None and (known.cls.__module__, known.cls.__qualname__) != (cls.__module__, cls.__qualname__):
            raise UserError(f"{kind} {name!r} is registered twice: {known.cls.__module__} and {cls.__module__}")
        _PARTS[kind, name] = Part(kind, name, cls, example, MappingProxyType(meta))
        return cls

    return add


def index() -> dict[str, dict[str, dict[str, Any]]]:
    """kind -> name -> description of every built-in part, read from the packed ``parts.json``."""
    return _index()


@functools.cache
def _index() -> dict[str, dict[str, dict[str, Any]]]:
    path = resources.files("graphcl").joinpath("parts.json")
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def names(kind: str) -> list[str]:
    """All names of a kind: built in, and registered by plugins."""
    return sorted({*index().get(kind, {}), *(name for k, name in _PARTS if k == kind)})


def resolve(kind: str, name: str) -> Part:
    """The part of that name, importing its module when needed.

    Raises:
        UserError: no such part; names the nearest.
    """
    part = _PARTS.get((kind, name))
    if part is None:
        entry = index().get(kind, {}).get(name)
        if entry is not None:
            importlib.import_module(entry["module"])
        else:
            load_all()
        part = _PARTS.get((kind, name))
    if part is None:
        raise UserError(f"unknown {kind} {name!r}{suggestion(name, names(kind))}")
    return part


def registered() -> list[Part]:
    """The parts registered in this process so far."""
    return [_PARTS[key] for key in sorted(_PARTS)]


@functools.cache
def load_all() -> None:
    """Import every module of the package that may register a part."""
    for package_name in PACKAGES:
        package = importlib.import_module(package_name)
        for module in pkgutil.walk_packages(package.__path__, prefix=package_name + "."):
            importlib.import_module(module.name)
