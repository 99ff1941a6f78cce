"""Structure augmenters: shares, symmetry, attributes, purity, on any graph."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.utils import is_undirected, to_undirected

from graphcl.augment.graph import DropEdges, DropNodes, RandomWalkSubgraph, drop_edges, drop_nodes, random_walk_subgraph
from graphcl.augment.new_edges import AddEdges, PerturbEdges, add_edges
from graphcl.core.errors import UserError
from graphcl.graph.bipartite import build_bipartite
from graphcl.graph.operators import build_operator

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


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def undirected(nodes: int, edges: int, seed: int = 0) -> Data:
    """Undirected, with weights and attributes that tell which pair an edge is."""
    index = torch.randint(0, nodes, (2, edges), generator=seeded(seed))
    index = to_undirected(index[:, index[0] != index[1]], num_nodes=nodes)
    pair = index.min(0).values * nodes + index.max(0).values
    x = torch.randn(nodes, 3, generator=seeded(seed))
    return Data(x=x, edge_index=index, edge_weight=pair + 1.0, edge_attr=torch.stack([pair, -pair], 1), num_nodes=nodes)


def bipartite(users: int, items: int, pairs: int, seed: int = 0) -> HeteroData:
    """At most so many pairs, none twice, each with a weight of its own."""
    keys = torch.randint(0, users * items, (pairs,), generator=seeded(seed)).unique()
    keys = keys[torch.randperm(len(keys), generator=seeded(seed))]
    return build_bipartite(keys // items, keys % items, users, items, torch.arange(len(keys)) + 1.0)


def batch() -> Batch:
    return Batch.from_data_list([undirected(n, 3 * n, n) for n in (5, 9, 2, 12)])


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


def edge_pairs(graph: HeteroData) -> set[tuple[int, int]]:
    return set(map(tuple, graph["user", "to", "item"].edge_index.T.tolist()))


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


def test_nodes_stay_when_their_last_edge_goes():
    graph = Data(edge_index=torch.tensor([[0, 8], [1, 9]]))  # num_nodes is inferred from the edges
    assert drop_edges(graph, 1.0, generator=seeded()).num_nodes == 10


def test_the_number_of_added_edges():
    graph = undirected(400, 500)
    added = add_edges(graph, 0.5, generator=seeded()).num_edges - graph.num_edges
    assert added == pytest.approx(0.5 * graph.num_edges, rel=0.03)  # few draws collide in so sparse a graph
    assert add_edges(graph, 0.0, generator=seeded()).num_edges == graph.num_edges


def test_a_graph_without_edge_index_is_refused():
    with pytest.raises(UserError, match="edge_index"):
        drop_edges(Data(x=torch.ones(2, 2)), 0.5, generator=seeded())


def test_augmented_graphs_are_normalised_anew():
    graph = undirected(12, 30)
    result = drop_edges(graph, 0.5, generator=seeded())
    operator = build_operator(Data(edge_index=result.edge_index, num_nodes=12), "row")
    sums = operator.propagate(torch.ones(12, 1))
    assert set(sums.round(decimals=5).view(-1).tolist()) <= {0.0, 1.0}


# --- rates are those of each graph of a batch -------------------------------------------------------


def cliques(sizes: list[int]) -> Batch:
    """Complete graphs; one of a single node has no edge."""
    return Batch.from_data_list([
        Data(x=torch.ones(n, 1), edge_index=(1 - torch.eye(n)).nonzero().T.contiguous(), num_nodes=n) for n in sizes
    ])


def left_of_each(graph: Batch) -> list[int]:
    return torch.bincount(graph.batch[graph.kept_nodes], minlength=graph.num_graphs).tolist()


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
