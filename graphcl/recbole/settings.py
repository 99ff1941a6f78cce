"""A RecBole config as a recipe."""

from __future__ import annotations

from typing import Any

from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError
from graphcl.from_recbole.keys import defaults, keys_of, overrides
from graphcl.from_recbole.recipes import recipe_of
from graphcl.recbole.checks import check


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
    if config["enable_amp"]:
        raise UserError("enable_amp: models of graphcl do not follow it in RecBole; leave it out")
    _refuse_negatives(recipe, config["train_neg_sample_args"])
    settings: dict[str, Any] = overrides(recipe, _changed(recipe, config), "settings")
    return recipe.with_settings(settings | {"train.device": str(config["device"])})


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
