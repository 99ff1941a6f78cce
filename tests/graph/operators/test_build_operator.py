"""Every norm against the dense formula, and what cannot be built."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import to_dense_adj, to_undirected

from graphcl.core.errors import UserError
from graphcl.graph.bipartite import build_bipartite
from graphcl.graph.operators import BipartiteOperator, SparseOperator, build_operator

NORMS = ("sym", "gcn", "row", "none")


def dense_adjacency(graph: HeteroData) -> torch.Tensor:
    """[N, N] by loops over the pairs, users first."""
    users = graph["user"].num_nodes
    A = torch.zeros(users + graph["item"].num_nodes, users + graph["item"].num_nodes, dtype=torch.float64)
    store = graph["user", "to", "item"]
    for (u, i), w in zip(store.edge_index.T.tolist(), store.edge_weight.tolist(), strict=True):
        A[u, users + i] += w
        A[users + i, u] += w
    return A


def dense_norm(A: torch.Tensor, norm: str) -> torch.Tensor:
    if norm == "gcn":
        A = A + torch.diag((A.diagonal() == 0).to(A.dtype))
    N = torch.zeros_like(A)
    for r in range(A.shape[0]):
        for c in range(A.shape[1]):
            if A[r, c] > 0:
                out, into = A[r].sum(), A[:, c].sum()
                divisor = {"none": 1.0, "row": out}.get(norm, (out * into) ** 0.5)
                N[r, c] = A[r, c] / divisor
    return N


def as_dense(operator) -> torch.Tensor:
    return operator.to(dtype=torch.float64).propagate(torch.eye(operator.shape[1], dtype=torch.float64))


@pytest.mark.parametrize("norm", NORMS)
def test_bipartite_equals_the_dense_formula(bipartite, norm):
    operator = build_operator(bipartite, norm)
    expected = dense_norm(dense_adjacency(bipartite), norm)
    torch.testing.assert_close(as_dense(operator), expected, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(as_dense(operator.T), expected.T, rtol=1e-6, atol=1e-7)
    assert isinstance(operator, SparseOperator if norm == "gcn" else BipartiteOperator)
    if isinstance(operator, BipartiteOperator):
        assert operator.mirrored == (norm in ("sym", "none"))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("directed", [False, True])
def test_homogeneous_equals_the_dense_formula(norm, directed, generator):
    edges = torch.randint(0, 7, (2, 20), generator=generator)  # self loops and repeats among them
    edges = edges if directed else to_undirected(edges)
    graph = Data(edge_index=edges, num_nodes=9)
    A = torch.zeros(9, 9, dtype=torch.float64)
    for source, target in edges.T.tolist():
        A[target, source] += 1
    torch.testing.assert_close(as_dense(build_operator(graph, norm)), dense_norm(A, norm), rtol=1e-6, atol=1e-7)


def test_gcn_equals_torch_geometric_on_an_undirected_weighted_graph(generator):
    weight = torch.rand(12, generator=generator) + 0.1
    edges, weight = to_undirected(torch.randint(0, 6, (2, 12), generator=generator), weight, num_nodes=6)
    graph = Data(edge_index=edges, edge_weight=weight, num_nodes=6)
    expected = to_dense_adj(*_with_batch(gcn_norm(edges, weight, num_nodes=6)), max_num_nodes=6)[0].T
    torch.testing.assert_close(as_dense(build_operator(graph, "gcn")).float(), expected)


def _with_batch(normed):
    edges, weight = normed
    return edges, None, weight


def test_symmetric_graphs_share_one_matrix(generator):
    weight = torch.rand(30, generator=generator)
    edges, weight = to_undirected(torch.randint(0, 20, (2, 30), generator=generator), weight, num_nodes=20)
    for norm in ("sym", "gcn", "none"):
        assert build_operator(Data(edge_index=edges, edge_weight=weight, num_nodes=20), norm).symmetric
    assert not build_operator(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2), "none").symmetric


def test_largest_singular_value_of_sym_is_one(bipartite):
    dense = as_dense(build_operator(bipartite, "sym"))
    assert torch.linalg.matrix_norm(dense, 2).item() == pytest.approx(1.0, abs=1e-6)


def test_nodes_without_edges_receive_zero(bipartite):
    for norm in ("sym", "row", "none"):
        operator = build_operator(bipartite, norm)
        product = operator.propagate(torch.ones(operator.shape[1], 2))
        assert torch.isfinite(product).all()
        assert product[8].tolist() == product[14].tolist() == [0.0, 0.0]


def test_three_types_follow_each_other():
    graph = HeteroData()
    for node_type, count in (("a", 2), ("b", 3), ("c", 1)):
        graph[node_type].num_nodes = count
    graph["a", "to", "b"].edge_index = torch.tensor([[0, 1], [2, 0]])
    graph["b", "to", "c"].edge_index = torch.tensor([[1], [0]])
    graph["b", "also", "c"].edge_index = torch.tensor([[1], [0]])
    expected = torch.zeros(6, 6, dtype=torch.float64)
    expected[4, 0] = expected[2, 1] = 1
    expected[5, 3] = 2
    assert torch.equal(as_dense(build_operator(graph, "none")), expected)


def test_edges_in_one_direction_only_feed_their_targets():
    graph = build_bipartite(torch.tensor([0]), torch.tensor([1]), 1, 2)
    del graph["item", "to", "user"]
    expected = torch.zeros(3, 3, dtype=torch.float64)
    expected[2, 0] = 1
    assert torch.equal(as_dense(build_operator(graph, "none")), expected)


@pytest.mark.parametrize("norm", NORMS)
def test_no_edges_and_no_nodes(norm):
    empty = torch.empty(2, 0, dtype=torch.int64)
    lonely = build_operator(Data(edge_index=empty, num_nodes=3), norm).propagate(torch.ones(3, 2))
    assert torch.equal(lonely, torch.full((3, 2), 1.0 if norm == "gcn" else 0.0))
    assert build_operator(Data(edge_index=empty, num_nodes=0), norm).propagate(torch.ones(0, 2)).shape == (0, 2)
    assert build_operator(build_bipartite(empty[0], empty[0], 2, 0), norm).propagate(torch.ones(2, 2)).shape == (2, 2)


def test_bad_graphs_are_refused():
    edges = torch.tensor([[0, 1], [1, 0]])
    with pytest.raises(UserError, match=r"unknown norm 'syn'; nearest: 'sym'"):
        build_operator(Data(edge_index=edges, num_nodes=2), "syn")
    with pytest.raises(UserError, match="outside"):
        build_operator(Data(edge_index=edges, num_nodes=1))
    for weight in ([1.0], [1.0, -1.0], [1.0, float("nan")]):
        with pytest.raises(UserError, match="edge_index"):
            build_operator(Data(edge_index=edges, edge_weight=torch.tensor(weight), num_nodes=2))


def test_torch_says_nothing_to_the_user(bipartite):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.set_warn_always(True)
        try:
            operator = build_operator(bipartite)
            x = torch.ones(operator.shape[1], 2, requires_grad=True)
            operator.propagate(x, torch.tensor([0, 3])).sum().backward()
        finally:
            torch.set_warn_always(False)
    assert [str(warning.message) for warning in said] == []
