"""Augmenters of the structure: graph -> graph with the same nodes and other edges."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphcl.augment.centrality import Central, Centrality, centralities, drop_probabilities
from graphcl.augment.features import zero_features
from graphcl.augment.rebuild import (
    batch_vector,
    edge_stores,
    edge_units,
    global_edges,
    keep_between,
    node_counts,
    select_edges,
    uniform,
)
from graphcl.core.options import Count, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


def drop_edges(
    graph: Graph,
    p: float,
    *,
    symmetric: bool = True,
    central: Central | None = None,
    max_p: float = 0.7,
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


def drop_nodes(graph: Graph, p: float, *, zero: bool = False, generator: torch.Generator) -> Graph:
    """Drop each node with probability ``p``: SGL's ND (Wu et al., 2021), GraphCL's node dropping (You et al., 2020).

    All its edges go; it keeps its place, and the mask ``kept_nodes`` tells pooling that it is gone. At least one node
    of each graph of a batch (of the one graph, without a batch) is left.

    Args:
        graph: any PyG graph.
        p: probability that a node is dropped.
        zero: whether the features of dropped nodes become 0, for towers that do not read the mask.
        generator: source of the draws.

    Raises:
        UserError: ``zero`` and no ``x``, or one that is not made of dense floats.
    """
    like = edge_stores(graph)[0].edge_index
    draws = {name: uniform(count, like, generator) for name, count in node_counts(graph).items()}
    kept = {name: draw >= p for name, draw in draws.items()}
    if "" in kept:
        kept[""] |= _first_of_each(graph, -draws[""])
    return _keep(graph, kept, zero)


def _keep(graph: Graph, kept: dict[str, Tensor], zero: bool) -> Graph:
    left = keep_between(graph, kept)
    return zero_features(left, kept) if zero else left


def random_walk_subgraph(
    graph: Graph,
    start: float,
    length: int,
    *,
    keep: float | None = None,
    zero: bool = False,
    generator: torch.Generator,
) -> Graph:
    """Keep the edges between the nodes that random walks visit (the subgraph of GraphCL, You et al., NeurIPS 2020).

    Args:
        graph: any PyG graph; walks follow its edges from source to target. Of a batch, every graph.
        start: share of the nodes that a walk starts from; at least one in each graph.
        length: steps of a walk; one that cannot go on stays where it is.
        keep: share of the nodes of each graph after which its walks end (rounded, at least one node); None lets all
            walk to their end.
        zero: whether the features of nodes that no walk visits become 0, for towers that do not read the mask.
        generator: source of the draws.

    Raises:
        UserError: ``zero`` and no ``x``, or one that is not made of dense floats.
    """
    edges, offsets = global_edges(graph)
    counts = node_counts(graph)
    total = sum(counts.values())
    at = _starts(graph, total, start, edges, generator).nonzero().view(-1)
    visited = torch.zeros(total, dtype=torch.bool, device=edges.device)
    room = None if keep is None else _Room(_members(graph, total, edges), keep)
    _visit(visited, at, room)
    for reached in walk(edges, at, length, total, generator=generator):
        _visit(visited, reached, room)
        if room is not None and not bool(room.left.any()):
            break
    return _keep(graph, {name: visited.narrow(0, offsets[name], counts[name]) for name in counts}, zero)


class _Room:
    """How many more nodes each graph may have visited."""

    def __init__(self, member: Tensor, share: float) -> None:
        self.member = member
        self.left = (torch.bincount(member) * share).round().long().clamp_min(1)

    def admit(self, nodes: Tensor) -> Tensor:
        """Those of the new nodes [K] that find room, the first of each graph."""
        nodes = nodes[self.member[nodes].argsort(stable=True)]
        graph = self.member[nodes]
        count = torch.bincount(graph, minlength=self.left.numel())
        place = torch.arange(nodes.numel(), device=nodes.device) - (count.cumsum(0) - count)[graph]
        admitted = nodes[place < self.left[graph]]
        self.left = self.left - torch.bincount(self.member[admitted], minlength=self.left.numel())
        return admitted


def _visit(visited: Tensor, nodes: Tensor, room: _Room | None) -> None:
    if room is not None:
        nodes = nodes.unique()
        nodes = room.admit(nodes[~visited[nodes]])
    visited.index_fill_(0, nodes, True)


def walk(edges: Tensor, at: Tensor, length: int, total: int, *, generator: torch.Generator) -> Iterator[Tensor]:
    """Random walks, step by step.

    Args:
        edges: [2, E], followed from source to target.
        at: [B], where the walks begin.
        length: number of steps.
        total: number of nodes.
        generator: source of the draws.

    Yields:
        [B], where the walks are after each step; one that cannot go on stays where it is.
    """
    order = edges[0].argsort(stable=True)
    targets = edges[1].index_select(0, order)
    degree = torch.bincount(edges[0], minlength=total)
    first = degree.cumsum(0) - degree
    for _ in range(length if targets.numel() else 0):
        choices = degree.index_select(0, at)
        # The product can round up to the degree itself.
        step = torch.minimum((uniform(at.numel(), edges, generator) * choices).long(), (choices - 1).clamp_min(0))
        there = (first.index_select(0, at) + step).clamp_max(targets.numel() - 1)
        at = torch.where(choices > 0, targets.index_select(0, there), at)
        yield at


def _starts(graph: Graph, total: int, share: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """[N] bool: each node with probability ``share``, and in each graph the node of the smallest draw."""
    draws = uniform(total, like, generator)
    return (draws < share) | _first_of_each(graph, draws)


def _members(graph: Graph, total: int, like: Tensor) -> Tensor:
    """[N], the graph of each node; all of one without a batch."""
    member = batch_vector(graph)
    return torch.zeros(total, dtype=torch.int64, device=like.device) if member is None else member


def _first_of_each(graph: Graph, values: Tensor) -> Tensor:
    """[N] bool: the node of the smallest value in each graph."""
    member = _members(graph, values.numel(), values)
    graphs = int(member.max()) + 1 if values.numel() else 0
    smallest = values.new_full((graphs,), torch.inf).scatter_reduce(0, member, values, "amin")
    return values == smallest.index_select(0, member)


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


@register("augmenter", "drop_nodes", example={"p": 0.5}, level="graph", stochastic=True, edges="kept")
class DropNodes(nn.Module):
    """Drops nodes at random; see :func:`drop_nodes`."""

    def __init__(self, p: Probability = 0.1, zero: bool = False) -> None:
        """
        Args:
            p: Probability that a node is dropped, with all its edges; one node of each graph stays.
            zero: Whether the features of dropped nodes become 0, for towers that do not read the mask.
        """
        super().__init__()
        self.p, self.zero = p, zero

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph without the dropped nodes."""
        return drop_nodes(graph, self.p, zero=self.zero, generator=generator)


@register(
    "augmenter",
    "random_walk_subgraph",
    example={"start": 0.2, "length": 2},
    level="graph",
    stochastic=True,
    edges="kept",
)
class RandomWalkSubgraph(nn.Module):
    """Keeps what random walks visit; see :func:`random_walk_subgraph`."""

    def __init__(
        self, start: Probability = 0.1, length: Count = 10, keep: Probability | None = None, zero: bool = False
    ) -> None:
        """
        Args:
            start: Share of the nodes that a walk starts from (at least one in each graph).
            length: Steps of a walk.
            keep: Share of the nodes of each graph after which its walks end (at least one node); null lets all walk on.
            zero: Whether the features of nodes that no walk visits become 0, for towers that do not read the mask.
        """
        super().__init__()
        self.start, self.length, self.keep, self.zero = start, length, keep, zero

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with the edges between visited nodes."""
        return random_walk_subgraph(
            graph, self.start, self.length, keep=self.keep, zero=self.zero, generator=generator
        )
