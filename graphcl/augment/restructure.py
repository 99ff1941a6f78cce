"""Giving a graph new weighted edges: the strongest entries of a matrix that is only ever seen in blocks of rows."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphcl.augment.rebuild import ORIG_ID, edge_level_names, edge_stores, map_tensors, node_counts, renew_slices
from graphcl.core.errors import UserError
from graphcl.encode.base import Graph
from graphcl.graph.diffusion import Block
from graphcl.graph.operators.build import adjacency


def weighted_adjacency(graph: Graph, what: str) -> sp.csr_matrix:
    """The matrix [targets, sources] of a homogeneous graph's edges and their weights.

    Raises:
        UserError: a heterogeneous graph (``what`` names the augmenter), or edges that cannot be used.
    """
    if isinstance(graph, HeteroData):
        raise UserError(f"{what} joins any two nodes, but this graph has no edge type for that; it needs one node type")
    (store,) = edge_stores(graph)
    count = node_counts(graph)[""]
    return adjacency(store.edge_index, store.get("edge_weight"), (count, count), "edge_index")


def strongest(blocks: Iterable[Block], count: int, *, top_k: int, eps: float) -> sp.csr_matrix:
    """The entries above ``eps`` that are among the ``top_k`` largest of their row.

    Args:
        blocks: together every entry that may be kept, each once, with whole rows.
        count: N.
        top_k: entries a row; 0 keeps all. Which of equal entries is kept at the limit is not defined.
        eps: smaller entries are left out, and 0 always.

    Returns:
        [N, N].
    """
    rows, columns, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for first_row, first_column, values in blocks:
        where = None
        if top_k and top_k < values.shape[1]:
            values, where = values.topk(top_k, dim=1)
        row, column = ((values >= eps) & (values > 0)).nonzero().unbind(1)
        weights.append(values[row, column].cpu().numpy())
        column = column if where is None else where[row, column]
        rows.append(row.cpu().numpy() + first_row)
        columns.append(column.cpu().numpy() + first_column)
    entries = np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))
    return sp.csr_matrix(entries, shape=(count, count))


def is_symmetric(matrix: sp.csr_matrix) -> bool:
    """Whether the matrix is its transpose, up to the rounding of weights that were summed in another order."""
    difference = abs(matrix - matrix.T)
    return difference.nnz == 0 or difference.max() <= 1e-6 * abs(matrix).max()


def in_either_row(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Symmetric: an entry stays when its row or its column kept it."""
    return matrix.maximum(matrix.T.tocsr())


def with_place_for_edges(graph: Graph) -> Graph:
    """The graph; points without any ``edge_index`` get an empty one."""
    if isinstance(graph, HeteroData) or "edge_index" in graph or "adj_t" in graph:
        return graph
    points = copy.copy(graph)
    points.edge_index = torch.empty(2, 0, dtype=torch.int64, device=graph.x.device)
    return points


def with_edges(graph: Graph, matrix: sp.csr_matrix) -> Graph:
    """The graph with the entries [target, source] of a matrix as its edges and ``edge_weight``.

    Other attributes of edges are left out: those of a new edge are unknown. ``edge_orig_id`` is the position of
    the edge of the same ends in the graph that the first augmenter was given, -1 where there was none.
    """
    (store,) = edge_stores(graph)
    entries = matrix.T.tocsr().sorted_indices().tocoo()  # by source, then target
    device = store.edge_index.device
    edges = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64)).to(device)
    weight = torch.from_numpy(entries.data.astype(np.float32)).to(device)
    result = map_tensors(graph, lambda _, name, value: value.clone())
    (made,) = edge_stores(result)
    for name in edge_level_names(store):
        del made[name]
    made.edge_index, made.edge_weight = edges, weight
    made[ORIG_ID] = _origin(edges, store)
    return renew_slices(result)


def _origin(edges: Tensor, store: Any) -> Tensor:
    """For each edge the original position of the first old edge of the same ends; -1 without one."""
    old: Tensor = store.edge_index
    if not old.numel() or not edges.numel():
        return torch.full_like(edges[0], -1)
    base = int(torch.maximum(old.max(), edges.max())) + 1
    keys, order = (old[0] * base + old[1]).sort(stable=True)
    wanted = edges[0] * base + edges[1]
    place = torch.searchsorted(keys, wanted).clamp_max(keys.numel() - 1)
    position = order.index_select(0, place)
    if ORIG_ID in store:
        position = store[ORIG_ID].index_select(0, position)
    return position.masked_fill(keys.index_select(0, place) != wanted, -1)
