"""Operators that draw anew at every product, so that each layer of an encoder sees another draw."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from graphcl.core.errors import UserError
from graphcl.graph.operators.base import Operator
from graphcl.graph.operators.bipartite import BipartiteOperator
from graphcl.graph.operators.csr import row_of_entries
from graphcl.graph.operators.sparse import SparseOperator


@dataclass(frozen=True, eq=False)
class _Wrapping(Operator):
    """An operator of the size and place of another."""

    operator: Operator

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.operator.shape

    @property
    @override
    def nnz(self) -> int:
        return self.operator.nnz

    @property
    @override
    def device(self) -> torch.device:
        return self.operator.device


@dataclass(frozen=True, eq=False)
class NoisyOperator(_Wrapping):
    """``y + eps * sign(y) * n`` for ``y = A x`` and rows n of length 1, positive and random (SimGCL).

    Yu et al., SIGIR 2022, eq. 7: n = u / |u| with u uniform in [0, 1]^d, so the noise never leaves y's orthant.
    The noise is constant for the gradient. With ``rows`` it is drawn for those rows only: the same
    distribution, other numbers than the whole product would get.
    """

    eps: float
    generator: torch.Generator

    @property
    @override
    def T(self) -> Operator:
        """The transpose of the linear part."""
        return self.operator.T

    @override
    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> NoisyOperator:
        return NoisyOperator(self.operator.to(device, dtype), self.eps, self.generator)

    @override
    def propagate(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        y = self.operator.propagate(x, rows)
        with torch.no_grad():
            noise = torch.rand(y.shape, generator=self.generator, device=self.generator.device).to(y)
            length = torch.linalg.vector_norm(noise, dim=1, keepdim=True).clamp_min(1e-12)
            noise.mul_(y.sign()).mul_(self.eps / length)  # in place: for all nodes this is as large as a layer
        return y + noise


@dataclass(frozen=True, eq=False)
class DropoutOperator(_Wrapping):
    """Dropout of the stored numbers, drawn anew at every product; see :func:`drop_entries`."""

    p: float
    shared: bool
    generator: torch.Generator

    @property
    @override
    def T(self) -> DropoutOperator:
        """Dropout of the transpose: the same distribution, its own draws."""
        return DropoutOperator(self.operator.T, self.p, self.shared, self.generator)

    @override
    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> DropoutOperator:
        return DropoutOperator(self.operator.to(device, dtype), self.p, self.shared, self.generator)

    @override
    def propagate(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        drawn = drop_entries(self.operator, self.p, shared=self.shared, generator=self.generator)
        return drawn.propagate(x, rows)


def drop_entries(operator: Operator, p: float, *, shared: bool = False, generator: torch.Generator) -> Operator:
    """Zero each stored number with probability ``p`` and divide the others by ``1 - p``.

    Args:
        operator: sparse, or bipartite over sparse ones.
        p: probability of dropping, in [0, 1).
        shared: one draw for the two directions of an edge (the result of a symmetric operator is symmetric);
            False draws for each direction by itself, as LightGCL's released code does.
        generator: source of the draws.

    Raises:
        UserError: the operator stores no entries of edges (low rank, say), or ``shared`` is asked of
            directions that do not mirror each other.
    """
    if isinstance(operator, SparseOperator):
        keep = _draw(operator.nnz, p, operator.device, generator)
        if shared:
            keep = _mirror(operator, keep)
        return _masked(operator, keep, p)
    if not isinstance(operator, BipartiteOperator):
        raise UserError(f"cannot drop entries of a {type(operator).__name__}: drop before what made it of the edges")
    if not shared:
        return BipartiteOperator(*(drop_entries(o, p, generator=generator) for o in (operator.first, operator.second)))
    first, second = operator.first, operator.second
    if not (isinstance(first, SparseOperator) and isinstance(second, SparseOperator)) or not _mirrored(first, second):
        raise UserError("one draw for both directions needs each edge in both; set shared=false")
    keep = _draw(first.nnz, p, first.device, generator)
    if operator.mirrored:
        return BipartiteOperator(_masked(first, keep, p))
    keep_second = keep.index_select(0, first.transpose_order)
    return BipartiteOperator(_masked(first, keep, p), _masked(second, keep_second, p))


def _draw(count: int, p: float, device: torch.device, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, generator=generator, device=generator.device) >= p).to(device)


def _masked(operator: SparseOperator, keep: Tensor, p: float) -> SparseOperator:
    return operator.with_values(operator.values * keep / (1.0 - p))


def _mirror(operator: SparseOperator, keep: Tensor) -> Tensor:
    """Let each entry above the diagonal share the draw of its mirror image."""
    if not _mirrored(operator, operator):
        raise UserError("one draw for both directions needs each edge in both; set shared=false")
    above = row_of_entries(operator.csr) < operator.csr.col_indices()
    return torch.where(above, keep.index_select(0, operator.transpose_order), keep)


def _mirrored(first: SparseOperator, second: SparseOperator) -> bool:
    """Whether ``second`` stores exactly the entries of ``first``'s transpose."""
    a, b = first.csr_t, second.csr
    return a is b or (torch.equal(a.crow_indices(), b.crow_indices()) and torch.equal(a.col_indices(), b.col_indices()))
