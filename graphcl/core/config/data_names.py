"""Whether a recipe's data set is one that is known by its name, before anything is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphcl.core.config.data_kinds import data_part
from graphcl.core.config.values import Problem
from graphcl.core.errors import nearest
from graphcl.core.paths import share
from graphcl.core.schema import part_schema


def unknown_data(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """``data.name`` of a complete tree, where it is no card's, none that ships, and none of another library (``pyg:``).

    Data parts of plugins have names of their own.
    """
    name, part = tree["data"].get("name"), part_schema("data", data_part(tree["task"], tree["data"]))
    own_names = "enum" in part["options"].get("name", {}).get("schema", {}) or not part["module"].startswith("graphcl.")
    if not name or tree["data"].get("path") or ":" in name or own_names:
        return
    cards = sorted(path.stem for path in share("datasets").glob("*.yaml"))
    if name not in (*cards, part["options"]["name"].get("default"), *part["meta"].get("ships", ())):
        match = nearest(name, cards)
        hint = f"; nearest: {match!r}" if match else ""
        yield "data.name", f"'data.name': unknown data set {name!r}{hint}; a file of your own is data.path=FILE"
