"""What stands in the place of hidden features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphcl.encode.base import BLANK, Graph


class MaskToken(nn.Module):
    """A learnt row of features for the nodes that an augmenter left ``blank`` (GraphMAE, Hou et al., KDD 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """[N, f] -> [N, f]; as it is where no node is blank."""
        blank = graph.get(BLANK) if BLANK in graph else None
        return x if blank is None else x + blank.to(x.dtype)[:, None] * self.token
