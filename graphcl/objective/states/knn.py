"""Nearest neighbours of latents, found anew every so many epochs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import NonFiniteError
from graphcl.core.options import Address, Count
from graphcl.core.registry import register
from graphcl.objective.kernels import row_extreme
from graphcl.objective.kernels.csr import Csr
from graphcl.objective.states.of_rows import OfRows


def nearest(x: Tensor, k: int) -> Tensor:
    """The ``k`` other rows of largest cosine, the nearest first, in blocks.

    Args:
        x: [N, d].
        k: how many.

    Returns:
        [N, k] int64; -1 where there are fewer other rows.

    Raises:
        NonFiniteError: a row is NaN or infinite.
    """
    if not torch.isfinite(x).all():
        raise NonFiniteError("knn: the rows whose neighbours are sought are not finite")
    itself = Csr.one_each(torch.arange(len(x), device=x.device))
    return row_extreme(x, x, k, mask=itself).indices


@register("state", "knn", example={"rows": "main.nodes", "k": 2})
class Knn(OfRows):
    """The nearest neighbours of all rows at an address, by cosine; see :func:`nearest`.

    Field ``neighbours`` [N, k], of each node type with ``each``; [0, 0] before the first run. A view reads it with
    ``source: {pair: {table: state.NAME.neighbours}}``.
    """

    def __init__(self, rows: Address, k: Count = 5, **common: Any) -> None:  # noqa: D417 - OfRows has the common ones
        """
        Args:
            rows: Address of the rows (all of them, so without a row set), such as state.bank.values or input.x.
            k: Number of neighbours.
        """
        super().__init__(rows, **common)
        self.k = k

    @staticmethod
    def empty() -> dict[str, Tensor]:
        """No row."""
        return {"neighbours": torch.zeros(0, 0, dtype=torch.int64)}

    def find(self, x: Tensor, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Find the neighbours anew; nothing is drawn."""
        return {"neighbours": nearest(x, self.k)}
