"""How much of a chain lies above thresholds: what reads a random convolution well without training it.

Source: Dempster, Schmidt, Webb, MiniRocket, KDD 2021, where thresholds are quantiles of convolved training series.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphcl.encode.pooling import pool_pieces
from graphcl.encode.windows import Windows

#: Rows that quantiles are taken of.
MOST_ROWS = 4096


class Shares(nn.Module):
    """Shares of the rows of each chain whose columns are above thresholds.

    Args:
        blocks: Each [n, d], the rows of training chains; a column's thresholds are its quantiles over them.
        count: K, thresholds of a column, at ``(k + 1/2) / K``.
    """

    thresholds: Tensor

    def __init__(self, blocks: Sequence[Tensor], count: int) -> None:
        super().__init__()
        self.register_buffer("thresholds", torch.stack([quantiles(rows, count) for rows in blocks]))

    def forward(self, blocks: Sequence[Tensor], chains: Windows, pieces: int | Sequence[int]) -> Tensor:
        """[chains, K * d * blocks * stretches], without a gradient."""
        found = []
        for rows, thresholds in zip(blocks, self.thresholds, strict=True):
            above = (rows.detach()[:, None] - thresholds).flatten(1)
            found.append(pool_pieces(above, chains.batch, chains.pos, chains.ptr, ["positive"], pieces))
        return torch.cat(found, dim=1)


def quantiles(rows: Tensor, count: int) -> Tensor:
    """[count, d] of rows [n, d], of many rows of some that are evenly spread.

    >>> quantiles(torch.arange(5.0)[:, None], 2).tolist()
    [[1.0], [3.0]]
    """
    spread = torch.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).round().long().to(rows.device)
    at = (torch.arange(count, device=rows.device, dtype=rows.dtype) + 0.5) / count
    return torch.quantile(rows.detach().index_select(0, spread), at, dim=0)
