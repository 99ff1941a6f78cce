"""Edge dropping: all edges alike, or those between central nodes less often."""

from __future__ import annotations

import torch
from torch import nn

from graphcl.augment.centrality import Central, Centrality, centralities, drop_probabilities
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import edge_units, select_edges, uniform
from graphcl.core.options import Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


@plain
def drop_edges(
    graph: Graph,
    p: Probability,
    *,
    symmetric: bool = True,
    central: Central | None = None,
    max_p: Probability = 0.7,
    generator: torch.Generator,
) -> Graph:
    """Drop each edge with probability ``p``; SGL's ED (Wu et al., SIGIR 2021), GRACE's RE (Zhu et al., 2020).

    With ``central``, edges between central nodes are dropped less often than others and ``p`` is the mean (GCA,
    Zhu et al., WWW 2021). Operators are normalised anew from the edges that are left.

    Args:
        graph: any PyG graph; its weights and attributes of edges go with the edges.
        p: probability that an edge is dropped.
        symmetric: one draw for the two directions of an edge, so an undirected graph stays one. False draws
            for each direction by itself, as GRACE's code does: 2p / (1 + p) of the surviving pairs are then
            one-way.
        central: how central nodes are, of :func:`graphcl.augment.centrality.centralities`; None: all edges alike.
        max_p: with ``central``, the largest probability of an edge; where it binds, the mean is below ``p``.
        generator: source of the draws.
    """
    units, total = edge_units(graph, symmetric)
    chance = p if central is None else drop_probabilities(graph, units, total, p, central, max_p)
    kept = uniform(total, units[0], generator) >= chance
    return select_edges(graph, [kept.index_select(0, unit) for unit in units])


@register("augmenter", "drop_edges", example={"p": 0.5}, level="graph", stochastic=True, edges="kept")
class DropEdges(nn.Module):
    """Drops edges at random; see :func:`drop_edges`."""

    def __init__(
        self, p: Probability = 0.2, symmetric: bool = True, centrality: Centrality = "none", max_p: Probability = 0.7
    ) -> None:
        """
        Args:
            p: Probability that an edge is dropped.
            symmetric: Whether the two directions of an edge share one draw; false is GRACE's code.
            centrality: Edges between central nodes are dropped less often, p being the mean; none drops all alike.
            max_p: With a centrality, the largest probability of an edge; where it binds, fewer than p are dropped.
        """
        super().__init__()
        self.p, self.symmetric, self.centrality, self.max_p = p, symmetric, centrality, max_p

    @property
    def largest_rate(self) -> float:
        """The probability with which any edge is dropped at most."""
        return self.p if self.centrality == "none" else self.max_p

    def prepare(self, graph: Graph) -> Central | None:
        """What the draws need of the graph before any augmentation: how central its nodes are."""
        return None if self.centrality == "none" else centralities(graph, self.centrality)

    def forward(self, graph: Graph, *, generator: torch.Generator, prepared: Central | None = None) -> Graph:
        """The graph without the dropped edges; ``prepared`` is that of the graph itself unless given."""
        central = self.prepare(graph) if prepared is None else prepared
        return drop_edges(
            graph, self.p, symmetric=self.symmetric, central=central, max_p=self.max_p, generator=generator
        )
