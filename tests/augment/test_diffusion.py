"""Diffusion against the dense formulas, on connected, unconnected, directed, weighted and batched graphs."""

from __future__ import annotations

import doctest
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.utils import to_undirected

from graphcl.augment.diffusion import PPR, heat, markov, ppr
from graphcl.core.errors import UserError
from graphcl.encode.base import Graph
from graphcl.graph import diffusion
from graphcl.graph.bipartite import build_bipartite
from graphcl.graph.operators import build_operator

ALL = {"top_k": 0, "eps": 0.0}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def undirected(nodes: int, edges: int, seed: int = 0) -> Data:
    """With weights, and nodes that no edge names."""
    index = torch.randint(0, nodes, (2, edges), generator=seeded(seed))
    index, weight = to_undirected(index, torch.rand(edges, generator=seeded(seed)) + 0.1, num_nodes=nodes)
    return Data(x=torch.randn(nodes, 3), edge_index=index, edge_weight=weight, num_nodes=nodes)


def directed() -> Data:
    return Data(edge_index=torch.tensor([[0, 1, 2, 0, 4], [1, 2, 0, 2, 3]]), num_nodes=6)


def dense(graph: Data, norm: str = "none") -> np.ndarray:
    """The matrix that a tower of this norm multiplies by."""
    count = graph.num_nodes
    return build_operator(graph, norm).propagate(torch.eye(count, dtype=torch.float64)).numpy()


def mean_of_powers(T: np.ndarray, steps: int) -> np.ndarray:
    return sum(np.linalg.matrix_power(T, k) for k in range(1, steps + 1)) / steps


KERNELS: dict[str, tuple[Callable[..., Graph], Callable[[np.ndarray], np.ndarray]]] = {
    "ppr": (lambda g, **o: ppr(g, 0.15, **o), lambda T: 0.15 * np.linalg.inv(np.eye(len(T)) - 0.85 * T)),
    "heat": (lambda g, **o: heat(g, 3.0, **o), lambda T: scipy.linalg.expm(-3.0 * (np.eye(len(T)) - T))),
    "markov": (lambda g, **o: markov(g, 4, **o), lambda T: mean_of_powers(T, 4)),
}
GRAPHS = {
    "undirected": lambda: undirected(14, 30),
    "several parts": lambda: undirected(25, 14, 1),
    "directed": directed,
    "no edges": lambda: Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=3),
    "batch": lambda: Batch.from_data_list([undirected(n, 2 * n, n) for n in (5, 1, 9)]),
}
each_kernel = pytest.mark.parametrize("kernel", KERNELS)


@each_kernel
@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("norm", ["gcn", "sym", "row"])
def test_what_a_tower_without_a_norm_multiplies_by_is_the_kernel(kernel: str, name: str, norm: str) -> None:
    graph, (function, formula) = GRAPHS[name](), KERNELS[kernel]
    expected = formula(dense(graph, norm))
    np.testing.assert_allclose(dense(function(graph, norm=norm, **ALL)), expected, atol=1.1e-4)
    if kernel != "markov":
        finer, exact = ({"tolerance": 1e-7}, 3e-7), ({"exact": True}, 1e-7)
        for options, error in (finer, exact):
            found = dense(function(graph, norm=norm, **ALL, **options))
            np.testing.assert_allclose(found, expected, atol=error)


def test_the_error_is_that_of_the_tolerance() -> None:
    """Not far smaller either: the series ends as soon as it may."""
    graph = undirected(14, 30)
    exact = dense(ppr(graph, exact=True, **ALL))
    for tolerance in (1e-1, 1e-2, 1e-3):
        off = np.abs(dense(ppr(graph, tolerance=tolerance, **ALL)) - exact)
        assert tolerance / 40 < off.max() <= tolerance
        # the largest error of a sum over a row is the mass that is left out
        assert tolerance / 2 < np.linalg.norm(dense(ppr(graph, tolerance=tolerance, **ALL)) - exact, 2) <= tolerance


