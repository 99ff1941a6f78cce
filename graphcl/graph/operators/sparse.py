"""Operators over stored edges: square, and bipartite without the square matrix."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from graphcl.graph.operators.base import Operator
from graphcl.graph.operators.matrix import SparseMatrix


@dataclass(frozen=True, eq=False)
class SparseOperator(Operator):
    """``A @ x`` for a square sparse matrix A [N, N]."""

    matrix: SparseMatrix

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape

    @property
    @override
    def nnz(self) -> int:
        return self.matrix.nnz

    @property
    @override
    def device(self) -> torch.device:
        return self.matrix.csr.device

    @property
    @override
    def T(self) -> SparseOperator:
        return SparseOperator(self.matrix.T)

    @override
    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> SparseOperator:
        return SparseOperator(self.matrix.to(device, dtype))

    @override
    def propagate(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        self.check(x)
        return self.matrix.multiply(x, rows)


@dataclass(frozen=True, eq=False)
class BipartiteOperator(Operator):
    """``[[0, B], [C, 0]] @ x`` for nodes of two types, the first ``U`` rows and the other ``I``.

    The square matrix is never built. For the symmetric normalisation C is B^T, and the two share storage.

    Attributes:
        first: B [U, I], what the first type receives from the second.
        second: C [I, U], what the second type receives from the first.
    """

    first: SparseMatrix
    second: SparseMatrix

    @classmethod
    def symmetric(cls, matrix: SparseMatrix) -> BipartiteOperator:
        """``[[0, R], [R^T, 0]]``."""
        return cls(matrix, matrix.T)

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
        return self.first.csr.device

    @property
    @override
    def T(self) -> BipartiteOperator:
        return BipartiteOperator(self.second.T, self.first.T)

    @override
    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> BipartiteOperator:
        first = self.first.to(device, dtype)
        shared = self.second.csr is self.first.csr_t
        return BipartiteOperator(first, first.T if shared else self.second.to(device, dtype))

    @override
    def propagate(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        self.check(x)
        x_first, x_second = x.split(list(self.first.shape))
        if rows is None:
            return torch.cat([self.first.multiply(x_second), self.second.multiply(x_first)])
        in_first = rows < self.first.shape[0]
        out_first = self.first.multiply(x_second, rows[in_first])
        out_second = self.second.multiply(x_first, rows[~in_first] - self.first.shape[0])
        return interleave(out_first, out_second, in_first)


def interleave(first: Tensor, second: Tensor, in_first: Tensor) -> Tensor:
    """Rows of ``first`` where ``in_first`` [M] and of ``second`` elsewhere, each in order: [M, d]."""
    stacked = torch.cat([first, second])
    count = first.shape[0]
    if bool(in_first[:count].all()):
        return stacked
    position = torch.where(in_first, in_first.cumsum(0) - 1, count + (~in_first).cumsum(0) - 1)
    return stacked.index_select(0, position)
