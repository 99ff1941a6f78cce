"""Every default of a recipe written out."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from graphcl.core import schema
from graphcl.core.config.data_kinds import data_schema
from graphcl.core.config.tree import PART_LISTS, PART_MAPPINGS, Tree, part_name
from graphcl.core.config.values import block_schema


def with_defaults(tree: Tree) -> Tree:
    """The tree with the default of every option of every block and part written out."""
    full = copy.deepcopy(tree)
    task = schema.part_schema("task", tree["task"])
    full["eval"] = _defaults(task, tree.get("eval") or {})
    full["data"] = _defaults(data_schema(tree["task"], tree.get("data")), tree.get("data") or {})
    full["train"] = _defaults(block_schema("Train"), tree.get("train") or {})
    full["embed"] = _defaults(block_schema("Embed"), tree.get("embed") or {})
    full["train"]["monitor"] = full["train"]["monitor"] or _monitor(task, full["eval"])
    full["phases"] = {
        name: _defaults(block_schema("PhaseBlock"), phase) for name, phase in (tree.get("phases") or {}).items()
    }
    for key, kind in PART_MAPPINGS.items():
        common = _defaults(block_schema("Where"), {}) if key in ("heads", "latents") else {}
        full[key] = {
            name: {"name": spec["name"], **common, **_defaults(schema.part_schema(kind, spec["name"]),
                   {k: v for k, v in spec.items() if k != "name"})}
            for name, spec in (tree.get(key) or {}).items()
        }
    for key, kind in PART_LISTS.items():
        full[key] = {
            label: _defaults(schema.part_schema(kind, part_name(label)), options)
            for label, options in (tree.get(key) or {}).items()
        }
    for view in (full.setdefault("views", {}) or {}).values():
        view.update(_defaults(block_schema("ViewBlock"), view))
        view["augment"] = {
            label: _defaults(schema.part_schema("augmenter", part_name(label)), options)
            for label, options in view["augment"].items()
        }
    return full


def _defaults(description: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    options = description["options"]
    filled = {key: copy.deepcopy(option["default"]) for key, option in options.items() if "default" in option}
    for key, value in given.items():
        default = filled.get(key)
        # A block of settings has defaults of its own; a part within a part takes the place of the one by default.
        is_block = "properties" in options.get(key, {}).get("schema", {})
        if is_block and isinstance(default, dict) and isinstance(value, dict):
            filled[key] = {**default, **value}
        else:
            filled[key] = copy.deepcopy(value)
    return filled


def _monitor(task: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """What chooses the best epoch: the first metric of the probe where the task judges by one, else the task's."""
    probe = schema.part_schema("probe", evaluation["probe"])["meta"] if evaluation.get("probe") else {}
    return probe.get("monitor") or task["meta"].get("monitor", "")
