"""From a PyG graph to a normalised propagation operator."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError, suggestion
from graphcl.graph.convert import as_graph
from graphcl.graph.operators.base import Operator
from graphcl.graph.operators.bipartite import BipartiteOperator
from graphcl.graph.operators.sparse import SparseOperator, same_matrix

Norm = Literal["sym", "gcn", "row", "none"]


def build_operator(graph: Any, norm: str = "sym") -> Operator:
    """The operator that sends to each node the weighted sum over its incoming edges.

    Edges count ``edge_weight`` (1 without), repeated edges are summed. A node of degree 0 receives 0.

    Args:
        graph: homogeneous or heterogeneous, of any library that :func:`graphcl.graph.as_graph` takes; the types
            of a heterogeneous one follow each other in its order of node types. Two types joined by edges of both
            directions give a :class:`BipartiteOperator`, which never builds the square matrix.
        norm: ``sym``: D^-1/2 A D^-1/2 (He et al., SIGIR 2020, eq. 3); ``gcn``: the same with a self loop of
            weight 1 added where there is none (Kipf and Welling, ICLR 2017, eq. 2); ``row``: D^-1 A, the mean
            of the neighbours; ``none``: A. In a directed graph each side of ``sym`` and ``gcn`` is divided by
            its own degree, so that the largest singular value stays 1.

    Raises:
        UserError: unknown norm; edge weights that are negative, not finite or not one for each edge;
            edges that name a node the graph has not.
    """
    if norm not in get_args(Norm):
        raise UserError(f"unknown norm {norm!r}{suggestion(norm, get_args(Norm))}")
    graph = as_graph(graph)
    if isinstance(graph, HeteroData) and norm != "gcn" and _is_bipartite(graph):
        return _bipartite(graph, norm)
    matrix, device = square_adjacency(graph)
    return SparseOperator.from_scipy(normalise(matrix, norm), device)


def square_adjacency(graph: Data | HeteroData) -> tuple[sp.csr_matrix, torch.device]:
    """The matrix [targets, sources] over all nodes of all types, and where the edges lie.

    Raises:
        UserError: see :func:`build_operator`.
    """
    graph = as_graph(graph)
    if isinstance(graph, HeteroData):
        return _square_of_types(graph)
    edges: Tensor = graph.edge_index
    count = _num_nodes(graph, "the graph")
    return adjacency(edges, graph.get("edge_weight"), (count, count), "edge_index"), edges.device


def adjacency(edge_index: Tensor, weight: Tensor | None, shape: tuple[int, int], name: str) -> sp.csr_matrix:
    """The matrix [targets, sources] of edges [2, E] = (source, target), float32 unless the weights are double.

    Raises:
        UserError: see :func:`build_operator`; ``name`` tells the edges in the message.
    """
    source, target = edge_index.detach().cpu().numpy()
    if source.size and (min(source.min(), target.min()) < 0 or source.max() >= shape[1] or target.max() >= shape[0]):
        raise UserError(f"{name}: an edge names a node outside 0..{shape[1] - 1} -> 0..{shape[0] - 1}; set num_nodes")
    values = np.ones(source.size, dtype=np.float32)
    if weight is not None:
        values = weight.detach().cpu().numpy()
        values = values if values.dtype == np.float64 else values.astype(np.float32)
        if values.shape != source.shape:
            raise UserError(
                f"{name}: {source.size} edges but edge_weight of shape {values.shape}; give one weight each"
            )
        if not np.isfinite(values).all() or (values < 0).any():
            raise UserError(f"{name}: edge weights must be finite and not negative")
    return sp.csr_matrix((values, (target, source)), shape=shape)


def normalise(matrix: sp.csr_matrix, norm: str) -> sp.csr_matrix:
    """The normalised matrix; see :func:`build_operator`. ``gcn`` needs a square one. Symmetry is kept to the bit."""
    if norm == "none":
        return matrix
    if norm == "gcn":
        missing = (matrix.diagonal() == 0).astype(matrix.dtype)
        matrix = (matrix + sp.diags(missing, dtype=matrix.dtype)).tocsr()
    return scaled(matrix, *scales(matrix, norm))


def scales(matrix: sp.csr_matrix, norm: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """What rows and columns are multiplied by under ``row``, ``sym`` (and ``gcn``, loops added); None: nothing."""
    if norm == "none":
        return None, None
    if norm == "row":
        return _power(_degree(matrix), -1.0), None
    return _power(_degree(matrix), -0.5), _power(_degree(matrix.T.tocsr()), -0.5)


def scaled(matrix: sp.csr_matrix, by_row: np.ndarray | None, by_column: np.ndarray | None) -> sp.csr_matrix:
    """The matrix with its rows and columns multiplied."""
    if by_row is None:
        return matrix
    scale = by_row[np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))]
    scale = scale if by_column is None else scale * by_column[matrix.indices]
    values = (matrix.data * scale).astype(matrix.dtype)
    return sp.csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape)


def _degree(matrix: sp.csr_matrix) -> np.ndarray:
    """Row sums in double: a hub's sum of many float32 weights would round."""
    return matrix.astype(np.float64) @ np.ones(matrix.shape[1])


def _power(degree: np.ndarray, exponent: float) -> np.ndarray:
    """degree ** exponent, and 0 for a degree of 0."""
    return np.power(degree, exponent, where=degree > 0, out=np.zeros_like(degree))


def _num_nodes(store: Data, name: str) -> int:
    if store.num_nodes is None:
        raise UserError(f"{name} has no num_nodes and nothing to infer it from; set num_nodes")
    return int(store.num_nodes)


def _is_bipartite(graph: HeteroData) -> bool:
    """Two node types and exactly one edge type each way between them."""
    ends = sorted((source, target) for source, _, target in graph.edge_types)
    types = graph.node_types
    return len(types) == 2 and ends == sorted([(types[0], types[1]), (types[1], types[0])])


def _between(graph: HeteroData, edge_type: tuple[str, str, str]) -> sp.csr_matrix:
    source, _, target = edge_type
    shape = (_num_nodes(graph[target], f"node type {target!r}"), _num_nodes(graph[source], f"node type {source!r}"))
    store = graph[edge_type]
    return adjacency(store.edge_index, store.get("edge_weight"), shape, f"edges {edge_type}")


def _bipartite(graph: HeteroData, norm: str) -> BipartiteOperator:
    by_target = {edge_type[2]: edge_type for edge_type in graph.edge_types}
    first_type, second_type = graph.node_types
    device = graph[by_target[first_type]].edge_index.device
    first, second = _between(graph, by_target[first_type]), _between(graph, by_target[second_type])
    mirrored = norm != "row" and same_matrix(first.T.tocsr(), second)
    return BipartiteOperator(
        SparseOperator.from_scipy(normalise(first, norm), device),
        None if mirrored else SparseOperator.from_scipy(normalise(second, norm), device),
    )


def _square_of_types(graph: HeteroData) -> tuple[sp.csr_matrix, torch.device]:
    """The matrix over all nodes of all types."""
    types = list(graph.node_types)
    sizes = [_num_nodes(graph[node_type], f"node type {node_type!r}") for node_type in types]
    blocks: list[list[sp.spmatrix]] = [[sp.csr_matrix((r, c), dtype=np.float32) for c in sizes] for r in sizes]
    device = torch.device("cpu")
    for edge_type in graph.edge_types:
        row, column = types.index(edge_type[2]), types.index(edge_type[0])
        blocks[row][column] = blocks[row][column] + _between(graph, edge_type)
        device = graph[edge_type].edge_index.device
    return sp.csr_matrix(sp.bmat(blocks, format="csr")), device
