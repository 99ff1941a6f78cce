"""Windows of a table as graphs: chains of rows, each row a node that holds the values of all columns at one time."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.graph.chain import chain_layout


def build_windows(table: Tensor, starts: Tensor, stops: Tensor) -> Data:
    """Rows ``starts[g]..stops[g] - 1`` of a table as chain ``g``, chains end to end; they may overlap.

    >>> windows = build_windows(torch.arange(5.0)[:, None], torch.tensor([0, 1]), torch.tensor([2, 4]))
    >>> windows.x.flatten().tolist(), windows.row.tolist(), windows.edge_index.tolist()
    ([0.0, 1.0, 1.0, 2.0, 3.0], [0, 1, 1, 2, 3], [[0, 2, 3], [1, 3, 4]])

    Args:
        table: [T, C].
        starts: [G].
        stops: [G], above ``starts``.

    Returns:
        ``x`` [n, C], ``row`` [n] (the row of the table), ``pos``, ``edge_index``, ``batch``, ``ptr``.

    Raises:
        UserError: a window without rows, or beyond the table.
    """
    lengths = stops - starts
    if lengths.numel() and (int(lengths.min()) < 1 or int(starts.min()) < 0 or int(stops.max()) > len(table)):
        raise UserError(f"windows: each has at least one of the {len(table)} rows, and none that the table lacks")
    ptr = torch.cat([starts.new_zeros(1), lengths.cumsum(0)])
    layout = chain_layout(ptr)
    row = layout["pos"] + starts.index_select(0, layout["batch"])
    return Data(x=table.index_select(0, row), row=row, **layout, ptr=ptr, num_nodes=row.numel())
