"""Random walks, and the part of a graph that they visit."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphcl.augment.drop_nodes import first_of_each, keep_nodes, members_of
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import global_edges, node_counts, uniform
from graphcl.core.options import Count, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


@plain
def random_walk_subgraph(
    graph: Graph,
    start: Probability,
    length: Count,
    *,
    keep: Probability | None = None,
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
    room = None if keep is None else _Room(members_of(graph, total, edges), keep)
    _visit(visited, at, room)
    for reached in walk(edges, at, length, total, generator=generator):
        _visit(visited, reached, room)
        if room is not None and not bool(room.left.any()):
            break
    return keep_nodes(graph, {name: visited.narrow(0, offsets[name], counts[name]) for name in counts}, zero)


def _starts(graph: Graph, total: int, share: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """[N] bool: each node with probability ``share``, and in each graph the node of the smallest draw."""
    draws = uniform(total, like, generator)
    return (draws < share) | first_of_each(graph, draws)


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