@each_kernel
def test_blocks_of_columns_give_what_one_gives(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, graph = KERNELS[kernel][0], GRAPHS["batch"]()
    whole = function(graph, top_k=3)
    monkeypatch.setattr(diffusion, "BLOCK_BYTES", 4 * 15 * 2)  # two columns
    parts = function(graph, top_k=3)
    assert torch.equal(whole.edge_index, parts.edge_index)
    torch.testing.assert_close(whole.edge_weight, parts.edge_weight)


@each_kernel
def test_the_strongest_of_a_row_are_kept(kernel: str) -> None:
    graph, function = undirected(14, 40), KERNELS[kernel][0]
    full = dense(function(graph, **ALL))
    kept = dense(function(graph, top_k=4, eps=0.0, symmetric=False))
    limit = np.sort(full, axis=1)[:, -4]
    assert (kept > 0).sum(1).max() == 4
    np.testing.assert_allclose(kept, np.where(full >= limit[:, None] - 1e-12, full, 0.0), atol=1e-7)
    above = dense(function(graph, top_k=0, eps=0.05))
    np.testing.assert_allclose(above, np.where(full >= 0.05, full, 0.0), atol=1e-7)


@each_kernel
@settings(max_examples=10, deadline=None)
@given(nodes=st.integers(1, 15), edges=st.integers(0, 40), seed=st.integers(0, 1000), top_k=st.integers(0, 5))
def test_undirected_stays_undirected_to_the_bit(kernel: str, nodes: int, edges: int, seed: int, top_k: int) -> None:
    graph = undirected(nodes, edges, seed)
    before = {name: value.clone() for name, value in graph.to_dict().items() if isinstance(value, Tensor)}
    result = KERNELS[kernel][0](graph, top_k=top_k)
    matrix = dense(result)
    assert np.array_equal(matrix, matrix.T)
    assert result.num_nodes == nodes
    assert all(torch.equal(before[name], graph[name]) for name in before)
    assert (np.diag(matrix) > 0).all() or top_k  # a self loop at least


@each_kernel
def test_nothing_crosses_the_graphs_of_a_batch(kernel: str) -> None:
    graphs = [undirected(n, 2 * n, n) for n in (5, 1, 9)]
    batch = Batch.from_data_list(graphs)
    result = KERNELS[kernel][0](batch, top_k=3)
    assert torch.equal(batch.batch[result.edge_index[0]], batch.batch[result.edge_index[1]])
    assert torch.equal(result.batch, batch.batch)
    for alone, part in zip(graphs, result.to_data_list(), strict=True):
        expected = KERNELS[kernel][0](alone, top_k=3)
        assert torch.equal(part.edge_index, expected.edge_index)
        torch.testing.assert_close(part.edge_weight, expected.edge_weight)


def test_old_edges_are_known_and_new_ones_are_not() -> None:
    graph = undirected(8, 12)
    graph.edge_attr = torch.arange(graph.num_edges)
    result = ppr(graph)
    known = result.edge_orig_id >= 0
    assert torch.equal(result.edge_index[:, known], graph.edge_index[:, result.edge_orig_id[known]])
    old, new = (list(map(tuple, edges.T.tolist())) for edges in (graph.edge_index, result.edge_index))
    assert [pair in old for pair in new] == known.tolist()
    assert "edge_attr" not in result


def test_a_self_loop_is_there_once() -> None:
    """Neither doubled by the kernel's own loops nor by those of a tower of norm gcn."""
    looped = Data(edge_index=torch.tensor([[0, 1, 0], [1, 0, 0]]), num_nodes=2)
    result = ppr(looped, **ALL)
    assert result.edge_index.T.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert np.count_nonzero(np.diag(dense(result, "gcn"))) == 2


def test_the_ends_of_the_options() -> None:
    graph = undirected(6, 9)
    for identity in (ppr(graph, 1.0), heat(graph, 0.0), PPR(alpha=1.0)(graph, generator=seeded())):
        np.testing.assert_allclose(dense(identity), np.eye(6))


def test_what_cannot_be_diffused_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="needs one node type"):
        ppr(build_bipartite([0, 1], [0, 0], 2, 1))
    with pytest.raises(UserError, match="finite and not negative"):
        heat(Data(edge_index=torch.tensor([[0], [1]]), edge_weight=torch.tensor([-1.0]), num_nodes=2))
    monkeypatch.setattr(diffusion, "EXACT_LIMIT", 5)
    with pytest.raises(UserError, match=r"at most 5 nodes, and the largest connected part has 6: leave 'exact' out"):
        ppr(undirected(6, 30), exact=True)
    assert ppr(undirected(5, 30), exact=True).num_nodes == 5


def test_the_examples_hold() -> None:
    assert doctest.testmod(diffusion) == (0, 2)
