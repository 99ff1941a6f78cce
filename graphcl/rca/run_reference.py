"""RUN as its published code ranks, for comparison: what :mod:`graphcl.rca.run` departs from.

The recipe `run_reference` trains; each target keeps what the gap rule finds of its attention, itself not excluded.
While the graph has a cycle, the edge of the least signed correlation goes, on a cycle or not; a self edge has
correlation 1 and so goes last. The walk goes to effects and begins, twice as often as elsewhere, where nothing is
caused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx as nx
import numpy as np

from graphcl.rca.graph_methods import rank_by_walk
from graphcl.rca.methods import TRAINED
from graphcl.rca.question import Answer, Question
from graphcl.rca.run import MOST_METRICS, rows_of
from graphcl.rca.walk import Edge, WalkOptions

WALK = WalkOptions("to_effects", "dangling", prior="none")


def rank_as_published(question: Question) -> Answer:
    """Scores and the graph that is left."""

    def draw(values: np.ndarray) -> list[Edge]:
        edges = attention_edges(values, question, question.recipe or TRAINED["run-reference"])
        return pruned_as_published(edges, values)

    return rank_by_walk(question, draw, WALK, MOST_METRICS)


def attention_edges(values: np.ndarray, question: Question, recipe: str) -> list[Edge]:
    """(cause, effect, attention) by the gap rule, self edges included.

    Args:
        values: [T, C] complete series, of some of the question's metrics.
        question: As for :func:`graphcl.rca.run.neural_edges`.
        recipe: Name or file of a recipe like `run_reference`.
    """
    from graphcl.core.config.recipe import load_recipe
    from graphcl.engine.library import fit
    from graphcl.rca.neural import attention, gap_rule

    settings: dict[str, Any] = {"train.seed": question.seed, **rows_of(question, recipe)}
    found = attention(fit(load_recipe(recipe, question.overrides), data=values, **settings))
    return [
        (cause, effect, float(max(row[cause], 1e-9))) for effect, row in enumerate(found) for cause in gap_rule(row)
    ]


def pruned_as_published(edges: Iterable[Edge], values: np.ndarray) -> list[Edge]:
    """Edges without cycles: the least correlated of all go until none is left.

    Args:
        edges: Between the columns.
        values: [T, C] series, none constant.
    """
    correlation = np.corrcoef(values.T)
    left = sorted(edges, key=lambda edge: correlation[edge[0], edge[1]])
    graph = nx.DiGraph([edge[:2] for edge in left])
    while left and not nx.is_directed_acyclic_graph(graph):
        graph.remove_edge(*left.pop(0)[:2])
    return left
