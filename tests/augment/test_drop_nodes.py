"""Node dropping: shares, edges, batches."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from graphcl.augment.drop_nodes import drop_nodes
from graphcl.augment.new_edges import AddEdges
from tests.augment.graphs import bipartite, cliques, edge_pairs, left_of_each, seeded


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_p_is_the_dropped_share_of_nodes_and_all_their_edges_go(p):
    nodes = 600
    ring = torch.stack([torch.arange(nodes), (torch.arange(nodes) + 1) % nodes])
    star = torch.stack([torch.arange(nodes), torch.arange(nodes)])  # a loop at each node tells whether it was kept
    graph = Data(edge_index=torch.cat([ring, star], 1), num_nodes=nodes)
    left = drop_nodes(graph, p, generator=seeded()).edge_index
    kept = set(left[0][left[0] == left[1]].tolist())
    assert 1 - len(kept) / nodes == pytest.approx(p, abs=0.05 if 0 < p < 1 else 1.5 / nodes)
    assert kept, "a graph keeps one node at least"
    expected = {(s, (s + 1) % nodes) for s in kept if (s + 1) % nodes in kept}
    assert set(zip(*left[:, left[0] != left[1]].tolist(), strict=True)) == expected


def test_users_and_items_are_dropped_with_all_their_edges():
    graph = bipartite(40, 30, 300)
    result = drop_nodes(graph, 0.5, generator=seeded())
    left = edge_pairs(result)
    users, items = {u for u, _ in left}, {i for _, i in left}
    assert left == {(u, i) for u, i in edge_pairs(graph) if u in users and i in items}
    assert 0 < len(users) < 40


def test_nodes_are_dropped_at_one_rate_in_small_and_large_graphs_and_one_is_left():
    graph = cliques([1, 4, 8, 60])
    counts = torch.tensor([left_of_each(drop_nodes(graph, 0.3, generator=seeded(seed))) for seed in range(300)])
    assert counts.min() >= 1
    shares = counts.double().mean(0) / torch.tensor([1, 4, 8, 60])
    assert shares[0] == 1
    torch.testing.assert_close(shares[1:], torch.tensor([0.7, 0.7, 0.7], dtype=torch.float64), atol=0.04, rtol=0)
    assert left_of_each(drop_nodes(graph, 1.0, generator=seeded())) == [1, 1, 1, 1]


def test_a_second_augmenter_keeps_what_the_first_left():
    graph = cliques([9, 9])
    once = drop_nodes(graph, 0.5, generator=seeded(1))
    twice = drop_nodes(once, 0.5, generator=seeded(2))
    assert not bool((twice.kept_nodes & ~once.kept_nodes).any())
    assert torch.equal(AddEdges(0.5)(once, generator=seeded()).kept_nodes, once.kept_nodes)
    assert [part.kept_nodes.tolist() for part in twice.to_data_list()] == [
        part.tolist() for part in twice.kept_nodes.split(9)
    ]
    assert "kept_nodes" not in graph
