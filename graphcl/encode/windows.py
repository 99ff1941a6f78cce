"""What towers over windows of a table share: reading the chains of rows, and looking back in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.encode.base import Graph
from graphcl.graph.batch import pointer, ranges


@dataclass(frozen=True)
class Windows:
    """One or many windows, end to end. A row of a moving skeleton is a frame: its joints' values beside each other.

    Attributes:
        x: [n, C] values of all columns at each row.
        pos: [n] age of each row from the start of its window.
        batch: [n] window of each row.
        ptr: [G + 1] where each window begins.
        nodes: Nodes of the graph that are one row.
        tracks: Windows that are one graph.
        place: [n] the row that each node of the graph is; None where they are in one order.
    """

    x: Tensor
    pos: Tensor
    batch: Tensor
    ptr: Tensor
    nodes: int = 1
    tracks: int = 1
    place: Tensor | None = None

    def spread(self, rows: Tensor) -> Tensor:
        """[n, ...] of rows -> of the graph's nodes."""
        if self.place is not None:
            return rows.index_select(0, self.place)
        return rows if self.nodes == 1 else rows.repeat_interleave(self.nodes, dim=0)

    def lagged(self, lags: int) -> Tensor:
        """[n, C, lags]: the values of each column at a row, one row before it, and so on.

        Before the start of a window stands its first row.
        """
        node = torch.arange(len(self.pos), device=self.pos.device)
        back = torch.minimum(self.pos[:, None], torch.arange(lags, device=self.pos.device))
        rows = self.x.index_select(0, (node[:, None] - back).view(-1))
        return rows.view(len(node), lags, -1).transpose(1, 2)

    def trend(self, width: int) -> Tensor:
        """[n, C]: the mean of a row and the ``width - 1`` before it, the first row standing for those before it."""
        total = torch.cat([self.x.new_zeros(1, self.x.shape[1], dtype=torch.float64), self.x.double().cumsum(0)])
        node = torch.arange(len(self.pos), device=self.pos.device)
        known = (self.pos + 1).clamp_max(width)
        inside = total.index_select(0, node + 1) - total.index_select(0, node + 1 - known)
        first = self.x.index_select(0, self.ptr.index_select(0, self.batch))
        return ((inside + (width - known)[:, None] * first) / width).to(self.x.dtype)


def spread_windows(windows: Windows, nodes: int) -> Windows:
    """Some of the windows, evenly spread over all: about so many rows, at least one window."""
    lengths, count = windows.ptr.diff(), len(windows.ptr) - 1
    few = max(1, min(count, count * nodes // max(len(windows.x), 1)))
    taken = torch.linspace(0, max(count - 1, 0), few).round().long().to(lengths.device)
    sizes = lengths.index_select(0, taken)
    rows = ranges(windows.ptr.index_select(0, taken), sizes)
    batch = torch.arange(few, device=rows.device).repeat_interleave(sizes)
    return Windows(windows.x.index_select(0, rows), windows.pos.index_select(0, rows), batch, pointer(sizes))


def read_windows(graph: Graph) -> Windows:
    """The windows of a graph of :func:`graphcl.graph.window.build_windows`, also of several of them in a PyG batch.

    Raises:
        UserError: it is no graph of windows.
    """
    fields: list[Any] = [graph.get(name) for name in ("x", "pos")]
    if any(field is None for field in fields):
        raise UserError("this part needs windows of a table ('x' and 'pos' of graphcl.graph.window.build_windows)")
    x, pos = fields
    batch, ptr, joints = graph.get("batch"), graph.get("ptr"), graph.get("joints")
    if batch is None or ptr is None:  # one window
        batch, ptr = torch.zeros_like(pos), torch.tensor([0, len(pos)], device=pos.device)
    if joints is None or not len(joints):
        return Windows(x, pos, batch, ptr)
    nodes = int(joints[0])
    return Windows(x.reshape(len(x) // nodes, -1), pos[::nodes], batch[::nodes], ptr // nodes, nodes)


def tracks_of(graph: Graph) -> int:
    """Nodes of a row: the joints of a moving skeleton, the devices of a record; 1 of other graphs."""
    joints = graph.get("joints")
    return 1 if joints is None or not len(joints) else int(joints[0])


def read_apart(graph: Graph) -> Windows:
    """The same with a window for each joint or device, those of a graph after each other.

    Raises:
        UserError: it is no graph of windows.
    """
    tracks, together = tracks_of(graph), read_windows(graph)
    if tracks == 1:
        return together
    lengths = together.ptr.diff().repeat_interleave(tracks)  # of each window
    ptr = torch.cat([together.ptr[:1], lengths.cumsum(0)])
    window = torch.arange(len(lengths), device=ptr.device).repeat_interleave(lengths)
    pos = torch.arange(len(window), device=ptr.device) - ptr.index_select(0, window)
    frame = together.ptr.index_select(0, window // tracks) + pos
    node = frame * tracks + window % tracks
    place = torch.empty_like(node).index_copy_(0, node, torch.arange(len(node), device=node.device))
    return Windows(graph.x.index_select(0, node), pos, window, ptr, tracks=tracks, place=place)
