"""Our recommenders among RecBole's, by name."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import recbole

from graphcl.core.errors import nearest
from graphcl.from_recbole.keys import defaults
from graphcl.from_recbole.names import NAMES, PREFIX, nearest_of_ours, reason_left_out
from graphcl.from_recbole.recipes import recipe_of
from graphcl.recbole.patches import Patches

_KINDS = ("general", "context_aware", "sequential", "knowledge_aware")


def property_files() -> list[Path]:
    """The files with the settings of RecBole's own models, which have their names."""
    return sorted((Path(recbole.__file__).parent / "properties" / "model").glob("*.yaml"))


def recbole_names() -> list[str]:
    """Names of RecBole's own models."""
    return [path.stem for path in property_files()]


def unknown(name: str) -> str:
    """What to say of a model that neither RecBole nor graphcl has: the nearest of both."""
    left_out = reason_left_out(name)
    if left_out is not None:
        return left_out
    theirs = {own.lower(): own for own in recbole_names()}
    close = nearest(name.lower(), theirs)
    found = {nearest_of_ours(name): "graphcl", close and theirs[close]: "RecBole"}
    shown = [f"{other!r} of {zoo}" for other, zoo in found.items() if other]
    if not shown:
        return f"no model {name!r}; ours: {', '.join(our_names())}; RecBole's: https://recbole.io/model_list.html"
    return f"no model {name!r}; nearest: {', '.join(shown)}"


@cache
def our_names() -> tuple[str, ...]:
    """Names by which our models are found: all with the prefix, and without it where RecBole has none of the name."""
    free = [name for name in NAMES.values() if not _has(name)]
    return (*free, *(PREFIX + name for name in NAMES.values()))


def _has(name: str) -> bool:
    return any(find_spec(f"recbole.model.{kind}_recommender.{name.lower()}") is not None for kind in _KINDS)


def register(patches: Patches) -> None:
    """Let RecBole find our models, their trainer and their settings by name."""
    from recbole.config import Config

    from graphcl.recbole.model import General, Sequential
    from graphcl.recbole.trainer import GraphCLTrainer

    trainers = importlib.import_module("recbole.trainer")
    for name in our_names():
        base = Sequential if recipe_of(name, "")["task"] == "sequence" else General
        kind = "sequential" if base is Sequential else "general"
        path = f"recbole.model.{kind}_recommender.{name.lower()}"
        module = ModuleType(path, f"{name} of graphcl.")
        module.__spec__ = ModuleSpec(path, None)
        vars(module)[name] = type(name, (base,), {"__module__": path, "__doc__": f"{name}: {base.__doc__}"})
        patches.add_module(path, module)
        patches.set(trainers, f"{name}Trainer", GraphCLTrainer)
    update = Config._update_internal_config_dict

    def with_ours(self: Any, file: str) -> Any:
        """After RecBole's own settings and before those of a data set, where it reads a model's file."""
        found = update(self, file)
        if Path(file).name == "overall.yaml" and self.model in our_names():
            self.internal_config_dict.update(_settings(self.model, self.dataset))
        return found

    patches.set(Config, "_update_internal_config_dict", with_ours)


def _settings(name: str, dataset: str) -> dict[str, Any]:
    """The property file of a model of ours."""
    recipe = recipe_of(name, dataset)
    sequence = {"train_neg_sample_args": None} if recipe["task"] == "sequence" else {}
    return defaults(recipe) | sequence
