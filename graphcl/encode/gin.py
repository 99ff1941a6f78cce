"""The graph isomorphism network."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View, kept_nodes
from graphcl.encode.edge_kinds import EdgeKindUse, KindMaps, KindVectors, make_messages
from graphcl.encode.features import node_features
from graphcl.encode.layer import BatchNorm, Layer
from graphcl.encode.mask_token import MaskToken
from graphcl.encode.pooling import PoolingInTime, pool_graph, pooled_width
from graphcl.graph.operators import Operator


class GINLayer(nn.Module):
    """``MLP((1 + eps) x + A x)`` (Xu et al., ICLR 2019, eq. 4.1).

    Args:
        in_dim: Width of the input.
        dim: Width of the output, and within the perceptron.
        mlp_layers: Layers of the perceptron, a ReLU after each.
        batch_norm: ``inside``: after every linear map of the perceptron, before its ReLU; ``after``: once, of the
            result; or ``none``.
        learn_eps: Whether eps is a parameter; else it is 0.
        messages: What takes the place of ``A x`` where kinds of edges are read; the operator then has its parts.
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int,
        *,
        mlp_layers: int,
        batch_norm: str,
        learn_eps: bool,
        messages: KindVectors | KindMaps | None = None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.messages = messages
        widths = [in_dim, *[dim] * mlp_layers]
        inside = {"activation": "relu", "batch_norm": batch_norm == "inside", "glorot": True, "generator": generator}
        self.mlp = nn.Sequential(*(Layer(a, b, **inside) for a, b in pairwise(widths)))  # type: ignore[arg-type]
        self.norm = BatchNorm(dim) if batch_norm == "after" else None
        self.eps = nn.Parameter(torch.zeros(())) if learn_eps else None

    def forward(self, x: Tensor, operator: Operator, kept: Tensor | None = None) -> Tensor:
        """[N, in_dim] -> [N, dim]; with ``kept`` [K] only these nodes are computed, and the others are 0."""
        around = operator.propagate(x) if self.messages is None else self.messages(x, operator)
        total = around + x if self.eps is None else around + (1.0 + self.eps) * x
        if kept is None:
            return self._perceptron(total)
        some = self._perceptron(total.index_select(0, kept))
        return some.new_zeros(x.shape[0], some.shape[1]).index_copy(0, kept, some)

    def _perceptron(self, x: Tensor) -> Tensor:
        x = self.mlp(x)
        return x if self.norm is None else self.norm(x)


@register("tower", "gin", example={"dim": 4, "num_layers": 2})
class GIN(nn.Module):
    """Graph isomorphism network (Xu et al., ICLR 2019): sums over neighbours, a perceptron in every layer.

    Nodes that an augmenter took out of the graph (``kept_nodes``) are in no sum, no batch statistic and no pool.
    """

    def __init__(
        self,
        dim: Count = 32,
        num_layers: Count = 3,
        mlp_layers: Count = 2,
        batch_norm: Literal["inside", "after", "none"] = "inside",
        learn_eps: bool = False,
        jk: Literal["last", "cat", "sum"] = "cat",
        norm: Literal["none", "row", "sym", "gcn"] = "none",
        mask_token: bool = False,
        edge_kinds: EdgeKindUse = "none",
        pooling: PoolingInTime = "sum",
        regions: Count = 1,
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of a layer.
            num_layers: Number of layers.
            mlp_layers: Linear maps in each layer's perceptron, a ReLU after each.
            batch_norm: Inside the perceptron (the paper), after it (the code of later methods), or none.
            learn_eps: Whether the weight of a node itself, 1 + eps, is learnt; else eps is 0.
            jk: What becomes of the layers: the last alone, all concatenated (num_layers * dim wide), or their sum.
            norm: Normalisation of the propagation operator; none is the sum over neighbours.
            mask_token: Whether nodes that mask_nodes left blank get a learnt row of features.
            edge_kinds: How kinds of edges are read, where data has them (bonds of molecules; child, sibling, use and
                the ways back of programs): not (none); a learnt row for each kind is added to each message (embed; Hu
                et al., ICLR 2020); or each kind has its own map of the neighbour (relational; R-GCN, gated graph
                networks), which takes kinds * width^2 weights a layer.
            pooling: How nodes make graphs; none gives no graphs, and frames the mean over time of each joint or region,
                all of them beside each other.
            regions: Of images: how many parts a side are pooled each by itself, all of them beside each other, so that
                what is where is kept; 1 pools all patches together.
            graph: A training graph, for the width of its features and the kinds of its edges (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: edge_kinds, and edges without kinds or the norm gcn, whose self loops are of no kind; regions
                of what are no images.
        """
        super().__init__()
        if norm == "gcn" and edge_kinds != "none":
            raise UserError("tower 'gin': norm=gcn adds self loops, which are of no kind; set norm=none, row or sym")
        self.jk, self.norm, self.edge_kinds = jk, norm, edge_kinds
        self.pooling, self.regions = pooling, regions
        self.out_dim = dim * num_layers if jk == "cat" else dim
        self.graphs_dim = pooled_width(graph, pooling, self.out_dim, regions)
        widths = [node_features(graph).shape[1], *[dim] * (num_layers - 1)]
        self.mask_token = MaskToken(widths[0]) if mask_token else None
        self.layers = nn.ModuleList(
            GINLayer(
                width, dim, mlp_layers=mlp_layers, batch_norm=batch_norm, learn_eps=learn_eps,
                messages=make_messages(edge_kinds, graph, width, generator=generator), generator=generator,
            )
            for width in widths
        )

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes, or ``rows`` of them; see :class:`graphcl.encode.base.Tower`."""
        operator = view.operator(self.norm) if self.edge_kinds == "none" else view.operator_by_kind(self.norm)
        kept, x = kept_nodes(view.graph), node_features(view.graph)
        latents = [x if self.mask_token is None else self.mask_token(x, view.graph)]
        for layer in cast("Iterable[GINLayer]", self.layers):
            latents.append(layer(latents[-1], operator, kept))
        nodes = self._combined(latents[1:])
        if rows is not None:
            return Encoding(nodes.index_select(0, rows), latents, rows=rows)
        return Encoding(nodes, latents, pool_graph(nodes, view.graph, self.pooling, self.regions))

    def _combined(self, layers: list[Tensor]) -> Tensor:
        if self.jk == "last":
            return layers[-1]
        return torch.cat(layers, dim=1) if self.jk == "cat" else torch.stack(layers).sum(0)
