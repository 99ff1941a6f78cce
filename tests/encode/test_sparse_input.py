from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from graphcl.encode import sparse_input
from graphcl.encode.sparse_input import is_sparse, multiply, sparse_product


def bags(rows: int, columns: int, share: float) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    values = torch.rand(rows, columns, generator=draw) + 0.5
    return values * (torch.rand(rows, columns, generator=draw) < share)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_value_and_gradient_are_those_of_the_dense_product(share: float) -> None:
    x, weight = bags(40, 30, share), torch.randn(7, 30, generator=torch.Generator().manual_seed(1)).requires_grad_()
    found, expected = sparse_product(x, weight), F.linear(x, weight)
    torch.testing.assert_close(found, expected)
    outer = torch.arange(280.0).reshape(40, 7)
    for one, other in zip(*(torch.autograd.grad((y * outer).sum(), weight) for y in (found, expected)), strict=True):
        torch.testing.assert_close(one, other)


def test_it_is_taken_for_large_constant_features_that_are_mostly_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.ones(2, 1024)
    large = bags(1024, 1024, 0.02)
    assert is_sparse(large, weight)
    assert not is_sparse(large[:100], weight)
    assert not is_sparse(bags(1024, 1024, 0.1), weight)
    assert not is_sparse(large.clone().requires_grad_(), weight)
    assert not is_sparse(large.double(), weight.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not is_sparse(large, weight)
    calls = []
    monkeypatch.setattr(sparse_input, "sparse_product", lambda *inputs: calls.append(1) or F.linear(*inputs))
    multiply(large, weight)
    multiply(large[:100], weight)
    assert len(calls) == 1


def test_it_repeats_bit_for_bit() -> None:
    x = bags(1024, 1024, 0.02)
    weight = torch.randn(64, 1024, generator=torch.Generator().manual_seed(1)).requires_grad_()
    results = []
    for _ in range(2):
        y = multiply(x, weight)
        results.append((y.detach(), *torch.autograd.grad(y.square().sum(), weight)))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
