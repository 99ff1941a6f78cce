"""Classical causal graphs over metrics, ranked by a walk: pairwise Granger or PC, then personalised PageRank."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.rca import change
from graphcl.rca.granger import granger_p_values
from graphcl.rca.walk import DAMPING, Direction, Edge, break_cycles, dangling_first, walk

#: Metrics that a graph is drawn over; of more, those that change most.
MOST_METRICS = 60


@dataclass(frozen=True)
class WalkOptions:
    """How a graph becomes a ranking.

    Attributes:
        direction: ``to_causes`` (from effects to what drives them) or ``to_effects``.
        personalisation: Where the walk begins: where metrics change, ``change`` (by the logarithm) or ``deviation``
            (in proportion); ``none`` (everywhere) or ``dangling`` (as RUN's published code).
        acyclic: Whether the weakest edge of every cycle goes first.
        weighted: Whether an edge is taken in proportion to its weight.
        damping: Probability of a further step.
    """

    direction: Direction = "to_causes"
    personalisation: Literal["change", "deviation", "none", "dangling"] = "change"
    acyclic: bool = False
    weighted: bool = False
    damping: float = DAMPING


def rank_by_walk(
    normal: np.ndarray,
    anomalous: np.ndarray,
    draw: Callable[[np.ndarray], list[Edge]],
    options: WalkOptions,
    most: int = MOST_METRICS,
    *,
    edges: Iterable[Edge] | None = None,
) -> tuple[np.ndarray, list[Edge], list[str]]:
    """Scores [C], the edges that the walk used, and what is to be said.

    Metrics that were left out of the graph follow those in it, by their change.

    Args:
        normal: [N, C] rows before the anomaly.
        anomalous: [A, C] rows from it on.
        draw: From [T, c] complete series to edges between them.
        options: See there.
        most: Metrics of the graph.
        edges: A graph between the [C] metrics that was drawn before; None draws one.
    """
    changed = change.deviation(normal, anomalous)
    level = np.log1p(np.maximum(np.nan_to_num(changed, nan=0.0), 0.0))
    values = filled(np.concatenate([normal, anomalous]))
    moving = np.flatnonzero(~change.constant(values))
    if len(moving) < 2:
        raise UserError(f"a causal graph needs metrics that move; here {counted(len(moving), 'metric')} does")
    inside = np.sort(moving[np.argsort(-level[moving], kind="stable")[:most]])
    notes = []
    if len(inside) < len(moving):
        notes.append(f"the graph is drawn over the {len(inside)} of {counted(len(moving), 'metric')} that change most")
    place = {metric: index for index, metric in enumerate(inside.tolist())}
    if edges is None:
        among = draw(values[:, inside])
    else:
        among = [(place[one], place[two], weight) for one, two, weight in edges if one in place and two in place]
    if options.acyclic:
        among = break_cycles(among)
    if not among:
        notes.append("the graph has no edge: no cause stands out, and the ranking follows the change")
    start = {
        "change": level[inside],
        "deviation": np.expm1(level[inside]),
        "none": None,
        "dangling": dangling_first(among, len(inside)),
    }
    visits = walk(
        among, len(inside), start[options.personalisation], direction=options.direction, weighted=options.weighted,
        damping=options.damping,
    )  # fmt: skip
    scores = np.where(level > 0, level / (1.0 + level) - 1.0, np.nan)  # below every visit
    scores[inside] = visits
    return scores, [(int(inside[cause]), int(inside[effect]), weight) for cause, effect, weight in among], notes


def granger_graph(values: np.ndarray, *, lags: int = 3, alpha: float = 0.05) -> list[Edge]:
    """Edges whose F test is below ``alpha``; the weight is ``-log10 p``."""
    p = granger_p_values(values, lags)
    return [
        (cause, effect, float(-np.log10(max(p[cause, effect], 1e-300))))
        for cause, effect in np.argwhere(p < alpha).tolist()
    ]


def filled(values: np.ndarray) -> np.ndarray:
    """Series without missing values: the last known value, before the first one that; 0 where there is none."""
    place = np.arange(len(values))[:, None]
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, place, -1), axis=0)
    first = np.where(known.any(axis=0), known.argmax(axis=0), 0)
    found = np.take_along_axis(values, np.where(last >= 0, last, first), axis=0)
    return np.nan_to_num(found, nan=0.0)
