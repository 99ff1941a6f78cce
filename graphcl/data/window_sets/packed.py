"""Windows of one table that become chains when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.data.graph_sets.packed import GraphSequence
from graphcl.graph.batch import graph_batch, pointer
from graphcl.graph.chain import chain_layout

#: What they are stored as, beside their options.
TENSORS = ("values", "end", "column", "room")


@dataclass(frozen=True, eq=False)
class PackedWindows(GraphSequence):
    """Windows of a table, each a chain of its rows; also a :class:`~graphcl.data.graph_sets.future.Future`.

    Attributes:
        values: [T, C], scaled.
        end: [G], the last row of each window.
        column: [G], its column; -1 for all of them.
        room: [G], how many rows after the window belong to one part of the table, that of the first of them.
        window: Rows of a window.
        relative: Whether a window, and what comes after it, is less its last row.
    """

    values: Tensor
    end: Tensor
    column: Tensor
    room: Tensor
    window: int
    relative: bool

    @classmethod
    def of(
        cls, values: Tensor, bounds: tuple[int, ...], *, window: int, apart: bool, relative: bool
    ) -> PackedWindows:
        """All windows of a table, in the order of their ends, those of one end by their columns.

        Args:
            values: [T, C].
            bounds: The row after the last one of each part, ascending up to T. A window whose next row is in none is
                there and has no room.
            window: Rows of each.
            apart: Whether each column is a series of its own.
            relative: See above.
        """
        end = torch.arange(window - 1, len(values))
        limits = torch.tensor([*bounds, len(values)])
        following = torch.searchsorted(limits, end + 1, right=True).clamp_max(len(bounds) - 1)
        room = (limits.index_select(0, following) - end - 1).clamp_min(0)
        columns = torch.arange(values.shape[1]) if apart else torch.tensor([-1])
        each, column = len(columns), columns.repeat(len(end))
        return cls(values, end.repeat_interleave(each), column, room.repeat_interleave(each), window, relative)

    def __len__(self) -> int:
        return self.end.numel()

    def before(self, numbers: Tensor) -> Tensor:
        """See :meth:`Future.before`."""
        return self._rows(numbers, torch.arange(1 - self.window, 1))

    def after(self, numbers: Tensor, horizon: int) -> Tensor:
        """See :meth:`Future.after`; ``horizon`` is at most the windows' room."""
        return self._rows(numbers, torch.arange(1, horizon + 1))

    def _rows(self, numbers: Tensor, steps: Tensor) -> Tensor:
        """[n, steps, C], the rows so many steps from the end of each window."""
        end = self.end.index_select(0, numbers)
        found, last = self._at(numbers, end[:, None] + steps), self._at(numbers, end[:, None])
        return found - last if self.relative else found

    def _at(self, numbers: Tensor, rows: Tensor) -> Tensor:
        """[n, m] rows -> [n, m, C]."""
        if not len(numbers) or int(self.column[0]) < 0:
            return self.values.index_select(0, rows.flatten()).view(*rows.shape, -1)[:, :, : self.channels]
        return self.values[rows, self.column.index_select(0, numbers)[:, None]][:, :, None]

    @property
    def channels(self) -> int:
        """C of a window."""
        return 1 if len(self) and int(self.column[0]) >= 0 else self.values.shape[1]

    def at(self, number: int) -> Data:
        """One window as a graph."""
        return self.batch(torch.tensor([number])).get_example(0)

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """These windows (all without ``numbers`` [B]) as one batch of chains, in this order."""
        numbers = torch.arange(len(self)) if numbers is None else numbers
        sizes = torch.full((len(numbers),), self.window)
        layout = chain_layout(pointer(sizes))
        x = self.before(numbers).reshape(-1, self.channels)
        return graph_batch(x, layout["edge_index"], sizes, sizes - 1, of_nodes={"pos": layout["pos"]})
