"""Programs that become graphs when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.data.code_sets.forest import Forest
from graphcl.data.graph_sets.packed import GraphSequence
from graphcl.graph.batch import graph_batch, pointer, ranges
from graphcl.graph.code import UNKNOWN, CodeLayout, EdgeKind, as_programs, code_edges


@dataclass(frozen=True, eq=False)
class PackedCode(GraphSequence):
    """Syntax trees one after the other; edges are made of them with a batch.

    A graph has no ``x`` but, of each node, its ``kind`` and its hashed ``words`` [N, words], which the tower
    ``token_input`` sums the vectors of; ``parent_index``; ``name``, the number of the name that it is (-1: none);
    and ``own``, whether the program declares that name. ``edge_kind`` is that of :func:`graphcl.graph.code.code_edges`.

    Attributes:
        kind: [N] int16 position in ``layout.kinds``.
        parent: [N] int32 within the program.
        name: [N] int32.
        words: [W] int16 buckets, those of the first node, then of the second, ...
        word_ptr: [N + 1] int32, where those of each node begin.
        node_ptr: [G + 1].
        declared: [G] int32, names below this number are the program's own.
        layout: What the numbers mean.
    """

    kind: Tensor
    parent: Tensor
    name: Tensor
    words: Tensor
    word_ptr: Tensor
    node_ptr: Tensor
    declared: Tensor
    layout: CodeLayout

    @classmethod
    def of(
        cls, forest: Forest, buckets: int, words: int, edges: Sequence[EdgeKind], kinds: Sequence[str] | None = None
    ) -> PackedCode:
        """Of trees.

        Args:
            forest: The trees.
            buckets: That their words were hashed into.
            words: Most words of a node.
            edges: Which edges to make.
            kinds: Those that numbers count, where training has fixed them; others are unknown.
        """
        known = (UNKNOWN, *forest.kinds) if kinds is None else tuple(kinds)
        place = {kind: position for position, kind in enumerate(known)}
        new = np.array([place.get(kind, 0) for kind in forest.kinds], dtype=np.int16)
        return cls(
            torch.from_numpy(new[forest.kind]),
            torch.from_numpy(forest.parent),
            torch.from_numpy(forest.name),
            torch.from_numpy(forest.words),
            pointer(torch.from_numpy(forest.counts).int()).int(),
            pointer(torch.from_numpy(forest.sizes)),
            torch.from_numpy(forest.own),
            CodeLayout(known, buckets, words, tuple(edges)),
        )

    def __len__(self) -> int:
        return self.node_ptr.numel() - 1

    def at(self, number: int) -> Data:
        """One program as a graph."""
        return as_programs(self.batch(torch.tensor([number])).get_example(0), self.layout)

    @property
    def sizes(self) -> Tensor:
        """[G], the number of nodes of each program."""
        return self.node_ptr.diff()

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """These programs (all without ``numbers`` [B]) as one batch of graphs, in this order."""
        numbers = torch.arange(len(self)) if numbers is None else numbers
        sizes = self.sizes.index_select(0, numbers)
        nodes = ranges(self.node_ptr.index_select(0, numbers), sizes)
        first = pointer(sizes)[:-1].repeat_interleave(sizes)
        member = torch.arange(len(numbers)).repeat_interleave(sizes)
        parent, name = self.parent.index_select(0, nodes) + first, self.name.index_select(0, nodes)
        edges, edge_kind = code_edges(parent, name, member, self.layout.edges)
        per_graph = torch.bincount(member.index_select(0, edges[0]), minlength=len(numbers))
        own = (name >= 0) & (name < self.declared.index_select(0, numbers).index_select(0, member))
        values = {
            "kind": self.kind.index_select(0, nodes).int(),
            "words": self._words_of(nodes),
            "parent_index": parent,
            "name": name,
            "own": own,
        }
        made = graph_batch(None, edges, sizes, per_graph, of_nodes=values, of_edges={"edge_kind": edge_kind})
        as_programs(made, self.layout)
        return made

    def _words_of(self, nodes: Tensor) -> Tensor:
        """[n, words] int32, 0 after the last."""
        start, stop = self.word_ptr.index_select(0, nodes), self.word_ptr.index_select(0, nodes + 1)
        at = start[:, None] + torch.arange(self.layout.words)
        there = at < stop[:, None]
        if not self.words.numel():
            return torch.zeros(at.shape, dtype=torch.int32)
        found = self.words.index_select(0, at.clamp_max(self.words.numel() - 1).flatten()).int()
        return found.view(at.shape).masked_fill(~there, 0)
