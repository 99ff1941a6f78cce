"""The entry bound of one propagation: looser than the row bound, whose yardstick it is; and products by entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from graphcl.graph.operators.csr import csr_tensor, multiply
from graphcl.objective.pot.graph import Adjacency, Block, Deletable
from graphcl.objective.pot.rows import Degrees, beside, bound_columns


@dataclass(frozen=True, eq=False)
class ByEntry:
    """The entry bound (E): every entry of the row at its own worst.

    An edge lies between 0 (``1 / sqrt(d_i d_j)`` where neither end may lose an edge) and its value when both ends
    lose all they may but this edge; the diagonal between ``1 / d_i`` and ``1 / (d_i - q_i)``.
    """

    degrees: Degrees

    def _edges(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        d = self.degrees
        upper = d.most_scale[rows] * d.most_scale[columns]
        lower = d.least_scale[rows] * d.least_scale[columns]
        return lower.masked_fill((d.budget[rows] > 0) | (d.budget[columns] > 0), 0.0), upper

    def _diagonal(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        d = self.degrees
        if not d.loops:
            return (torch.zeros_like(d.least_scale[rows]),) * 2
        return d.least_scale[rows].square(), 1.0 / (d.fewest[rows] + 1).double()

    def columns(self, y: Tensor, adjacency: Adjacency) -> Tensor:
        """See :class:`RowRule`."""
        lower, upper = self._edges(adjacency.row, adjacency.column)
        mine = y[: adjacency.count]
        below, above = self._diagonal(torch.arange(adjacency.count, device=y.device))
        diagonal = mine.clamp_min(0) * below[:, None].to(y.dtype) + mine.clamp_max(0) * above[:, None].to(y.dtype)
        return sparse_rows(lower, adjacency, y.clamp_min(0)) + sparse_rows(upper, adjacency, y.clamp_max(0)) + diagonal

    def block(self, y: Tensor, own: Tensor, block: Block, adjacency: Adjacency) -> Tensor:
        """See :class:`RowRule`."""
        columns = adjacency.columns_of(block)
        padding = columns == adjacency.width
        lower, upper = self._edges(block.rows[:, None], columns.masked_fill(padding, 0))
        lower, upper = (beside(x.masked_fill(padding, 0.0).to(y.dtype), y) for x in (lower, upper))
        below, above = (beside(x.to(y.dtype), own) for x in self._diagonal(block.rows))
        edges = (torch.where(y >= 0, lower, upper) * y.masked_fill(beside(padding, y), 0.0)).sum(-1)
        return edges + torch.where(own >= 0, below, above) * own


def entry_bound(
    y: Tensor, graph: Deletable, budget: Tensor, *, loops: bool = True, side: Literal["lower", "upper"] = "lower"
) -> Tensor:
    """As :func:`graphcl.objective.pot.rows.row_bound`, from the bounds of single entries; see :class:`ByEntry`."""
    return bound_columns(y, graph, ByEntry(Degrees(graph.degree, budget, int(loops))), side)


def sparse_rows(values: Tensor, adjacency: Adjacency, y: Tensor) -> Tensor:
    """``A y`` for constant entries [E] of an adjacency and y [m, C]: [n, C]."""
    transposed = adjacency.T
    matrix = csr_tensor(adjacency.start, adjacency.column, values.to(y.dtype), (adjacency.count, adjacency.width))
    other = csr_tensor(
        transposed.start,
        transposed.column,
        values.index_select(0, adjacency.order).to(y.dtype),
        (adjacency.width, adjacency.count),
    )
    return multiply(y, matrix, other)
