"""Random walks: what they reach, and how much of a graph they keep."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from graphcl.augment.random_walk import random_walk_subgraph
from tests.augment.graphs import batch, cliques, left_of_each, seeded


def test_walks_visit_what_they_can_reach():
    path = torch.tensor([[0, 1, 2, 4], [1, 2, 3, 5]])
    graph = Data(edge_index=path, num_nodes=6)
    lengths = {}
    for seed in range(30):
        result = random_walk_subgraph(graph, 0.0, 2, generator=seeded(seed))  # one start
        found = tuple(map(tuple, result.edge_index.T.tolist()))
        lengths[found] = lengths.get(found, 0) + 1
    # From 0: two steps. From 1: two. From 2: one. From 3 and 5: none. From 4: one.
    assert set(lengths) == {((0, 1), (1, 2)), ((1, 2), (2, 3)), ((2, 3),), ((4, 5),), ()}
    everything = random_walk_subgraph(graph, 1.0, 1, generator=seeded())
    assert torch.equal(everything.edge_index, path)


def test_every_graph_of_a_batch_keeps_a_walk():
    graph = batch()
    result = random_walk_subgraph(graph, 0.0, 1, generator=seeded())
    kept = graph.batch[result.edge_index[0]].unique()
    assert kept.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("start", [0.0, 0.5])
@pytest.mark.parametrize("keep", [0.0, 0.2, 0.5, 1.0])
def test_walks_end_with_their_share_of_each_graph(start: float, keep: float):
    sizes = [1, 4, 8, 60]
    graph = cliques(sizes)
    expected = [max(1, round(keep * n)) for n in sizes]
    for seed in range(5):
        result = random_walk_subgraph(graph, start, 2000, keep=keep, generator=seeded(seed))
        assert left_of_each(result) == expected
        ends = result.edge_index.flatten()
        assert bool(result.kept_nodes[ends].all())


def test_what_one_walk_keeps_hangs_together():
    ring = torch.stack([torch.arange(40), (torch.arange(40) + 1) % 40])
    graph = Data(edge_index=torch.cat([ring, ring.flip(0)], 1), num_nodes=40)
    kept = random_walk_subgraph(graph, 0.0, 1000, keep=0.3, generator=seeded()).kept_nodes
    assert int(kept.sum()) == 12
    assert int((kept & ~kept.roll(1)).sum()) == 1  # one arc
