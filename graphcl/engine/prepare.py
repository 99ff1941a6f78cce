"""What training begins with: the device and its threads, the data, the task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from graphcl.core.build import build
from graphcl.core.config.data_kinds import data_kinds
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError
from graphcl.core.registry import resolve
from graphcl.core.schema import part_schema
from graphcl.engine.launch import own_device
from graphcl.engine.run import RunFolder
from graphcl.engine.surroundings import propagation
from graphcl.tasks.base import Task


def set_up(recipe: Recipe) -> torch.device:
    """Threads and device of a recipe.

    Raises:
        UserError: the device does not exist here.
        MissingExtra: see :func:`propagation`.
    """
    propagation(recipe["train.backend"])  # refused before any data is read
    if recipe["train.threads"]:
        torch.set_num_threads(recipe["train.threads"])
    return own_device(device_of(recipe["train.device"], "train.device"))


def device_of(name: str, where: str) -> torch.device:
    """The device of that name; ``auto`` is a CUDA device where there is one.

    Raises:
        UserError: the device does not exist here; says where it was asked for.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"{where}: {name!r} is not a device; known: auto, cpu, cuda, cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"{where}: {name!r} asked for, but torch sees no CUDA device here; use cpu or auto")
    return device


def load_data(recipe: Recipe, *, data_root: Path | None = None) -> Any:
    """Read and split the recipe's data."""
    return data_reader(recipe, data_root=data_root).load(seed=recipe["train.seed"])


def data_reader(recipe: Recipe, options: Mapping[str, Any] | None = None, **context: Any) -> Any:
    """The recipe's data part; ``options`` are laid over its own."""
    given = {**recipe["data"], **(options or {})}
    return build("data", recipe.data_part, {key: given[key] for key in given if key != "kind"}, **context)


def require_objects(recipe: Recipe, kind: str) -> None:
    """Refuse objects in memory where the recipe's data part reads files alone.

    Raises:
        UserError: it does.
    """
    part = recipe.data_part
    if "given" not in part_schema("data", part)["supplied"]:
        own = part == data_kinds(recipe["task"])[0]
        what = f"the task {recipe['task']!r}" if own else f"data of the kind {part!r}"
        raise UserError(f"{recipe.name}: {what} takes no {kind} objects; give data.path")


def make_task(recipe: Recipe, data: Any) -> Task:
    """The recipe's task over loaded data."""
    return build("task", recipe["task"], recipe["eval"], data=data)


def stored_data(recipe: Recipe, run: RunFolder) -> Any:
    """The data a run keeps, or None where it keeps none."""
    read = getattr(resolve("data", recipe.data_part).cls, "read", None)
    return read(run.data) if read is not None and run.data.is_dir() else None
