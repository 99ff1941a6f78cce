"""A set of graphs that are chains of values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch

from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import PackedGraphs
from graphcl.data.series_sets.raw import Scale
from graphcl.graph.batch import pointer
from graphcl.graph.chain import chain_layout


@dataclass(frozen=True, eq=False)
class PackedChains(PackedGraphs):
    """Graphs that are chains of values; a batch says the place ``pos`` [n] of each node in its chain."""

    @classmethod
    def of(cls, series: list[Tensor]) -> PackedChains:
        """Each [n, C], a node a row, edges from each row to the next."""
        sizes = torch.tensor([len(values) for values in series])
        ptr = pointer(sizes)
        layout = chain_layout(ptr)
        starts = ptr[:-1].repeat_interleave(sizes - 1)
        return cls(torch.cat(series), layout["edge_index"] - starts, ptr, pointer(sizes - 1))

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """See :meth:`PackedGraphs.batch`."""
        made = super().batch(numbers)
        made.pos = torch.arange(len(made.x)) - made.ptr.index_select(0, made.batch)
        made._slice_dict["pos"] = made.ptr
        made._inc_dict["pos"] = torch.zeros(made.num_graphs, dtype=torch.int64)
        return made


@dataclass(frozen=True, eq=False)
class SeriesSet(GraphSet):
    """A set of graphs whose graphs are series; ``packed`` is :class:`PackedChains`.

    Attributes:
        scale: How the values were scaled, for series to come.
    """

    scale: Scale = field(kw_only=True)

    def save(self, folder: Path) -> None:
        """See :meth:`GraphSet.save`."""
        from graphcl.data.series_sets.storage import save_series

        save_series(self, folder)
