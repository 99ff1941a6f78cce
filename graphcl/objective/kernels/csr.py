"""Ragged lists of columns, one list per row."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Csr(NamedTuple):
    """For each of B rows some columns: those of row ``i`` are ``indices[indptr[i]:indptr[i + 1]]``.

    Attributes:
        indptr: [B + 1] int64, starts at 0 and does not fall.
        indices: [nnz] int64 positions among the candidates.
        weights: [nnz] or None for ones.
    """

    indptr: Tensor
    indices: Tensor
    weights: Tensor | None = None

    @property
    def counts(self) -> Tensor:
        """[B], how many columns each row has."""
        return self.indptr.diff()

    @property
    def rows(self) -> Tensor:
        """[nnz], the row of each entry."""
        numbers = torch.arange(self.indptr.numel() - 1, device=self.indptr.device)
        return numbers.repeat_interleave(self.counts, output_size=self.indices.numel())

    def between(self, start: int, stop: int) -> Csr:
        """Rows ``start`` to ``stop``, renumbered from 0."""
        low, high = int(self.indptr[start]), int(self.indptr[stop])
        weights = None if self.weights is None else self.weights[low:high]
        return Csr(self.indptr[start : stop + 1] - low, self.indices[low:high], weights)

    @classmethod
    def one_each(cls, index: Tensor) -> Csr:
        """Row ``i`` has the one column ``index[i]``."""
        return cls(torch.arange(index.numel() + 1, device=index.device), index)
