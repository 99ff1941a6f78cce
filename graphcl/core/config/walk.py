"""Every option of a complete recipe, beside its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphcl.core import schema
from graphcl.core.config.data_kinds import data_schema
from graphcl.core.config.tree import PART_LISTS, PART_MAPPINGS, part_name
from graphcl.core.config.values import block_schema

Found = tuple[str, Any, Mapping[str, Any]]


def options_of(tree: Mapping[str, Any]) -> Iterator[Found]:
    """(dotted path, value, description of the option) of every option of a tree whose defaults are written out."""
    task = schema.part_schema("task", tree["task"])
    yield from _options("data", tree["data"], data_schema(tree["task"], tree["data"]))
    view_schema = block_schema("ViewBlock")
    for name, view in tree["views"].items():
        yield from _options(f"views.{name}", {k: v for k, v in view.items() if k != "augment"}, view_schema)
        for label, options in view["augment"].items():
            part = schema.part_schema("augmenter", part_name(label))
            yield from _options(f"views.{name}.augment.{label}", options, part)
    for key, kind in PART_MAPPINGS.items():
        for name, spec in tree[key].items():
            part = schema.part_schema(kind, spec["name"])
            common = block_schema("Where")["options"] if key in ("heads", "latents") else {}
            yield from _options(f"{key}.{name}", spec, {"options": {**common, **part["options"]}})
    for key, kind in PART_LISTS.items():
        for label, options in tree[key].items():
            yield from _options(f"{key}.{label}", options, schema.part_schema(kind, part_name(label)))
    for name, phase in tree["phases"].items():
        yield from _options(f"phases.{name}", phase, block_schema("PhaseBlock"))
    yield from _options("train", tree["train"], block_schema("Train"))
    yield from _options("eval", tree["eval"], task)
    yield from _options("embed", tree["embed"], block_schema("Embed"))


def _options(path: str, values: Mapping[str, Any], description: Mapping[str, Any]) -> Iterator[Found]:
    for name, value in values.items():
        option = description["options"].get(name)
        if option is None:  # the part's own name
            continue
        nested = _nested(option)
        if nested is None or not isinstance(value, Mapping):
            yield f"{path}.{name}", value, option
        else:
            yield from _options(f"{path}.{name}", value, nested)


def _nested(option: Mapping[str, Any]) -> dict[str, Any] | None:
    """The options of an option that is a mapping of options itself (``data.split``)."""
    schema_ = option["schema"]
    for candidate in (schema_, *schema_.get("anyOf", [])):
        if "$ref" in candidate:
            candidate = schema_["$defs"][candidate["$ref"].rpartition("/")[2]]
        if "properties" in candidate:
            docs = schema.option_docs(candidate.get("description", ""))
            default = option.get("default") or {}
            return {
                "options": {
                    name: {
                        "schema": {**inner, "$defs": schema_.get("$defs", {})},
                        "doc": docs.get(name, ""),
                        "default": default.get(name, inner.get("default")),
                    }
                    for name, inner in candidate["properties"].items()
                }
            }
    return None
