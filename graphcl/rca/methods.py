"""Methods by name: each gives every metric a score, and some a causal graph.

A method is a function of a :class:`Question`. Change scores are plain functions of the two parts (``change.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from graphcl.core.errors import UserError, suggestion
from graphcl.data.telemetry import Column
from graphcl.rca import change
from graphcl.rca.graph_methods import WalkOptions, granger_graph, rank_by_walk
from graphcl.rca.pc import pc_edges
from graphcl.rca.walk import Edge


@dataclass(frozen=True)
class Question:
    """What a method is asked.

    Attributes:
        normal: [N, C] rows before the anomaly, in the order of time.
        anomalous: [A, C] rows from the anomaly on.
        columns: [C] whose values these are.
        seed: Of whatever is drawn.
        walk: How a causal graph becomes a ranking.
    """

    normal: np.ndarray
    anomalous: np.ndarray
    columns: tuple[Column, ...]
    seed: int = 0
    walk: WalkOptions = field(default_factory=WalkOptions)


@dataclass(frozen=True)
class Answer:
    """What a method says.

    Attributes:
        scores: [C] higher is likelier the cause; NaN is not judged.
        edges: (cause, effect, weight) between columns, where the method draws a graph.
        notes: What is to be said.
    """

    scores: np.ndarray
    edges: tuple[Edge, ...] = ()
    notes: tuple[str, ...] = ()


Method = Callable[[Question], Answer]


def of_change(score: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Method:
    """The method that ranks by a change score alone."""
    return lambda question: Answer(score(question.normal, question.anomalous))


def of_graph(draw: Callable[[np.ndarray, int], list[Edge]]) -> Method:
    """The method that draws a graph over the normal and the anomalous part together, and walks on it."""

    def method(question: Question) -> Answer:
        scores, edges, notes = rank_by_walk(
            question.normal, question.anomalous, lambda values: draw(values, question.seed), question.walk
        )
        return Answer(scores, tuple(edges), tuple(notes))

    return method


def by_chance(question: Question) -> Answer:
    """A random order of the metrics."""
    return Answer(np.random.default_rng(question.seed).random(len(question.columns)))


#: Name on the command line -> method.
METHODS: dict[str, Method] = {
    "deviation": of_change(change.deviation),
    "zscore": of_change(change.n_sigma),
    "zscore-absolute": of_change(lambda normal, anomalous: change.n_sigma(normal, anomalous, absolute=True)),
    "baro": of_change(change.robust_scorer),
    "energy": of_change(change.energy_distance),
    "granger-pagerank": of_graph(lambda values, seed: granger_graph(values)),
    "pc-pagerank": of_graph(lambda values, seed: pc_edges(values, seed=seed)),
    "random": by_chance,
}


def method_named(name: str) -> Method:
    """A method by its name.

    Raises:
        UserError: there is none of this name.
    """
    if name not in METHODS:
        raise UserError(f"--method {name!r} is unknown{suggestion(name, METHODS)}")
    return METHODS[name]
