"""The tower against matrices, restricted to rows, and reading another view's layers."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch_geometric.data import Data

from graphcl.augment.operator import LowRank
from graphcl.core.errors import UserError
from graphcl.encode.base import View
from graphcl.encode.lightgcn import LightGCN
from graphcl.graph.bipartite import build_bipartite

ROWS = torch.tensor([0, 3, 8, 9, 13])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def graph():
    generator = seeded(3)
    users, items = (torch.randint(0, n, (40,), generator=generator) for n in (9, 6))
    return build_bipartite(users, items, 9, 6)


def tower(graph, **options) -> LightGCN:
    return LightGCN(**{"dim": 4, "num_layers": 3, **options}, graph=graph, generator=seeded())


def matrix(view: View) -> torch.Tensor:
    return view.operator("sym").propagate(torch.eye(15))


@pytest.mark.parametrize("readout_from", [0, 1])
@pytest.mark.parametrize("readout", ["mean", "sum", "last", "concat"])
def test_readout_of_linear_layers(graph, readout, readout_from):
    model, view = tower(graph, readout=readout, readout_from=readout_from), View(graph)
    A, E = matrix(view), torch.cat([model.tables["user"], model.tables["item"]])
    layers = [E, A @ E, A @ A @ E, A @ A @ A @ E][readout_from:]
    expected = {
        "mean": torch.stack(layers).mean(0),
        "sum": torch.stack(layers).sum(0),
        "last": layers[-1],
        "concat": torch.cat(layers, 1),
    }[readout]
    encoding = model(view)
    torch.testing.assert_close(encoding.nodes, expected)
    assert encoding.nodes.shape[1] == model.out_dim
    assert encoding.slices == {"user": (0, 9), "item": (9, 15)}
    assert len(encoding.layers) == 4


def test_layers_of_the_lightgcl_paper(graph):
    model, view = tower(graph, num_layers=2, activation="leaky_relu", residual=True, readout="sum"), View(graph)
    A, E0 = matrix(view), torch.cat([model.tables["user"], model.tables["item"]])
    f = torch.nn.LeakyReLU(0.5)
    Z1 = f(A @ E0)
    E1 = Z1 + E0
    Z2 = f(A @ E1)
    E2 = Z2 + E1
    encoding = model(view)
    for found, expected in zip(encoding.layers, (E0, E1, E2), strict=True):
        torch.testing.assert_close(found, expected)
    for found, expected in zip(encoding.messages, (E0, Z1, Z2), strict=True):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(encoding.nodes, E0 + E1 + E2)


@pytest.mark.parametrize("residual", [False, True])
def test_a_view_with_hidden_reads_the_other_views_layers_and_has_no_residual(graph, residual):
    model, view = tower(graph, num_layers=2, readout="sum", residual=residual), View(graph)
    main = model(view)
    svd = View(graph, [lambda operator: LowRank(2)(operator, generator=seeded())], hidden=main)
    B = matrix(svd)
    expected = main.layers[0] + B @ main.layers[0] + B @ main.layers[1]
    encoding = model(svd)
    torch.testing.assert_close(encoding.nodes, expected)
    restricted = model(svd, ROWS)
    torch.testing.assert_close(restricted.nodes, expected[ROWS])
    assert [len(layer) for layer in restricted.layers] == [15, 5, 5]


@pytest.mark.parametrize(
    ("readout", "residual", "num_layers"), list(itertools.product(["mean", "concat"], [False, True], [0, 1, 3]))
)
def test_rows_are_those_of_the_whole_with_equal_gradients(graph, readout, residual, num_layers):
    model = tower(graph, readout=readout, residual=residual, num_layers=num_layers)
    whole, part = model(View(graph)), model(View(graph), ROWS)
    assert torch.equal(part.nodes, whole.nodes[ROWS])
    last = part.layers[-1]
    at = part.position(last, ROWS)
    assert torch.equal(last.index_select(0, at), whole.layers[-1][ROWS])
    out = torch.randn(part.nodes.shape, generator=seeded(1))
    tables = list(model.tables.values())
    for a, b in zip(
        torch.autograd.grad(whole.nodes.index_select(0, ROWS), tables, out),
        torch.autograd.grad(part.nodes, tables, out),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_no_layers_is_matrix_factorisation(graph):
    model = tower(graph, num_layers=0)
    assert torch.equal(model(View(graph)).nodes, torch.cat([model.tables["user"], model.tables["item"]]))


def test_homogeneous_graphs_have_one_table():
    graph = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=3)
    model = tower(graph, num_layers=1, readout="last")
    assert list(model.tables) == ["node"]
    torch.testing.assert_close(model(View(graph)).nodes[:2], model.tables["node"][:2].flip(0))


def test_initial_embeddings_come_from_the_generator_alone(graph):
    before = torch.random.get_rng_state()
    a, b = tower(graph), tower(graph)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(a.tables["user"], b.tables["user"])
    assert not torch.equal(a.tables["user"][:6], a.tables["item"])
    large = build_bipartite(torch.zeros(1).long(), torch.zeros(1).long(), 2000, 1)
    xavier = tower(large, dim=16).tables["user"]
    assert xavier.abs().max().item() == pytest.approx((6 / 2016) ** 0.5, rel=0.01)
    normal = tower(large, dim=16, init="normal", init_std=0.3).tables["user"]
    assert normal.std().item() == pytest.approx(0.3, rel=0.02)


def test_a_readout_of_no_layer_is_refused(graph):
    with pytest.raises(UserError, match="readout_from=4"):
        tower(graph, readout_from=4)


def test_graphs_that_each_batch_has_of_its_own_are_refused(graph) -> None:
    other = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    one = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    with pytest.raises(UserError, match="embeds the 3 nodes of one graph, and this batch has 2 of its own; take"):
        tower(one)(View(other))
