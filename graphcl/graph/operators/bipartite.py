"""Propagation between nodes of two types without the square matrix."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from graphcl.graph.operators.base import Operator


class BipartiteOperator(Operator):
    """``[[0, B], [C, 0]] @ x``: the first type's rows, then the second's, each fed by the other's.

    Attributes:
        first: B [U, I], what the first type receives from the second.
        second: C [I, U], what the second type receives from the first.
        mirrored: C is B^T and shares its storage.
    """

    def __init__(self, first: Operator, second: Operator | None = None) -> None:
        """
        Args:
            first: B [U, I], sparse or low-rank.
            second: C [I, U]; None for B^T.
        """
        self.first = first
        self.mirrored = second is None
        self.second: Operator = first.T if second is None else second

    @property
    @override
    def shape(self) -> tuple[int, int]:
        total = sum(self.first.shape)
        return total, total

    @property
    @override
    def nnz(self) -> int:
        return self.first.nnz + self.second.nnz

    @property
    @override
    def device(self) -> torch.device:
        return self.first.device

    @property
    @override
    def T(self) -> BipartiteOperator:
        return self if self.mirrored else BipartiteOperator(self.second.T, self.first.T)

    @override
    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> BipartiteOperator:
        second = None if self.mirrored else self.second.to(device, dtype)
        return BipartiteOperator(self.first.to(device, dtype), second)

    @override
    def propagate(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        self.check(x)
        border = self.first.shape[0]
        x_first, x_second = x.split(list(self.first.shape))
        if rows is None:
            return torch.cat([self.first.propagate(x_second), self.second.propagate(x_first)])
        in_first = rows < border
        out_first = self.first.propagate(x_second, rows[in_first])
        out_second = self.second.propagate(x_first, rows[~in_first] - border)
        return _interleave(out_first, out_second, in_first)


def _interleave(first: Tensor, second: Tensor, in_first: Tensor) -> Tensor:
    """Rows of ``first`` where ``in_first`` [M] and of ``second`` elsewhere, each in its order: [M, d]."""
    stacked = torch.cat([first, second])
    count = first.shape[0]
    if bool(in_first[:count].all()):  # sorted rows, the usual case
        return stacked
    position = torch.where(in_first, in_first.cumsum(0) - 1, count - 1 + (~in_first).cumsum(0))
    return stacked.index_select(0, position)
