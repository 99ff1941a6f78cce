"""What is found anew, at the start of every so many epochs, from all rows at an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from graphcl.core.options import Address, Count, Index
from graphcl.objective.base import Rows, State, at_type


class OfRows(State):
    """Fields that are a function of all rows at one address; with ``each``, of those of each node type by itself."""

    def __init__(
        self,
        rows: Address,
        each: list[str] | None = None,
        when: Literal["epoch_start"] = "epoch_start",
        every: Count = 1,
        start: Index = 0,
    ) -> None:
        """
        Args:
            rows: Address of the rows (all of them, so without a row set).
            each: Node types that are taken by themselves; `*` in the address stands for them.
            when: The state is found at the start of an epoch.
            every: Epochs between two runs.
            start: First epoch with a run (a warm-up before it).
        """
        super().__init__()
        self.when, self.every, self.start = when, every, start
        self.reads = {node_type: at_type(rows, node_type) for node_type in each or [""]}
        for node_type in self.reads:
            for field, nothing in self.empty().items():
                self.register_buffer(_name(field, node_type), nothing)

    @staticmethod
    def empty() -> dict[str, Tensor]:
        """The fields before the first run."""
        raise NotImplementedError

    def find(self, x: Tensor, *, generator: torch.Generator) -> dict[str, Tensor]:
        """The fields of the rows ``x`` [N, d]."""
        raise NotImplementedError

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Find the fields of each node type anew."""
        for node_type in self.reads:
            for field, value in self.find(inputs[node_type].values, generator=generator).items():
                setattr(self, _name(field, node_type), value)


def _name(field: str, node_type: str) -> str:
    return f"{field}_{node_type}" if node_type else field
