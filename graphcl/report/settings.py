"""Every setting of a recipe: its value, where the value was written, and why. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from graphcl.core import schema
from graphcl.core.config.data_kinds import data_schema
from graphcl.core.config.recipe import Recipe
from graphcl.core.config.tree import ALIASES, COMMAND_LINE, PART_LISTS, PART_MAPPINGS, long_path, part_name
from graphcl.core.config.values import block_schema

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        path: As it is written on the command line (``encoder.dim``).
        value: What it is.
        default: What it is where nobody sets it; None where it must be set.
        origin: Where it was written: ``default``, ``file:line``, ``command line``, or ``the run`` (which
            writes every value, so that it does not say more).
        source: Why it has this value, where the recipe says so (paper, table).
        doc: What it does.
    """

    path: str
    value: Any
    default: Any
    origin: str
    source: str
    doc: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def settings(recipe: Recipe) -> list[Setting]:
    """All settings of a recipe, in the order of its data flow."""
    sources = {long_path(path): text for path, text in (recipe.tree.get("sources") or {}).items()}
    return [_setting(recipe, sources, *found) for found in _walk(recipe)]


_Found = tuple[str, Any, Mapping[str, Any]]


def _walk(recipe: Recipe) -> Iterator[_Found]:
    """(path, value, schema of the option) of every option."""
    tree = recipe.tree
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


def _options(path: str, values: Mapping[str, Any], description: Mapping[str, Any]) -> Iterator[_Found]:
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


def _setting(recipe: Recipe, sources: Mapping[str, str], path: str, value: Any, option: Mapping[str, Any]) -> Setting:
    origin = _origin(recipe, path, is_default="default" in option and value == option["default"])
    # The recipe's reasons are for its own values, not for what somebody laid over them.
    source = "" if origin == COMMAND_LINE else sources.get(path, "")
    return Setting(_short(path), value, option.get("default"), origin, source, option["doc"])


def _origin(recipe: Recipe, path: str, *, is_default: bool) -> str:
    """Where the value was written, be it with the whole of a block (``views.a=[{drop_edges: {p: 0.3}}]``)."""
    if path in recipe.origins:
        return recipe.origins[path]
    if is_default:
        return "default"
    while "." in path:
        path = path.rpartition(".")[0]
        if path in recipe.origins:
            return recipe.origins[path]
    return "the run"


def _short(path: str) -> str:
    for short, full in ALIASES.items():
        if path.startswith(full + "."):
            return short + path[len(full) :]
    return path


def settings_table(found: Sequence[Setting]) -> Table:
    """The settings for a person."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold", max_width=34)
    table.add_column("from", overflow="fold")
    table.add_column("what it does", overflow="fold")
    for setting in found:
        origin = f"{setting.origin} ({setting.source})" if setting.source else setting.origin
        table.add_row(setting.path, shown(setting.value), origin, setting.doc)
    return table


def shown(value: Any) -> str:
    """A value as it would be written in YAML's flow style."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return "''" if value == "" else "null" if value is None else str(value)
