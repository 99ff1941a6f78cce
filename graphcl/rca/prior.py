"""What is known of a causal graph beside the forecasts: a cause deviates first, and services that call each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from graphcl.data.telemetry import Column
from graphcl.rca.evidence import signs
from graphcl.rca.walk import Edge


def onsets(values: np.ndarray, start: int) -> np.ndarray:
    """[C] first row at which each metric deviates, as the evidence has it; one past the last for those that do not.

    Args:
        values: [T, C] the table.
        start: First row of the anomaly.
    """
    return np.array([len(values) if sign.row is None else sign.row for sign in signs(values, start)])


def in_order(edges: Iterable[Edge], onset: np.ndarray) -> list[Edge]:
    """The edges whose cause does not deviate after their effect.

    >>> in_order([(0, 1, 1.0), (1, 0, 1.0)], np.array([5, 7]))
    [(0, 1, 1.0)]
    """
    return [edge for edge in edges if onset[edge[0]] <= onset[edge[1]]]


def along_calls(edges: Iterable[Edge], columns: Sequence[Column], callers: Mapping[str, Sequence[str]]) -> list[Edge]:
    """The edges within a service, or between one and another that it calls, in either direction: load goes down the
    calls, waiting and errors come back up.

    Args:
        edges: Between the columns.
        columns: Whose they are; a column that stands for equal ones is of all their services.
        callers: Service -> services that it calls.
    """
    owners = [{one.service for one in (column, *column.same)} for column in columns]
    linked = {frozenset((one, other)) for one, called in callers.items() for other in called}

    def related(cause: int, effect: int) -> bool:
        pairs = ((one, other) for one in owners[cause] for other in owners[effect])
        return any(one == other or frozenset((one, other)) in linked for one, other in pairs)

    return [edge for edge in edges if related(edge[0], edge[1])]
