"""Graphs whose edges may be deleted, and the rows of their matrices grouped by length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.encode.base import Graph
from graphcl.graph.operators.build import square_adjacency

#: A block's rows are padded to its longest: lengths that differ by no more than this factor share one.
_SPREAD = 1.25


@dataclass(frozen=True, eq=False)
class Deletable:
    """An undirected graph without loops, weights and repeated edges, each of which may be deleted.

    Attributes:
        start: [N + 1], where the neighbours of each node begin.
        neighbours: [2 E] int64, sorted within a node.
    """

    start: Tensor
    neighbours: Tensor

    @classmethod
    def of(cls, graph: Graph, *, loops: bool) -> Deletable:
        """The edges of a PyG graph; node types follow each other.

        Args:
            graph: Of it only the edges are read.
            loops: Whether the encoder adds self loops: those of the graph then say nothing more.

        Raises:
            UserError: directed, weighted or repeated edges, or loops that the encoder does not add anyway.
        """
        matrix, device = square_adjacency(graph)
        matrix.sum_duplicates()
        diagonal = matrix.diagonal()
        if loops and np.isin(diagonal, (0, 1)).all():
            matrix = sp.csr_matrix(matrix - sp.diags(diagonal, dtype=matrix.dtype))
            matrix.eliminate_zeros()
        if (matrix != matrix.T).nnz:
            raise UserError("the graph has directed edges; the bound needs every edge in both directions")
        if not (matrix.data == 1).all():
            raise UserError("the graph has weighted or repeated edges; the bound needs each edge once, with weight 1")
        if matrix.diagonal().any():
            raise UserError("the graph has self loops, which the encoder's normalisation counts as edges; remove them")
        matrix.sort_indices()
        start, neighbours = (torch.from_numpy(a.astype(np.int64)).to(device) for a in (matrix.indptr, matrix.indices))
        return cls(start, neighbours)

    @property
    def num_nodes(self) -> int:
        """N."""
        return self.start.numel() - 1

    @cached_property
    def degree(self) -> Tensor:
        """[N] int64."""
        return self.start.diff()

    @cached_property
    def _whole(self) -> dict[int, Patch]:
        return {}

    def whole(self, depth: int) -> Patch:
        """All nodes, with everything within ``depth`` steps: made once, so that its blocks are, too."""
        if depth not in self._whole:
            sizes = (self.num_nodes,) * (depth + 1)
            self._whole[depth] = Patch(None, sizes, self.start, self.neighbours, self.degree)
        return self._whole[depth]

    def to(self, device: torch.device) -> Deletable:
        """The same graph on another device."""
        return self if self.start.device == device else Deletable(self.start.to(device), self.neighbours.to(device))


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of about equal length as one rectangle.

    Attributes:
        rows: [B], which rows.
        slots: [B, w], the positions of their entries among all entries; a padded one is one past the last.
    """

    rows: Tensor
    slots: Tensor

    def split(self, most: int) -> Iterator[Block]:
        """Pieces of at most ``most`` rows (at least one)."""
        pieces = zip(self.rows.split(max(1, most)), self.slots.split(max(1, most)), strict=True)
        return (Block(rows, slots) for rows, slots in pieces)


def make_blocks(start: Tensor) -> list[Block]:
    """The rows of a CSR matrix [R + 1] grouped by length: few rectangles, at most a quarter of them padding."""
    length = start.diff()
    order = length.argsort(stable=True)
    ordered = length.index_select(0, order).cpu().numpy()
    blocks, first = [], 0
    while first < len(ordered):
        shortest = int(ordered[first])
        last = int(np.searchsorted(ordered, int(shortest * _SPREAD), side="right"))
        rows = order[first:last]
        width = int(ordered[last - 1])
        offset = torch.arange(width, device=start.device)
        slots = start.index_select(0, rows)[:, None] + offset
        inside = offset < length.index_select(0, rows)[:, None]
        blocks.append(Block(rows, slots.masked_fill(~inside, int(start[-1]))))
        first = last
    return blocks


