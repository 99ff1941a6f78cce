"""The Transformer over chains against the masked form over padded ones, written out."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.chain_groups import SPREAD, ChainGroups
from graphcl.encode.chain_transformer import ChainTransformer
from graphcl.objective.kernels import differentiable

from .chain_graphs import ITEMS, alone, chains

MIXED = [1, 12, 3, 3, 7, 2, 20, 1, 8]


def tower(graph: Data | None = None, **options: object) -> ChainTransformer:
    given = {"dim": 8, "max_len": 20, "init_std": 0.5, **options}
    return ChainTransformer(**given, graph=graph or chains([3]), generator=generator(1)).double()  # type: ignore[arg-type]


def dense(model: ChainTransformer, graph: Data) -> Tensor:
    """[n, d]: all chains padded to the longest, one [B, heads, L, L] matrix of masked scores, no dropout."""
    lengths = graph.ptr.diff().tolist()
    longest, d = max(lengths), model.out_dim
    item = torch.zeros(len(lengths), longest, dtype=torch.int64)
    real = torch.zeros(len(lengths), longest, dtype=torch.bool)
    for row, length in enumerate(lengths):
        item[row, :length] = graph.item[graph.ptr[row] : graph.ptr[row + 1]]
        real[row, :length] = True
    every = torch.cat([model.tables["item"], model.mask_token])
    x = F.layer_norm(every[item] + model.positions[:longest], (d,), model.norm.weight, model.norm.bias, 1e-12)
    seen = real[:, None, None, :].expand(-1, 1, longest, longest)
    if model.causal:
        seen = seen & torch.ones(longest, longest, dtype=torch.bool).tril()
    for layer in model.layers:
        h = layer.norms[0](x) if layer.pre else x
        weight, bias = layer.qkv.weight.chunk(3), layer.qkv.bias.chunk(3)
        q, k, v = (
            (h @ w.T + b).view(*item.shape, layer.heads, -1).transpose(1, 2) for w, b in zip(weight, bias, strict=True)
        )
        scores = (q @ k.transpose(2, 3) / math.sqrt(d / layer.heads)).masked_fill(~seen, -1e30)
        mixed = (scores.exp() / scores.exp().sum(-1, keepdim=True) @ v).transpose(1, 2).reshape(*item.shape, d)
        x = x + layer.out(mixed)
        x = x if layer.pre else layer.norms[0](x)
        h = layer.norms[1](x) if layer.pre else x
        x = x + layer.narrow(layer.activation(layer.widen(h)))
        x = x if layer.pre else layer.norms[1](x)
    return (x if model.last_norm is None else model.last_norm(x))[real]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("norm", "activation", "heads"), [("post", "gelu", 2), ("pre", "relu", 1)])
@settings(max_examples=6, deadline=None)
@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=12), seed=st.integers(0, 9))
def test_it_is_the_masked_form(
    causal: bool, norm: str, activation: str, heads: int, lengths: list[int], seed: int
) -> None:
    graph, options = chains(lengths, seed), {"norm": norm, "activation": activation, "heads": heads, "causal": causal}
    models = [tower(**options).eval() for _ in range(2)]
    weight = torch.randn(sum(lengths), 8, generator=generator(seed), dtype=torch.float64)
    result, expected = models[0](View(graph)).nodes, dense(models[1], graph)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-9)
    for rows in (result, expected):
        (rows * weight).sum().backward()
    for (name, one), (_, other) in zip(*(model.named_parameters() for model in models), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=1e-9, msg=name)


def test_in_single_precision_it_is_equal_to_a_millionth() -> None:
    graph, model = chains(MIXED), tower(init_std=0.02).float().eval()
    torch.testing.assert_close(model(View(graph)).nodes, dense(model, graph), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("causal", [True, False])
def test_in_training_without_dropout_of_weights_and_with_next_to_none_it_is_the_same(causal: bool) -> None:
    """The two ways in which attention is computed: torch's, and written out where weights are dropped."""
    graph = chains(MIXED)
    models = [tower(dropout=0.0, attention_dropout=p, causal=causal) for p in (0.0, 1e-12)]
    results = [model(View(graph)).nodes for model in models]
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("causal", [True, False])
def test_a_chain_does_not_depend_on_the_others(causal: bool) -> None:
    graph, model = chains(MIXED), tower(causal=causal).eval()
    whole = model(View(graph))
    assert whole.graphs is not None
    for number in range(len(MIXED)):
        one = model(View(alone(graph, number)))
        torch.testing.assert_close(one.nodes, whole.nodes[graph.batch == number], rtol=0, atol=1e-9)
        torch.testing.assert_close(one.nodes[-1], whole.graphs[number], rtol=0, atol=1e-9)


def test_only_where_it_is_not_causal_later_items_count() -> None:
    graph, other = chains([6]), chains([6])
    other.item[4] = (other.item[4] + 1) % ITEMS
    for causal in (True, False):
        model = tower(causal=causal).eval()
        change = (model(View(graph)).nodes - model(View(other)).nodes).abs().sum(1)
        assert bool((change[4:] > 1e-6).all())
        assert bool((change[:4] == 0).all()) == causal


