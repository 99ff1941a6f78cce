"""GIN that reads the kinds of edges: against a slow loop, its relations, and edges that come and go."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphcl.augment import add_edges, drop_edges, drop_nodes, knn_graph
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.edge_kinds import KindMaps, KindVectors
from graphcl.encode.gin import GIN
from graphcl.encode.token_input import TokenInput
from graphcl.engine.distributed import Ranks
from graphcl.engine.shares import take_records
from graphcl.graph.operators import multiplying_by
from tests.contract.toys import batch_graph, plain_graph, program_graph

KINDS = ("a", "b", "c")
USES = ("embed", "relational")


def with_kinds(graph: Data, seed: int = 0) -> Data:
    """An undirected graph both directions of whose edges are of one kind."""
    half = graph.edge_index[0] < graph.edge_index[1]
    place = graph.edge_index.sort(dim=0).values.T.tolist()
    kind = {tuple(pair): number for number, pair in enumerate(graph.edge_index[:, half].T.tolist())}
    draw = torch.randint(0, 3, (max(len(kind), 1),), generator=generator(seed), dtype=torch.uint8)
    graph.edge_kind = draw[torch.tensor([kind[tuple(pair)] for pair in place], dtype=torch.int64)]
    graph.edge_kinds = KINDS
    del graph["edge_weight"]
    return graph


def tower(graph: Data, use: str, **options: object) -> GIN:
    given = {"dim": 5, "num_layers": 2, "edge_kinds": use, "graph": graph, "generator": generator(0), **options}
    return GIN(**given).eval()


def by_hand(module: GIN, graph: Data) -> Tensor:
    """The last layer, message by message."""
    h = graph.x
    for layer in module.layers:
        rows = []
        for node in range(graph.num_nodes):
            total = h[node]
            for edge, (source, target) in enumerate(graph.edge_index.T.tolist()):
                if target != node:
                    continue
                kind = int(graph.edge_kind[edge])
                if isinstance(layer.messages, KindVectors):
                    total = total + h[source] + layer.messages.table[kind]
                else:
                    total = total + h[source] @ layer.messages.maps[kind]
            for part in layer.mlp:
                total = (part.linear.weight @ total + part.linear.bias).clamp_min(0)
            rows.append(total)
        h = torch.stack(rows)
    return h


@pytest.mark.parametrize("use", USES)
def test_it_is_what_a_slow_loop_gives(use: str) -> None:
    graph = with_kinds(plain_graph())
    module = tower(graph, use, batch_norm="none", jk="last")
    torch.testing.assert_close(module(View(graph)).nodes, by_hand(module, graph), rtol=1e-4, atol=1e-5)


def test_without_a_row_or_with_maps_that_change_nothing_it_is_gin() -> None:
    graph = with_kinds(plain_graph())
    plain = tower(graph, "none")
    for use in USES:
        module = tower(graph, use)
        module.load_state_dict(plain.state_dict(), strict=False)
        assert not torch.allclose(module(View(graph)).nodes, plain(View(graph)).nodes)
        for layer in module.layers:
            if isinstance(layer.messages, KindMaps):
                layer.messages.maps.data = torch.eye(layer.messages.maps.shape[1]).repeat(3, 1, 1)
            else:
                layer.messages.table.data.zero_()
        torch.testing.assert_close(module(View(graph)).nodes, plain(View(graph)).nodes)


@pytest.mark.parametrize("use", USES)
def test_it_sees_a_kind(use: str) -> None:
    graph = with_kinds(plain_graph())
    other = graph.clone()
    other.edge_kind = (graph.edge_kind + 1) % 3
    module = tower(graph, use)
    assert not torch.allclose(module(View(graph)).graphs, module(View(other)).graphs)
    plain = tower(graph, "none")
    assert torch.equal(plain(View(graph)).graphs, plain(View(other)).graphs)


@pytest.mark.parametrize("use", USES)
def test_a_batch_is_its_graphs_whichever_kinds_they_have(use: str) -> None:
    graphs = [with_kinds(graph, seed) for seed, graph in enumerate(batch_graph().to_data_list())]
    graphs[0].edge_kind.zero_()
    module = tower(graphs[0], use)
    assert module.layers[0].messages is not None
    whole = module(View(Batch.from_data_list(graphs))).graphs
    torch.testing.assert_close(whole, torch.cat([module(View(graph)).graphs for graph in graphs]))


@pytest.mark.parametrize("use", USES)
def test_a_rank_encodes_its_own_graphs(use: str) -> None:
    whole = program_graph()
    whole.x = torch.randn(12, 4, generator=generator(5))
    module = tower(whole, use)
    parts = [take_records(whole, Ranks(rank, 2)) for rank in (0, 1)]
    assert [part.edge_kind.numel() for part in parts] == torch.bincount(whole.batch[whole.edge_index[0]]).tolist()
    encoded = torch.cat([module(View(part)).graphs for part in parts])
    torch.testing.assert_close(encoded, module(View(whole)).graphs)


@pytest.mark.parametrize("use", USES)
def test_nodes_that_are_gone_and_edges_that_come(use: str) -> None:
    graph = with_kinds(plain_graph())
    module = tower(graph, use)
    dropped = drop_nodes(graph, 0.4, generator=generator(2))
    left = dropped.subgraph(dropped.kept_nodes)
    assert 0 < left.num_edges < graph.num_edges
    torch.testing.assert_close(module(View(dropped)).graphs, module(View(left)).graphs)
    fewer = drop_edges(graph, 0.4, generator=generator(2))
    kinds = dict(zip(map(tuple, graph.edge_index.T.tolist()), graph.edge_kind.tolist(), strict=True))
    assert [kinds[tuple(pair)] for pair in fewer.edge_index.T.tolist()] == fewer.edge_kind.tolist()
    more = add_edges(graph, 0.9, generator=generator(2))
    assert more.num_edges > graph.num_edges
    there = dict(zip(map(tuple, more.edge_index.T.tolist()), more.edge_kind.tolist(), strict=True))
    assert all(there[b, a] == kind for (a, b), kind in there.items())
    assert bool(torch.isfinite(module(View(more)).graphs).all())
    with pytest.raises(UserError, match="edges without a kind: leave the augmenter out that makes all edges anew"):
        module(View(knn_graph(graph, 2)))


@pytest.mark.parametrize("use", USES)
def test_another_kernel_gives_the_same(use: str) -> None:
    pytest.importorskip("dgl", reason="the extra `dgl` is not installed")
    from graphcl.dgl import spmm

    graph = with_kinds(plain_graph())
    found = []
    for kernel in (None, spmm):
        module = tower(graph, use)
        if kernel is None:
            nodes = module(View(graph)).nodes
        else:
            with multiplying_by(kernel):
                nodes = module(View(graph)).nodes
        nodes.square().sum().backward()
        found.append([nodes, *(parameter.grad for parameter in module.parameters())])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("use", USES)
def test_of_programs_the_kinds_that_are_there_learn(use: str) -> None:
    graph = program_graph()
    inner = {"gin": {"dim": 4, "num_layers": 2, "norm": "row", "pooling": "mean", "edge_kinds": use}}
    module = TokenInput(dim=4, tower=inner, graph=graph, generator=generator(0))
    module(View(graph)).graphs.square().sum().backward()
    there = torch.bincount(graph.edge_kind, minlength=6) > 0
    assert there.tolist() == [True, True, False, True, True, False]  # no name is used twice
    for layer in module.inner.layers:
        gradient = (layer.messages.table if use == "embed" else layer.messages.maps).grad
        assert torch.equal(gradient.flatten(1).any(1), there)


def test_what_cannot_be_used_is_one_line() -> None:
    for use in USES:
        with pytest.raises(UserError, match=r"the edges of this data are of no kinds .* set edge_kinds=none"):
            tower(plain_graph(), use)
        with pytest.raises(UserError, match="norm=gcn adds self loops, which are of no kind; set norm=none"):
            tower(with_kinds(plain_graph()), use, norm="gcn")
