"""Stretches of a series in another order."""

from __future__ import annotations

import torch
from torch import nn

from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform, with_values
from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.encode.windows import read_windows


@plain
def permute_segments(graph: Graph, most: Count, *, generator: torch.Generator) -> Graph:
    """Cut each chain of values at random into one to ``most`` segments and put these in a random order.

    The permutation of Um et al. (ICMI 2017). Nodes keep their places and take the values of others.

    >>> from graphcl.graph.window import build_windows
    >>> chain = build_windows(torch.arange(8.0)[:, None], torch.tensor([0]), torch.tensor([8]))
    >>> permute_segments(chain, 4, generator=torch.Generator().manual_seed(3)).x.flatten().int().tolist()
    [5, 6, 7, 2, 3, 4, 0, 1]

    Args:
        graph: chains of values.
        most: segments of a chain, at most; how many is drawn for each.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains of values, or a value is out of range.
    """
    chains = read_windows(graph)
    lengths = chains.ptr.diff()
    count, keys = uniform(len(lengths), chains.x, generator), uniform((most, len(lengths)), chains.x, generator)
    cuts = uniform((most - 1, len(lengths)), chains.x, generator).double()
    # A cut comes before node 1 to L - 1; equal ones leave fewer segments.
    cuts = 1 + (cuts * (lengths - 1)).long().clamp_max((lengths - 2).clamp_min(0))
    unused = torch.arange(1, most, device=cuts.device)[:, None] > count * most
    place = torch.where(unused, lengths, cuts).index_select(1, chains.batch)
    segment = (chains.pos >= place).sum(0)
    key = keys.view(-1).index_select(0, segment * len(lengths) + chains.batch)
    order = key.argsort(stable=True)  # then by chain, which keeps the order within
    order = order.index_select(0, chains.batch.index_select(0, order).argsort(stable=True))

    return with_values(graph, chains.x.index_select(0, order))


@register("augmenter", "permute_segments", example={"most": 3}, level="graph", stochastic=True, edges="windows")
class PermuteSegments(nn.Module):
    """Puts segments of each chain of values in another order; see :func:`permute_segments`."""

    def __init__(self, most: Count = 5) -> None:
        """
        Args:
            most: Segments that a chain is cut into, at most.
        """
        super().__init__()
        self.most = most

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The chains with their segments in other orders."""
        return permute_segments(graph, self.most, generator=generator)
