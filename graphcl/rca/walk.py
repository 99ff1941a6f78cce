"""From a causal graph over metrics to a ranking: self-edges dropped, cycles broken, a walk from effects to causes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import networkx as nx
import numpy as np

#: (cause, effect, weight above 0); a larger weight is better evidence.
Edge = tuple[int, int, float]

#: To causes: from an effect to what drives it. To effects: as published with RUN, where symptoms collect the mass.
Direction = Literal["to_causes", "to_effects"]

DAMPING = 0.85


@dataclass(frozen=True)
class WalkOptions:
    """How a graph becomes a ranking.

    Attributes:
        direction: ``to_causes`` (from effects to what drives them) or ``to_effects``.
        personalisation: Where the walk begins: where metrics change, ``change`` (by the logarithm) or ``deviation``
            (in proportion); ``none`` (everywhere) or ``dangling`` (as RUN's published code).
        prior: What edges must agree with: ``map`` (services that call each other, where that is known), ``onset`` (a
            cause deviates no later than its effect), ``both`` or ``none``.
        acyclic: Whether the weakest edge of every cycle goes first.
        weighted: Whether an edge is taken in proportion to its weight.
        damping: Probability of a further step.
    """

    direction: Direction = "to_causes"
    personalisation: Literal["change", "deviation", "none", "dangling"] = "change"
    prior: Literal["map", "onset", "both", "none"] = "map"
    acyclic: bool = False
    weighted: bool = False
    damping: float = DAMPING


def break_cycles(edges: Iterable[Edge]) -> list[Edge]:
    """The edges without self-edges and, of every cycle, without its weakest edge.

    Edges are taken from the strongest to the weakest; one that would close a cycle is the weakest of that cycle and is
    left out. No edge falls that is on no cycle.

    >>> break_cycles([(0, 0, 9.0), (0, 1, 3.0), (1, 2, 2.0), (2, 0, 1.0), (2, 3, 0.1)])
    [(0, 1, 3.0), (1, 2, 2.0), (2, 3, 0.1)]
    """
    after: dict[int, int] = {}  # node -> bit set of the nodes that it reaches, itself included
    before: dict[int, set[int]] = {}
    kept = []
    for cause, effect, weight in sorted(edges, key=lambda edge: -edge[2]):
        if cause == effect:
            continue
        for node in (cause, effect):
            after.setdefault(node, 1 << node)
            before.setdefault(node, {node})
        if after[effect] >> cause & 1:
            continue
        kept.append((cause, effect, weight))
        if not after[cause] >> effect & 1:
            for node in list(before[cause]):
                new = after[effect] & ~after[node]
                after[node] |= new
                while new:
                    lowest = new & -new
                    before[lowest.bit_length() - 1].add(node)
                    new ^= lowest
    return kept


def majority(graphs: Sequence[Sequence[Edge]]) -> list[Edge]:
    """The edges of more than half of several graphs, each with its mean weight where it is.

    >>> majority([[(0, 1, 1.0), (1, 2, 5.0)], [(0, 1, 2.0)], [(0, 1, 3.0), (2, 1, 1.0)]])
    [(0, 1, 2.0)]
    """
    weights: dict[tuple[int, int], list[float]] = {}
    for cause, effect, weight in (edge for graph in graphs for edge in graph):
        weights.setdefault((cause, effect), []).append(weight)
    return [(*pair, sum(found) / len(found)) for pair, found in weights.items() if 2 * len(found) > len(graphs)]


def walk(
    edges: Iterable[Edge],
    nodes: int,
    personalisation: np.ndarray | None = None,
    *,
    direction: Direction = "to_causes",
    weighted: bool = True,
    damping: float = DAMPING,
) -> np.ndarray:
    """[nodes] personalised PageRank: where a walk is found that follows the edges and begins anew at the anomalous.

    Args:
        edges: Of the causal graph; self-edges are ignored.
        nodes: How many nodes there are; those without edges take part.
        personalisation: [nodes] where the walk begins, at least 0; None is everywhere.
        direction: ``to_causes`` walks against the edges, so that causes collect the mass.
        weighted: Whether an edge is taken in proportion to its weight.
        damping: Probability of a further step.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(range(nodes))
    for cause, effect, weight in edges:
        if cause != effect:
            ends = (effect, cause) if direction == "to_causes" else (cause, effect)
            graph.add_edge(*ends, weight=weight if weighted else 1.0)
    start: dict[int, float] | None = None
    if personalisation is not None:
        level = np.nan_to_num(personalisation, nan=0.0).clip(0.0)
        if level.sum() > 0:
            start = dict(enumerate((level / level.sum()).tolist()))
    found = nx.pagerank(graph, alpha=damping, personalization=start, dangling=start, max_iter=500, tol=1e-9)
    return np.array([found[node] for node in range(nodes)])


def dangling_first(edges: Sequence[Edge], nodes: int) -> np.ndarray:
    """[nodes] the personalisation of RUN's published code: 1 for nodes that cause nothing, 0.5 for the others."""
    causes = np.zeros(nodes, dtype=bool)
    causes[[cause for cause, effect, _ in edges if cause != effect]] = True
    return np.where(causes, 0.5, 1.0)
