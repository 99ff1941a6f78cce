"""An operator over stored edges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from typing_extensions import override

from graphcl.graph.operators.base import Operator
from graphcl.graph.operators.csr import from_scipy, multiply, to_scipy, with_values


@dataclass(frozen=True, eq=False)
class SparseOperator(Operator):
    """``A @ x`` for a constant sparse matrix A, stored with its transpose for the gradient.

    Restricting the product to rows leaves every bit of the result as it is.

    Attributes:
        csr: A, a torch CSR tensor [R, C].
        csr_t: A^T, a torch CSR tensor [C, R]; the same tensor as ``csr`` when A is symmetric.
    """

    csr: Tensor
    csr_t: Tensor

    @classmethod
    def from_scipy(cls, matrix: sp.spmatrix, device: torch.device | str = "cpu") -> SparseOperator:
        """From any scipy sparse matrix; duplicates are summed, columns sorted."""
        matrix = sp.csr_matrix(matrix)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        transposed = matrix.T.tocsr()
        csr = from_scipy(matrix, device)
        return cls(csr, csr if same_matrix(matrix, transposed) else from_scipy(transposed, device))

    @property
    def symmetric(self) -> bool:
        """Whether A and A^T are one tensor."""
        return self.csr is self.csr_t

    @property
    def values(self) -> Tensor:
        """[nnz], the stored numbers, row by row."""
        return self.csr.values()

    @property
    @override
    def shape(self) -> tuple[int, int]:
        rows, columns = self.csr.shape
        return rows, columns

    @property
    @override
    def nnz(self) -> int:
        return int(self.values.numel())

    @property
    @override
    def device(self) -> torch.device:
        return self.csr.device

    @property
    @override
    def T(self) -> SparseOperator:
        return self if self.symmetric else SparseOperator(self.csr_t, self.csr)

    @override
    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> SparseOperator:
        csr = _to(self.csr, device, dtype)
        return SparseOperator(csr, csr if self.symmetric else _to(self.csr_t, device, dtype))

    @override
    def propagate(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        self.check(x)
        dtype = torch.promote_types(self.csr.dtype, x.dtype)
        operator = self if dtype == self.csr.dtype else self.to(dtype=dtype)
        if rows is not None and x.device.type == "cpu":
            operator = operator.take_rows(rows)
        product = multiply(x.to(dtype), operator.csr, operator.csr_t)
        return product if rows is None or x.device.type == "cpu" else product.index_select(0, rows)

    def take_rows(self, rows: Tensor) -> SparseOperator:
        """The operator of those rows [M, C], in the given order (CPU).

        scipy's row gather and counting-sort transpose are linear in the entries taken.
        """
        taken = to_scipy(self.csr)[rows.numpy()]
        return SparseOperator(from_scipy(taken), from_scipy(taken.T.tocsr()))

    def with_values(self, values: Tensor) -> SparseOperator:
        """The same edges with other numbers [nnz], in the order of :attr:`values`."""
        csr_t = with_values(self.csr_t, values.index_select(0, self.transpose_order))
        return SparseOperator(with_values(self.csr, values), csr_t)

    @cached_property
    def transpose_order(self) -> Tensor:
        """[nnz] int64: entry k of A^T is entry ``transpose_order[k]`` of A."""
        csr = self.csr
        arrays = (np.arange(self.nnz), csr.col_indices().cpu().numpy(), csr.crow_indices().cpu().numpy())
        return torch.from_numpy(sp.csr_matrix(arrays, shape=self.shape).T.tocsr().data).to(self.device)


def _to(csr: Tensor, device: str | torch.device | None, dtype: torch.dtype | None) -> Tensor:
    moved = with_values(csr, csr.values().to(dtype=dtype))
    return moved if device is None else moved.to(device)


def same_matrix(a: sp.csr_matrix, b: sp.csr_matrix) -> bool:
    """Whether two CSR matrices with sorted columns are equal to the bit."""
    return a.shape == b.shape and all(
        np.array_equal(getattr(a, part), getattr(b, part)) for part in ("indptr", "indices", "data")
    )
