"""Embeddings of graphs that a recipe was not trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from graphcl.core.build import build
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError
from graphcl.core.registry import resolve
from graphcl.core.schema import part_schema
from graphcl.engine import checkpoint
from graphcl.engine.embed import embed
from graphcl.engine.model import Model
from graphcl.engine.prepare import data_reader, require_objects
from graphcl.engine.run import RunFolder
from graphcl.engine.views import Views
from graphcl.tasks.base import Task


def embed_unseen(
    model: Model, trained_on: Any, *, given: Any = None, options: Mapping[str, Any] | None = None
) -> tuple[dict[str, Tensor], Any]:
    """Embed new nodes or graphs with a trained model, as its recipe's ``embed`` block says.

    Args:
        model: Trained.
        trained_on: The data that it was trained on: what features it knows.
        given: A graph, or several, in memory.
        options: Options of the recipe's data part that differ, ``path`` above all.

    Returns:
        Node type (or record field) -> [N, d], and the new data, with the user's ids.

    Raises:
        UserError: the recipe can only embed what it was trained on, an option differs that cannot, or the features
            are not those it knows.
    """
    recipe = model.recipe
    reads = resolve("data", recipe.data_part).cls
    if not hasattr(reads, "load_unseen"):
        instead = getattr(reads, "unseen_by", "")
        told = f"other data is for {instead}" if instead else "it has no way to read new graphs"
        raise UserError(f"task {recipe['task']!r} embeds what it was trained on; {told}")
    if given is not None:
        require_objects(recipe, "graph")
    require_inductive(model)
    _require_fixed(recipe, getattr(reads, "fixed", ()), options or {})
    reader = data_reader(recipe, {"name": "", **(options or {})}, given=given)
    data = reader.load_unseen(trained_on)
    task = build("task", recipe["task"], {}, data=data)
    views = Views(recipe, task, seed=recipe["train.seed"], device=next(model.parameters()).device)
    trained = dict(model.augmenters.items())
    try:
        for name, augmenter in trained.items():
            if hasattr(augmenter, "for_graph"):  # it holds what it has read of the training graph
                model.augmenters[name] = augmenter.for_graph(next(iter(task.graphs.values())), task)  # type: ignore[operator]
        return embed(model, views, task, "test"), data
    finally:
        model.augmenters.update(trained)


def _require_fixed(recipe: Recipe, names: Iterable[str], options: Mapping[str, Any]) -> None:
    known = part_schema("data", recipe.data_part)["options"]
    for name in names:
        own = recipe["data"].get(name, known[name].get("default"))
        if name in options and options[name] != own:
            raise UserError(f"data.{name}: new data are read with that of the run ({own}); leave it out")


def require_inductive(model: Model) -> None:
    """Refuse towers that hold an embedding for every training node.

    Raises:
        UserError: there is one; names it.
    """
    for name, tower in model.towers.items():
        if getattr(tower, "tables", None):
            kind = model.recipe["towers"][name]["name"]
            raise UserError(
                f"tower '{name}' ({kind}) learns an embedding for each node it was trained on and has none for a new "
                "one; train a tower that reads features (gcn, mlp), or train again with the new nodes (train.init_from)"
            )


def load_model(run: RunFolder, recipe: Recipe, task: Task) -> Model:
    """The parts of a finished run with its best parameters.

    Raises:
        UserError: the checkpoint is missing, damaged or of another recipe.
    """
    model = Model(recipe, task, seed=recipe["train.seed"])
    with torch.no_grad():
        checkpoint.restore(checkpoint.read(run.best)[0], model)
    return model
