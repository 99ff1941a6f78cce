"""How strongly metrics cause each other, as a trained forecaster tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from graphcl.core.config.recipe import Recipe, load_recipe
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.gated_forecast import GatedForecast
from graphcl.engine.fitted import Fitted
from graphcl.engine.library import fit
from graphcl.tasks.base import Batch


class Strengths(NamedTuple):
    """Row effect, column cause; self edges are 0 everywhere.

    Attributes:
        norm: [C, C], norms of the forecaster's gates.
        rise: [C, C], by how much a squared error rises when the cause's rows are shuffled.
        z: [C, C], that rise in its standard errors.
    """

    norm: np.ndarray
    rise: np.ndarray
    z: np.ndarray


def strengths(fitted: Fitted, *, seed: int = 0) -> Strengths:
    """What a trained forecaster says of every pair.

    The check by shuffles is on the rows held out for validation, where there are some: what was only learned by heart
    does not show there.

    Args:
        fitted: Of a recipe of the task `rca` with one `gated_forecast` on a tower's nodes.
        seed: Of the shuffles.

    Raises:
        UserError: the recipe has no such forecaster.
    """
    model, task = fitted.model.eval(), fitted.task
    name, head = _forecaster(fitted)
    spec = fitted.recipe["heads"][name]
    if spec["of"] != "nodes":
        raise UserError(f"heads.{name}.of: {spec['of']!r} mixes metrics; a gated_forecast reads the tower's nodes")
    held_out: list[Batch] = list(task.examples("valid"))  # type: ignore[attr-defined]
    held_out = held_out or list(task.batches(0, generator=generator(seed, "batches")))
    latents, targets = [], []
    device = next(head.parameters()).device
    with torch.no_grad():
        for batch in held_out:
            graph = batch.graphs["series"].to(device)
            rows = (graph.pos >= task.data.context - 1).nonzero().view(-1)  # type: ignore[attr-defined]
            latents.append(model.towers[spec["tower"]](View(graph)).nodes.index_select(0, rows))
            targets.append(graph.next.index_select(0, rows))
    draw = generator(seed, "shuffled causes")
    rise, spread = head.permuted_rise(torch.cat(latents), torch.cat(targets), generator=draw)
    found = (head.weights(), rise, rise / spread.clamp_min(1e-12))
    return Strengths(*(_without_self(x.double().cpu().numpy()) for x in found))


def _forecaster(fitted: Fitted) -> tuple[str, GatedForecast]:
    heads = {name: head for name, head in fitted.model.heads.items() if isinstance(head, GatedForecast)}
    if len(heads) != 1:
        raise UserError(f"{fitted.recipe.name}: {len(heads)} heads are a gated_forecast; causes are read of one")
    ((name, head),) = heads.items()
    return name, head


def attention(fitted: Fitted) -> np.ndarray:
    """[C, C], what a forecaster's gates say of each target (row) and source, self edges included.

    Raises:
        UserError: the recipe has no such forecaster.
    """
    return _forecaster(fitted)[1].weights().double().cpu().numpy()


def _without_self(scores: np.ndarray) -> np.ndarray:
    return scores * (1 - np.eye(len(scores)))


def gap_rule(attention: np.ndarray) -> list[int]:
    """The sources that TCDF (Nauta et al., MAKE 2019), and RUN's code after it, keep of one target.

    Sources by descending attention a while a >= 1: all up to the largest gap to the next one, if that lies after the
    first and before the middle, ``0 < i < (C - 1) / 2``; else the first alone. Of up to 5 sources all with a > 1.

    >>> gap_rule(np.array([1.4, 0.9, 1.5, 1.1, 0.8, 0.7, 0.6]))
    [2, 0]

    Args:
        attention: [C], of a `gated_forecast` with ``gate: attention``.
    """
    count = len(attention)
    if count <= 5:
        return [int(at) for at in np.flatnonzero(attention > 1)]
    order = np.argsort(-attention, kind="stable")
    ranked = attention[order]
    gaps = {at: ranked[at] - ranked[at + 1] for at in range(count - 1) if ranked[at] >= 1 and 0 < at < (count - 1) / 2}
    last = max(gaps, key=lambda at: gaps[at]) if gaps else 0
    return [int(at) for at in order[: last + 1]]


def causal_scores(
    values: Any,
    *,
    recipe: str | Recipe = "run_rca",
    overrides: Sequence[str] = (),
    seed: int = 0,
    hold_out: float = 0.0,
    **settings: Any,
) -> np.ndarray:
    """How strongly each metric causes each other one, [C, C]: row effect, column cause, at least 0, diagonal 0.

    Args:
        values: [T, C] finite numbers, rows in order of time; an array or a frame. ``data.normal=N`` says that the
            first N rows are normal (the scale is taken of them), ``data.breaks=[N]`` that time jumps before row N.
        recipe: A recipe of the task `rca`. Its ``eval.score`` chooses the norm of the gates or the rise of the error.
        overrides: ``key=value`` as on the command line.
        seed: Decides everything that is random.
        hold_out: Share of the rows, the last ones, that training does not see. 0 by default: the rows of an incident
            are few and come last, and what is told of them is the point.
        **settings: Keys of the recipe as Python values.

    Raises:
        GraphCLError: anything a user can get wrong, in one line.
    """
    loaded = load_recipe(recipe, overrides) if isinstance(recipe, str) else recipe.with_settings({})
    chosen: dict[str, Any] = {"train.seed": seed, "data.split.valid": hold_out, **settings}
    fitted = fit(loaded, data=values, **chosen)
    found = strengths(fitted, seed=seed)
    return np.maximum(found.rise if loaded["eval.score"] == "permutation" else found.norm, 0.0)
