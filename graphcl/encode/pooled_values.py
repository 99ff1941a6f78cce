"""Values of chains as they are, averaged: what others are held to, or compared by."""

from __future__ import annotations

from torch import Tensor, nn

from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.pooling import pool_pieces
from graphcl.encode.windows import read_apart, read_windows, tracks_of


@register("tower", "pooled_values", example={"pieces": 2})
class PooledValues(nn.Module):
    """The values of each chain, averaged over stretches of it; nothing is learned.

    ``NAME(VIEW).graphs`` is what a decoder of whole chains may be held to (CAB-KWS, Dai et al., 2024). A chain that is
    scaled by itself has the mean 0, and only its stretches say something.
    """

    def __init__(self, pieces: Count = 1, apart: bool = False, *, graph: Graph) -> None:
        """
        Args:
            pieces: Stretches of equal length that are averaged each by itself.
            apart: Whether each joint or device of a frame is a chain of its own; a graph then has the means of its
                devices beside each other.
            graph: Training chains, for the number of channels (supplied).

        Raises:
            UserError: the graph is not one of chains of values.
        """
        super().__init__()
        self.read = read_apart if apart else read_windows
        self.out_dim, self.pieces = self.read(graph).x.shape[1], pieces
        self.graphs_dim = self.out_dim * pieces * (tracks_of(graph) if apart else 1)

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Nodes are the values; graphs [G, pieces * channels], stretch by stretch, of each device where apart."""
        chains = self.read(view.graph)
        nodes = chains.spread(chains.x)
        if rows is not None:
            nodes = nodes.index_select(0, rows)
            return Encoding(nodes, [nodes], rows=rows)
        means = pool_pieces(chains.x, chains.batch, chains.pos, chains.ptr, ["mean"], self.pieces)
        return Encoding(nodes, [nodes], means.view(len(means) // chains.tracks, chains.tracks * means.shape[1]))
