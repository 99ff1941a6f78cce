"""A head that compares a latent with prototypes that are learnt."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.options import Count
from graphcl.core.registry import register
from graphcl.encode.base import View


@register("head", "prototypes", example={"k": 4})
class Prototypes(nn.Module):
    """The cosine of each row to each of ``k`` prototypes, which are learnt (SwAV, Caron et al., NeurIPS 2020).

    ``predict_codes`` makes codes of them. A teacher that has this head among what it follows has prototypes of its own.
    """

    def __init__(self, k: Count, *, in_dim: int, generator: torch.Generator) -> None:
        """
        Args:
            k: Number of prototypes.
            in_dim: Width of the latent (supplied).
            generator: Source of the initial prototypes, which are spread alike over the sphere (supplied).
        """
        super().__init__()
        self.out_dim = k
        self.weight = nn.Parameter(F.normalize(torch.randn(k, in_dim, generator=generator), dim=1))

    def forward(self, latent: Tensor, view: View | None = None) -> Tensor:
        """[N, in_dim] -> [N, k]. Only the direction of a prototype counts, so its gradient turns it."""
        return F.normalize(latent, dim=1) @ F.normalize(self.weight, dim=1).T
