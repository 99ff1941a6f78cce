"""Many graphs as one: nodes and edges of all of them in two tensors, and where each graph begins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.graph.batch import graph_batch, pointer, ranges


def hash_of(*tensors: Tensor, of: object = "") -> str:
    """SHA-256 over the bytes of tensors, and over what says how they are to be read."""
    digest = hashlib.sha256(repr(of).encode() if of else b"")
    for tensor in tensors:
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


#: Graphs of a sequence that stand for all where each is made when it is asked for.
SAMPLE = 16


class GraphSequence(Sequence[Data]):
    """Graphs that are made when they are asked for, by position or by slice."""

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """These graphs (all without ``numbers`` [B]) as one ``torch_geometric`` batch, in this order."""
        raise NotImplementedError

    def sample(self, among: Tensor | None = None) -> GraphBatch:
        """Graphs that have what all have: what gives towers their sizes. Of these numbers, where some are given."""
        return self.batch((torch.arange(len(self)) if among is None else among)[:SAMPLE])

    def at(self, number: int) -> Data:
        """The graph with this number, from 0."""
        raise NotImplementedError

    @overload
    def __getitem__(self, number: int) -> Data: ...

    @overload
    def __getitem__(self, number: slice) -> list[Data]: ...

    def __getitem__(self, number: int | slice) -> Data | list[Data]:
        """One graph, or several."""
        if isinstance(number, slice):
            return [self[position] for position in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        return self.at(number % len(self))


@dataclass(frozen=True, eq=False)
class PackedGraphs(GraphSequence):
    """A sequence of graphs with node features, stored without an object for each.

    Attributes:
        x: [N, F], the nodes of the first graph, then those of the second, ...
        edge_index: [2, E], in the same order; numbers of nodes within their own graph.
        node_ptr: [G + 1], graph g has the nodes ``node_ptr[g]`` to ``node_ptr[g + 1]``.
        edge_ptr: [G + 1], and the edges ``edge_ptr[g]`` to ``edge_ptr[g + 1]``.
    """

    x: Tensor
    edge_index: Tensor
    node_ptr: Tensor
    edge_ptr: Tensor

    @classmethod
    def pack(cls, graphs: Iterable[Data]) -> PackedGraphs:
        """From graphs that all have ``x``; the inverse of iterating."""
        every = list(graphs)
        return cls(
            torch.cat([graph.x for graph in every]),
            torch.cat([graph.edge_index for graph in every], dim=1),
            pointer(torch.tensor([graph.num_nodes for graph in every])),
            pointer(torch.tensor([graph.num_edges for graph in every])),
        )

    def __len__(self) -> int:
        return self.node_ptr.numel() - 1

    def at(self, number: int) -> Data:
        """Views of the packed tensors."""
        first, stop = self.node_ptr[number:][:2].tolist()
        begin, end = self.edge_ptr[number:][:2].tolist()
        return Data(x=self.x[first:stop], edge_index=self.edge_index[:, begin:end], num_nodes=stop - first)

    def sample(self, among: Tensor | None = None) -> GraphBatch:
        """All of them: a column may be used by one graph only."""
        return self.batch(among)

    @property
    def sizes(self) -> Tensor:
        """[G], the number of nodes of each graph."""
        return self.node_ptr.diff()

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """These graphs (all without ``numbers`` [B]) as one ``torch_geometric`` batch, in this order.

        Equal to ``Batch.from_data_list``, at the cost of two gathers.
        """
        numbers = torch.arange(len(self)) if numbers is None else numbers
        sizes, edges = self.sizes.index_select(0, numbers), self.edge_ptr.diff().index_select(0, numbers)
        nodes = ranges(self.node_ptr.index_select(0, numbers), sizes)
        kept = ranges(self.edge_ptr.index_select(0, numbers), edges)
        ends = self.edge_index.index_select(1, kept) + pointer(sizes)[:-1].repeat_interleave(edges)
        return graph_batch(self.x.index_select(0, nodes), ends, sizes, edges)
