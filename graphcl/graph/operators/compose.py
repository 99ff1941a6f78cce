"""One operator after another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from graphcl.core.errors import UserError
from graphcl.graph.operators.base import Operator


@dataclass(frozen=True, eq=False)
class ComposedOperator(Operator):
    """``A (B x)``: ``second`` first, as in a product of matrices.

    Attributes:
        first: A [R, K].
        second: B [K, C].
    """

    first: Operator
    second: Operator

    def __post_init__(self) -> None:
        if self.first.shape[1] != self.second.shape[0]:
            raise UserError(f"cannot compose operators of shapes {self.first.shape} and {self.second.shape}")

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.first.shape[0], self.second.shape[1]

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
    def T(self) -> ComposedOperator:
        return ComposedOperator(self.second.T, self.first.T)

    @override
    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> ComposedOperator:
        return ComposedOperator(self.first.to(device, dtype), self.second.to(device, dtype))

    @override
    def propagate(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        return self.first.propagate(self.second.propagate(x), rows)
