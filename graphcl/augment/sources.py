"""Sources: whose row of a view stands for an anchor. Training graph only; an anchor without a partner is its own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphcl.augment.graph import walk
from graphcl.augment.rebuild import global_edges, node_counts
from graphcl.core.errors import UserError
from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.encode.base import Graph


class Partners(NamedTuple):
    """What a source answers.

    Attributes:
        ids: [B], the partners, of the anchors' node type.
        alone: [B] bool, anchors that had none and stand for themselves.
    """

    ids: Tensor
    alone: Tensor


def neighbours(
    ids: Tensor, graph: Graph, *, node_type: str = "", hops: int = 1, generator: torch.Generator
) -> Partners:
    """For each node one that a random walk reaches.

    Args:
        ids: [B], nodes of ``node_type``.
        graph: the training graph.
        node_type: "" in a homogeneous graph.
        hops: length of the walk; between users and items an even number leads back to the same type.
        generator: source of the draws.

    Raises:
        UserError: no walk of this length ends at a node of the same type.
    """
    edges, offsets = global_edges(graph)
    counts = node_counts(graph)
    start = offsets.get(node_type, 0)
    at = ids + start
    for reached in walk(edges, at, hops, sum(counts.values()), generator=generator):
        at = reached
    stop = start + counts[node_type] if node_type else sum(counts.values())
    alone = (at < start) | (at >= stop) | (at == ids + start)
    if ids.numel() and bool(((at < start) | (at >= stop)).all()):
        raise UserError(f"source neighbour: {hops} hops never lead from {node_type!r} back to it; take an even number")
    return Partners(torch.where(alone, ids, at - start), alone)


@register("source", "self", example={})
class Self(nn.Module):
    """Every anchor is its own partner, the default."""

    def forward(self, ids: Tensor, graph: Graph, *, node_type: str = "", generator: torch.Generator) -> Partners:
        """The anchors themselves."""
        return Partners(ids, torch.zeros_like(ids, dtype=torch.bool))


@register("source", "neighbour", example={"hops": 2})
class Neighbour(nn.Module):
    """A random neighbour in the training graph: with hops=2 a user is paired with one who shares an item."""

    def __init__(self, hops: Count = 1) -> None:
        """
        Args:
            hops: Length of the random walk; between users and items an even number.
        """
        super().__init__()
        self.hops = hops

    def forward(self, ids: Tensor, graph: Graph, *, node_type: str = "", generator: torch.Generator) -> Partners:
        """See :func:`neighbours`."""
        return neighbours(ids, graph, node_type=node_type, hops=self.hops, generator=generator)
