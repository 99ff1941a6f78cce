"""The contract of everything an encoder can propagate with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor

from graphcl.core.errors import UserError


class Operator(ABC):
    """A map of node latents, linear but for noise. Immutable: whatever changes it returns another one.

    Rows are nodes; the types of a heterogeneous graph follow each other in the order of its node types.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(rows of the result, rows of the input)."""

    @property
    @abstractmethod
    def nnz(self) -> int:
        """Stored numbers; one product costs about ``2 * nnz * d`` floating-point operations."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the operator lies; latents must lie there too."""

    @property
    @abstractmethod
    def T(self) -> Operator:
        """The transposed operator, sharing storage."""

    @abstractmethod
    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> Self:
        """The same operator on another device or with numbers of another float type."""

    @abstractmethod
    def propagate(self, x: Tensor, rows: Tensor | None = None) -> Tensor:
        """Multiply.

        Args:
            x: [N, d] latents; the product is computed in the wider of the two float types.
            rows: [M] int64, the rows of the product that are needed; None for all. The result is
                ``propagate(x)[rows]`` at the cost of those rows only.

        Returns:
            [N, d], or [M, d] with ``rows``; differentiable twice with respect to ``x``.

        Raises:
            UserError: ``x`` has not one row for each node.
        """

    def check(self, x: Tensor) -> None:
        """Refuse latents whose rows are not this operator's nodes."""
        if x.dim() != 2 or x.shape[0] != self.shape[1]:
            raise UserError(
                f"cannot propagate latents of shape {tuple(x.shape)} with an operator of shape {self.shape}: "
                f"give [{self.shape[1]}, d]"
            )
