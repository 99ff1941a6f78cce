"""How central each node is, and what follows from it for edges and columns of features (GCA, Zhu et al., WWW 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphcl.augment.rebuild import edge_stores, ends, global_edges, node_counts
from graphcl.core.errors import UserError, suggestion
from graphcl.encode.base import Graph

Centrality = Literal["none", "degree", "pagerank", "eigenvector"]
#: Node type ("" in a homogeneous graph) -> [N] how central its nodes are, above 0 for a node that an edge leads to.
Central = Mapping[str, Tensor]

DAMPING, TOLERANCE, MAX_STEPS = 0.85, 1e-10, 1000
#: Added to the eigenvector's entries (its length is 1), which are 0 outside the leading component.
EIGENVECTOR_FLOOR = 1e-8


def centralities(graph: Graph, kind: str) -> dict[str, Tensor]:
    """How central each node is, by the structure alone (weights of edges do not count).

    Args:
        graph: any PyG graph; of a heterogeneous one all types and edge types together.
        kind: ``degree``, the edges that lead to a node; ``pagerank`` (Page et al., 1999; damping .85, nodes without
            an outgoing edge jump anywhere), summing to 1; ``eigenvector`` (Bonacich, 1972), of length 1, plus 1e-8.

    Returns:
        Node type -> [N] float64.

    Raises:
        UserError: unknown kind.
    """
    if kind not in MEASURES:
        raise UserError(f"unknown centrality {kind!r}{suggestion(kind, MEASURES)}")
    edges, offsets = global_edges(graph)
    counts = node_counts(graph)
    total = sum(counts.values())
    if total == 0:
        return {name: torch.empty(0, dtype=torch.float64) for name in counts}
    source, target = edges.cpu().numpy()
    matrix = sp.csr_matrix((np.ones(source.size), (target, source)), shape=(total, total))
    values = torch.from_numpy(MEASURES[kind](matrix)).to(edges.device)
    return {name: values.narrow(0, offsets[name], count) for name, count in counts.items()}


def degree(adjacency: sp.csr_matrix) -> np.ndarray:
    """Row sums of an adjacency [targets, sources]."""
    return adjacency @ np.ones(adjacency.shape[1])


def pagerank(adjacency: sp.csr_matrix) -> np.ndarray:
    """PageRank of an adjacency [targets, sources], by power iteration."""
    count = adjacency.shape[0]
    out = adjacency.T.tocsr() @ np.ones(count)
    share = np.divide(1.0, out, where=out > 0, out=np.zeros(count))
    rank = np.full(count, 1.0 / count)
    for _ in range(MAX_STEPS):
        loose = rank[out == 0].sum()
        new = DAMPING * (adjacency @ (rank * share) + loose / count) + (1.0 - DAMPING) / count
        close = np.abs(new - rank).sum() < TOLERANCE
        rank = new
        if close:
            break
    return rank


def eigenvector(adjacency: sp.csr_matrix) -> np.ndarray:
    """The leading eigenvector of an adjacency [targets, sources], by power iteration from equal entries.

    The identity is added to the matrix, so a bipartite graph does not oscillate. Where two eigenvalues are
    (almost) equal the result is what 1,000 steps give: still positive, and the same each time.
    """
    count = adjacency.shape[0]
    vector = np.full(count, 1.0 / np.sqrt(count))
    for _ in range(MAX_STEPS):
        new = adjacency @ vector + vector
        new /= np.linalg.norm(new)
        close = np.abs(new - vector).sum() < TOLERANCE * count
        vector = new
        if close:
            break
    return vector + EIGENVECTOR_FLOOR


MEASURES = MappingProxyType({"degree": degree, "pagerank": pagerank, "eigenvector": eigenvector})


def spread(score: Tensor, p: float, max_p: float, counts: Tensor | None = None) -> Tensor:
    """Probabilities of mean ``p`` that fall linearly with the score: ``p (s_max - s) / (s_max - s_mean)``, at most
    ``max_p`` (GCA, Zhu et al., 2021, eq. 4 and 6).

    Where ``max_p`` binds, what is cut off is not given to others: the mean is then below ``p``. Equal scores
    all get ``p``, or ``max_p`` where that is smaller.

    Args:
        score: [M], finite.
        p: the mean.
        max_p: the largest probability.
        counts: [M], how often each score counts in the mean; None for once.

    Returns:
        [M].

    Example:
        >>> spread(torch.tensor([0.0, 1.0, 2.0]), 0.2, 0.7)
        tensor([0.4000, 0.2000, 0.0000])
    """
    if not score.numel():
        return score
    weight = torch.ones_like(score) if counts is None else counts.to(score.dtype)
    top = score.max()
    gap = top - (score * weight).sum() / weight.sum()
    # Rounding of the mean must not pass for a difference between scores.
    same = gap <= 1e-9 * top.abs().clamp_min(1.0)
    relative = torch.where(same, torch.ones_like(score), (top - score) / torch.where(same, 1.0, gap))
    return (p * relative).clamp(0.0, max_p)


def drop_probabilities(
    graph: Graph, units: list[Tensor], total: int, p: float, central: Central, max_p: float
) -> Tensor:
    """How probably each unit of edges is dropped: the less, the more central the nodes its edges lead to.

    The score of a unit is the mean over its edges of log centrality of the edge's target. For the two directions
    of an edge that is the mean of its ends; for a directed edge, as for a direction by itself, the target (the
    choice of GCA's paper for directed graphs, and of its code for all).

    Args:
        graph: whose edges.
        units: unit of each edge, for each edge store; see :func:`graphcl.augment.rebuild.edge_units`.
        total: number of units.
        p: mean over the edges, where ``max_p`` does not bind; see :func:`spread`.
        central: how central nodes are.
        max_p: the largest probability.

    Returns:
        [total].
    """
    scores = []
    for store in edge_stores(graph):
        target = central[ends(graph, store)[1]]
        scores.append(_log(target).index_select(0, store.edge_index[1]))
    score, unit = torch.cat(scores), torch.cat(units)
    counts = torch.bincount(unit, minlength=total)
    mean = score.new_zeros(total).index_add(0, unit, score) / counts
    return spread(mean, p, max_p, counts)


def _log(central: Tensor) -> Tensor:
    """Logarithms; a node of centrality 0, to which only an added edge can lead, counts as the least central."""
    positive = central.masked_select(central > 0)
    return central.clamp_min(positive.min() if positive.numel() else 1.0).log()


def mask_probabilities(graph: Graph, store: Any, x: Tensor, p: float, central: Central, max_p: float) -> Tensor:
    """How probably each column of ``x`` is masked: the less, the more central the nodes that use it.

    The score of a column is the log of sum_u centrality_u |x_u|: for 0/1 features, the summed centrality of the nodes
    that have it. A column that no node uses gets ``p``.

    Args:
        graph: the graph.
        store: the store of ``x``.
        x: [N, F].
        p: mean over the columns, where ``max_p`` does not bind; see :func:`spread`.
        central: how central nodes are.
        max_p: the largest probability.

    Returns:
        [F].
    """
    weight = central[store._key if isinstance(graph, HeteroData) else ""]
    use = (weight.to(x.dtype) @ x.detach().abs()).double()
    used = (use.isfinite() & (use > 0)).nonzero().view(-1)
    chance = use.new_full(use.shape, min(p, max_p))
    return chance.index_copy(0, used, spread(use.index_select(0, used).log(), p, max_p))
