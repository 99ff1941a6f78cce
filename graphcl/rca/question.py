"""What a method is asked, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from graphcl.data.telemetry import Column
from graphcl.rca.walk import Edge, WalkOptions


@dataclass(frozen=True)
class Question:
    """What a method is asked.

    Attributes:
        normal: [N, C] rows before the anomaly, in the order of time.
        anomalous: [A, C] rows from the anomaly on.
        columns: [C] whose values these are.
        seed: Of whatever is drawn.
        walk: How a causal graph becomes a ranking; None is the method's own way.
        recipe: Of a method that trains; "" is its own.
        overrides: ``key=value`` laid over the recipe.
        edges: A graph that was drawn before, to be used instead of a new one; None draws one.
        breaks: Rows, counted over both parts, before which time jumps.
        callers: Service -> services that it calls, where that is known.
        votes: How many trainings, each with a seed of its own, vote on the graph.
    """

    normal: np.ndarray
    anomalous: np.ndarray
    columns: tuple[Column, ...]
    seed: int = 0
    walk: WalkOptions | None = None
    recipe: str = ""
    overrides: tuple[str, ...] = ()
    edges: tuple[Edge, ...] | None = None
    breaks: tuple[int, ...] = ()
    callers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    votes: int = 1


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
