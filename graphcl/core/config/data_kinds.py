"""Which data part reads a recipe's data: its task's own, or another that makes the same of other files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphcl.core import registry, schema
from graphcl.core.errors import UserError, suggestion

_DOC = "What the data is, where the task reads several kinds: the name of a data part."


def data_kinds(task: str) -> list[str]:
    """The data parts that a task reads: its own first, then those that name it as their task."""
    own = schema.part_schema("task", task)["meta"]["data"]
    others = [name for name in registry.names("data") if _task_of(name) == task and name != own]
    return [own, *others]


def _task_of(part: str) -> str:
    return str(schema.part_schema("data", part)["meta"].get("task", ""))


def data_part(task: str, data: Any) -> str:
    """The name of the data part that a recipe's ``data`` block chooses by ``kind``.

    Raises:
        UserError: the task reads no such kind; names the nearest.
    """
    kinds = data_kinds(task)
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind in (None, ""):
        return kinds[0]
    if kind not in kinds:
        raise UserError(f"'data.kind': the task {task!r} reads no kind {kind!r}{suggestion(str(kind), kinds)}")
    return str(kind)


def data_schema(task: str, data: Any) -> dict[str, Any]:
    """The schema of a recipe's ``data`` block: the options of its part, and ``kind`` where there is a choice.

    Raises:
        UserError: see :func:`data_part`.
    """
    name, kinds = data_part(task, data), data_kinds(task)
    found = schema.part_schema("data", name)
    if len(kinds) == 1:
        return found
    kind = {"schema": {"type": "string", "enum": kinds}, "doc": _DOC, "default": name}
    return {**found, "options": {"kind": kind, **found["options"]}}
