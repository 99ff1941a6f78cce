"""Graphs that are made of what nodes have in common: nearest neighbours by features, and a smoothed adjacency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.augment.features import check_features
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import batch_vector, node_counts
from graphcl.augment.restructure import (
    in_either_row,
    is_symmetric,
    strongest,
    weighted_adjacency,
    with_edges,
    with_place_for_edges,
)
from graphcl.core.options import Count, Index, NonNegative
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.graph.diffusion import Block
from graphcl.graph.operators import SparseOperator, randomized_svd
from graphcl.graph.operators.build import normalise

Pairs = Literal["union", "mutual", "directed"]
#: Bytes of a block of similarities.
BLOCK_BYTES = 64 * 2**20


@plain
def knn_graph(graph: Graph, k: Count, *, pairs: Pairs = "union", weighted: bool = False) -> Graph:
    """Join each node to the ``k`` others of the most similar features, by cosine; the old edges go.

    Only a positive cosine counts, so a node without features has no neighbours. Which of equally similar nodes
    are the nearest is not defined.

    Args:
        graph: homogeneous, with ``x``; in a batch neighbours lie in one graph. It need not have edges.
        k: neighbours of a node, at most all others.
        pairs: ``union`` keeps an edge that either end asks for, ``mutual`` one that both do, and ``directed`` leads
            from each neighbour to the node.
        weighted: whether ``edge_weight`` is the cosine, else 1.

    Returns:
        The nodes as they were, with new edges and ``edge_weight``.

    Raises:
        UserError: a heterogeneous graph, no ``x``, or one that is not made of dense floats.
    """
    check_features(graph)
    graph = with_place_for_edges(graph)
    weighted_adjacency(graph, "knn_graph")
    matrix = strongest(_cosines(graph), node_counts(graph)[""], top_k=k, eps=0.0)
    if pairs == "mutual":
        matrix = matrix.minimum(matrix.T.tocsr())
    elif pairs == "union":
        matrix = in_either_row(matrix)
    if not weighted:
        matrix.data[:] = 1.0
    return with_edges(graph, matrix)


@plain
def svd_graph(
    graph: Graph,
    rank: Count,
    *,
    top_k: Index = 64,
    eps: NonNegative = 1e-4,
    symmetric: bool = True,
    oversampling: Index = 10,
    n_iter: Index = 7,
    generator: torch.Generator,
) -> Graph:
    """The strongest positive entries of the best approximation of low rank to the normalised adjacency.

    The operator of all entries, which needs no graph, is :func:`graphcl.augment.low_rank`.

    Args:
        graph: homogeneous; each graph of a batch is approximated by itself.
        rank: number of singular triplets, at most the nodes of the graph.
        top_k: entries kept in each row, what a node receives from; 0 keeps all.
        eps: entries below are left out.
        symmetric: of a symmetric graph, keep an entry when one of its two rows does.
        oversampling: extra random directions of the range finder.
        n_iter: power iterations of the range finder.
        generator: source of the range finder's start.

    Returns:
        The nodes as they were, with the entries as ``edge_weight``; a tower with ``norm: none`` uses them as they are.

    Raises:
        UserError: a heterogeneous graph, or edge weights that cannot be used.
    """
    matrix = normalise(weighted_adjacency(graph, "svd_graph"), "sym")

    def rows() -> Iterator[Block]:
        for start, stop in _spans(graph):
            part = matrix[start:stop, start:stop]
            if part.nnz:
                operator = SparseOperator.from_scipy(part, graph.edge_index.device)
                options = {"oversampling": oversampling, "n_iter": n_iter}
                found = randomized_svd(operator, min(rank, stop - start), **options, generator=generator)
                yield from _products(found.U * found.S, found.V, start)

    kept = strongest(rows(), matrix.shape[0], top_k=top_k, eps=eps)
    return with_edges(graph, in_either_row(kept) if symmetric and is_symmetric(matrix) else kept)


def _spans(graph: Graph) -> Iterator[tuple[int, int]]:
    """First node and end of each graph of a batch; of a single graph, all nodes."""
    batch = batch_vector(graph)
    sizes = [node_counts(graph)[""]] if batch is None else torch.bincount(batch).tolist()
    stops = np.cumsum(sizes).tolist()
    return ((stop - size, stop) for size, stop in zip(sizes, stops, strict=True))


def _products(left: Tensor, right: Tensor, start: int) -> Iterator[Block]:
    """Rows of ``left right^T``, some at a time; row and column 0 are node ``start``."""
    height = max(1, BLOCK_BYTES // (right.element_size() * max(len(right), 1)))
    for first in range(0, len(left), height):
        yield start + first, start, left[first : first + height] @ right.T


def _cosines(graph: Graph) -> Iterator[Block]:
    unit = F.normalize(graph.x, dim=1)
    for start, stop in _spans(graph):
        part = unit[start:stop]
        for first, _, values in _products(part, part, start):
            own = torch.arange(first - start, first - start + len(values), device=values.device)
            yield first, start, values.scatter(1, own[:, None], 0.0)  # no node is its own neighbour


@register("augmenter", "knn_graph", example={"k": 2}, level="graph", stochastic=False, edges="new")
class KnnGraph(nn.Module):
    """Nearest neighbours by features as the graph; see :func:`knn_graph`."""

    def __init__(self, k: Count = 10, pairs: Pairs = "union", weighted: bool = False) -> None:
        """
        Args:
            k: Neighbours of a node.
            pairs: Whether an edge is kept that either end asks for (union), that both do (mutual), or as it leads.
            weighted: Whether edges weigh as much as the cosine, else 1.
        """
        super().__init__()
        self.k, self.pairs, self.weighted = k, pairs, weighted

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph of neighbours; nothing is drawn."""
        return knn_graph(graph, self.k, pairs=self.pairs, weighted=self.weighted)


@register("augmenter", "svd_graph", example={"rank": 2}, level="graph", stochastic=False, edges="new")
class SvdGraph(nn.Module):
    """An approximation of low rank as a weighted graph; see :func:`svd_graph`. `norm: none` uses it as it is."""

    def __init__(
        self,
        rank: Count = 5,
        top_k: Index = 64,
        eps: NonNegative = 1e-4,
        symmetric: bool = True,
        oversampling: Index = 10,
        n_iter: Index = 7,
    ) -> None:
        """
        Args:
            rank: Number of singular triplets.
            top_k: Edges kept that lead to a node; 0 keeps all.
            eps: Weights below are left out.
            symmetric: Whether a symmetric graph stays one, by keeping an edge for either of its ends.
            oversampling: Extra random directions of the range finder.
            n_iter: Power iterations of the range finder.
        """
        super().__init__()
        self.rank, self.top_k, self.eps, self.symmetric = rank, top_k, eps, symmetric
        self.oversampling, self.n_iter = oversampling, n_iter

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph of the approximation."""
        return svd_graph(
            graph,
            self.rank,
            top_k=self.top_k,
            eps=self.eps,
            symmetric=self.symmetric,
            oversampling=self.oversampling,
            n_iter=self.n_iter,
            generator=generator,
        )
