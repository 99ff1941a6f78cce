"""Node dropping: a node loses its edges and keeps its place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphcl.augment.features import zero_features
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import batch_vector, edge_stores, keep_between, node_counts, uniform
from graphcl.core.options import Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph


@plain
def drop_nodes(graph: Graph, p: Probability, *, zero: bool = False, generator: torch.Generator) -> Graph:
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
        kept[""] |= first_of_each(graph, -draws[""])
    return keep_nodes(graph, kept, zero)


def keep_nodes(graph: Graph, kept: dict[str, Tensor], zero: bool) -> Graph:
    """The graph with the edges between kept nodes (node type -> [N] bool), its ``kept_nodes`` marked.

    Args:
        graph: any PyG graph.
        kept: which nodes of each type stay.
        zero: whether the features of the others become 0.
    """
    left = keep_between(graph, kept)
    return zero_features(left, kept) if zero else left


def members_of(graph: Graph, total: int, like: Tensor) -> Tensor:
    """[N], the graph of each node; all of one without a batch."""
    member = batch_vector(graph)
    return torch.zeros(total, dtype=torch.int64, device=like.device) if member is None else member


def first_of_each(graph: Graph, values: Tensor) -> Tensor:
    """[N] bool: the node of the smallest value in each graph."""
    member = members_of(graph, values.numel(), values)
    graphs = int(member.max()) + 1 if values.numel() else 0
    smallest = values.new_full((graphs,), torch.inf).scatter_reduce(0, member, values, "amin")
    return values == smallest.index_select(0, member)


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
