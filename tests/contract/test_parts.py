"""What holds of every registered part, whatever it does."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from graphcl.core import registry, schema
from graphcl.core.config.values import check_options
from graphcl.core.registry import Part

from .toys import parts

ALL = [part for kind in registry.KINDS for part in parts(kind)]
by_name = pytest.mark.parametrize("part", ALL, ids=lambda part: f"{part.kind}-{part.name}")


def described(part: Part) -> dict:
    return schema.describe(part.cls, example=part.example, meta=part.meta)


def test_there_are_parts_of_every_kind_the_package_has() -> None:
    """An import that fails in silence would leave the tests below empty."""
    assert {"augmenter", "tower", "head", "state", "term", "regularizer", "data", "task", "baseline", "probe"} <= {
        part.kind for part in ALL
    }
    assert len(ALL) > 30


@by_name
def test_it_declares_a_smallest_example(part: Part) -> None:
    assert part.example is not None, f"give register({part.kind!r}, {part.name!r}) an example={{...}}"


@by_name
def test_its_example_is_valid(part: Part) -> None:
    assert list(check_options(described(part), dict(part.example or {}), part.name)) == []


@by_name
def test_it_and_its_options_are_documented(part: Part) -> None:
    found = described(part)
    assert len(found["doc"].splitlines()[0]) > 10
    missing = [name for name, option in found["options"].items() if len(option["doc"]) < 5]
    assert missing == []


@by_name
def test_its_options_are_in_the_constructor_and_nowhere_else(part: Part) -> None:
    """No ``*args``, and a ``**rest`` goes on to a base class; every option can be given in YAML."""
    for base in part.cls.__mro__:
        constructor = vars(base).get("__init__")
        if constructor is None or base is object or base.__module__.startswith("torch"):
            continue
        kinds = [parameter.kind for parameter in inspect.signature(constructor).parameters.values()]
        assert inspect.Parameter.VAR_POSITIONAL not in kinds
        assert inspect.Parameter.POSITIONAL_ONLY not in kinds
    for name, option in described(part)["options"].items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert option["schema"], f"{name} has no type"


@by_name
def test_its_defaults_are_valid_values(part: Part) -> None:
    found = described(part)
    defaults = {name: option["default"] for name, option in found["options"].items() if "default" in option}
    required = {name: value for name, value in (part.example or {}).items() if name not in defaults}
    problems = list(check_options(found, {**defaults, **required}, part.name))
    assert problems == []


@by_name
def test_its_name_is_that_of_its_class(part: Part) -> None:
    """One name everywhere: ``drop_edges`` is ``DropEdges``; acronyms and a suffix of the kind are free."""
    name = part.name.replace("_", "")
    assert part.cls.__name__.lower() in {name + suffix for suffix in ("", "head", "data", "tower", part.kind)}


def test_the_packed_index_is_current() -> None:
    assert schema.main(["--check"]) == 0, "run: python -m graphcl.core.schema"


def test_the_index_names_the_module_that_registers() -> None:
    for kind, entries in registry.index().items():
        for name, entry in entries.items():
            module = importlib.import_module(entry["module"])
            assert getattr(module, entry["class"]) is registry.resolve(kind, name).cls
