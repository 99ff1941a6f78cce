"""Augmenters of the structure: graph -> graph with the same nodes and other edges."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphcl.augment.rebuild import (
    batch_vector,
    edge_stores,
    edge_units,
    ends,
    keep_between,
    node_counts,
    select_edges,
    uniform,
)
from graphcl.core.options import Count, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


def drop_edges(graph: Graph, p: float, *, symmetric: bool = True, generator: torch.Generator) -> Graph:
    """Drop each edge with probability ``p``; SGL's ED (Wu et al., SIGIR 2021), GRACE's RE (Zhu et al., 2020).

    Operators are normalised anew from the edges that are left.

    Args:
        graph: any PyG graph; its weights and attributes of edges go with the edges.
        p: probability that an edge is dropped.
        symmetric: one draw for the two directions of an edge, so an undirected graph stays one. False draws
            for each direction by itself, as GRACE's code does: 2p / (1 + p) of the surviving pairs are then
            one-way.
        generator: source of the draws.
    """
    units, total = edge_units(graph, symmetric)
    kept = uniform(total, units[0], generator) >= p
    return select_edges(graph, [kept.index_select(0, unit) for unit in units])


def drop_nodes(graph: Graph, p: float, *, generator: torch.Generator) -> Graph:
    """Drop all edges of each node with probability ``p``; the node itself stays. SGL's ND (Wu et al., SIGIR 2021)."""
    like = edge_stores(graph)[0].edge_index
    kept = {name: uniform(count, like, generator) >= p for name, count in node_counts(graph).items()}
    return keep_between(graph, kept)


def random_walk_subgraph(graph: Graph, start: float, length: int, *, generator: torch.Generator) -> Graph:
    """Keep the edges between the nodes that random walks visit (the subgraph of GraphCL, You et al., NeurIPS 2020).

    Args:
        graph: any PyG graph; walks follow its edges from source to target. Of a batch, every graph.
        start: share of the nodes that a walk starts from; at least one in each graph.
        length: steps of a walk; one that cannot go on stays where it is.
        generator: source of the draws.
    """
    edges, offsets = global_edges(graph)
    total = sum(node_counts(graph).values())
    at = _starts(graph, total, start, edges, generator).nonzero().view(-1)
    visited = torch.zeros(total, dtype=torch.bool, device=edges.device).index_fill_(0, at, True)
    for reached in walk(edges, at, length, total, generator=generator):
        visited.index_fill_(0, reached, True)
    counts = node_counts(graph)
    return keep_between(graph, {name: visited.narrow(0, offsets[name], counts[name]) for name in counts})


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


def global_edges(graph: Graph) -> tuple[Tensor, dict[str, int]]:
    """[2, E] over all types, nodes numbered one type after the other, and where each type begins."""
    offsets, start = {}, 0
    for name, count in node_counts(graph).items():
        offsets[name] = start
        start += count
    shifted = []
    for store in edge_stores(graph):
        source, target = ends(graph, store)
        shift = torch.tensor([[offsets[source]], [offsets[target]]], device=store.edge_index.device)
        shifted.append(store.edge_index + shift)
    return torch.cat(shifted, dim=1), offsets


def _starts(graph: Graph, total: int, share: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """[N] bool: each node with probability ``share``, and in each graph the node of the smallest draw."""
    draws = uniform(total, like, generator)
    member = batch_vector(graph)
    member = torch.zeros(total, dtype=torch.int64, device=like.device) if member is None else member
    graphs = int(member.max()) + 1 if total else 0
    smallest = draws.new_full((graphs,), 2.0).scatter_reduce(0, member, draws, "amin")
    return (draws < share) | (draws == smallest.index_select(0, member))


@register("augmenter", "drop_edges", example={"p": 0.5}, level="graph", stochastic=True, edges="kept")
class DropEdges(nn.Module):
    """Drops edges at random; see :func:`drop_edges`."""

    def __init__(self, p: Probability = 0.2, symmetric: bool = True) -> None:
        """
        Args:
            p: Probability that an edge is dropped.
            symmetric: Whether the two directions of an edge share one draw; false is GRACE's code.
        """
        super().__init__()
        self.p, self.symmetric = p, symmetric

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph without the dropped edges."""
        return drop_edges(graph, self.p, symmetric=self.symmetric, generator=generator)


@register("augmenter", "drop_nodes", example={"p": 0.5}, level="graph", stochastic=True, edges="kept")
class DropNodes(nn.Module):
    """Cuts nodes off at random; see :func:`drop_nodes`."""

    def __init__(self, p: Probability = 0.1) -> None:
        """
        Args:
            p: Probability that a node loses all its edges.
        """
        super().__init__()
        self.p = p

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph without the edges of dropped nodes."""
        return drop_nodes(graph, self.p, generator=generator)


@register("augmenter", "random_walk_subgraph", example={"start": 0.2, "length": 2}, level="graph", stochastic=True, edges="kept")
class RandomWalkSubgraph(nn.Module):
    """Keeps what random walks visit; see :func:`random_walk_subgraph`."""

    def __init__(self, start: Probability = 0.1, length: Count = 10) -> None:
        """
        Args:
            start: Share of the nodes that a walk starts from (at least one in each graph).
            length: Steps of a walk.
        """
        super().__init__()
        self.start, self.length = start, length

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph with the edges between visited nodes."""
        return random_walk_subgraph(graph, self.start, self.length, generator=generator)
