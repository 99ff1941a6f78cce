"""A YAML file of RecBole as settings of a recipe: for ``graphcl train --from-recbole``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from graphcl.core.config.recipe import load_recipe
from graphcl.core.errors import ConfigError, UserError
from graphcl.from_recbole.keys import keys_of, overrides
from graphcl.from_recbole.names import NAMES, RECIPES, TAKEN, nearest_of_ours, reason_left_out
from graphcl.from_recbole.protocol import READERS, SILENT, NotSame, not_computed

#: Keys whose value weighs something else in RecBole's model of the name.
_WEIGHTS = {"reg_weight", "ssl_weight", "ssl_reg", "proto_reg"}


@dataclass
class Translation:
    """What a YAML file of RecBole says in our words.

    Attributes:
        recipe: Name of the recipe.
        settings: Path -> value, to be laid over it.
        left_out: Keys that could not be honoured, each with the reason.
    """

    recipe: str
    settings: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def translate(file: str | Path, *, recipe: str = "") -> Translation:
    """Translate a file.

    Args:
        file: A YAML file as of RecBole's ``config_file_list``.
        recipe: In the place of the file's ``model``.

    Raises:
        UserError: it cannot be read, or names no model of ours.
        ConfigError: keys of data and evaluation that have another meaning here, one line each.
    """
    given = _read(Path(file))
    model = str(given.get("model", ""))
    found = Translation(recipe or _recipe_of(model, file))
    plain = load_recipe(found.recipe, settings={"data.path": "recbole"})
    if plain["task"] not in ("recommend", "sequence"):
        raise UserError(f"{file}: {found.recipe} is no recommender")
    sequence, problems, read = plain["task"] == "sequence", [], {"model"}
    for keys, settings_of in READERS:
        try:
            found.settings |= settings_of(given, sequence)
        except NotSame as error:
            problems.append(f"{file}: {error}")
        read |= keys
    known = keys_of(plain)
    weights = _other_weights(model, given)
    followed = {key: value for key, value in given.items() if key in known and key not in weights}
    try:
        found.settings |= overrides(plain, followed, str(file))
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    if given.get("use_gpu") is False:
        found.settings["train.device"] = "cpu"
    unread = set(given) - weights - read - set(known) - SILENT
    for key in given:
        if key in weights:
            found.left_out.append(f"{key}: weighs a sum or a norm in RecBole's {model}, and a mean here")
        elif key in unread:
            found.left_out.append(f"{key}: {found.recipe} has nothing of the kind")
    found.left_out += list(_within(given))
    return found


def _within(given: Mapping[str, Any]) -> Iterator[str]:
    """Parts of keys that are read which could not be honoured."""
    metrics = not_computed(given)
    if metrics:
        yield f"metrics: {', '.join(metrics)}: not computed"
    others = [kind for kind in given.get("load_col") or {} if kind != "inter"]
    if others:
        yield f"load_col: {', '.join(others)}: features of users and items are not read"


def _other_weights(model: str, given: Mapping[str, Any]) -> set[str]:
    if model not in TAKEN:
        return set()
    squares = model == "LightGCN" and given.get("require_pow")
    return _WEIGHTS & set(given) - ({"reg_weight"} if squares else set())


def _read(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {file}: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise UserError(f"{file}: expected KEY: VALUE lines of RecBole, got {type(found).__name__}")
    return {str(key): _number(value) for key, value in found.items()}


def _number(value: Any) -> Any:
    """``1e-3`` as RecBole reads it: YAML 1.1 takes it for a text."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def _recipe_of(model: str, file: str | Path) -> str:
    if model in RECIPES:
        return RECIPES[model]
    if not model:
        raise UserError(f"{file}: no model; give a recipe before --from-recbole, or model: NAME in the file")
    close = nearest_of_ours(model)
    names = f"nearest: {close!r}" if close else f"known: {', '.join(NAMES.values())}"
    raise UserError(f"{file}: {reason_left_out(model) or f'graphcl has no {model!r}; {names}'}")
