"""A decoder that sees the graph: from latents back to the features of hidden nodes."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from graphcl.core.options import Count, DropProbability, Index
from graphcl.core.registry import register
from graphcl.encode.base import MASKED, Graph, View
from graphcl.encode.features import node_features
from graphcl.encode.gat import GATLayer, attended_edges
from graphcl.encode.layer import Layer
from graphcl.encode.weights import make_linear


def remask(latent: Tensor, graph: Graph) -> Tensor:
    """[N, d] with 0 in the rows of hidden nodes; as it is where the graph has none (GraphMAE, section 3.1)."""
    masked = graph.get(MASKED) if MASKED in graph else None
    return latent if masked is None else latent.masked_fill(masked[:, None], 0.0)


@register("head", "gnn_decoder", example={"dim": 4})
class GNNDecoder(nn.Module):
    """GraphMAE's decoder (Hou et al., KDD 2022): a linear map, hidden nodes masked once more, one layer over the edges.

    What it gives for a hidden node is made of its neighbours' latents alone.
    """

    #: It is called with the view, whose edges and masked nodes it needs.
    wants_view: ClassVar[bool] = True

    def __init__(
        self,
        dim: Index = 0,
        layer: Literal["gat", "gcn"] = "gat",
        heads: Count = 1,
        dropout: DropProbability = 0.0,
        attention_dropout: DropProbability = 0.0,
        masked_again: bool = True,
        *,
        in_dim: int,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of the output; 0 takes that of the node features.
            layer: The layer over the edges.
            heads: Attention heads of a gat layer; they divide dim.
            dropout: Probability that an input of that layer is dropped.
            attention_dropout: Probability that an edge's weight is dropped (gat).
            masked_again: Whether latents of hidden nodes are set to 0 before that layer.
            in_dim: Width of the latent (supplied).
            graph: A training graph, for the width of its features (supplied).
            generator: Source of the initial weights (supplied).
        """
        super().__init__()
        self.out_dim = dim or node_features(graph).shape[1]
        self.masked_again = masked_again
        self.linear = make_linear(in_dim, in_dim, bias=False, generator=generator)
        self.gat = self.gcn = None
        if layer == "gat":
            self.gat = GATLayer(
                in_dim, self.out_dim, dropout=dropout, heads=heads, attention_dropout=attention_dropout,
                generator=generator,
            )
        else:
            self.gcn = Layer(in_dim, self.out_dim, dropout=dropout, glorot=True, generator=generator)

    def forward(self, latent: Tensor, view: View) -> Tensor:
        """[N, in_dim] -> [N, dim]."""
        x = self.linear(latent)
        x = remask(x, view.graph) if self.masked_again else x
        if self.gat is not None:
            return self.gat(x, attended_edges(view))
        assert self.gcn is not None
        return self.gcn(x, view.operator("gcn"))
