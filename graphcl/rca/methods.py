"""Methods by name: each gives every metric a score, and some a causal graph.

A method is a function of a :class:`Question`. Change scores are plain functions of the two parts (``change.py``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphcl.core.errors import UserError, suggestion
from graphcl.rca import change
from graphcl.rca.graph_methods import granger_graph, rank_by_walk
from graphcl.rca.pc import pc_edges
from graphcl.rca.question import Answer, Question
from graphcl.rca.walk import Edge, WalkOptions

Method = Callable[[Question], Answer]


def of_change(score: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Method:
    """The method that ranks by a change score alone."""
    return lambda question: Answer(score(question.normal, question.anomalous))


def by_deviation(question: Question) -> Answer:
    """The change score of this package, and services that are gone."""
    services = [column.service for column in question.columns]
    return Answer(change.deviation_with_dead(question.normal, question.anomalous, services))


def of_graph(draw: Callable[[np.ndarray, int], list[Edge]]) -> Method:
    """The method that draws a graph over the normal and the anomalous part together, and walks on it."""

    return lambda question: rank_by_walk(question, lambda values: draw(values, question.seed))


def by_chance(question: Question) -> Answer:
    """A random order of the metrics."""
    return Answer(np.random.default_rng(question.seed).random(len(question.columns)))


def by_training(question: Question) -> Answer:
    """RUN: see :mod:`graphcl.rca.run`."""
    from graphcl.rca.run import rank_by_neural_walk

    return rank_by_neural_walk(question)


def as_published(question: Question) -> Answer:
    """RUN's published choices: see :mod:`graphcl.rca.run_reference`."""
    from graphcl.rca.run_reference import rank_as_published

    return rank_as_published(question)


#: Name on the command line -> method.
METHODS: dict[str, Method] = {
    "deviation": by_deviation,
    "zscore": of_change(change.n_sigma),
    "zscore-absolute": of_change(lambda normal, anomalous: change.n_sigma(normal, anomalous, absolute=True)),
    "baro": of_change(change.robust_scorer),
    "energy": of_change(change.energy_distance),
    "granger-pagerank": of_graph(lambda values, seed: granger_graph(values)),
    "pc-pagerank": of_graph(lambda values, seed: pc_edges(values, seed=seed)),
    "run": by_training,
    "run-reference": as_published,
    "random": by_chance,
}
#: Methods that draw a causal graph and walk on it.
GRAPHS = ("granger-pagerank", "pc-pagerank", "run", "run-reference")
#: Methods that train a recipe, with its name: what others say comes before.
TRAINED = {"run": "run_rca", "run-reference": "run_reference"}


def own_walk(method: str) -> WalkOptions:
    """How a method walks when nothing else is asked."""
    if method not in TRAINED:
        return WalkOptions()
    from graphcl.rca import run, run_reference

    return {"run": run.WALK, "run-reference": run_reference.WALK}[method]


def method_named(name: str) -> Method:
    """A method by its name.

    Raises:
        UserError: there is none of this name.
    """
    if name not in METHODS:
        raise UserError(f"--method {name!r} is unknown{suggestion(name, METHODS)}")
    return METHODS[name]