@dataclass(frozen=True, eq=False)
class Adjacency:
    """Rows of an adjacency matrix, of n nodes among m: entry e says that ``column[e]`` is a neighbour of ``row[e]``.

    Attributes:
        start: [n + 1].
        column: [E] int64, below m.
        width: m.
    """

    start: Tensor
    column: Tensor
    width: int

    @property
    def count(self) -> int:
        """n."""
        return self.start.numel() - 1

    @cached_property
    def row(self) -> Tensor:
        """[E]."""
        return torch.repeat_interleave(torch.arange(self.count, device=self.start.device), self.start.diff())

    @cached_property
    def blocks(self) -> list[Block]:
        """The n rows by their number of entries."""
        return make_blocks(self.start)

    @cached_property
    def padded_column(self) -> Tensor:
        """[E + 1]: column m stands for the padding."""
        return torch.cat([self.column, self.column.new_tensor([self.width])])

    def columns_of(self, block: Block) -> Tensor:
        """[B, w], m where padded."""
        return self.padded_column[block.slots]

    @cached_property
    def order(self) -> Tensor:
        """[E], the entries sorted by column."""
        return self.column.argsort(stable=True)

    @cached_property
    def T(self) -> Adjacency:
        """The transposed matrix; its entry e is entry ``order[e]`` of this one."""
        counts = torch.bincount(self.column, minlength=self.width)
        start = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return Adjacency(start, self.row.index_select(0, self.order), self.count)


@dataclass(frozen=True, eq=False)
class Patch:
    """Target nodes with everything that ``depth`` propagations reach from them, nearest first.

    Never a block of targets alone: their neighbours, and the neighbours' degrees, are those of the whole graph.

    Attributes:
        nodes: [M], the node that each local row stands for; None for all nodes in order.
        sizes: How many nodes lie within distance 0, 1, ..., depth.
        start: [sizes[depth - 1] + 1], the neighbours (local) of the nodes within distance depth - 1 ...
        neighbours: ... in one row after the other.
        degree: [M], in the whole graph.
    """

    nodes: Tensor | None
    sizes: tuple[int, ...]
    start: Tensor
    neighbours: Tensor
    degree: Tensor

    def take(self, values: Tensor) -> Tensor:
        """Rows of a tensor over all nodes [N, ...] in local order [M, ...]."""
        return values if self.nodes is None else values.index_select(0, self.nodes)

    def adjacency(self, count: int) -> Adjacency:
        """The first ``count`` rows; made once."""
        if count not in self._made:
            start = self.start[: count + 1]
            width = next(after for reached, after in pairwise(self.sizes) if reached >= count)
            self._made[count] = Adjacency(start, self.neighbours[: int(start[-1])], width)
        return self._made[count]

    @cached_property
    def _made(self) -> dict[int, Adjacency]:
        return {}


def make_patch(graph: Deletable, depth: int, targets: Tensor | None = None) -> Patch:
    """The neighbourhood of ``targets`` [n] (unique; None for all nodes) up to ``depth`` >= 1 steps away."""
    if targets is None:
        return graph.whole(depth)
    local = torch.full((graph.num_nodes,), -1, dtype=torch.int64, device=graph.start.device)
    nodes, sizes, rows = targets, [targets.numel()], []
    local[targets] = torch.arange(targets.numel(), device=targets.device)
    frontier = targets
    for _ in range(depth):
        found = _neighbours(graph, frontier)
        rows.append(found)
        fresh = torch.unique(found)
        frontier = fresh[local[fresh] < 0]
        local[frontier] = torch.arange(nodes.numel(), nodes.numel() + frontier.numel(), device=local.device)
        nodes = torch.cat([nodes, frontier])
        sizes.append(nodes.numel())
    degree = graph.degree.index_select(0, nodes)
    start = torch.cat([degree.new_zeros(1), degree[: sizes[-2]].cumsum(0)])
    return Patch(nodes, tuple(sizes), start, local.index_select(0, torch.cat(rows)), degree)


def _neighbours(graph: Deletable, nodes: Tensor) -> Tensor:
    """The neighbours of some nodes, one list after the other."""
    count = graph.degree.index_select(0, nodes)
    ends = count.cumsum(0)
    offset = torch.arange(int(ends[-1]) if nodes.numel() else 0, device=nodes.device)
    begin = graph.start.index_select(0, nodes) - (ends - count)
    return graph.neighbours.index_select(0, offset + torch.repeat_interleave(begin, count))
