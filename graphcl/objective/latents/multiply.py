"""A latent times a matrix that a state holds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Address
from graphcl.core.registry import register
from graphcl.objective.base import Rows


@register("augmenter", "multiply", example={"matrix": "state.predictor.weight"}, level="latent", stochastic=False)
class Multiply(nn.Module):
    """``M z`` of every row: a linear map that is set by a rule; a gradient passes through it to the latent alone."""

    def __init__(self, matrix: Address) -> None:
        """
        Args:
            matrix: Address of M, as wide as the latent.
        """
        super().__init__()
        self.reads = {"matrix": matrix}

    def forward(self, latent: Tensor, *, matrix: Rows, generator: torch.Generator) -> Tensor:
        """[N, d] -> [N, d'] by M [d', d].

        Raises:
            UserError: M is not as wide as the latent.
        """
        map_ = matrix.values.detach().to(latent.dtype)
        if map_.shape[1] != latent.shape[1]:
            raise UserError(f"multiply: the matrix is {map_.shape[1]} wide and the latent {latent.shape[1]}")
        return latent @ map_.T
