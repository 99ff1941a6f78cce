"""RUN (Lin et al., AAAI 2024): a graph of neural Granger causes, pruned, and a walk on it from effects to causes.

Departures from the published code, and why: self edges go before pruning (one of them takes all other edges with it),
a cycle loses its own weakest edge, the walk goes to causes and begins where metrics change, one encoder serves all
targets, and scales are those of the normal rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphcl.core.config.recipe import load_recipe
from graphcl.core.errors import UserError
from graphcl.rca.graph_methods import rank_by_walk
from graphcl.rca.methods import TRAINED
from graphcl.rca.question import Answer, Question
from graphcl.rca.walk import Edge, WalkOptions, majority

#: Metrics of the graph; the time grows with their square.
MOST_METRICS = 40
#: A cause is one whose score is so many median deviations above the median of all candidates of an effect.
CLEAR = 8.0
#: The walk begins where metrics change and takes few steps: the change says more than the graph.
WALK = WalkOptions("to_causes", "deviation", acyclic=True, weighted=True, damping=0.3)


def rank_by_neural_walk(question: Question) -> Answer:
    """Scores and pruned graph."""

    def draw(values: np.ndarray) -> list[Edge]:
        return neural_edges(values, question, question.recipe or TRAINED["run"])

    return rank_by_walk(question, draw, WALK, MOST_METRICS)


def require_recipe(recipe: str, overrides: Sequence[str]) -> None:
    """Refuse a recipe early.

    Raises:
        GraphCLError: unknown, unreadable, wrong keys, or of another task.
    """
    loaded = load_recipe(recipe, overrides)
    if loaded["task"] != "rca":
        raise UserError(f"recipe {recipe!r} is of the task {loaded['task']!r}; this method trains one of rca")


def neural_edges(values: np.ndarray, question: Question, recipe: str) -> list[Edge]:
    """Edges between series, the weight being the score that the recipe asks for.

    Args:
        values: [T, C] complete series, of some of the question's metrics.
        question: Which rows are normal (scales are theirs), where time jumps, the seed, how many of them vote, and what
            overlays the recipe.
        recipe: Name or file of a recipe of the task `rca`.
    """
    from graphcl.rca.neural import causal_scores  # with it comes torch, which the other methods do without

    settings = rows_of(question, recipe)

    def drawn(seed: int) -> list[Edge]:
        scores = causal_scores(values, recipe=recipe, overrides=question.overrides, seed=seed, **settings)
        return clear_edges(scores)

    return majority([drawn(question.seed + vote) for vote in range(question.votes)])


def rows_of(question: Question, recipe: str) -> dict[str, Any]:
    """Settings of a recipe's data: how many rows are normal, and where time jumps.

    A stretch no longer than what is read before the first forecast would not be learned from at all, so a jump before
    it is passed over.
    """
    context = load_recipe(recipe, question.overrides)["data.context"]
    rows = len(question.normal) + len(question.anomalous)
    breaks = [row for row in question.breaks if rows - row > context]
    return {"data.normal": len(question.normal), **({"data.breaks": breaks} if breaks else {})}


def clear_edges(scores: np.ndarray) -> list[Edge]:
    """(cause, effect, score) of the causes that stand out among all candidates of an effect.

    Args:
        scores: [C, C] row effect, column cause, diagonal 0.
    """
    others = ~np.eye(len(scores), dtype=bool)
    rows = scores[others].reshape(len(scores), -1)
    middle = np.median(rows, axis=1, keepdims=True)
    least = middle[:, 0] + CLEAR * np.median(np.abs(rows - middle), axis=1)
    clear = (scores > least[:, None]) & others & (scores > 0)
    return [(cause, effect, float(scores[effect, cause])) for effect, cause in np.argwhere(clear).tolist()]
