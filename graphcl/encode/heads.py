"""Heads: latent -> latent of another space."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Index
from graphcl.core.registry import register
from graphcl.encode.base import Graph, View
from graphcl.encode.layer import Layer
from graphcl.encode.weights import make_linear
from graphcl.encode.windows import tracks_of


@register("head", "mlp", example={"dim": 4})
class MLPHead(nn.Module):
    """A perceptron whose last layer is linear: GRACE's projector (elu), BGRL's predictor (prelu),
    MCLRec's learned augmenters (hidden [32, 16], gelu, normalize)."""

    def __init__(
        self,
        dim: Index = 0,
        hidden: Index | list[Count] = 0,
        num_layers: Count = 2,
        activation: Literal["elu", "relu", "prelu", "gelu"] = "elu",
        batch_norm: bool = False,
        shortcut: bool = False,
        normalize: bool = False,
        apart: bool = False,
        *,
        in_dim: int,
        graph: Graph | None = None,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of the output; 0 takes that of the latent.
            hidden: Width of the layers before the last; 0 takes dim. A list has the width of each of them.
            num_layers: Number of layers; of no effect where hidden is a list.
            activation: After every layer but the last.
            batch_norm: Whether every layer but the last is batch-normalised.
            shortcut: Whether a linear map of the latent is added to the output (InfoGraph's heads).
            normalize: Whether rows of the output are scaled to unit length (MCLRec's augmenters).
            apart: Whether the latent is of several devices beside each other, as a tower with `apart` gives it, and
                each of them goes through the perceptron by itself; dim is the width of one.
            in_dim: Width of the latent (supplied).
            graph: A training graph, for its number of devices (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: the latent is not as wide as so many devices are.
        """
        super().__init__()
        devices = tracks_of(graph) if apart and graph is not None else 1
        if in_dim % devices:
            raise UserError(f"mlp: apart needs a latent of {devices} devices and this one is {in_dim} wide; set apart "
                            "on its tower too")  # fmt: skip
        self.part, in_dim = (in_dim // devices if apart else 0), in_dim // devices
        dim = dim or in_dim
        self.out_dim = dim * devices
        widths = [in_dim, *(hidden if isinstance(hidden, list) else [hidden or dim] * (num_layers - 1))]
        layers: list[nn.Module] = [
            Layer(a, b, activation=activation, batch_norm=batch_norm, generator=generator) for a, b in pairwise(widths)
        ]
        self.layers = nn.Sequential(*layers, Layer(widths[-1], dim, generator=generator))
        self.shortcut = make_linear(in_dim, dim, generator=generator) if shortcut else None
        self.normalize = normalize

    def forward(self, latent: Tensor, view: View | None = None) -> Tensor:
        """[N, in_dim] -> [N, dim]; where apart, [N, devices * in_dim] -> [N, devices * dim]."""
        if self.part:
            rows = self._each(latent.reshape(-1, self.part))
            return rows.reshape(len(latent), latent.shape[1] // self.part * rows.shape[1])
        return self._each(latent)

    def _each(self, latent: Tensor) -> Tensor:
        rows = self.layers(latent) if self.shortcut is None else self.layers(latent) + self.shortcut(latent)
        return F.normalize(rows, dim=-1) if self.normalize else rows


@register("head", "linear", example={"dim": 4})
class LinearHead(nn.Module):
    """``x W + b``."""

    def __init__(self, dim: Index = 0, bias: bool = True, *, in_dim: int, generator: torch.Generator) -> None:
        """
        Args:
            dim: Width of the output; 0 takes that of the latent.
            bias: Whether b is learnt (else it is 0).
            in_dim: Width of the latent (supplied).
            generator: Source of the initial weights (supplied).
        """
        super().__init__()
        self.out_dim = dim or in_dim
        self.linear = make_linear(in_dim, self.out_dim, bias=bias, generator=generator)

    def forward(self, latent: Tensor, view: View | None = None) -> Tensor:
        """[N, in_dim] -> [N, dim]."""
        return self.linear(latent)
