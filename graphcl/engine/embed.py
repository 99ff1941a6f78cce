"""What leaves a recipe: embeddings of the full graph, or of the records of a split."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graphcl.core.address import parse_address
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError
from graphcl.core.files import replacing
from graphcl.encode.base import Encoding, Graph, View
from graphcl.engine.flow import StepFlow
from graphcl.engine.model import Model
from graphcl.engine.views import Views
from graphcl.tasks.base import Batch, Split, Task

#: Nodes of a large graph that are encoded at a time.
BLOCK_NODES = 1 << 16


@torch.no_grad()
def embed(model: Model, views: Views, task: Task, split: Split) -> dict[str, Tensor]:
    """Embeddings as the recipe's ``embed`` block says.

    Args:
        model: Put in evaluation mode for the call.
        views: Draws the view that is embedded (the clean graph unless the block names another).
        task: Gives the graphs, or the records of ``split`` where examples have graphs of their own.
        split: Which records are embedded; a task with one full graph embeds all of it.

    Returns:
        Node type -> [N, d]; "" for a homogeneous graph; record field -> [n, d] for records, beside them the tables
        that their towers read.

    Raises:
        UserError: the tower gives no latents of the level asked for.
    """
    if hasattr(task, "examples"):
        return embed_records(model, views, task, task.examples(split))
    was_training = model.training
    model.eval()
    try:
        block = model.recipe["embed"]
        if getattr(task, "hops", 0):
            return {"": _scaled(model.recipe, _in_blocks(model, views))}
        if block["latents"]:
            return _combined(StepFlow(model, views, None, types=task.types, epoch=0, step=0))
        drawn = block["view"]
        view = views.draw(drawn, epoch=0, step=0, call=model.augment) if drawn else views.clean(block["of"])
        encoding = _tower(model, block["tower"])(view)
        rows = _level(encoding, block["level"] or "nodes", block["tower"])
        slices = encoding.slices or {"": (0, len(rows))}
        return {name: _scaled(model.recipe, rows[start:stop]) for name, (start, stop) in slices.items()}
    finally:
        model.train(was_training)


@torch.no_grad()
def embed_records(model: Model, views: Views, task: Task, batches: Iterable[Batch]) -> dict[str, Tensor]:
    """Embeddings of records, of whatever split or none, as the recipe's ``embed`` block says.

    Args:
        model: Put in evaluation mode for the call.
        views: See :func:`embed`.
        task: Gives the types of nodes.
        batches: Of records, as the task's ``examples`` are.

    Returns:
        Record field -> [n, d], rows in the order of ``batches``, beside them the tables that their towers read.

    Raises:
        UserError: the tower gives no latents of the level asked for.
    """
    was_training = model.training
    model.eval()
    try:
        return _records(model, views, task, batches)
    finally:
        model.train(was_training)


def _in_blocks(model: Model, views: Views) -> Tensor:
    """The nodes of a large graph, exactly. The model has refused what takes the whole graph at once."""
    block = model.recipe["embed"]
    return _encoder(model, block["tower"]).in_blocks(views.clean(block["of"]), BLOCK_NODES)


def embed_untrained(recipe: Recipe, task: Task, *, seed: int, device: torch.device) -> dict[str, Tensor]:
    """Test embeddings of the recipe's parts with the weights they have before any training."""
    model = Model(recipe, task, seed=seed).to(device)
    return embed(model, Views(recipe, task, seed=seed, device=device), task, "test")


def _combined(flow: StepFlow) -> dict[str, Tensor]:
    """``embed.latents``, added or put beside each other; node type -> rows.

    Raises:
        UserError: latents of different widths are added.
    """
    block, recipe = flow.model.recipe["embed"], flow.model.recipe
    latents = [flow.tensor(text).detach() for text in block["latents"]]
    if block["combine"] == "concat":
        rows = torch.cat(latents, dim=1)
    elif len({latent.shape for latent in latents}) == 1:
        rows = torch.stack(latents).sum(0)
    else:
        shapes = ", ".join(f"'{text}' {list(x.shape)}" for text, x in zip(block["latents"], latents, strict=True))
        raise UserError(f"embed.latents: only latents of one shape can be added: {shapes}; or set embed.combine=concat")
    first = parse_address(block["latents"][0])
    slices = flow.encoding(first.tower, first.view).slices or {"": (0, len(rows))}
    return {name: _scaled(recipe, rows[start:stop]) for name, (start, stop) in slices.items()}


