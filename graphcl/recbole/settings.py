"""A RecBole config as a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphcl.core.config.recipe import Recipe, load_recipe
from graphcl.core.config.tree import PART_LISTS, PART_MAPPINGS
from graphcl.core.errors import UserError
from graphcl.from_recbole.keys import NotSame, defaults, keys_of, overrides
from graphcl.from_recbole.protocol import judge_settings
from graphcl.from_recbole.recipes import recipe_of
from graphcl.recbole.checks import check

#: Mixed precision, and augmentations by RecBole's loader: a recipe has its own, of the histories themselves.
_NOT_FOLLOWED = ("enable_amp", "transform")


def recipe_in(config: Any) -> Recipe:
    """The recipe of the config's model, with the settings that the config changes.

    Raises:
        UserError: settings that cannot be followed.
        ConfigError: unknown keys, or values out of range.
    """
    recipe = recipe_of(config["model"], config["dataset"])
    check(config, keys_of(recipe))
    if not config["single_spec"]:
        raise UserError("models of graphcl are trained by one process in RecBole; leave nproc and world_size out")
    for key in _NOT_FOLLOWED:
        if config[key]:
            raise UserError(f"{key}: models of graphcl do not follow it in RecBole; leave it out")
    _refuse_negatives(recipe, config["train_neg_sample_args"])
    settings: dict[str, Any] = overrides(recipe, _changed(recipe, config), "settings")
    return recipe.with_settings(settings | {"train.device": str(config["device"])})


def same_in_our_engine(config: Any) -> dict[str, Any]:
    """Path -> value, of what ``graphcl train`` is told to train and judge what the config does.

    Raises:
        UserError: settings that cannot be followed, here or there.
    """
    same = recipe_in(config)
    plain = load_recipe(same.name, settings={"data.path": same["data.path"]})
    try:
        judged = judge_settings(config.final_config_dict, same["task"] == "sequence")
    except NotSame as error:
        raise UserError(f"settings: {error}") from error
    parts = {part: same[part] for part in ("data", "train", "eval", *PART_MAPPINGS, "views", *PART_LISTS)}
    found = {path: value for path, value in _leaves(parts, "") if _at(plain.tree, path) != value}
    return found | {path: value for path, value in judged.items() if _at(plain.tree, path) != value}


def _leaves(tree: Mapping[str, Any], dotted: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{dotted}{key}.")
        else:
            yield f"{dotted}{key}", value


def _at(tree: Mapping[str, Any], path: str) -> Any:
    node: Any = tree
    for key in path.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _changed(recipe: Recipe, config: Any) -> dict[str, Any]:
    """Keys that the user gave, and those that hold something else than the recipe's defaults."""
    standing = defaults(recipe)
    return {
        key: value
        for key, value in config.final_config_dict.items()
        if key in config.external_config_dict or key not in standing or standing[key] != value
    }


def _refuse_negatives(recipe: Recipe, asked: dict[str, Any]) -> None:
    """Of pairs RecBole's loader draws negatives, of histories the recipe does."""
    drawn = asked["distribution"] != "none"
    if recipe["task"] == "sequence" and drawn:
        raise UserError("train_neg_sample_args: models of histories draw their own negatives; leave it out, or None")
    if recipe["task"] != "sequence" and not (drawn and isinstance(asked["sample_num"], int)):
        raise UserError("train_neg_sample_args: models of graphcl read a negative of each pair; leave it out")
