from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from graphcl.encode.heads import LinearHead, MLPHead


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_grace_projector_is_linear_elu_linear():
    head = MLPHead(dim=3, hidden=6, in_dim=5, generator=seeded())
    first, second = head.layers
    x = torch.randn(4, 5, generator=seeded(1))
    expected = F.linear(
        F.elu(F.linear(x, first.linear.weight, first.linear.bias)), second.linear.weight, second.linear.bias
    )
    torch.testing.assert_close(head(x), expected)
    assert (first.linear.weight.shape, second.linear.weight.shape, head.out_dim) == ((6, 5), (3, 6), 3)


@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_the_last_layer_is_linear(num_layers):
    head = MLPHead(dim=3, num_layers=num_layers, activation="relu", batch_norm=True, in_dim=5, generator=seeded())
    assert len(head.layers) == num_layers
    assert head.layers[-1].activation == "none"
    assert head.layers[-1].norm is None
    assert (head(torch.randn(50, 5, generator=seeded(1))) < 0).any()


def test_linear_head():
    head = LinearHead(dim=2, bias=False, in_dim=3, generator=seeded())
    x = torch.randn(4, 3, generator=seeded(1))
    torch.testing.assert_close(head(x), x @ head.linear.weight.T)
    assert head.linear.bias is None
    assert LinearHead(dim=2, in_dim=3, generator=seeded()).linear.weight.abs().max() <= 3**-0.5


def test_weights_come_from_the_generator_alone():
    before = torch.random.get_rng_state()
    a, b, c = (MLPHead(dim=3, in_dim=5, generator=seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    x = torch.ones(2, 5)
    assert torch.equal(a(x), b(x))
    assert not torch.equal(a(x), c(x))


def test_a_shortcut_adds_a_linear_map():
    plain, with_shortcut = (
        MLPHead(dim=3, num_layers=3, shortcut=shortcut, in_dim=4, generator=seeded()) for shortcut in (False, True)
    )
    x = torch.randn(5, 4, generator=seeded(1))
    linear = with_shortcut.shortcut
    torch.testing.assert_close(with_shortcut(x), plain(x) + x @ linear.weight.T + linear.bias)
