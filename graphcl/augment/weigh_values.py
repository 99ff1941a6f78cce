"""The learned augmenter of AutoTCL: which parts of a series are kept, and how strongly.

Source: Zheng, Wang, et al., "Parametric Augmentation for Time Series Contrastive Learning", ICLR 2024. As in the
authors' code the logit of a gate is a sigmoid itself, so that no part is ever chosen for sure.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.augment.rebuild import uniform, with_values
from graphcl.core.options import Count, NonNegative, Positive
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.encode.chain_conv import ChainConvLayer
from graphcl.encode.weights import make_linear
from graphcl.encode.windows import read_windows

#: How likely each value is to be kept, [n, C].
GATES = "gates"
#: Draws lie in [EDGE, 1 - EDGE], so that their log-odds are finite.
EDGE = 1e-4
Stretch = Annotated[float, Field(ge=0.0, lt=1.0)]


def hard_concrete(logits: Tensor, *, temperature: float, zeta: float, hard: bool, generator: torch.Generator) -> Tensor:
    """Draws of gates in [0, 1] that a gradient passes through (Louizos, Welling, Kingma, ICLR 2018).

    ``y = sigmoid((log u - log(1 - u) + logit) / temperature)`` is stretched to ``y (1 + zeta) - zeta`` and clipped.

    Args:
        logits: Of any shape.
        temperature: How soft gates are.
        zeta: How far below 0 they are stretched; -c of the authors' code.
        hard: Whether they are rounded, the gradient being that of what was not.
        generator: Source of the draws.
    """
    u = uniform(tuple(logits.shape), logits, generator).clamp(EDGE, 1 - EDGE)
    soft = torch.sigmoid((u.log() - torch.log1p(-u) + logits) / temperature)
    gates = (soft * (1 + zeta) - zeta).clamp(0, 1)
    return gates + ((gates >= 0.5).to(gates) - gates).detach() if hard else gates


@register(
    "augmenter", "weigh_values", example={"dim": 4}, level="graph", stochastic=True, edges="windows", learned=True
)
class WeighValues(nn.Module):
    """``v = h(x) g(x) x`` of chains of values: gates h that keep what informs, and factors g (AutoTCL, ICLR 2024).

    Both are linear in the latents of one small convolution over time. The view has ``gates`` [n, C], how likely each
    value is to be kept, for the regularizer ``gate_shape``.
    """

    def __init__(
        self,
        dim: Count = 16,
        num_layers: Count = 2,
        temperature: Positive = 1.0,
        zeta: Stretch = 0.1,
        hard: bool = True,
        factors: bool = True,
        bound: NonNegative = 0.0,
        *,
        graph: Graph,
        generator: torch.Generator,
    ) -> None:
        """
        Args:
            dim: Width of the convolution.
            num_layers: Its layers, the dilation of each twice that of the one before.
            temperature: How soft gates are.
            zeta: How far gates are stretched below 0.
            hard: Whether gates are 0 or 1, their gradient being that of soft ones.
            factors: Whether there are factors g; else the view is h(x) x.
            bound: Added to the factors, which are in (0, 1).
            graph: Training chains, for the number of channels (supplied).
            generator: Source of the initial weights (supplied).

        Raises:
            UserError: the graph is not one of chains of values.
        """
        super().__init__()
        channels = read_windows(graph).x.shape[1]
        self.temperature, self.zeta, self.hard, self.bound = temperature, zeta, hard, bound
        self.lift = make_linear(channels, dim, generator=generator)
        self.layers = nn.ModuleList(ChainConvLayer(dim, 2**k, generator=generator) for k in range(num_layers))
        self.gate = make_linear(dim, channels, generator=generator)
        self.factor = make_linear(dim, channels, generator=generator) if factors else None

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The chains with weighed values."""
        chains = read_windows(graph)
        latent = self.lift(chains.x)
        for layer in self.layers:
            latent = layer(latent, chains)
        latent = F.gelu(latent)
        likely = torch.sigmoid(self.gate(latent))
        gates = hard_concrete(
            likely, temperature=self.temperature, zeta=self.zeta, hard=self.hard, generator=generator
        )
        weights = gates if self.factor is None else gates * (torch.sigmoid(self.factor(latent)) + self.bound)
        result = with_values(graph, chains.x * weights)
        result[GATES] = likely.reshape(graph.x.shape)
        return result
