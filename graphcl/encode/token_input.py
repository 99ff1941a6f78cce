"""Node features of programs: the vectors of a node's kind and of its words, summed, for any tower over features."""

from __future__ import annotations

import copy
import math
from typing import Annotated, Any

import numpy as np
import scipy.sparse as sp
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from graphcl.core.build import build
from graphcl.core.config.tree import part_name
from graphcl.core.options import Count, Index, NonNegative, Positive
from graphcl.core.registry import register
from graphcl.encode.base import Encoding, Graph, View, kept_nodes
from graphcl.encode.weights import initial
from graphcl.encode.word_sets import WordSets, members_of, programs_of
from graphcl.graph.code import layout_of
from graphcl.graph.operators import SparseOperator

#: One tower -> its options.
OneTower = Annotated[
    dict[str, dict[str, Any]], Field(min_length=1, max_length=1, json_schema_extra={"format": "towers"})
]


@register("tower", "token_input", example={"dim": 4, "tower": {"gin": {"dim": 4, "num_layers": 2, "pooling": "mean"}}})
class TokenInput(nn.Module):
    """Learnt vectors of the kinds of nodes and of hashed words, summed for each node and read by another tower.

    For graphs of programs (the data `code_set`), whose nodes have a ``kind`` and ``words`` in the place of ``x``.
    """

    def __init__(
        self,
        dim: Count = 64,
        distinct: bool = False,
        sets: Index = 0,
        names: bool = True,
        repeats: NonNegative = 0.0,
        rare: bool = True,
        least: Count = 1,
        tree: Positive = 1.0,
        tower: OneTower = {"gin": {"dim": 64, "num_layers": 3, "norm": "row", "pooling": "mean"}},  # noqa: B006
        *,
        graph: Graph,
        generator: torch.Generator,
        task: Any = None,
    ) -> None:
        """
        Args:
            dim: Width of the vectors.
            distinct: Whether to a graph's latent is added a learnt vector of each different word and kind in it, once
                however often it occurs, over the root of their number.
            sets: Width of a vector that a graph's latent has before the pooled one, then both of unit length: that of
                its different words. What each counts is learned. 0 is for none.
            names: Whether the names that a program declares are words there.
            repeats: How much more a word counts there, at most, that is repeated: n times are n (k + 1) / (n + k).
            rare: Whether rare words of training count more there at the start; else all count alike.
            least: Words that fewer training programs have count nothing there. Above 1 where a name that nobody else
                uses says little, as where programs are copied; words that training has not seen then count nothing too.
            tree: Length of the pooled vector after it at the start; it is learned.
            tower: The tower over features that reads them, with its options.
            graph: A training graph, for how many kinds and words there are (supplied).
            generator: Source of the initial weights (supplied).
            task: Gives the training examples (supplied).
        """
        super().__init__()
        layout = layout_of(graph)
        self.kinds = len(layout.kinds)
        self.vectors = nn.Parameter(initial((self.kinds + layout.buckets, dim), "normal", generator, std=dim**-0.5))
        (label, options) = next(iter(tower.items()))
        shown = with_features(graph, torch.zeros(int(graph.num_nodes or 0), dim))
        self.inner = build("tower", part_name(label), options, graph=shown, generator=generator)
        self.out_dim: int = self.inner.out_dim
        shape, std = (len(self.vectors), self.out_dim), self.out_dim**-0.5
        self.distinct = nn.Parameter(initial(shape, "normal", generator, std=std)) if distinct else None
        self.sets = self.log_tree = None
        if sets:
            seen = programs_of(task)
            self.sets = WordSets(layout.buckets, sets, names, repeats, rare, least, programs=seen, generator=generator)
            self.log_tree = nn.Parameter(torch.tensor(math.log(tree)))
        self.graphs_dim = sets + int(getattr(self.inner, "graphs_dim", self.out_dim))

    def forward(self, view: View, rows: Tensor | None = None) -> Encoding:
        """Encode all nodes, or ``rows`` of them; see :class:`graphcl.encode.base.Tower`."""
        bag = words_and_kinds(view.graph, self.kinds, len(self.vectors))
        x = SparseOperator.from_scipy(bag, view.graph.kind.device).propagate(self.vectors)
        graph = with_features(view.graph, x)
        shown = View(graph, view.transforms, view.hidden, view.base, view._operators)
        encoding: Encoding = self.inner(shown, rows)
        if self.distinct is not None and encoding.graphs is not None:
            encoding.graphs = encoding.graphs + self._of_sets(bag, view.graph)
        if self.sets is not None and self.log_tree is not None and encoding.graphs is not None:
            tree = normalize(encoding.graphs, dim=1) * self.log_tree.exp()
            encoding.graphs = torch.cat([self.sets(view.graph), tree], dim=1)
        return encoding

    def _of_sets(self, bag: sp.csr_matrix, graph: Graph) -> Tensor:
        """[G, out_dim] of the different columns that the nodes of each graph have."""
        kept, count = kept_nodes(graph), getattr(graph, "num_graphs", 1)
        member = members_of(graph, len(graph.kind)).cpu().numpy()
        nodes = np.arange(len(member)) if kept is None else kept.cpu().numpy()
        of_graph = sp.csr_matrix((np.ones(len(nodes), np.float32), (member[nodes], nodes)), (count, len(member)))
        found = of_graph @ bag
        found.data = np.repeat(np.diff(found.indptr).clip(1) ** -0.5, np.diff(found.indptr)).astype(np.float32)
        assert self.distinct is not None
        return SparseOperator.from_scipy(found, self.distinct.device).propagate(self.distinct)


def words_and_kinds(graph: Graph, kinds: int, width: int) -> sp.csr_matrix:
    """The matrix [N, width] that counts in each node's row its kind, and after the kinds its words.

    Raises:
        UserError: see :func:`graphcl.graph.code.layout_of`.
    """
    layout_of(graph)
    kind, words = graph.kind.cpu().numpy(), graph.words.cpu().numpy()
    counts = (words > 0).sum(1)
    first = np.concatenate([[0], (counts + 1).cumsum()])
    columns = np.empty(first[-1], dtype=np.int64)
    columns[first[:-1]] = kind
    is_word = np.ones(len(columns), dtype=bool)
    is_word[first[:-1]] = False
    columns[is_word] = kinds + words[words > 0]
    values = np.ones(len(columns), dtype=np.float32)
    return sp.csr_matrix((values, columns, first), shape=(len(kind), width))


def with_features(graph: Graph, x: Tensor) -> Graph:
    """The same graph with these node features."""
    shown = copy.copy(graph)
    shown.x = x
    return shown
