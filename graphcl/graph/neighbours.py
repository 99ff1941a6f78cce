"""Sampling the surroundings of some nodes of a graph that is too large to be encoded in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphcl.core.errors import UserError


@dataclass(frozen=True)
class Neighbourhood:
    """A piece of a graph around some nodes.

    Attributes:
        nodes: [n], which nodes of the graph: the seeds in the order given, then each hop's new ones, ascending.
        edge_index: [2, e] source and target, positions in ``nodes``; sorted by source and then target.
        edges: [e], which edges of the graph (positions in its ``edge_index``).
    """

    nodes: Tensor
    edge_index: Tensor
    edges: Tensor


class NeighbourSampler:
    """Samples neighbours without replacement (GraphSAGE, Hamilton et al., NeurIPS 2017).

    A step costs what it samples, however large the graph and the degrees are. An edge is sampled when its target's
    neighbours are drawn. In an undirected graph its opposite is then taken too, so that the piece stays undirected;
    with every neighbour drawn and one hop more than an encoder has layers, seeds are encoded as in the whole graph.

    Args:
        edge_index: [2, E] source and target, each edge once, sorted by source and then target.
        num_nodes: N.
    """

    def __init__(self, edge_index: Tensor, num_nodes: int) -> None:
        source, target = edge_index
        order = target.argsort(stable=True)
        self.sources = source.index_select(0, order)
        ends = torch.bincount(target, minlength=num_nodes).cumsum(0)
        self.starts = torch.cat([ends.new_zeros(1), ends])
        self.undirected = torch.equal(self.sources, target) and torch.equal(target.index_select(0, order), source)
        # In an undirected graph so sorted, edge k of the order is the opposite of edge k.
        self._order = order
        #: Scratch: position of a node in the piece under way, -1 outside.
        self._position = torch.full((num_nodes,), -1, dtype=torch.int64)

    def sample(self, seeds: Tensor, fanout: Sequence[int], *, generator: torch.Generator) -> Neighbourhood:
        """The surroundings of ``seeds``.

        Args:
            seeds: [B], distinct nodes.
            fanout: Neighbours drawn of each node, hop after hop; 0 takes all. A node with fewer gives all of its own.
            generator: Source of the draws.

        Raises:
            UserError: a seed occurs twice.
        """
        position, hops = self._position, [seeds]
        position[seeds] = torch.arange(len(seeds))
        try:
            if not torch.equal(position[seeds], torch.arange(len(seeds))):
                raise UserError("neighbours are sampled around distinct nodes; a seed occurs twice")
            count, pairs, edges = len(seeds), [], []
            for most in fanout:
                place, target = self._draw(hops[-1], most, generator)
                source = self.sources.index_select(0, place)
                new = source[position.index_select(0, source) < 0].unique()
                position[new] = torch.arange(count, count + len(new))
                count += len(new)
                pairs.append(torch.stack([position.index_select(0, source), position.index_select(0, target)]))
                edges.append(place)
                hops.append(new)
        finally:
            position[torch.cat(hops)] = -1
        nodes = torch.cat(hops)
        if not pairs:
            return Neighbourhood(nodes, seeds.new_empty(2, 0), seeds.new_empty(0))
        return self._piece(nodes, torch.cat(pairs, dim=1), torch.cat(edges))

    def _piece(self, nodes: Tensor, pairs: Tensor, places: Tensor) -> Neighbourhood:
        """With opposites where the graph is undirected; sorted, each edge once."""
        edges = self._order.index_select(0, places)
        if self.undirected:
            pairs, edges = torch.cat([pairs, pairs.flip(0)], dim=1), torch.cat([edges, places])
        keys, order = (pairs[0] * len(nodes) + pairs[1]).sort(stable=True)
        first = torch.ones_like(keys, dtype=torch.bool)
        first[1:] = keys[1:] != keys[:-1]
        kept = order[first]
        return Neighbourhood(nodes, pairs.index_select(1, kept), edges.index_select(0, kept))

    def _draw(self, nodes: Tensor, most: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Places in ``sources`` of the neighbours drawn, and the node of each."""
        start = self.starts.index_select(0, nodes)
        degree = self.starts.index_select(0, nodes + 1) - start
        if not most:
            target = nodes.repeat_interleave(degree)
            within = torch.arange(len(target)) - (degree.cumsum(0) - degree).repeat_interleave(degree)
            return start.repeat_interleave(degree) + within, target
        chosen = torch.arange(most).repeat(len(nodes), 1)
        many = (degree > most).nonzero().view(-1)
        chosen[many] = distinct(degree.index_select(0, many), most, generator=generator)
        there = chosen < degree.unsqueeze(1)
        return (start.unsqueeze(1) + chosen)[there], nodes.unsqueeze(1).expand_as(chosen)[there]


def distinct(counts: Tensor, k: int, *, generator: torch.Generator) -> Tensor:
    """For each of ``counts`` [n], all above ``k``, a uniform draw of ``k`` different numbers below it, [n, k].

    Floyd's algorithm (Bentley and Floyd, CACM 1987), for all rows at once: k steps, whatever the counts are.
    """
    chosen = torch.empty(len(counts), k, dtype=torch.int64)
    for step in range(k):
        top = counts - k + step
        share = torch.rand(len(counts), dtype=torch.float64, generator=generator)
        drawn = (share * (top + 1)).long().clamp_max(top)
        taken = (chosen[:, :step] == drawn.unsqueeze(1)).any(1)
        chosen[:, step] = torch.where(taken, top, drawn)
    return chosen
