"""Classical causal graphs over metrics, ranked by a walk: pairwise Granger or PC, then personalised PageRank."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.rca import change
from graphcl.rca.granger import granger_p_values
from graphcl.rca.prior import along_calls, in_order, onsets
from graphcl.rca.question import Answer, Question
from graphcl.rca.walk import Edge, WalkOptions, break_cycles, dangling_first, walk

#: Metrics that a graph is drawn over; of more, those that change most.
MOST_METRICS = 60


def rank_by_walk(
    question: Question,
    draw: Callable[[np.ndarray], list[Edge]],
    own: WalkOptions = WalkOptions(),
    most: int = MOST_METRICS,
) -> Answer:
    """Where a walk on a causal graph ends; with the edges that it used.

    Metrics that were left out of the graph follow those in it, by their change.

    Args:
        question: Its walk is taken where it has one, and its edges, where it has some, in the place of new ones.
        draw: From [T, c] complete series to edges between them.
        own: The walk where the question has none.
        most: Metrics of the graph.

    Raises:
        UserError: fewer than two metrics move.
    """
    options = question.walk or own
    services = [column.service for column in question.columns]
    changed = change.deviation_with_dead(question.normal, question.anomalous, services)
    level = np.log1p(np.maximum(np.nan_to_num(changed, nan=0.0), 0.0))
    values = filled(np.concatenate([question.normal, question.anomalous]))
    moving = np.flatnonzero(~change.constant(values))
    if len(moving) < 2:
        raise UserError(f"a causal graph needs metrics that move; here {counted(len(moving), 'metric')} does")
    inside = np.sort(moving[np.argsort(-level[moving], kind="stable")[:most]])
    notes = []
    if len(inside) < len(moving):
        notes.append(f"the graph is drawn over the {len(inside)} of {counted(len(moving), 'metric')} that change most")
    place = {metric: index for index, metric in enumerate(inside.tolist())}
    if question.edges is None:
        among = draw(values[:, inside])
    else:
        among = [(place[a], place[b], weight) for a, b, weight in question.edges if a in place and b in place]
    among = _agreeing(among, question, inside, options.prior, notes)
    if options.acyclic:
        among = break_cycles(among)
    if not among:
        follows = ", and the ranking follows the change" if options.personalisation in ("change", "deviation") else ""
        notes.append(f"the graph has no edge: no cause stands out{follows}")
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
    edges = tuple((int(inside[cause]), int(inside[effect]), weight) for cause, effect, weight in among)
    return Answer(scores, edges, tuple(notes))


def _agreeing(edges: list[Edge], question: Question, inside: np.ndarray, prior: str, notes: list[str]) -> list[Edge]:
    """The edges, between the metrics ``inside``, that a prior leaves; how many fell is noted."""
    left = edges
    if prior in ("onset", "both"):
        values = np.concatenate([question.normal, question.anomalous])[:, inside]
        left = in_order(left, onsets(values, len(question.normal)))
    if prior in ("map", "both") and question.callers:
        left = along_calls(left, [question.columns[index] for index in inside], question.callers)
    if len(left) < len(edges):
        out = len(edges) - len(left)
        notes.append(f"{out} of {counted(len(edges), 'edge')} left out: they do not agree with the prior ({prior})")
    return left


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
