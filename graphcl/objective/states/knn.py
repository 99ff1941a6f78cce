"""Nearest neighbours of latents, found anew every so many epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from graphcl.core.errors import NonFiniteError
from graphcl.core.options import Address, Count, Index
from graphcl.core.registry import register
from graphcl.objective.base import Rows, State, at_type
from graphcl.objective.kernels import row_extreme
from graphcl.objective.kernels.csr import Csr


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
class Knn(State):
    """The nearest neighbours of all rows at an address, by cosine; see :func:`nearest`.

    Field ``neighbours`` [N, k], of each node type with ``each``; [0, 0] before the first run. A view reads it with
    ``source: {pair: {table: state.NAME.neighbours}}``.
    """

    def __init__(
        self,
        rows: Address,
        k: Count = 5,
        each: list[str] | None = None,
        when: Literal["epoch_start"] = "epoch_start",
        every: Count = 1,
        start: Index = 0,
    ) -> None:
        """
        Args:
            rows: Address of the rows (all of them, so without a row set), such as state.bank.values or input.x.
            k: Number of neighbours.
            each: Node types that are searched by themselves; `*` in the address stands for them.
            when: Neighbours are found at the start of an epoch.
            every: Epochs between two runs.
            start: First epoch with neighbours (a warm-up before it).
        """
        super().__init__()
        self.k = k
        self.when, self.every, self.start = when, every, start
        self.reads = {node_type: at_type(rows, node_type) for node_type in each or [""]}
        for node_type in self.reads:
            self.register_buffer(_name(node_type), torch.zeros(0, 0, dtype=torch.int64))

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Find the neighbours anew; nothing is drawn."""
        for node_type in self.reads:
            setattr(self, _name(node_type), nearest(inputs[node_type].values, self.k))


def _name(node_type: str) -> str:
    return f"neighbours_{node_type}" if node_type else "neighbours"
