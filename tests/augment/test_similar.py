"""Graphs of nearest neighbours and of low rank against the dense computation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Batch, Data
from torch_geometric.utils import to_undirected

from graphcl.augment import similar
from graphcl.augment.similar import KnnGraph, knn_graph, svd_graph
from graphcl.core.errors import UserError
from graphcl.graph.bipartite import build_bipartite
from graphcl.graph.operators import build_operator


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def graph(nodes: int, seed: int = 0) -> Data:
    edges = to_undirected(torch.randint(0, nodes, (2, 3 * nodes), generator=seeded(seed)), num_nodes=nodes)
    return Data(x=torch.rand(nodes, 5, generator=seeded(seed)), edge_index=edges, num_nodes=nodes)


def dense(made: Data) -> Tensor:
    return build_operator(made, "none").propagate(torch.eye(made.num_nodes))


def nearest(x: Tensor, k: int) -> Tensor:
    """[N, N] bool: row i has the k others of largest cosine."""
    unit = F.normalize(x, dim=1)
    cosine = (unit @ unit.T).fill_diagonal_(-2.0)
    k = min(k, len(x) - 1)
    return torch.zeros_like(cosine, dtype=torch.bool).scatter(1, cosine.topk(k, dim=1).indices, True)


@pytest.mark.parametrize("k", [1, 3, 50])
def test_neighbours_are_those_of_the_largest_cosine(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    source, expected = graph(12), nearest(graph(12).x, k)
    directed, union, mutual = (dense(knn_graph(source, k, pairs=p)) for p in ("directed", "union", "mutual"))
    assert torch.equal(directed > 0, expected)
    assert torch.equal(union > 0, expected | expected.T)
    assert torch.equal(mutual > 0, expected & expected.T)
    assert set(union.unique().tolist()) <= {0.0, 1.0}
    monkeypatch.setattr(similar, "BLOCK_BYTES", 4 * 12 * 5)  # five rows
    assert torch.equal(dense(knn_graph(source, k)), union)


def test_weights_are_cosines_where_asked_for() -> None:
    source = graph(12)
    unit = F.normalize(source.x, dim=1)
    found = dense(knn_graph(source, 3, weighted=True))
    torch.testing.assert_close(found, (unit @ unit.T).masked_fill(found == 0, 0.0))
    assert torch.equal(found, found.T)


def test_neighbours_lie_in_one_graph_of_a_batch() -> None:
    graphs = [graph(n, n) for n in (7, 1, 2, 9)]
    parts = knn_graph(Batch.from_data_list(graphs), 3).to_data_list()
    for alone, part in zip(graphs, parts, strict=True):
        assert torch.equal(dense(part), dense(knn_graph(alone, 3)))


def test_who_has_no_features_has_no_neighbours() -> None:
    source = graph(6)
    source.x[2] = 0.0
    found = dense(knn_graph(source, 2))
    assert not found[2].any()
    assert (found.sum(1) > 0).sum() == 5


def test_what_has_no_neighbours_to_find_is_refused() -> None:
    for bad, message in ((build_bipartite([0], [0], 1, 1), "no node features"),
                         (Data(edge_index=torch.zeros(2, 1, dtype=torch.int64)), "no node features"),
                         (Data(x=torch.ones(2, 2, dtype=torch.int64), edge_index=torch.zeros(2, 1, dtype=torch.int64)),
                          "dense tensor of floats")):
        with pytest.raises(UserError, match=message):
            KnnGraph(2)(bad, generator=seeded())


def test_the_graph_of_low_rank_is_the_best_approximation() -> None:
    source = graph(12)
    U, S, Vh = torch.linalg.svd(build_operator(source, "sym").propagate(torch.eye(12)))
    best = ((U[:, :4] * S[:4]) @ Vh[:4]).clamp_min(0.0)
    best = best.masked_fill(best < 0.01, 0.0)
    found = dense(svd_graph(source, 4, top_k=0, eps=0.01, generator=seeded()))
    torch.testing.assert_close(found, best, atol=1e-4, rtol=0)
    assert torch.equal(found, found.T)
    few = dense(svd_graph(source, 4, top_k=2, symmetric=False, generator=seeded()))
    assert (few > 0).sum(1).max() == 2
    torch.testing.assert_close(few.amax(1), found.amax(1), atol=1e-6, rtol=0)


def test_each_graph_of_a_batch_has_its_own_approximation() -> None:
    graphs = [graph(n, n) for n in (7, 1, 9)]
    graphs[1].edge_index = torch.empty(2, 0, dtype=torch.int64)
    parts = svd_graph(Batch.from_data_list(graphs), 3, generator=seeded()).to_data_list()
    for alone, part in zip(graphs, parts, strict=True):
        torch.testing.assert_close(dense(part), dense(svd_graph(alone, 3, generator=seeded())), atol=1e-4, rtol=0)
