"""The selector of experts against values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from graphcl.augment.selector import Selector, expert_weights, mixed
from graphcl.core.seeds import generator


def linear(weight: list[list[float]], bias: list[float]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


FIRST, SECOND = linear([[1.0, -1.0]], [0.5]), linear([[1.0, 0.0], [2.0, 1.0]], [0.0, 0.1])


def test_it_is_what_the_formula_gives_by_hand() -> None:
    """h_1 = (3, 4), h_2 = (1, 0); u_1 = LeakyReLU(-0.5) = -0.005, u_2 = 1.5; s = (-0.005, 1.59);
    r_1 = cos((3, 4), (1, 0)) = 0.6, r_2 = cos((1, 0), (0, 2)) = 0; at tau = 0.5 the logits are 1.19 and 3.18."""
    content, context = torch.tensor([[[3.0, 4.0], [1.0, 0.0]]]), torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    weights = expert_weights(content, context, FIRST, SECOND, 0.5)
    first = 1.0 / (1.0 + math.exp(3.18 - 1.19))
    assert weights.tolist()[0] == pytest.approx([first, 1.0 - first], abs=1e-6)
    assert mixed(content, weights).tolist()[0] == pytest.approx([1.0 + 2.0 * first, 4.0 * first], abs=1e-5)


def test_it_is_what_loops_over_nodes_and_experts_give() -> None:
    nodes, experts, dim = 5, 3, 4
    draw = generator(0)
    content, context = torch.randn(2, nodes, experts, dim, generator=draw)
    selector = Selector(experts, dim, 0.3, generator=draw)
    found = selector(content, context)
    w1, b1, w2, b2 = (p.tolist() for layer in (selector.first, selector.second) for p in (layer.weight, layer.bias))
    for node in range(nodes):
        inner: list[float] = []
        for h in content[node].tolist():
            for row, bias in zip(w1, b1, strict=True):
                value = sum(w * x for w, x in zip(row, h, strict=True)) + bias
                inner.append(value if value > 0 else 0.01 * value)
        logits = []
        for i in range(experts):
            h, c = content[node, i].tolist(), context[node, i].tolist()
            alike = sum(x * y for x, y in zip(h, c, strict=True)) / (math.hypot(*h) * math.hypot(*c))
            logits.append((sum(w * u for w, u in zip(w2[i], inner, strict=True)) + b2[i] + alike) / 0.3)
        total = sum(math.exp(value) for value in logits)
        assert found[node].tolist() == pytest.approx([math.exp(value) / total for value in logits], abs=1e-5)


def test_the_length_of_an_embedding_does_not_make_it_likest() -> None:
    """Only the cosine of content and context counts: the defect of the plain dot product."""
    still = linear([[0.0, 0.0]], [0.0]), linear([[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0])
    content, context = torch.tensor([[[1.0, 1.0], [50.0, 50.0]]]), torch.tensor([[[1.0, 0.0], [9.0, 0.0]]])
    assert expert_weights(content, context, *still, 0.2).tolist() == [[0.5, 0.5]]


def test_a_context_of_which_no_word_is_known_is_like_nothing() -> None:
    selector = Selector(2, 4, 0.2, generator=generator(0))
    content = torch.randn(3, 2, 4, generator=generator(1))
    assert bool(torch.isfinite(selector(content, torch.zeros_like(content))).all())


def test_gradients_reach_all_of_its_weights() -> None:
    selector = Selector(3, 4, 0.2, generator=generator(0))
    content, context = torch.randn(2, 6, 3, 4, generator=generator(1))
    mixed(content, selector(content, context)).square().sum().backward()
    for name, parameter in selector.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.any()), name
