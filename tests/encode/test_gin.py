"""GIN against a slow loop, its relations, and nodes that are no longer there."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphcl.augment import drop_nodes
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.features import MLP
from graphcl.encode.gin import GIN
from graphcl.encode.layer import BatchNorm
from tests.contract.toys import batch_graph, plain_graph


def unweighted(seed: int = 0) -> Data:
    graph = plain_graph(seed)
    del graph["edge_weight"]
    return graph


def tower(graph: Data, **options: object) -> GIN:
    return GIN(**{"dim": 5, "num_layers": 3, "graph": graph, "generator": generator(0), **options}).eval()


def by_hand(module: GIN, graph: Data) -> list[Tensor]:
    """Node by node, neighbour by neighbour, with the layer's own matrices."""
    h = graph.x
    found = []
    for layer in module.layers:
        eps = 0.0 if layer.eps is None else float(layer.eps.detach())
        rows = []
        for node in range(graph.num_nodes):
            total = (1 + eps) * h[node]
            for source, target in graph.edge_index.T.tolist():
                if target == node:
                    total = total + h[source]
            for part in layer.mlp:
                total = part.linear.weight @ total + part.linear.bias
                if part.norm is not None:
                    total = normalised(part.norm, total)
                total = total.clamp_min(0)
            rows.append(total if layer.norm is None else normalised(layer.norm, total))
        h = torch.stack(rows)
        found.append(h)
    return found


def normalised(norm: BatchNorm, x: Tensor) -> Tensor:
    return (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias


@pytest.mark.parametrize("batch_norm", ["inside", "after", "none"])
@pytest.mark.parametrize("learn_eps", [False, True])
def test_it_is_what_a_slow_loop_gives(batch_norm: str, learn_eps: bool) -> None:
    graph = unweighted()
    module = tower(graph, batch_norm=batch_norm, learn_eps=learn_eps)
    module.train()
    for _ in range(3):  # running statistics other than 0 and 1
        module(View(graph))
    module.eval()
    if learn_eps:
        torch.nn.init.constant_(module.layers[1].eps, 0.7)
    layers = by_hand(module, graph)
    encoding = module(View(graph))
    for mine, slow in zip(encoding.layers[1:], layers, strict=True):
        torch.testing.assert_close(mine, slow, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoding.nodes, torch.cat(layers, 1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoding.graphs, torch.cat(layers, 1).sum(0, keepdim=True), rtol=1e-4, atol=1e-4)


def test_what_becomes_of_the_layers() -> None:
    graph = unweighted()
    layers = tower(graph)(View(graph)).layers[1:]
    for jk, expected in (("last", layers[-1]), ("sum", sum(layers)), ("cat", torch.cat(layers, 1))):
        module = tower(graph, jk=jk)
        assert module.out_dim == expected.shape[1]
        torch.testing.assert_close(module(View(graph)).nodes, expected)


def test_without_edges_it_is_a_perceptron() -> None:
    graph = Data(x=plain_graph().x, edge_index=torch.zeros(2, 0, dtype=torch.int64), num_nodes=10)
    gin = tower(graph, num_layers=1, mlp_layers=2, batch_norm="none")
    mlp = MLP(dim=5, num_layers=2, graph=graph, generator=generator(1)).eval()
    for mine, theirs in zip(gin.layers[0].mlp, mlp.layers, strict=True):
        theirs.load_state_dict(mine.state_dict(), strict=False)
    torch.testing.assert_close(gin(View(graph)).nodes, mlp(View(graph)).nodes)


def test_renumbering_the_nodes_changes_no_graph() -> None:
    graph = unweighted()
    module = tower(graph, pooling="sum")
    order = torch.randperm(10, generator=generator(3))
    place = order.argsort()
    renumbered = Data(x=graph.x[order], edge_index=place[graph.edge_index], num_nodes=10)
    first, other = module(View(graph)), module(View(renumbered))
    torch.testing.assert_close(other.graphs, first.graphs)
    torch.testing.assert_close(other.nodes, first.nodes[order])


@pytest.mark.parametrize("pooling", ["sum", "mean", "max"])
@pytest.mark.parametrize("training", [False, True])
def test_dropped_nodes_are_as_if_they_had_never_been(pooling: str, training: bool) -> None:
    """The graph with the mask against the graph without the nodes, batch statistics too."""
    batch = batch_graph()
    dropped = drop_nodes(batch, 0.4, generator=generator(2))
    left = [
        part.subgraph(part.kept_nodes)
        for part in dropped.to_data_list()
    ]
    assert 0 < sum(part.num_nodes for part in left) < batch.num_nodes
    without = Batch.from_data_list([Data(x=g.x, edge_index=g.edge_index, edge_weight=g.edge_weight) for g in left])
    one, other = (tower(batch, pooling=pooling).train(training) for _ in range(2))
    masked, cut = one(View(dropped)), other(View(without))
    torch.testing.assert_close(masked.graphs, cut.graphs)
    torch.testing.assert_close(masked.nodes[dropped.kept_nodes], cut.nodes)
    assert not bool(masked.nodes[~dropped.kept_nodes].any())
    assert all(torch.allclose(a, b) for a, b in zip(one.buffers(), other.buffers(), strict=True))


def test_a_graph_that_lost_everything_keeps_its_row() -> None:
    batch = batch_graph()
    for p in (0.9, 1.0):
        dropped = drop_nodes(batch, p, generator=generator(0))
        assert torch.bincount(dropped.batch[dropped.kept_nodes], minlength=batch.num_graphs).min() >= 1
        graphs = tower(batch)(View(dropped)).graphs
        assert graphs.shape == (batch.num_graphs, 15)
        assert bool(torch.isfinite(graphs).all())


def test_a_batch_of_one_node_trains() -> None:
    graph = Data(x=torch.ones(1, 6), edge_index=torch.zeros(2, 0, dtype=torch.int64), num_nodes=1)
    for batch_norm in ("inside", "after"):
        module = tower(graph, batch_norm=batch_norm).train()
        encoding = module(View(graph))
        encoding.graphs.sum().backward()
        assert bool(torch.isfinite(encoding.graphs).all())
