"""Pairs of a target and a node whose latent it reads: products over them, and the pairs of each node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from graphcl.objective.pot.entries import sparse_rows
from graphcl.objective.pot.graph import Adjacency


def pair_products(left: Tensor, right: Tensor, adjacency: Adjacency, chunk_bytes: int) -> Tensor:
    """``left_i . right_j`` for every entry (i, j) of an adjacency.

    Args:
        left: [n, d].
        right: [m, d].
        adjacency: Of n rows and m columns.
        chunk_bytes: Rows are gathered in chunks of about this size.

    Returns:
        [E].
    """
    return _PairProducts.apply(left, right, adjacency, chunk_bytes)


class _PairProducts(Function):
    """The gradient is a product with the sparse matrix of the values' gradient: no [E, d] array there either."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, adjacency: Adjacency, chunk_bytes: int) -> Tensor:
        ctx.adjacency = adjacency
        ctx.save_for_backward(left, right)
        size = max(1, chunk_bytes // max(1, 3 * left.shape[1] * left.element_size()))
        parts = [
            (left.index_select(0, i) * right.index_select(0, j)).sum(-1)
            for i, j in zip(adjacency.row.split(size), adjacency.column.split(size), strict=True)
        ]
        return torch.cat(parts) if parts else left.new_zeros(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        left, right = ctx.saved_tensors
        adjacency: Adjacency = ctx.adjacency
        of_left = sparse_rows(grad, adjacency, right)
        of_right = sparse_rows(grad.index_select(0, adjacency.order), adjacency.T, left)
        return of_left, of_right, None, None


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs (i, j) of targets i with their neighbours j and with themselves, sorted by j.

    Attributes:
        start: [m + 1], where the pairs of each node j begin.
        source: [E + n], the target i of each pair.
        place: [E + n], its position among all pairs: the entries of the adjacency, then (i, i).
    """

    start: Tensor
    source: Tensor
    place: Tensor

    @classmethod
    def of(cls, targets: Adjacency, count: int) -> Pairs:
        """The pairs of the rows of an adjacency with ``count`` columns."""
        every = torch.arange(targets.count, device=targets.start.device)
        node = torch.cat([targets.column, every])
        place = node.argsort(stable=True)
        counts = torch.bincount(node, minlength=count)
        start = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return cls(start, torch.cat([targets.row, every]).index_select(0, place), place)

    def of_nodes(self, nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Targets, positions, and which are no padding, for some nodes j: each [B, S]."""
        first, after = self.start.index_select(0, nodes), self.start.index_select(0, nodes + 1)
        width = int((after - first).max())
        at = first[:, None] + torch.arange(width, device=nodes.device)
        inside = at < after[:, None]
        at = at.masked_fill(~inside, 0)
        return self.source[at], self.place[at], inside