def _records(model: Model, views: Views, task: Task, batches: Iterable[Batch]) -> dict[str, Tensor]:
    block = model.recipe["embed"]
    parts: dict[str, list[Tensor]] = {}
    device = next(model.parameters()).device
    for batch in batches:
        if block["latents"]:
            graphs = {name: graph.to(device) for name, graph in batch.graphs.items()}
            if len(graphs) > 1:
                raise UserError(f"embed.latents: records have several fields ({', '.join(graphs)}); use embed.towers")
            flow = StepFlow(model, views, replace(batch, graphs=graphs), types=task.types, epoch=0, step=0)
            parts.setdefault(next(iter(graphs)), []).append(_combined(flow)[""])
            continue
        for name, graph in batch.graphs.items():
            tower = block["towers"].get(name, block["tower"])
            encoding = _tower(model, tower)(_view(model, views, name, graph.to(device), batch))
            rows = _level(encoding, block["level"] or "graphs", tower)
            parts.setdefault(name, []).append(_scaled(model.recipe, rows))
    return {name: torch.cat(rows) for name, rows in parts.items()} | _tables(model, parts)


def _view(model: Model, views: Views, field: str, graph: Graph, batch: Batch) -> View:
    """The records of a field as they are embedded: as they are, or in `embed.view` where that is one of the field."""
    name = model.recipe["embed"]["view"]
    if not name or (model.recipe["views"][name]["of"] or next(iter(batch.graphs))) != field:
        return View(graph)
    return views.draw(name, epoch=0, step=0, batch=replace(batch, graphs={field: graph}), call=model.augment)


def _tables(model: Model, fields: Collection[str]) -> dict[str, Tensor]:
    """The embedding tables that the records' towers read, node type -> [N, d]: what records are compared with."""
    block, found = model.recipe["embed"], {}
    for field in fields:
        tower = _encoder(model, block["towers"].get(field, block["tower"]))
        tables: Mapping[str, Tensor] = getattr(tower, "tables", {})
        found.update({name: _scaled(model.recipe, table.detach()) for name, table in tables.items()})
    return found


def _tower(model: Model, name: str) -> torch.nn.Module:
    if name in model.towers:
        return model.towers[name]
    if name in model.states:
        return model.states[name]
    raise UserError(f"embed.tower: the recipe has no tower {name!r}; towers: {', '.join(model.towers)}")


def _encoder(model: Model, name: str) -> Any:
    """The tower itself; of a teacher, its copy of the tower."""
    tower: Any = _tower(model, name)
    return tower.copies[tower.tower] if hasattr(tower, "copies") else tower


def _level(encoding: Encoding, level: str, tower: str) -> Tensor:
    found: Tensor | None = getattr(encoding, level)
    if found is None:
        lacking = "thresholds" if level == "shares" else "pooling"
        raise UserError(f"embed.level: tower '{tower}' gives no {level}; set its {lacking}")
    return found.detach()


def _scaled(recipe: Recipe, rows: Tensor) -> Tensor:
    return F.normalize(rows, dim=1) if recipe["embed.normalize"] else rows


def save_embeddings(path: Path, embeddings: Mapping[str, Tensor]) -> None:
    """Write embeddings as safetensors; the homogeneous "" is stored as ``nodes``."""
    from safetensors.torch import save_file

    with replacing(path) as temporary:
        save_file({name or "nodes": rows.cpu().contiguous() for name, rows in embeddings.items()}, temporary)


def load_embeddings(path: Path) -> dict[str, Tensor]:
    """Read what :func:`save_embeddings` wrote.

    Raises:
        UserError: missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return {"" if name == "nodes" else name: rows for name, rows in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"cannot read the embeddings {path}: truncated, missing or not graphcl's ({error}); train the run again"
        ) from error
