"""The session tower against loops over each chain's distinct items."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.session_gnn import SessionGNN
from graphcl.graph.chain import build_chains

from .chain_graphs import ITEMS, alone, chains


def tower(**options: object) -> SessionGNN:
    given = {"dim": 4, "init_std": 0.5, **options}
    return SessionGNN(**given, graph=chains([3]), generator=generator(1)).double()  # type: ignore[arg-type]


def by_hand(model: SessionGNN, items: list[int]) -> Tensor:
    """[d] of a session: matrices of its distinct items, written out."""
    distinct = list(dict.fromkeys(items))
    every = torch.cat([model.tables["item"], model.mask_token])
    count = torch.zeros(len(distinct), len(distinct), dtype=torch.float64)
    for one, following in pairwise(items):
        count[distinct.index(one), distinct.index(following)] += 1
    out = count / count.sum(1, keepdim=True).clamp_min(1)
    into = count.T / count.T.sum(1, keepdim=True).clamp_min(1)
    v, cell = every[torch.tensor(distinct)], model.cell
    for _ in range(model.num_steps):
        a = torch.cat([out @ model.after(v), into @ model.before(v)], dim=1)
        (r, z, n), (hr, hz, hn) = ((x @ w.T + b).chunk(3, 1) for x, w, b in (
            (a, cell.weight_ih, cell.bias_ih), (v, cell.weight_hh, cell.bias_hh)))
        r, z = torch.sigmoid(r + hr), torch.sigmoid(z + hz)
        v = (1 - z) * torch.tanh(n + r * hn) + z * v
    sequence = [v[distinct.index(item)] for item in items]
    last, whole = sequence[-1], torch.zeros(4, dtype=torch.float64)
    for one in sequence:
        whole = whole + model.score(torch.sigmoid(model.of_last(last) + model.of_each(one))) * one
    return model.merge(torch.cat([last, whole]))


@pytest.mark.parametrize("num_steps", [1, 2])
@settings(max_examples=15, deadline=None)
@given(lists=st.lists(st.lists(st.integers(0, ITEMS), min_size=1, max_size=8), min_size=1, max_size=6))
def test_the_end_of_each_chain_is_its_session(num_steps: int, lists: list[list[int]]) -> None:
    ptr = torch.tensor([0, *map(len, lists)]).cumsum(0)
    graph = build_chains(torch.tensor([item for one in lists for item in one]), ptr, num_items=ITEMS)
    model = tower(num_steps=num_steps)
    encoding = model(View(graph))
    assert encoding.graphs is not None
    for number, items in enumerate(lists):
        torch.testing.assert_close(encoding.graphs[number], by_hand(model, items), rtol=0, atol=1e-9)
        one = model(View(alone(graph, number))).nodes
        torch.testing.assert_close(encoding.nodes[graph.batch == number], one, rtol=0, atol=1e-9)


def test_what_came_before_and_after_is_told_apart() -> None:
    model = tower()
    there, back = (build_chains(torch.tensor(items), torch.tensor([0, 4]), num_items=ITEMS)
                   for items in ([1, 2, 3, 0], [3, 2, 1, 0]))
    assert not torch.allclose(model(View(there)).graphs, model(View(back)).graphs)
    assert not model.causal


def test_every_parameter_learns_and_can_be_differentiated_twice() -> None:
    graph, model = chains([5, 1, 3]), tower()
    graph.item[0] = ITEMS
    loss = model(View(graph)).nodes.cos().sum()
    gradients = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
    assert all(bool(gradient.any()) for gradient in gradients)
    sum(gradient.square().sum() for gradient in gradients).backward()
    assert all(bool(parameter.grad.any()) for parameter in model.parameters())


def test_another_graph_is_refused() -> None:
    with pytest.raises(UserError, match="needs a graph of chains"):
        SessionGNN(graph=Data(num_nodes=2), generator=generator(0))
