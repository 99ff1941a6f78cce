"""Towers over node features ``x``: a graph convolutional network, and a perceptron that ignores the edges."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Count, DropProbability
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View
from graphcl.encode.layer import Layer
from graphcl.encode.linear_layers import LinearLayer
from graphcl.encode.pooling import Pooling, pool_graph


class _FeatureTower(nn.Module):
    """Layers of weights on ``x``, then pooling. ``propagation`` is the operator's norm, None for no edges."""

    def __init__(
        self, widths: list[int], pooling: Pooling, propagation: str | None, *, linear_last: bool = False, **layer: Any
    ) -> None:
        super().__init__()
        self.pooling, self.propagation, self.out_dim = pooling, propagation, widths[-1]
        self.hops = 0 if propagation is None else len(widths) - 1
        plain = {**layer, "activation": "none", "batch_norm": False}
        options = [layer] * (len(widths) - 2) + [plain if linear_last else layer]
        self.layers = nn.ModuleList(
            Layer(a, b, glorot=True, **own) for (a, b), own in zip(pairwise(widths), options, strict=True)
        )

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes, or ``rows`` of them; see :class:`graphcl.encode.base.Tower`."""
        operator = None if self.propagation is None else view.operator(self.propagation)
        latents = [node_features(view.graph)]
        last = len(self.layers) - 1
        for position, layer in enumerate(self.layers):
            latents.append(layer(latents[-1], operator, rows if position == last else None))
        graphs = pool_graph(latents[-1], view.graph, self.pooling) if rows is None else None
        return Encoding(latents[-1], latents, graphs, rows=rows)

    @torch.no_grad()
    def in_blocks(self, view: View, size: int) -> Tensor:
        """[N, d], what ``forward`` gives in evaluation mode, layer by layer and ``size`` nodes at a time.

        Every neighbour counts, and no more than the latents of two layers are in memory.
        """
        operator = None if self.propagation is None else view.operator(self.propagation)
        latents = node_features(view.graph)
        for layer in cast("Iterable[Layer]", self.layers):
            latents = layer.in_blocks(latents, operator, size)
        return latents

    def linear_layers(self) -> list[LinearLayer]:
        """The layers in evaluation mode, for methods that bound the output.

        Raises:
            UserError: an activation that is not piecewise linear.
        """
        return [
            part for layer in cast("Iterable[Layer]", self.layers) for part in layer.linear_layers(self.propagation)
        ]


def node_features(graph: Graph) -> Tensor:
    """``x`` [N, f] of a homogeneous graph.

    Raises:
        UserError: there is none, or it is not dense floats.
    """
    x = graph.get("x") if "x" in graph else None
    if not isinstance(x, Tensor) or x.layout != torch.strided or not x.is_floating_point() or x.dim() != 2:
        raise UserError("this encoder needs node features 'x' [N, f] of dense floats; give some, or use an encoder "
                        "that needs none: 'lightgcn' for one graph, 'chain_transformer' for histories")  # fmt: skip
    return x


@register("tower", "gcn", example={"dim": 4, "num_layers": 2})
class GCN(_FeatureTower):
    """Graph convolutional network (Kipf and Welling, ICLR 2017, eq. 2), an activation after every layer.

    Widths f -> hidden_mult * dim -> ... -> dim; GRACE's encoder is 2 layers with hidden_mult=2.
    """

    def __init__(
        self,
        dim: Count = 128,
        num_layers: Count = 2,
        hidden_mult: Count = 2,
        activation: Literal["relu", "prelu"] = "relu",
        batch_norm: bool = False,
        linear_last: bool = False,
        dropout: DropProbability = 0.0,
        norm: Literal["gcn", "sym", "row", "none"] = "gcn",
        pooling: Pooling = "none",
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of the output.
            num_layers: Number of layers.
            hidden_mult: Width of the layers before the last, in units of dim.
            activation: After every layer; prelu learns one slope a layer.
            batch_norm: Whether each layer's output is batch-normalised before the activation.
            linear_last: Whether the last layer has neither batch normalisation nor activation (CCA-SSG, G-BT).
            dropout: Probability that an input of a layer is dropped.
            norm: Normalisation of the propagation operator; gcn adds self loops.
            pooling: How nodes make graphs; none gives no graphs.
            graph: A training graph, for the width of its features (supplied).
            generator: Source of the initial weights (supplied).
        """
        widths = [node_features(graph).shape[1], *[hidden_mult * dim] * (num_layers - 1), dim]
        layer = {"activation": activation, "batch_norm": batch_norm, "dropout": dropout, "generator": generator}
        super().__init__(widths, pooling, norm, linear_last=linear_last, **layer)


@register("tower", "mlp", example={"dim": 4, "num_layers": 2})
class MLP(_FeatureTower):
    """A perceptron on the node features alone, for records and as a reference without edges."""

    def __init__(
        self,
        dim: Count = 128,
        num_layers: Count = 2,
        hidden_mult: Count = 1,
        activation: Literal["relu", "prelu", "elu"] = "relu",
        batch_norm: bool = False,
        linear_last: bool = False,
        dropout: DropProbability = 0.0,
        pooling: Pooling = "mean",
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of the output.
            num_layers: Number of layers.
            hidden_mult: Width of the layers before the last, in units of dim.
            activation: After every layer.
            batch_norm: Whether each layer's output is batch-normalised before the activation.
            linear_last: Whether the last layer has neither batch normalisation nor activation (CCA-SSG, G-BT).
            dropout: Probability that an input of a layer is dropped.
            pooling: How nodes make graphs; none gives no graphs.
            graph: A training graph, for the width of its features (supplied).
            generator: Source of the initial weights (supplied).
        """
        widths = [node_features(graph).shape[1], *[hidden_mult * dim] * (num_layers - 1), dim]
        layer = {"activation": activation, "batch_norm": batch_norm, "dropout": dropout, "generator": generator}
        super().__init__(widths, pooling, None, linear_last=linear_last, **layer)
