"""Added and perturbed edges: how many, where, and what the old ones keep."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.utils import is_undirected

from graphcl.augment.new_edges import PerturbEdges, add_edges
from tests.augment.graphs import batch, seeded, undirected


def test_added_edges_leave_the_old_ones_in_order_and_stay_in_their_graph():
    graph = batch()
    result = add_edges(graph, 1.0, generator=seeded())
    old = result.edge_orig_id >= 0
    new = result.edge_index[:, ~old]
    assert torch.equal(result.edge_index[:, old], graph.edge_index)
    assert torch.equal(result.edge_orig_id[old], torch.arange(graph.num_edges))
    assert new.shape[1] > 0
    assert (graph.batch[new[0]] == graph.batch[new[1]]).all()
    assert (new[0] != new[1]).all()
    alone = undirected(12, 30)
    assert torch.equal(add_edges(alone, 1.0, generator=seeded()).edge_index[:, : alone.num_edges], alone.edge_index)
    pairs = result.edge_index.T.tolist()
    assert len(set(map(tuple, pairs))) == len(pairs)  # no edge twice


def test_no_draw_is_lost_to_a_self_loop_in_a_batch():
    edge = torch.tensor([[0], [1]])
    # Graphs of 2 nodes: a draw is the edge that exists, or its reverse; a self loop would be a third outcome.
    graph = Batch.from_data_list([Data(edge_index=edge, num_nodes=3), *[Data(edge_index=edge, num_nodes=2)] * 50])
    result = add_edges(graph, 40.0, symmetric=False, generator=seeded())
    new = set(zip(*result.edge_index[:, result.edge_orig_id == -1].tolist(), strict=True))
    assert {(t, s) for s, t in zip(*graph.edge_index.tolist(), strict=True)} <= new


def test_the_number_of_added_edges():
    graph = undirected(400, 500)
    added = add_edges(graph, 0.5, generator=seeded()).num_edges - graph.num_edges
    assert added == pytest.approx(0.5 * graph.num_edges, rel=0.03)  # few draws collide in so sparse a graph
    assert add_edges(graph, 0.0, generator=seeded()).num_edges == graph.num_edges


def test_a_graph_receives_edges_in_proportion_to_its_own():
    """A sparse and a dense graph of many nodes; by nodes they would receive as many."""
    few, many = undirected(60, 30, 1), undirected(60, 300, 2)
    graph = Batch.from_data_list([Data(edge_index=g.edge_index, num_nodes=60) for g in (few, many)])
    added = torch.zeros(2)
    for seed in range(20):
        result = add_edges(graph, 0.2, generator=seeded(seed))
        added += torch.bincount(graph.batch[result.edge_index[0, result.edge_orig_id == -1]], minlength=2)
    assert added[1] / added[0] == pytest.approx(many.num_edges / few.num_edges, rel=0.2)


@pytest.mark.parametrize("p", [0.0, 0.2, 1.0])
def test_perturbed_edges_are_as_many_and_others(p: float):
    graph = undirected(400, 500)
    result = PerturbEdges(p)(graph, generator=seeded())
    old = result.edge_orig_id >= 0
    assert int(old.sum()) == pytest.approx((1 - p) * graph.num_edges, rel=0.05)
    assert is_undirected(result.edge_index, num_nodes=400)
    if p < 1:
        assert result.num_edges == pytest.approx(graph.num_edges, rel=0.05)
        assert torch.equal(result.edge_attr[old], graph.edge_attr[result.edge_orig_id[old]])
