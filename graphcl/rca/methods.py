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


@dataclass(frozen=True)
class Question:
    """What a method is asked.

    Attributes:
        normal: [N, C] rows before the anomaly, in the order of time.
        anomalous: [A, C] rows from the anomaly on.
        columns: [C] whose values these are.
        callers: Service -> services that it calls, where the topology is known.
        front: Column at which the symptom is seen, or None.
        seed: Of whatever is drawn.
    """

    normal: np.ndarray
    anomalous: np.ndarray
    columns: tuple[Column, ...]
    callers: dict[str, list[str]] = field(default_factory=dict)
    front: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """What a method says.

    Attributes:
        scores: [C] higher is likelier the cause; NaN is not judged.
        edges: (cause, effect, weight) between columns, where the method draws a graph.
        notes: What is to be said.
    """

    scores: np.ndarray
    edges: tuple[tuple[int, int, float], ...] = ()
    notes: tuple[str, ...] = ()


Method = Callable[[Question], Answer]


def of_change(score: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Method:
    """The method that ranks by a change score alone."""
    return lambda question: Answer(score(question.normal, question.anomalous))


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
