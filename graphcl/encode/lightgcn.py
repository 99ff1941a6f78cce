"""Embedding tables and linear propagation: LightGCN, its relatives, and matrix factorisation."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index, NonNegative, Positive
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View, node_slices
from graphcl.encode.linear_layers import Affine, LinearLayer, Propagate, Skip
from graphcl.encode.weights import Init, initial

Readout = Literal["mean", "sum", "last", "concat"]


@register("tower", "lightgcn", example={"dim": 4, "num_layers": 2})
class LightGCN(nn.Module):
    """One embedding for each node, propagated without weights (He et al., SIGIR 2020, eq. 3-4).

    ``E^l = A E^(l-1)``, and the output is a readout over the layers. With ``num_layers=0`` it is matrix
    factorisation. ``readout=sum`` is LightGCL's; ``readout_from=1`` SimGCL's; ``activation=leaky_relu,
    residual=true`` the LightGCL paper's, ``Z^l = f(A E^(l-1))``, ``E^l = Z^l + E^(l-1)``, where ``messages``
    are the Z. In a view with ``hidden``, layer l propagates layer l-1 of the other view and has no residual.

    Attributes:
        tables: node type (``node`` in a homogeneous graph) -> [n, dim].
    """

    def __init__(
        self,
        dim: Count = 64,
        num_layers: Index = 3,
        readout: Readout = "mean",
        readout_from: Index = 0,
        activation: Literal["none", "leaky_relu"] = "none",
        slope: NonNegative = 0.5,
        residual: bool = False,
        init: Init = "xavier_uniform",
        init_std: Positive = 0.1,
        norm: Literal["sym", "gcn", "row", "none"] = "sym",
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of the embeddings.
            num_layers: Propagation steps; 0 is matrix factorisation.
            readout: How the layers make the output.
            readout_from: First layer of the readout (0 is the embedding table, which SimGCL leaves out).
            activation: Applied to what each step propagates; LightGCN has none.
            slope: Slope of leaky_relu below 0.
            residual: Whether each layer adds the one before it.
            init: Distribution of the initial embeddings.
            init_std: Standard deviation where init is normal.
            norm: Normalisation of the propagation operator.
            graph: The training graph, for the number of nodes of each type (supplied).
            generator: Source of the initial embeddings (supplied).
        """
        super().__init__()
        if readout_from > num_layers:
            raise UserError(f"readout_from={readout_from} leaves no layer of 0..{num_layers} to read out")
        self.num_layers, self.readout, self.readout_from = num_layers, readout, readout_from
        self.activation, self.slope, self.residual, self.norm = activation, slope, residual, norm
        self.out_dim = dim * (num_layers + 1 - readout_from) if readout == "concat" else dim
        sizes = {name: stop - start for name, (start, stop) in node_slices(graph).items()}
        sizes = sizes or {"node": int(graph.num_nodes or 0)}
        self.tables = nn.ParameterDict(
            {name: nn.Parameter(initial((size, dim), init, generator, init_std)) for name, size in sizes.items()}
        )

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes, or ``rows`` of them; see :class:`graphcl.encode.base.Tower`."""
        slices = node_slices(view.graph)
        layers = [torch.cat([self.tables[name] for name in slices or self.tables])]
        if len(layers[0]) != (here := int(view.graph.num_nodes or 0)):
            raise UserError(
                f"lightgcn embeds the {len(layers[0]):,} nodes of one graph, and this batch has {here:,} of its own; "
                "take an encoder that reads what nodes are: chain_transformer for histories, gin for sets of graphs"
            )
        messages = layers[:]
        for layer in range(1, self.num_layers + 1):
            source = layers[-1] if view.hidden is None else view.hidden.layers[layer - 1]
            needed = rows if layer == self.num_layers or view.hidden is not None else None
            message = view.operator(self.norm).propagate(source, needed)
            if self.activation == "leaky_relu":
                message = F.leaky_relu(message, self.slope)
            messages.append(message)
            layers.append(message + _take(layers[-1], needed) if self.residual and view.hidden is None else message)
        nodes = self._read_out([_rows_of(latent, rows) for latent in layers[self.readout_from :]])
        return Encoding(nodes, layers, slices=slices, messages=messages if self.residual else [], rows=rows)

    def linear_layers(self) -> list[LinearLayer]:
        """The readout by Horner's rule, for methods that bound the output.

        Raises:
            UserError: a readout or a step that is not of this form.
        """
        for option, usual in (("activation", "none"), ("residual", False)):
            if (value := getattr(self, option)) != usual:
                raise UserError(f"lightgcn with {option}={value} is no weighted sum of propagated embeddings")
        if self.readout == "concat":
            raise UserError("lightgcn with readout=concat has no single output of the width of its embeddings")
        read = range(self.num_layers if self.readout == "last" else self.readout_from, self.num_layers + 1)
        weight = 1.0 / len(read) if self.readout == "mean" else 1.0
        scale = torch.tensor(weight, dtype=torch.float64)
        parts: list[LinearLayer] = [] if weight == 1.0 else [Affine(scale, torch.zeros(()))]
        for layer in reversed(range(self.num_layers)):
            parts.append(Propagate(self.norm))
            if layer in read:
                parts.append(Skip(weight))
        return parts

    def _read_out(self, layers: list[Tensor]) -> Tensor:
        if self.readout == "last":
            return layers[-1]
        if self.readout == "concat":
            return torch.cat(layers, dim=1)
        total = layers[0]
        for latent in layers[1:]:
            total = total + latent
        return total / len(layers) if self.readout == "mean" else total


def _take(latent: Tensor, rows: Tensor | None) -> Tensor:
    return latent if rows is None else latent.index_select(0, rows)


def _rows_of(latent: Tensor, rows: Tensor | None) -> Tensor:
    """The rows of a layer that may hold only them already (of as many rows as all, both are the same)."""
    return latent if rows is None or latent.shape[0] == rows.shape[0] else latent.index_select(0, rows)
