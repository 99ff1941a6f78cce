"""Structure augmenters: shares, symmetry, attributes, purity, on any graph."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.utils import is_undirected

from graphcl.augment.drop_edges import DropEdges, drop_edges
from graphcl.augment.drop_nodes import DropNodes
from graphcl.augment.new_edges import AddEdges
from graphcl.augment.random_walk import RandomWalkSubgraph
from graphcl.core.errors import UserError
from graphcl.graph.operators import build_operator
from tests.augment.graphs import batch, bipartite, edge_pairs, seeded, undirected

AUGMENTERS = [
    DropEdges(0.4),
    DropEdges(0.4, symmetric=False),
    DropEdges(0.4, centrality="degree"),
    DropNodes(0.3),
    RandomWalkSubgraph(0.2, 2),
    AddEdges(0.5),
]
REMOVERS = AUGMENTERS[:-1]
SYMMETRIC = [AUGMENTERS[0], *AUGMENTERS[2:]]


GRAPHS = {
    "undirected": lambda: undirected(12, 30),
    "directed": lambda: Data(edge_index=torch.randint(0, 9, (2, 25), generator=seeded(1)), num_nodes=9),
    "bipartite": lambda: bipartite(8, 6, 30),
    "batch": batch,
    "no_edges": lambda: Data(x=torch.ones(3, 2), edge_index=torch.empty(2, 0, dtype=torch.int64)),
    "one_node": lambda: Data(x=torch.ones(1, 2), edge_index=torch.zeros(2, 1, dtype=torch.int64)),
}


def tensors(graph) -> list[tuple[str, Tensor]]:
    return [(key, value) for store in graph.stores for key, value in store.items() if isinstance(value, Tensor)]


@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
@pytest.mark.parametrize("name", GRAPHS)
def test_pure_deterministic_and_of_equal_node_count(augmenter, name):
    graph = GRAPHS[name]()
    before = copy.deepcopy(graph)
    result = augmenter(graph, generator=seeded())
    again = augmenter(graph, generator=seeded())
    for (key, old), (_, now) in zip(tensors(before), tensors(graph), strict=True):
        assert torch.equal(old, now), key
    for (key, a), (_, b) in zip(tensors(result), tensors(again), strict=True):
        assert torch.equal(a, b), key
    storage = {value.untyped_storage().data_ptr() for _, value in tensors(graph) if value.numel()}
    assert not [k for k, v in tensors(result) if v.numel() and v.untyped_storage().data_ptr() in storage]
    assert result.num_nodes == graph.num_nodes
    assert build_operator(result).shape == build_operator(graph).shape


@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
def test_another_seed_gives_another_graph(augmenter):
    graph = undirected(60, 200)
    results = [augmenter(graph, generator=seeded(seed)).edge_index for seed in range(2)]
    assert results[0].shape != results[1].shape or not torch.equal(*results)


@pytest.mark.parametrize("augmenter", SYMMETRIC, ids=repr)
@settings(max_examples=25, deadline=None)
@given(nodes=st.integers(2, 15), edges=st.integers(1, 40), seed=st.integers(0, 1000))
def test_undirected_stays_undirected_with_paired_attributes(augmenter, nodes, edges, seed):
    graph = augmenter(undirected(nodes, edges, seed), generator=seeded(seed))
    index, weight = graph.edge_index, graph.edge_weight
    forth = {(s, t): w for s, t, w in zip(*index.tolist(), weight.tolist(), strict=True)}
    assert len(forth) == index.shape[1]
    assert all(forth[t, s] == w for (s, t), w in forth.items())
    assert torch.equal(graph.edge_attr[:, 0] + 1.0, weight)


@pytest.mark.parametrize("augmenter", SYMMETRIC, ids=repr)
@settings(max_examples=25, deadline=None)
@given(pairs=st.integers(1, 40), seed=st.integers(0, 1000), shuffle=st.booleans())
def test_both_directions_of_a_bipartite_graph_change_together(augmenter, pairs, seed, shuffle):
    graph = bipartite(7, 5, pairs, seed)
    if shuffle:  # mirrored, but not in the same order
        store = graph["item", "to", "user"]
        order = torch.randperm(store.num_edges, generator=seeded(seed))
        store.edge_index, store.edge_weight = store.edge_index[:, order], store.edge_weight[order]
    result = augmenter(graph, generator=seeded(seed))
    there, back = result["user", "to", "item"], result["item", "to", "user"]
    forth, back_again = (
        sorted(zip(*edges.tolist(), store.edge_weight.tolist(), strict=True))
        for store, edges in ((there, there.edge_index), (back, back.edge_index.flip(0)))
    )
    assert forth == back_again
    if not shuffle:
        assert torch.equal(there.edge_weight, back.edge_weight)
        assert build_operator(result, "sym").mirrored


@pytest.mark.parametrize("augmenter", REMOVERS, ids=repr)
@pytest.mark.parametrize("name", ["undirected", "directed", "batch"])
def test_what_is_left_was_there_and_orig_id_says_where(augmenter, name):
    graph = GRAPHS[name]()
    once = augmenter(graph, generator=seeded(1))
    twice = augmenter(once, generator=seeded(2))
    for result in (once, twice):
        assert torch.equal(result.edge_index, graph.edge_index[:, result.edge_orig_id])
        if "edge_attr" in graph:
            assert torch.equal(result.edge_attr, graph.edge_attr[result.edge_orig_id])


@pytest.mark.parametrize("augmenter", REMOVERS, ids=repr)
def test_no_edge_appears_that_was_held_out(augmenter):
    graph = bipartite(8, 6, 20)
    for seed in range(20):
        assert edge_pairs(augmenter(graph, generator=seeded(seed))) <= edge_pairs(graph)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.6, 1.0])
def test_p_is_the_dropped_share_of_edges(p, symmetric):
    graph = undirected(300, 4000)
    left = drop_edges(graph, p, symmetric=symmetric, generator=seeded()).num_edges
    assert 1 - left / graph.num_edges == pytest.approx(p, abs=0.02 if 0 < p < 1 else 0)


def test_each_direction_by_itself_leaves_one_way_pairs():
    assert not is_undirected(drop_edges(undirected(50, 300), 0.3, symmetric=False, generator=seeded()).edge_index)


def test_directed_edges_are_not_symmetrised():
    graph = GRAPHS["directed"]()
    assert not is_undirected(drop_edges(graph, 0.1, generator=seeded()).edge_index)


def test_nodes_stay_when_their_last_edge_goes():
    graph = Data(edge_index=torch.tensor([[0, 8], [1, 9]]))  # num_nodes is inferred from the edges
    assert drop_edges(graph, 1.0, generator=seeded()).num_nodes == 10


def test_a_graph_without_edge_index_is_refused():
    with pytest.raises(UserError, match="edge_index"):
        drop_edges(Data(x=torch.ones(2, 2)), 0.5, generator=seeded())


def test_augmented_graphs_are_normalised_anew():
    graph = undirected(12, 30)
    result = drop_edges(graph, 0.5, generator=seeded())
    operator = build_operator(Data(edge_index=result.edge_index, num_nodes=12), "row")
    sums = operator.propagate(torch.ones(12, 1))
    assert set(sums.round(decimals=5).view(-1).tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
@pytest.mark.parametrize("kind", ["homogeneous", "bipartite"])
def test_a_changed_batch_comes_apart_into_its_graphs(augmenter, kind):
    graphs = [undirected(n, 3 * n, n) if kind == "homogeneous" else bipartite(n, n + 2, 3 * n, n) for n in (5, 9, 2)]
    for graph in graphs:  # torch_geometric takes no store apart that has nothing but a number of nodes
        for store in graph.node_stores:
            store.x = torch.ones(store.num_nodes, 1)
    whole = Batch.from_data_list(graphs)
    before = [graph.num_nodes for graph in whole.to_data_list()]
    parts = augmenter(whole, generator=seeded()).to_data_list()
    again = Batch.from_data_list(parts)
    changed = augmenter(whole, generator=seeded())
    assert [part.num_nodes for part in parts] == before
    for mine, theirs in zip(again.edge_stores, changed.edge_stores, strict=True):
        assert torch.equal(mine.edge_index, theirs.edge_index)
        assert torch.equal(mine.edge_weight, theirs.edge_weight)
    assert [graph.num_edges for graph in whole.to_data_list()] == [graph.num_edges for graph in graphs]


@pytest.mark.parametrize("augmenter", [DropNodes(0.5, zero=True), RandomWalkSubgraph(0.1, 1, zero=True)], ids=repr)
def test_features_of_dropped_nodes_become_0_where_asked_for(augmenter):
    graph = undirected(30, 60)
    result = augmenter(graph, generator=seeded())
    gone = (result.x == 0).all(1)
    assert torch.equal(gone, ~result.kept_nodes)
    assert 0 < int(gone.sum()) < 30
    assert torch.equal(result.x[~gone], graph.x[~gone])
    graph.x = graph.x.long()
    with pytest.raises(UserError, match="dense tensor of floats"):
        augmenter(graph, generator=seeded())
