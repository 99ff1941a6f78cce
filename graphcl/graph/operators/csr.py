"""Torch CSR tensors: made without torch's notices, shared with scipy, multiplied differentiably."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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


def from_scipy(matrix: sp.csr_matrix, device: torch.device | str = "cpu") -> Tensor:
    """A torch CSR tensor with the numbers of a scipy one.

    Indices are int32 where they fit: the CPU kernel takes either width in the same time, but scipy reads
    int32 ones without a copy, which the row-restricted product needs in every step, and they are half
    the memory (benchmarks/operators.py).
    """
    width = np.int32 if max(matrix.nnz, *matrix.shape) < 2**31 else np.int64
    crow = torch.from_numpy(matrix.indptr.astype(width, copy=False)).to(device)
    col = torch.from_numpy(matrix.indices.astype(width, copy=False)).to(device)
    rows, columns = matrix.shape
    return csr_tensor(crow, col, torch.from_numpy(matrix.data).to(device), (rows, columns))


def to_scipy(csr: Tensor) -> sp.csr_matrix:
    """The scipy matrix over the same memory (CPU only)."""
    arrays = (csr.values().numpy(), csr.col_indices().numpy(), csr.crow_indices().numpy())
    return sp.csr_matrix(arrays, shape=tuple(csr.shape), copy=False)


def with_values(csr: Tensor, values: Tensor) -> Tensor:
    """The same pattern, shared, with other numbers."""
    rows, columns = csr.shape
    return csr_tensor(csr.crow_indices(), csr.col_indices(), values, (rows, columns))


def row_of_entries(csr: Tensor) -> Tensor:
    """[nnz], the row of each stored entry."""
    counts = csr.crow_indices().diff()
    return torch.repeat_interleave(torch.arange(csr.shape[0], device=csr.device), counts)


#: ``A @ x`` for a CSR tensor A [R, C] and x [C, d], without gradient.
Kernel = Callable[[Tensor, Tensor], Tensor]


def native(csr: Tensor, x: Tensor) -> Tensor:
    """torch's own product."""
    if x.device.type == "cpu":
        # The vectorised native kernel: several times faster than MKL's, which `@` would call, for d = 64.
        return torch.sparse.mm(csr, x.contiguous(), "sum")
    with torch.autocast(x.device.type, enabled=False):
        return csr @ x


_KERNEL: ContextVar[Kernel] = ContextVar("graphcl_sparse_kernel", default=native)


@contextmanager
def multiplying_by(kernel: Kernel) -> Iterator[None]:
    """Inside, every sparse product, and the backward of what was multiplied inside, is computed by ``kernel``.

    Example:
        >>> from graphcl.dgl import spmm
        >>> with multiplying_by(spmm):
        ...     y = operator.propagate(x)  # doctest: +SKIP
    """
    token = _KERNEL.set(kernel)
    try:
        yield
    finally:
        _KERNEL.reset(token)


def multiply(x: Tensor, csr: Tensor, csr_t: Tensor) -> Tensor:
    """``A @ x`` for a constant matrix A given with its transpose, both CSR.

    Differentiable in ``x`` any number of times; both directions repeat bit for bit on CPU.
    """
    return _Multiply.apply(x, csr, csr_t, _KERNEL.get())


class _Multiply(Function):
    """Linear, so the backward is the same function with A and A^T swapped, and itself differentiable."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, x: Tensor, csr: Tensor, csr_t: Tensor, kernel: Kernel
    ) -> Tensor:
        ctx.parts = csr, csr_t, kernel  # type: ignore[attr-defined]
        return kernel(csr, x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        csr, csr_t, kernel = ctx.parts  # type: ignore[attr-defined]
        return _Multiply.apply(grads[0], csr_t, csr, kernel), None, None, None
