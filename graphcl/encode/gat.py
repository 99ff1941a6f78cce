"""The graph attention network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.utils import softmax

from graphcl.core.errors import UserError
from graphcl.core.options import Count, DropProbability
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.features import node_features
from graphcl.encode.layer import ActivationName, Dropout, activate
from graphcl.encode.linear_layers import LinearLayer
from graphcl.encode.mask_token import MaskToken
from graphcl.encode.pooling import Pooling, pool_graph
from graphcl.encode.sparse_input import multiply
from graphcl.encode.weights import initial, make_linear
from graphcl.graph.operators import SparseOperator
from graphcl.graph.operators.weighted import Entries


def attended_edges(view: View) -> Entries:
    """The edges of a view and a self loop for each node, without their numbers.

    Raises:
        UserError: the view's operator has no stored edges.
    """
    operator = view.operator("gcn")
    if not isinstance(operator, SparseOperator):
        raise UserError(f"attention needs stored edges, and this view's operator is a {type(operator).__name__}; "
                        "take graph-level augmenters, or another tower")
    return Entries(operator)


class GATLayer(nn.Module):
    """Attention over incoming edges (Velickovic et al., ICLR 2018, eq. 3 to 5), heads side by side.

    ``e_ij = LeakyReLU(a . [W h_i || W h_j])`` with slope .2, weights ``softmax_j e_ij``.

    Args:
        in_dim: Width of the input.
        out_dim: Width of the output, all heads together.
        heads: Number of heads; divides out_dim.
        activation: Of the result.
        dropout: Probability that an input is dropped.
        attention_dropout: Probability that an edge's weight is dropped.
        generator: Source of the initial weights.

    Raises:
        UserError: heads do not divide the width.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        heads: int,
        activation: ActivationName = "none",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if out_dim % heads:
            raise UserError(f"attention: {heads} heads cannot share a width of {out_dim}; take a multiple")
        self.heads, self.activation = heads, activation
        self.linear = make_linear(in_dim, out_dim, bias=False, glorot=True, generator=generator)
        shape = (heads, out_dim // heads)
        self.target = nn.Parameter(initial(shape, "xavier_uniform", generator))
        self.source = nn.Parameter(initial(shape, "xavier_uniform", generator))
        self.bias = nn.Parameter(torch.zeros(out_dim))
        self.slope = nn.Parameter(torch.tensor(0.25)) if activation == "prelu" else None
        self.dropout = Dropout(dropout, generator=generator)
        self.attention_dropout = Dropout(attention_dropout, generator=generator)

    def forward(self, x: Tensor, edges: Entries) -> Tensor:
        """[N, in_dim] -> [N, out_dim]."""
        h = multiply(self.dropout(x), self.linear.weight)
        weights = self.attention_dropout(self.attention(h, edges))
        parts = h.view(len(h), self.heads, -1).unbind(1)
        gathered = [edges.propagate(weights[:, head], part) for head, part in enumerate(parts)]
        return activate(torch.cat(gathered, dim=1) + self.bias, self.activation, self.slope)

    def attention(self, h: Tensor, edges: Entries) -> Tensor:
        """[edges, heads], summing to 1 over the edges that lead to a node; h [N, out_dim] is ``x W``."""
        by_head = h.view(len(h), self.heads, -1)
        to, of = (by_head * self.target).sum(-1), (by_head * self.source).sum(-1)
        score = to.index_select(0, edges.rows) + of.index_select(0, edges.columns)
        return softmax(F.leaky_relu(score, 0.2), edges.rows, num_nodes=len(h))


@register("tower", "gat", example={"dim": 4, "num_layers": 2, "heads": 2}, multiples={"dim": "heads"})
class GAT(nn.Module):
    """Graph attention network (Velickovic et al., ICLR 2018): f -> dim -> ... -> dim, an activation after every layer.

    Each node attends to its neighbours and itself; weights of edges do not count. With ``mask_token`` it is GraphMAE's
    encoder (Hou et al., KDD 2022).
    """

    def __init__(
        self,
        dim: Count = 128,
        num_layers: Count = 2,
        heads: Count = 4,
        activation: Literal["relu", "prelu", "elu"] = "elu",
        dropout: DropProbability = 0.0,
        attention_dropout: DropProbability = 0.0,
        mask_token: bool = False,
        pooling: Pooling = "none",
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of every layer, all heads together.
            num_layers: Number of layers.
            heads: Heads of every layer; they divide dim.
            activation: After every layer; prelu learns one slope a layer.
            dropout: Probability that an input of a layer is dropped.
            attention_dropout: Probability that an edge's weight is dropped.
            mask_token: Whether nodes that mask_nodes left blank get a learnt row of features.
            pooling: How nodes make graphs; none gives no graphs.
            graph: A training graph, for the width of its features (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: heads do not divide dim.
        """
        super().__init__()
        self.pooling, self.out_dim = pooling, dim
        width = node_features(graph).shape[1]
        self.mask_token = MaskToken(width) if mask_token else None
        self.layers = nn.ModuleList(
            GATLayer(
                width if position == 0 else dim, dim, heads=heads, activation=activation, dropout=dropout,
                attention_dropout=attention_dropout, generator=generator,
            )
            for position in range(num_layers)
        )

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes; ``rows`` of the last layer are picked from them."""
        edges, x = attended_edges(view), node_features(view.graph)
        latents = [x if self.mask_token is None else self.mask_token(x, view.graph)]
        for layer in cast("Iterable[GATLayer]", self.layers):
            latents.append(layer(latents[-1], edges))
        if rows is not None:
            latents[-1] = latents[-1].index_select(0, rows)
            return Encoding(latents[-1], latents, rows=rows)
        return Encoding(latents[-1], latents, pool_graph(latents[-1], view.graph, self.pooling))

    def linear_layers(self) -> list[LinearLayer]:
        """Refused: no bound is known.

        Raises:
            UserError: always.
        """
        raise UserError("tower 'gat': the layer 'attention' has weights that depend on its input, so its output "
                        "cannot be bounded; take gcn")
