"""A decoder that sees the graph: from latents back to the features of hidden nodes."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
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
        layer: Literal["gat", "gcn", "gin", "mlp"] = "gat",
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
            layer: The layer over the edges: attention, convolution, or a sum with a perceptron of two layers; or such a
                perceptron of each node by itself, whose tower has seen the others.
            heads: Attention heads of a gat layer; they divide dim.
            dropout: Probability that an input of that layer is dropped.
            attention_dropout: Probability that an edge's weight is dropped (gat).
            masked_again: Whether latents of hidden nodes are set to 0 before that layer.
            in_dim: Width of the latent (supplied).
            graph: A training graph, for the width of its features (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: hidden nodes would have nothing to be decoded from.
        """
        super().__init__()
        if layer == "mlp" and masked_again:
            raise UserError("gnn_decoder: layer mlp sees a node alone, so what is hidden cannot be masked again; set "
                            "masked_again: false")  # fmt: skip
        self.out_dim = dim or node_features(graph).shape[1]
        self.masked_again = masked_again
        self.linear = make_linear(in_dim, in_dim, bias=False, generator=generator)
        self.layer: nn.Module
        if layer == "gat":
            attention = GATLayer(
                in_dim, self.out_dim, heads=heads, dropout=dropout, attention_dropout=attention_dropout,
                generator=generator,
            )
            self.layer = _Attention(attention)
        elif layer == "gcn":
            self.layer = _Convolution(Layer(in_dim, self.out_dim, dropout=dropout, glorot=True, generator=generator))
        else:
            first = Layer(in_dim, in_dim, activation="relu", dropout=dropout, generator=generator)
            kind = _Sum if layer == "gin" else _Alone
            self.layer = kind(first, Layer(in_dim, self.out_dim, generator=generator))

    def forward(self, latent: Tensor, view: View) -> Tensor:
        """[N, in_dim] -> [N, dim]."""
        x = self.linear(latent)
        return self.layer(remask(x, view.graph) if self.masked_again else x, view)


class _Attention(nn.Module):
    """Attention over the edges of a view."""

    def __init__(self, layer: GATLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, view: View) -> Tensor:
        return self.layer(x, attended_edges(view))


class _Convolution(nn.Module):
    """A graph convolution."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, view: View) -> Tensor:
        return self.layer(x, view.operator("gcn"))


class _Alone(nn.Module):
    """A perceptron on a node, whose last layer is linear."""

    def __init__(self, *layers: Layer) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor, view: View) -> Tensor:
        return self.layers(x)


class _Sum(nn.Module):
    """A perceptron on a node plus its neighbours (Xu et al., ICLR 2019), whose last layer is linear."""

    def __init__(self, *layers: Layer) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor, view: View) -> Tensor:
        return self.layers(x + view.operator("none").propagate(x))
