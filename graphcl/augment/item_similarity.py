"""Augmenters of histories that know which items are alike: substitute and insert (CoSeRec, Liu et al., 2021)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphcl.augment.chain_pieces import changed, drawn_nodes, last_nodes, shares
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform
from graphcl.core.options import Count, Index, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.encode.chains import read_chains

#: Products of a block of rows of the co-occurrences, about.
BLOCK_PRODUCTS = 2**22


@plain
def similar_items(graph: Graph, k: Count = 1) -> Tensor:
    """The ``k`` items that are most like each item, by the histories that have both (CoSeRec's memory-based model).

    ``sim(i, j) = sum over histories with both of 1 / log(1 + n_h), divided by sqrt(f_i f_j)``, with n_h the number of
    items of a history and f_i the number of histories that have i: the cosine, where users with many items count less.

    Args:
        graph: the training chains; hidden items do not count.
        k: how many.

    Returns:
        [num_items, k] int64, most similar first, -1 where there are no more; the order of equals is not defined.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains = read_chains(graph)
    item, batch = chains.item.cpu().numpy(), chains.batch.cpu().numpy()
    shown = item < chains.num_items
    shape = (len(chains.lengths), chains.num_items)
    has = sp.csr_matrix((np.ones(int(shown.sum())), (batch[shown], item[shown])), shape=shape)
    has.data[:] = 1.0  # an item that occurs more than once is one
    sizes, frequency = np.diff(has.indptr), np.asarray(has.sum(0)).ravel()
    damped = sp.diags(1.0 / np.log1p(np.maximum(sizes, 1))) @ has
    scale = sp.diags(1.0 / np.sqrt(np.maximum(frequency, 1)))
    left, right = (damped @ scale).T.tocsr(), (has @ scale).tocsr()
    table = np.full((chains.num_items, k), -1, dtype=np.int64)
    for first, end in _blocks(has.T @ sizes):
        _write_strongest(table[first:end], left[first:end] @ right, first)
    return torch.from_numpy(table).to(chains.item.device)


def _blocks(products: np.ndarray) -> Iterator[tuple[int, int]]:
    """First row and end of blocks that take about as many products each."""
    total = np.cumsum(products) // BLOCK_PRODUCTS
    bounds = [0, *(np.flatnonzero(np.diff(total)) + 1).tolist(), len(products)]
    return pairwise(bounds)


def _write_strongest(table: np.ndarray, values: sp.csr_matrix, first: int) -> None:
    """Write the columns of the largest entries of each row, all positive, but not the own one (row 0 is ``first``)."""
    entries = values.tocoo()
    other = entries.col != entries.row + first
    row, column, value = (array[other] for array in (entries.row, entries.col, entries.data))
    order = np.lexsort((column, -value, row))
    row, column = row[order], column[order]
    count = np.bincount(row, minlength=len(table))
    rank = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    kept = rank < table.shape[1]
    table[row[kept], rank[kept]] = column[kept]


@plain
def substitute_items(graph: Graph, ratio: Probability, *, similar: Tensor, generator: torch.Generator) -> Data:
    """Put similar items in the place of ``floor(ratio L)`` random items of each chain of L.

    Args:
        graph: chains.
        ratio: share of a chain that is exchanged. A drawn item without a similar one, or a hidden one, stays.
        similar: [num_items, K] of :func:`similar_items`; which of the K is drawn.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains = read_chains(graph)
    counts = shares(chains, ratio)
    drawn = drawn_nodes(chains, counts, generator)
    partner = _partners(chains.item, similar, generator)
    item = torch.where(drawn & (partner >= 0), partner, chains.item)
    return changed(graph, item, too_short=(counts < 1) & (ratio > 0))


@plain
def insert_items(
    graph: Graph, ratio: Probability, *, similar: Tensor, max_len: Index = 0, generator: torch.Generator
) -> Data:
    """Put a similar item in front of ``floor(ratio L)`` random items of each chain of L, so that its end stays.

    Args:
        graph: chains.
        ratio: share of a chain's items that get another in front. A drawn item without a similar one, or a hidden
            one, gets none. Where there are times, a new item has that of the item behind it.
        similar: [num_items, K] of :func:`similar_items`; which of the K is drawn.
        max_len: longer chains than this keep their last items only; 0 for any length.
        generator: source of the draws.

    Raises:
        UserError: the graph is not one of chains, or a value is out of range.
    """
    chains = read_chains(graph)
    counts = shares(chains, ratio)
    partner = _partners(chains.item, similar, generator)
    added = drawn_nodes(chains, counts, generator) & (partner >= 0)
    nodes = torch.repeat_interleave(torch.arange(len(added), device=added.device), 1 + added.long())
    first = torch.ones_like(nodes, dtype=torch.bool)
    first[1:] = nodes[1:] != nodes[:-1]
    item = torch.where(first & added.index_select(0, nodes), partner[nodes], chains.item[nodes])
    if max_len:
        kept = last_nodes(chains.batch.index_select(0, nodes), max_len)
        nodes, item = nodes.index_select(0, kept), item.index_select(0, kept)
    return changed(graph, item, nodes=nodes, too_short=(counts < 1) & (ratio > 0))


def _partners(item: Tensor, similar: Tensor, generator: torch.Generator) -> Tensor:
    """[n] one of the similar items of each; -1 for an item without, and a hidden one."""
    rows = similar.index_select(0, item.clamp_max(len(similar) - 1))
    rows = rows.masked_fill((item == len(similar))[:, None], -1)
    choices = (rows >= 0).sum(1)
    # In double precision the product stays below the number of choices.
    column = (uniform(len(item), item, generator).double() * choices).long()
    return rows.gather(1, column[:, None])[:, 0]


class _WithSimilar(nn.Module):
    """Knows similar items of the training chains, whatever chains it is applied to."""

    prepares_task = True

    def __init__(self, ratio: float, partners: int) -> None:
        super().__init__()
        self.ratio, self.partners = ratio, partners

    def prepare(self, graph: Graph) -> Tensor:
        """:func:`similar_items` of the training chains."""
        return similar_items(graph, self.partners)


@register("augmenter", "substitute_items", example={"ratio": 0.5}, level="graph", stochastic=True, edges="chains")
class SubstituteItems(_WithSimilar):
    """Exchanges items of each chain for similar ones; see :func:`substitute_items`."""

    def __init__(self, ratio: Probability = 0.3, partners: Count = 1) -> None:
        """
        Args:
            ratio: Share of a chain that is exchanged, rounded down.
            partners: Of how many most similar items one is drawn.
        """
        super().__init__(ratio, partners)

    def forward(self, graph: Graph, *, generator: torch.Generator, prepared: Tensor | None = None) -> Data:
        """The chains with other items; similarities are of the chains themselves unless ``prepared``."""
        similar = self.prepare(graph) if prepared is None else prepared
        return substitute_items(graph, self.ratio, similar=similar, generator=generator)


@register("augmenter", "insert_items", example={"ratio": 0.5}, level="graph", stochastic=True, edges="chains")
class InsertItems(_WithSimilar):
    """Adds similar items to each chain; see :func:`insert_items`."""

    def __init__(self, ratio: Probability = 0.3, partners: Count = 1, max_len: Index = 50) -> None:
        """
        Args:
            ratio: Share of a chain's items that get a similar one in front, rounded down.
            partners: Of how many most similar items one is drawn.
            max_len: Longer chains than this, the tower's limit, keep their last items only; 0 for any length.
        """
        super().__init__(ratio, partners)
        self.max_len = max_len

    def forward(self, graph: Graph, *, generator: torch.Generator, prepared: Tensor | None = None) -> Data:
        """The longer chains; similarities are of the chains themselves unless ``prepared``."""
        similar = self.prepare(graph) if prepared is None else prepared
        return insert_items(graph, self.ratio, similar=similar, max_len=self.max_len, generator=generator)
