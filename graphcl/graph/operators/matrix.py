"""A constant sparse matrix that multiplies dense ones on either side, forward and backward."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.autograd import Function


def csr_tensor(crow: Tensor, col: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """A torch CSR tensor, without torch's notices that CSR is in beta and that checks can be opted into."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)", category=UserWarning)
        return torch.sparse_csr_tensor(crow, col, values, size=shape, check_invariants=False)


def index_type(matrix: sp.spmatrix) -> type[np.signedinteger]:
    """int32 where the matrix allows it (benchmarks/operators.py says what it buys), else int64."""
    return np.int32 if max(matrix.nnz, *matrix.shape) < 2**31 else np.int64


def from_scipy(matrix: sp.csr_matrix, device: torch.device | str = "cpu") -> Tensor:
    """A torch CSR tensor with the numbers of a scipy one (no copy where dtypes agree)."""
    width = index_type(matrix)
    crow = torch.from_numpy(matrix.indptr.astype(width, copy=False)).to(device)
    col = torch.from_numpy(matrix.indices.astype(width, copy=False)).to(device)
    rows, columns = matrix.shape
    return csr_tensor(crow, col, torch.from_numpy(matrix.data).to(device), (rows, columns))


def to_scipy(csr: Tensor) -> sp.csr_matrix:
    """The scipy matrix over the same memory (CPU only)."""
    arrays = (csr.values().numpy(), csr.col_indices().numpy(), csr.crow_indices().numpy())
    return sp.csr_matrix(arrays, shape=tuple(csr.shape), copy=False)


def with_values(csr: Tensor, values: Tensor) -> Tensor:
    """The same pattern with other numbers; the pattern is shared."""
    rows, columns = csr.shape
    return csr_tensor(csr.crow_indices(), csr.col_indices(), values, (rows, columns))


@dataclass(frozen=True, eq=False)
class SparseMatrix:
    """A matrix A and its transpose, both in CSR: the gradient of ``A @ x`` is ``A.T @ grad``.

    A symmetric matrix holds one tensor twice.

    Attributes:
        csr: A, a torch CSR tensor [R, C].
        csr_t: A^T, a torch CSR tensor [C, R].
    """

    csr: Tensor
    csr_t: Tensor

    @classmethod
    def from_scipy(cls, matrix: sp.spmatrix, device: torch.device | str = "cpu") -> SparseMatrix:
        """From any scipy sparse matrix; duplicates are summed, columns sorted."""
        matrix = sp.csr_matrix(matrix)
        matrix.sum_duplicates()
        transposed = matrix.T.tocsr()
        csr = from_scipy(matrix, device)
        return cls(csr, csr if _equal(matrix, transposed) else from_scipy(transposed, device))

    @property
    def shape(self) -> tuple[int, int]:
        """(R, C)."""
        rows, columns = self.csr.shape
        return rows, columns

    @property
    def nnz(self) -> int:
        """Stored entries."""
        return int(self.csr.values().numel())

    @property
    def symmetric(self) -> bool:
        """Whether A and A^T are one tensor."""
        return self.csr is self.csr_t

    @property
    def T(self) -> SparseMatrix:
        """A^T over the same storage."""
        return self if self.symmetric else SparseMatrix(self.csr_t, self.csr)

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> SparseMatrix:
        """Another device or another float type."""
        csr = self.csr.to(device=device, dtype=dtype)
        return SparseMatrix(csr, csr if self.symmetric else self.csr_t.to(device=device, dtype=dtype))

    def dense(self) -> Tensor:
        """[R, C], for tests and small matrices."""
        return self.csr.to_dense()

    def take_rows(self, rows: Tensor) -> SparseMatrix:
        """The matrix of those rows [M, C], in the given order (CPU).

        scipy's row gather and counting-sort transpose are linear in the entries taken.
        """
        taken = to_scipy(self.csr)[rows.numpy()]
        return SparseMatrix(from_scipy(taken), from_scipy(taken.T.tocsr()))

    def multiply(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """``A @ x`` or its ``rows``; differentiable any number of times in ``x``.

        The gradient of the rows is summed in the order of ``rows``, so it repeats bit for bit on CPU.
        """
        dtype = torch.promote_types(self.csr.dtype, x.dtype)
        matrix = self if dtype == self.csr.dtype else self.to(dtype=dtype)
        x = x.to(dtype)
        if rows is None:
            return _Multiply.apply(x, matrix)
        if x.device.type == "cpu":
            return _Multiply.apply(x, matrix.take_rows(rows))
        return _Multiply.apply(x, matrix).index_select(0, rows)


class _Multiply(Function):
    """``A @ x`` for a constant A. Linear, so its backward is the same function of A^T, itself differentiable."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, matrix: SparseMatrix) -> Tensor:
        ctx.matrix = matrix  # type: ignore[attr-defined]
        if x.device.type == "cpu":
            # The vectorised native kernel: several times faster than MKL's behind `@` for d = 64.
            return torch.sparse.mm(matrix.csr, x.contiguous(), "sum")
        return matrix.csr @ x

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        return _Multiply.apply(grads[0], ctx.matrix.T), None  # type: ignore[attr-defined]


def _equal(a: sp.csr_matrix, b: sp.csr_matrix) -> bool:
    return (
        a.shape == b.shape
        and np.array_equal(a.indptr, b.indptr)
        and np.array_equal(a.indices, b.indices)
        and np.array_equal(a.data, b.data)
    )
