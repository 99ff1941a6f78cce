"""A step's data flow that is a dictionary."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graphcl.objective.base import Rows


class FakeFlow:
    """Address -> rows (or a tensor); several addresses of one base concatenate their indices, as the engine does."""

    step, epoch = 0, 0

    def __init__(self, table: Mapping[str, Rows | Tensor], parameters: Mapping[str, Tensor] | None = None) -> None:
        self.table, self._parameters = dict(table), parameters or {}

    def rows(self, address: str | list[str]) -> Rows:
        if isinstance(address, list):
            parts = [self.rows(one) for one in address]
            return Rows(
                parts[0].base, torch.cat([p.index for p in parts]), torch.cat([p.ids for p in parts])  # type: ignore[misc]
            )  # fmt: skip
        found = self.table[address]
        return found if isinstance(found, Rows) else Rows(found)

    def tensor(self, address: str) -> Tensor:
        found = self.table[address]
        return found.values if isinstance(found, Rows) else found

    def parameters(self, *names: str) -> Mapping[str, Tensor]:
        return self._parameters

    def generator(self, purpose: str) -> torch.Generator:
        return torch.Generator().manual_seed(0)


def random(n: int, d: int, seed: int) -> Tensor:
    """A leaf [n, d] in float64."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def picked(base: Tensor, ids: list[int]) -> Rows:
    """Rows of a table of nodes."""
    index = torch.tensor(ids, dtype=torch.int64)
    return Rows(base, index, index)


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)
