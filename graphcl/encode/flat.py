"""Graphs of one size read whole, node after node: as raw values, and made again from a code."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.features import node_features
from graphcl.encode.heads import MLPHead


def flatten_graphs(graph: Graph) -> Tensor:
    """[G, nodes * F], the node features of each graph of a batch end to end (a graph without ``ptr`` is one).

    Raises:
        UserError: the graphs differ in size, so that their nodes do not correspond.
    """
    x, ptr = node_features(graph), graph.get("ptr")
    sizes = torch.tensor([len(x)]) if ptr is None else ptr.diff()
    if not len(sizes) or bool((sizes != sizes[0]).any()):
        raise UserError("flat_values: graphs of different sizes cannot be laid out alike; it is for images, whose "
                        "patches are as many")  # fmt: skip
    return x.reshape(len(sizes), -1)


@register("tower", "flat_values", example={})
class FlatValues(nn.Module):
    """The node features of each graph end to end, as of an image its patches; nothing is learned.

    ``NAME(VIEW).graphs`` [G, nodes * F] is what a perceptron (a head) may read whole, and what ``flat_decoder`` is held
    to: with noise in the view that is read, and none in the other, a denoising autoencoder.
    """

    def __init__(self, *, graph: Graph) -> None:
        """
        Args:
            graph: Training graphs, for their size (supplied).

        Raises:
            UserError: they differ in size.
        """
        super().__init__()
        self.out_dim, self.graphs_dim = node_features(graph).shape[1], flatten_graphs(graph).shape[1]

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Nodes are their features; graphs [G, nodes * F].

        Raises:
            UserError: the graphs have another size than those it was built for.
        """
        nodes = node_features(view.graph).clone()
        if rows is not None:
            nodes = nodes.index_select(0, rows)
            return Encoding(nodes, [nodes], rows=rows)
        graphs = flatten_graphs(view.graph)
        if graphs.shape[1] != self.graphs_dim:
            found = f"{graphs.shape[1]:,} values, and it is built for {self.graphs_dim:,}"
            raise UserError(f"flat_values: graphs of {found}")
        return Encoding(nodes, [nodes], graphs)


@register("head", "flat_decoder", example={"hidden": 4})
class FlatDecoder(MLPHead):
    """A perceptron from a code of a graph to all its node features, as ``flat_values`` lays them out."""

    def __init__(
        self,
        hidden: Index | list[Count] = 0,
        num_layers: Count = 2,
        activation: Literal["elu", "relu", "prelu", "gelu"] = "relu",
        batch_norm: bool = False,
        *,
        in_dim: int,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            hidden: Width of the layers before the last; 0 takes that of the output. A list has the width of each.
            num_layers: Number of layers; of no effect where hidden is a list.
            activation: After every layer but the last.
            batch_norm: Whether every layer but the last is batch-normalised.
            in_dim: Width of the code (supplied).
            graph: Training graphs, for their size (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: graphs of different sizes.
        """
        width = flatten_graphs(graph).shape[1]
        super().__init__(width, hidden, num_layers, activation, batch_norm, in_dim=in_dim, generator=generator)