def test_counted_from_the_end_the_last_item_has_the_first_position_whatever_comes_before() -> None:
    graph, start, end = chains(MIXED), tower().eval(), tower(count_from="end").eval()
    for number, length in enumerate(MIXED):
        with torch.no_grad():
            end.positions[:length] = start.positions[:length].flip(0)
        one = alone(graph, number)
        torch.testing.assert_close(end(View(one)).nodes, start(View(one)).nodes, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_asked_for_the_ends_it_gives_the_chains(norm: str) -> None:
    graph, model = chains(MIXED), tower(norm=norm).eval()
    whole, last = model(View(graph)), graph.ptr[1:] - 1
    some = model(View(graph), rows=last)
    torch.testing.assert_close(some.nodes, whole.nodes[last], rtol=0, atol=1e-9)
    torch.testing.assert_close(some.graphs, whole.graphs, rtol=0, atol=1e-9)
    assert model(View(graph), rows=last[1:]).graphs is None
    assert model(View(graph), rows=torch.zeros(0, dtype=torch.int64)).graphs is None


def test_dropout_draws_by_the_call_and_in_training_alone() -> None:
    graph = chains(MIXED)
    first, again = (tower(dropout=0.5) for _ in range(2))
    torch.manual_seed(1)
    views = [first(View(graph)).nodes for _ in range(2)]
    torch.manual_seed(2)
    assert torch.equal(views[0], again(View(graph)).nodes)
    assert not torch.allclose(views[0], views[1])
    for options in ({"dropout": 0.5, "attention_dropout": 0.0}, {"dropout": 0.0, "attention_dropout": 0.5}):
        model = tower(**options)
        assert not torch.allclose(model(View(graph)).nodes, dense(model, graph))
        torch.testing.assert_close(model.eval()(View(graph)).nodes, dense(model, graph), rtol=0, atol=1e-9)


def test_the_dropped_share_is_that_of_the_option() -> None:
    graph = chains([20] * 100)
    model = tower(dim=64, num_layers=1, dropout=0.3)
    zero = float((model(View(graph)).layers[0] == 0).double().mean())
    assert zero == pytest.approx(0.3, abs=0.01)


def test_the_mask_token_is_not_in_the_table() -> None:
    graph = chains([4])
    graph.item[:] = torch.tensor([0, ITEMS, 1, ITEMS])
    model = tower().eval()
    model(View(graph)).nodes.square().sum().backward()
    assert model.tables["item"].shape == (ITEMS, 8)
    assert model.tables["item"].grad.any(1).nonzero().view(-1).tolist() == [0, 1]
    assert bool(model.mask_token.grad.any())


@pytest.mark.parametrize("attention_dropout", [0.0, 0.5])
def test_it_can_be_differentiated_twice(attention_dropout: float) -> None:
    """In what virtual steps are computed in: the gradient of a gradient's square, by finite differences."""
    graph = chains([2, 5, 3])

    def of_gradient(model: ChainTransformer) -> Tensor:
        model.train()
        for module in model.modules():
            if hasattr(module, "calls"):
                module.calls.zero_()  # the same draws each time
        with differentiable():
            loss = model(View(graph)).nodes.cos().sum()
        parameters = list(model.parameters())
        return sum(g.square().sum() for g in torch.autograd.grad(loss, parameters, create_graph=True))

    model = tower(dropout=0.0, attention_dropout=attention_dropout)
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(of_gradient(model), parameters)
    with torch.no_grad():
        directions = [torch.randn(p.shape, generator=generator(2), dtype=torch.float64) for p in parameters]
    values = []
    for step in (1e-6, -2e-6):
        with torch.no_grad():
            for parameter, direction in zip(parameters, directions, strict=True):
                parameter.add_(step * direction)
        values.append(of_gradient(model).item())
    slope = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    assert slope == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4)


def test_what_cannot_be_encoded_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="attention: 3 heads cannot share a width of 8"):
        tower(heads=3)
    with pytest.raises(UserError, match="a chain has 21 items and max_len is 20; raise the tower's max_len"):
        tower()(View(chains([2, 21])))
    with pytest.raises(UserError, match="needs a graph of chains"):
        tower(Data(num_nodes=3))


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=80))
def test_groups_hold_every_node_once_and_little_else(lengths: list[int]) -> None:
    groups = ChainGroups(torch.tensor(lengths))
    assert torch.equal(groups.spread[groups.place], torch.arange(sum(lengths)))
    assert sum(group.count for group in groups.groups) == len(lengths)
    places = sum(group.count * group.length for group in groups.groups)
    assert places == len(groups.spread) <= (1 + SPREAD) * sum(lengths)
    real = sum(group.count * group.length if group.real is None else int(group.real.sum()) for group in groups.groups)
    assert real == sum(lengths)
