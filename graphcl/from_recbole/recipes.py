"""The recipe behind a name in RecBole."""

from __future__ import annotations

from typing import Any

from graphcl.core.config.recipe import Recipe, load_recipe
from graphcl.from_recbole.names import RECIPES

#: In the place of a path: the data come from RecBole, so that no card and no settings of a recipe's own data apply.
_ELSEWHERE = "recbole"


def recipe_of(name: str, dataset: str) -> Recipe:
    """The recipe of a model of ours, with what it sets for a data set that it knows by this name."""
    settings: dict[str, Any] = {"data.path": _ELSEWHERE}
    plain = load_recipe(RECIPES[name], settings=settings)
    if plain["task"] == "sequence" and plain["data.row_layout"] == "packed":
        settings["data.row_layout"] = "prefix"  # RecBole's examples are prefixes
    known = (plain.tree.get("per_data") or {}).get(dataset) or {}
    return load_recipe(RECIPES[name], settings=known | settings)
