"""What is found anew, at the start of every so many epochs, from all rows at an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor

from graphcl.core.options import Address, Count, Index
from graphcl.objective.base import Rows, State, at_type
from graphcl.objective.pairs import is_table


class OfRows(State):
    """Fields that are a function of all rows at one address; with ``each``, of those of each node type by itself.

    Attributes:
        by_row: Fields with an entry for each row. They are looked up by the rows' ids; an id without a row has -1.
    """

    by_row: ClassVar[tuple[str, ...]] = ()

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
            rows = inputs[node_type]
            for field, value in self.find(rows.values, generator=generator).items():
                setattr(self, _name(field, node_type), _by_id(value, rows) if field in self.by_row else value)


def _by_id(value: Tensor, rows: Rows) -> Tensor:
    """The entry of each row at the position of its id."""
    if is_table(rows):
        return value
    assert rows.ids is not None
    size = int(rows.ids.max()) + 1 if len(rows) else 0
    return value.new_full((size, *value.shape[1:]), -1).index_copy_(0, rows.ids, value)


def _name(field: str, node_type: str) -> str:
    return f"{field}_{node_type}" if node_type else field
