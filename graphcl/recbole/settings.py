"""A RecBole config as a recipe."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from logging import getLogger
from pathlib import Path
from typing import Any

import recbole

from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import ConfigError, UserError, nearest
from graphcl.from_recbole.keys import keys_of, overrides
from graphcl.from_recbole.recipes import recipe_of

#: Keys that RecBole reads without a default in any of its files.
_UNLISTED = {
    "model", "dataset", "config_files", "nproc", "ip", "port", "world_size", "offset", "group_offset", "local_rank",
    "single_spec", "verbose", "encoding", "loss_type", "use_text", "log_root",
}  # fmt: skip


def recipe_in(config: Any) -> Recipe:
    """The recipe of the config's model, with the settings that the config changes.

    Raises:
        UserError: settings that cannot be followed.
        ConfigError: unknown keys, or values out of range.
    """
    recipe = recipe_of(config["model"], config["dataset"])
    refuse_unknown(config, keys_of(recipe))
    if not config["single_spec"]:
        raise UserError("models of graphcl are trained by one process in RecBole; leave nproc and world_size out")
    if config["enable_amp"]:
        raise UserError("enable_amp: models of graphcl do not follow it in RecBole; leave it out")
    settings: dict[str, Any] = overrides(recipe, config.final_config_dict)
    return recipe.with_settings(settings | {"train.device": str(config["device"])})


def refuse_unknown(config: Any, own_keys: Iterable[str] = ()) -> None:
    """Refuse keys that nobody reads; those of other models are noted in the log.

    Args:
        config: RecBole's.
        own_keys: Keys of the model that are in no property file of RecBole.

    Raises:
        ConfigError: one line for each, with the nearest.
    """
    known = {*config.internal_config_dict, *own_keys, *_UNLISTED}
    known.update(key for keys in config.parameters.values() for key in keys)
    given = {*config.file_config_dict, *config.variable_config_dict}
    others = [key for key in config.external_config_dict if key not in known]
    wrong = [key for key in others if key in given and key not in keys_of_others()]
    if wrong:
        raise ConfigError([unknown_key(key, known) for key in wrong])
    if others:
        getLogger().warning(f"{config['model']} does not read {', '.join(others)}")


def unknown_key(key: str, known: set[str]) -> str:
    """One line about a key that nobody reads."""
    close = nearest(key, known)
    advice = f"nearest: {close!r}" if close else "neither RecBole nor graphcl reads it"
    return f"settings: unknown key {key!r}; {advice}"


@cache
def keys_of_others() -> frozenset[str]:
    """Keys in the property files of RecBole's models."""
    folder = Path(recbole.__file__).parent / "properties" / "model"
    lines = [line for file in folder.glob("*.yaml") for line in file.read_text(encoding="utf-8").splitlines()]
    return frozenset(line.partition(":")[0] for line in lines if line[:1].isalpha() and ":" in line)
