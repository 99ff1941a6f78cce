"""Propagation with a learnt weight on every stored edge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphcl.graph.operators.csr import row_of_entries, with_values
from graphcl.graph.operators.sparse import SparseOperator

#: Of the gathered rows that the gradient of the weights is made of.
CHUNK_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class Entries:
    """The stored entries of a sparse operator, without its numbers.

    Attributes:
        operator: whose entries; entry e leads from column ``columns[e]`` to row ``rows[e]``.
    """

    operator: SparseOperator

    @cached_property
    def rows(self) -> Tensor:
        """[nnz], the target of each entry, rising."""
        return row_of_entries(self.operator.csr)

    @cached_property
    def columns(self) -> Tensor:
        """[nnz], the source of each entry."""
        return self.operator.csr.col_indices().long()

    @cached_property
    def transposed_order(self) -> Tensor:
        """[nnz], the entries in the order of the transposed operator."""
        return self.columns.argsort(stable=True)

    def propagate(self, weights: Tensor, x: Tensor) -> Tensor:
        """``W x`` with the weights [nnz] in the place of the stored numbers: [N, d], once differentiable in both."""
        return _Weighted.apply(weights, x, self)


class _Weighted(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, x: Tensor, entries: Entries) -> Tensor:
        ctx.save_for_backward(weights, x)
        ctx.entries = entries
        return _product(entries.operator.csr, weights, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weights, x = ctx.saved_tensors
        entries: Entries = ctx.entries
        grad_weights = _inner_products(grad, x, entries) if ctx.needs_input_grad[0] else None
        grad_x = None
        if ctx.needs_input_grad[1]:
            turned = weights.index_select(0, entries.transposed_order)
            grad_x = _product(entries.operator.csr_t, turned, grad)
        return grad_weights, grad_x, None


def _product(pattern: Tensor, values: Tensor, x: Tensor) -> Tensor:
    matrix = with_values(pattern, values.to(x.dtype).contiguous())
    # As in csr.py: the native kernel on CPU, which repeats bit for bit.
    return torch.sparse.mm(matrix, x.contiguous(), "sum") if x.device.type == "cpu" else matrix @ x


def _inner_products(y: Tensor, x: Tensor, entries: Entries) -> Tensor:
    """``y_row . x_column`` of every entry, a chunk of entries at a time."""
    result = x.new_empty(entries.rows.numel())
    step = max(1, CHUNK_BYTES // (8 * max(x.shape[1], 1)))
    for start in range(0, result.numel(), step):
        part = slice(start, start + step)
        left, right = y.index_select(0, entries.rows[part]), x.index_select(0, entries.columns[part])
        torch.sum(left.mul_(right), 1, out=result[part])
    return result
