"""Scans that become graphs of connectivity when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.data.graph_sets.packed import GraphSequence
from graphcl.graph.batch import graph_batch, pointer
from graphcl.graph.connectivity import correlations, cuts, sliding, strongest, windows_of
from graphcl.graph.frames import say_frames

#: What they are stored as, beside their options.
TENSORS = ("series", "time_ptr", "above")


@dataclass(frozen=True, eq=False)
class PackedScans(GraphSequence):
    """Scans one after the other, each a graph of its regions in sliding windows.

    Of a scan with T windows, region r of window t is node ``t * R + r``; its features are its correlations with all
    regions in that window, and the window's strongest pairs are edges. A batch says the window ``pos`` [n] of each
    node, and ``joints`` [G], R of each.

    Attributes:
        series: [time of all, R].
        time_ptr: [G + 1], where each begins.
        above: [windows of all, R], above which correlation a pair is an edge.
        window: Samples of a window; 0: a scan is one.
        stride: Samples from one window to the next.
    """

    series: Tensor
    time_ptr: Tensor
    above: Tensor
    window: int
    stride: int

    @classmethod
    def of(cls, scans: Sequence[Tensor], window: int, stride: int, share: float, k: int) -> PackedScans:
        """Each [time, R], long enough for a window."""
        above = [cuts(correlations(sliding(scan, window, stride)), share, k) for scan in scans]
        time = pointer(torch.tensor([len(scan) for scan in scans]))
        return cls(torch.cat(list(scans)), time, torch.cat(above), window, stride)

    def __len__(self) -> int:
        return self.time_ptr.numel() - 1

    @property
    def regions(self) -> int:
        """R."""
        return self.series.shape[1]

    @property
    def windows(self) -> Tensor:
        """[G], the number of windows of each scan."""
        return torch.tensor([windows_of(time, self.window, self.stride) for time in self.time_ptr.diff().tolist()])

    @property
    def sizes(self) -> Tensor:
        """[G], the number of nodes of each scan."""
        return self.windows * self.regions

    def scan(self, number: int) -> Tensor:
        """[time, R], one scan as it was."""
        first, stop = self.time_ptr[number:][:2].tolist()
        return self.series[first:stop]

    def connectivity(self) -> Tensor:
        """[G, R (R - 1) / 2], the correlation of each pair of regions over the whole of each scan."""
        first, second = torch.triu_indices(self.regions, self.regions, 1)
        return torch.stack([correlations(self.scan(number))[first, second] for number in range(len(self))])

    def at(self, number: int) -> Data:
        """One scan as a graph."""
        return self.batch(torch.tensor([number])).get_example(0)

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """These scans (all without ``numbers`` [B]) as one batch of graphs, in this order."""
        numbers = torch.arange(len(self)) if numbers is None else numbers
        windows = self.windows
        where, x, edges = pointer(windows), list[Tensor](), list[Tensor]()
        for number in numbers.tolist():  # each by itself, so that its bits do not depend on the others
            found = correlations(sliding(self.scan(number), self.window, self.stride))
            edges.append(strongest(found, self.above[where[number] : where[number + 1]]))
            x.append(found.reshape(-1, self.regions))
        sizes = windows.index_select(0, numbers) * self.regions
        each = torch.tensor([one.shape[1] for one in edges], dtype=torch.int64)
        first = pointer(sizes)[:-1].repeat_interleave(each)
        none = [torch.zeros(0, self.regions)], [torch.zeros(2, 0, dtype=torch.int64)]
        made = graph_batch(torch.cat(x or none[0]), torch.cat(edges or none[1], dim=1) + first, sizes, each)
        return say_frames(made, self.regions)
