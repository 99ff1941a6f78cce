"""Augmenters that are trained: where a recipe's views have them, and which of them are one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphcl.core import schema
from graphcl.core.config.tree import part_name
from graphcl.core.errors import UserError


def learned_augmenters(tree: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """(view, label) -> name of what is trained, in the order of the recipe.

    Augmenters of equal part and options are one, whatever views have them; the first gives its part's name, and the
    next one of other options is ``NAME#2``.
    """
    found: dict[tuple[str, str], str] = {}
    known: dict[str, str] = {}
    for view, spec in (tree.get("views") or {}).items():
        for label, options in (spec.get("augment") or {}).items():
            name = part_name(label)
            if not _is_learned(name):
                continue
            alike = f"{name} {sorted((options or {}).items())}"
            if alike not in known:
                number = sum(other.partition("#")[0] == name for other in known.values()) + 1
                known[alike] = name if number == 1 else f"{name}#{number}"
            found[view, label] = known[alike]
    return found


def _is_learned(name: str) -> bool:
    try:
        return bool(schema.part_schema("augmenter", name)["meta"].get("learned"))
    except UserError:
        return False  # the check of the part's name says it
