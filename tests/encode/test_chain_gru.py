"""The recurrent tower against the unit's equations, chain by chain."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.chain_gru import ChainGRU
from graphcl.objective.kernels import differentiable

from .chain_graphs import ITEMS, chains

MIXED = [1, 6, 3, 3, 7, 2, 1]


def tower(**options: object) -> ChainGRU:
    given = {"dim": 4, "hidden": 5, "dropout": 0.0, "init_std": 0.5, **options}
    return ChainGRU(**given, graph=chains([3]), generator=generator(1)).double()  # type: ignore[arg-type]


def by_hand(model: ChainGRU, items: list[int]) -> Tensor:
    """[L, d] by the equations of the unit, item by item."""
    every = torch.cat([model.tables["item"], model.mask_token])
    inputs = [every[item] for item in items]
    for layer in range(model.gru.num_layers):
        w_i, w_h, b_i, b_h = (getattr(model.gru, f"{name}_l{layer}") for name in
                              ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        state, states = torch.zeros(model.gru.hidden_size, dtype=torch.float64), []
        for x in inputs:
            (r, z, n), (hr, hz, hn) = (w_i @ x + b_i).chunk(3), (w_h @ state + b_h).chunk(3)
            r, z = torch.sigmoid(r + hr), torch.sigmoid(z + hz)
            state = (1 - z) * torch.tanh(n + r * hn) + z * state
            states.append(state)
        inputs = states
    return model.dense(torch.stack(inputs))


@pytest.mark.parametrize("num_layers", [1, 2])
@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=7), seed=st.integers(0, 9))
def test_each_chain_is_read_by_itself(num_layers: int, lengths: list[int], seed: int) -> None:
    graph, model = chains(lengths, seed), tower(num_layers=num_layers)
    encoding = model(View(graph))
    assert encoding.graphs is not None
    for number in range(len(lengths)):
        expected = by_hand(model, graph.item[graph.batch == number].tolist())
        torch.testing.assert_close(encoding.nodes[graph.batch == number], expected, rtol=0, atol=1e-9)
        torch.testing.assert_close(encoding.graphs[number], expected[-1], rtol=0, atol=1e-9)


def test_asked_for_the_ends_it_gives_the_chains() -> None:
    graph, model = chains(MIXED), tower()
    last = graph.ptr[1:] - 1
    some = model(View(graph), rows=last)
    torch.testing.assert_close(some.graphs, model(View(graph)).graphs)
    assert model(View(graph), rows=last[1:]).graphs is None


def test_dropout_is_of_the_embeddings_and_in_training_alone() -> None:
    graph, model = chains([9] * 300), tower(dropout=0.3)
    assert float((model(View(graph)).layers[0] == 0).double().mean()) == pytest.approx(0.3, abs=0.02)
    assert torch.equal(model.eval()(View(graph)).nodes, tower().eval()(View(graph)).nodes)


def test_the_mask_token_is_not_in_the_table() -> None:
    graph, model = chains([4]), tower()
    graph.item[:] = torch.tensor([0, ITEMS, 1, ITEMS])
    model(View(graph)).nodes.square().sum().backward()
    assert model.tables["item"].grad.any(1).nonzero().view(-1).tolist() == [0, 1]
    assert bool(model.mask_token.grad.any())


def test_it_can_be_differentiated_twice_through_moved_parameters() -> None:
    graph, model = chains(MIXED), tower()

    def after_a_step(rate: Tensor) -> Tensor:
        own = dict(model.named_parameters())
        with differentiable():
            loss = model(View(graph)).nodes.cos().sum()
            gradients = torch.autograd.grad(loss, list(own.values()), create_graph=True)
            moved = {name: value - rate * g for (name, value), g in zip(own.items(), gradients, strict=True)}
            return functional_call(model, moved, (View(graph),)).nodes.cos().sum()

    rate = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    parameter = model.gru.weight_hh_l0
    (by_rate, by_weight) = torch.autograd.grad(after_a_step(rate), [rate, parameter])
    up, down = (after_a_step(torch.tensor(0.1 + step, dtype=torch.float64)).item() for step in (1e-6, -1e-6))
    assert by_rate.item() == pytest.approx((up - down) / 2e-6, rel=1e-4)
    values = []
    for step in (1e-6, -2e-6):
        with torch.no_grad():
            parameter[0, 0] += step
        values.append(after_a_step(rate).item())
    assert by_weight[0, 0].item() == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4)


def test_another_graph_is_refused() -> None:
    with pytest.raises(UserError, match="needs a graph of chains"):
        ChainGRU(graph=Data(num_nodes=2), generator=generator(0))
