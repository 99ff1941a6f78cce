"""The Transformer that is told the return to come: its buckets by hand, and what a node may know."""

from __future__ import annotations

import math

import pytest
import torch
from torch_geometric.data import Data

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.chains import read_chains
from graphcl.encode.decision_transformer import DecisionTransformer, embed_returns, mean_so_far

from .chain_graphs import alone, chains

SMALL = {"dim": 8, "heads": 2, "num_layers": 2, "buckets": 6, "dropout": 0.0, "attention_dropout": 0.0, "init_std": 0.5}


def with_returns(lengths: list[int], seed: int = 0) -> Data:
    graph = chains(lengths, seed)
    graph.rtg = torch.rand(len(graph.item), 2, generator=generator(seed, "returns"))
    return graph


def tower(graph: Data, **options: object) -> DecisionTransformer:
    made = build("tower", "decision_transformer", {**SMALL, **options}, graph=graph, generator=generator(0))
    return made.eval()


def test_a_return_is_a_mixture_of_buckets() -> None:
    """Two buckets: A r = (1, -2), leaky: (1, -.02); W s = (-.02, 1); the sum is (.98, .98), then with another W."""
    score, anchors = torch.tensor([[1.0, 0.0], [0.0, -1.0]]), torch.tensor([[1.0, 0.0, 2.0], [3.0, 4.0, 0.0]])
    r = torch.tensor([[1.0, 2.0]])
    found = embed_returns(r, score, torch.tensor([[0.0, 1.0], [1.0, 0.0]]), anchors)
    torch.testing.assert_close(found, torch.tensor([[2.0, 2.0, 1.0]]))
    found = embed_returns(r, score, torch.zeros(2, 2), anchors)
    p = math.exp(1) / (math.exp(1) + math.exp(-0.02))
    torch.testing.assert_close(found, torch.tensor([[p + 3 * (1 - p), 4 * (1 - p), 2 * p]]))


def test_the_mean_so_far_is_of_each_chain_up_to_a_node() -> None:
    graph = chains([3, 1, 2])
    x = torch.randn(6, 4, generator=generator(1))
    expected = torch.stack([x[0], x[:2].mean(0), x[:3].mean(0), x[3], x[4], x[4:6].mean(0)])
    torch.testing.assert_close(mean_so_far(x, read_chains(graph)), expected)


def test_a_node_knows_its_past_and_its_own_return_alone() -> None:
    graph = with_returns([5, 3])
    made = tower(graph)
    before = made(View(graph)).nodes
    for field in ("item", "rtg"):
        changed = graph.clone()
        changed[field][2] = (changed[field][2] + 1) % 5
        after = made(View(changed)).nodes
        moved = ((after - before).abs().amax(1) > 1e-5).nonzero().view(-1).tolist()
        assert moved == [2, 3, 4], field
    one = alone(graph, 1)
    one.rtg = graph.rtg[5:]
    torch.testing.assert_close(made(View(one)).nodes, before[5:], rtol=1e-5, atol=1e-5)


def test_some_rows_are_those_of_all() -> None:
    graph = with_returns([5, 1, 3])
    made, rows = tower(graph), torch.tensor([1, 4, 5, 8])
    whole, some = made(View(graph)), made(View(graph), rows)
    torch.testing.assert_close(some.nodes, whole.nodes[rows])
    torch.testing.assert_close(whole.graphs, whole.nodes[graph.ptr[1:] - 1])
    torch.testing.assert_close(some.graphs, whole.graphs)


def test_both_rewards_are_weighed_by_the_items_so_far() -> None:
    """Other items, another weight: with one weight for all, the same return has one embedding."""
    graph = with_returns([4, 4])
    graph.rtg[:] = torch.tensor([1.0, 3.0])
    made = tower(graph)
    with torch.no_grad():
        made.tables["item"].zero_()
        made.mask_token.zero_()
    layer = made(View(graph)).layers[0]
    torch.testing.assert_close(layer[:4], layer[4:])
    assert not torch.allclose(tower(graph)(View(graph)).layers[0][:4], tower(graph)(View(graph)).layers[0][4:])


def test_chains_without_returns_or_too_long_are_refused() -> None:
    graph = chains([5, 3])
    with pytest.raises(UserError, match=r"the histories have no returns; set data\.returns=\{\}"):
        tower(graph)(View(graph))
    with pytest.raises(UserError, match="a chain has 5 items and max_len is 4"):
        tower(graph, max_len=4)(View(with_returns([5, 3])))
