"""Every setting of a recipe: its value, where the value was written, and why. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from graphcl.core.config.recipe import Recipe
from graphcl.core.config.tree import ALIASES, COMMAND_LINE, long_path
from graphcl.core.config.walk import options_of

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
    return [_setting(recipe, sources, *found) for found in options_of(recipe.tree)]


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
